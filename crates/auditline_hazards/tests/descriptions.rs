//! A field that a model does not have: the evidence says what migrations and SQL files know of it.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_hazards::check_file;
use auditline_model::fixture::{file, fixture};

const MODELS: &str = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\
                      class Base(DeclarativeBase):\n    pass\n\
                      class Order(Base):\n    __tablename__ = 'orders'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    total: Mapped[int]\n";

fn evidence(columns: &str) -> Vec<(String, String)> {
    let migration = format!(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'a1'\ndown_revision = None\ndef upgrade():\n    op.create_table('orders', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('total', sa.Integer(), nullable=False){columns})\n"
    );
    let db = fixture(&[
        ("alembic/versions/a1_start.py", &migration),
        ("schema.sql", "CREATE TABLE orders (id serial PRIMARY KEY, total integer NOT NULL);\n"),
        ("app/models.py", MODELS),
        ("app/services.py", "from app.models import Order\ndef add(db):\n    db.add(Order(total=1, note='x'))\n"),
    ]);
    let found = check_file(&db, file(&db, "app/services.py"));
    let finding = found.findings.iter().find(|finding| finding.hazard.code == "AUD401").unwrap();
    let shown = finding.evidence.iter().map(|one| {
        let (at, _) = one.place.resolve(&db).unwrap();
        (at.path(&db).file_name().to_owned(), one.message.clone())
    });
    shown.collect()
}

#[test]
fn a_column_that_only_the_model_lacks() {
    let shown = evidence(", sa.Column('note', sa.Text())");
    assert_eq!(
        shown,
        [
            ("models.py".to_owned(), "`Order` is declared here".to_owned()),
            (
                "a1_start.py".to_owned(),
                "`orders.note` is in the migrations in `alembic/versions`: the model lacks it".to_owned()
            ),
            ("schema.sql".to_owned(), "`orders` has no column `note` in `ws/schema.sql` either".to_owned()),
        ]
    );
}

#[test]
fn a_column_that_nobody_has() {
    let shown = evidence("");
    assert_eq!(
        shown[1],
        (
            "a1_start.py".to_owned(),
            "`orders` has no column `note` in the migrations in `alembic/versions` either".to_owned()
        )
    );
    assert_eq!(shown.len(), 3);
}
