use auditline_syntax::Name;
use auditline_syntax::sql::TableName;

use super::{
    Difference, Presence, Schema, Source, descriptions, differences, overview, replayed, schema_of_models, table_in,
};
use crate::fixture::fixture;
use crate::migrations::histories;
use crate::tables::TypeFamily;

const HEAD: &str =
    "from alembic import op\nimport sqlalchemy as sa\nfrom sqlalchemy.engine.reflection import Inspector\n";

/// What the revisions, one after another, build: one line for each table.
fn build(upgrades: &[&str]) -> Vec<String> {
    let files: Vec<(String, String)> = upgrades
        .iter()
        .enumerate()
        .map(|(at, body)| {
            let down = at.checked_sub(1).map_or("None".to_owned(), |before| format!("'r{before}'"));
            let (top, body) = body.split_once("---").unwrap_or(("", body));
            let body: String = body.trim_matches('\n').lines().map(|line| format!("    {line}\n")).collect();
            let text = format!("{HEAD}{top}\nrevision = 'r{at}'\ndown_revision = {down}\n\ndef upgrade():\n{body}");
            (format!("alembic/versions/r{at}.py"), text)
        })
        .collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("alembic/env.py", ""));
    let db = fixture(&files);
    let histories = histories(&db);
    assert_eq!(histories.len(), 1);
    described(&replayed(&db, &histories[0]))
}

fn described(schema: &Schema) -> Vec<String> {
    let mark = |presence: Presence| if presence == Presence::Maybe { "?" } else { "" };
    let mut lines: Vec<String> = schema
        .tables
        .iter()
        .map(|(name, table)| {
            let columns: Vec<String> = table
                .columns
                .iter()
                .map(|(name, own)| {
                    let null = match own.column.nullable {
                        Some(true) => "",
                        Some(false) => "!",
                        None => "~",
                    };
                    format!("{name}{}{null}", mark(own.presence))
                })
                .collect();
            let rest = if table.is_open { " …" } else { "" };
            format!("{}{}: {}{rest}", name.name, mark(table.presence), columns.join(" "))
        })
        .collect();
    if schema.is_open {
        lines.push("…".to_owned());
    }
    lines
}

const USERS: &str = "op.create_table('users', sa.Column('id', sa.Integer(), primary_key=True), sa.Column('name', sa.String(20), nullable=False))";

#[test]
fn operations_are_done_one_after_another() {
    let built = build(&[
        USERS,
        "op.add_column('users', sa.Column('mail', sa.Text()))\nop.alter_column('users', 'mail', new_column_name='email', nullable=False)",
        "with op.batch_alter_table('users', schema=None) as batch_op:\n    batch_op.drop_column('name')\n    batch_op.add_column(sa.Column('at', sa.DateTime()))",
        "op.rename_table('users', 'accounts')\nop.create_table('gone', sa.Column('id', sa.Integer()))\nop.drop_table('gone')",
        "op.create_table('links', sa.Column('a', sa.Integer()), sa.Column('b', sa.Integer()), sa.PrimaryKeyConstraint('a', 'b'))",
    ]);
    assert_eq!(built, ["accounts: id! email! at", "links: a! b!"]);
}

#[test]
fn sql_loops_and_helpers_are_followed() {
    let built = build(&[
        USERS,
        "TABLES = ['users', 'orders']\nCOLUMNS = [(n, sa.Text()) for n in ('x', 'y')]\n\ndef stamp(table, *, name='at'):\n    op.add_column(table, sa.Column(name, sa.DateTime(), nullable=False))\n---\n\
         op.execute(\"CREATE TABLE orders (id serial PRIMARY KEY, note text)\")\nfor table in TABLES:\n    stamp(table)\n    op.execute(f'ALTER TABLE {table} ADD COLUMN by_hand integer NOT NULL')\n\
         for name, kind in COLUMNS:\n    op.add_column('orders', sa.Column(name, kind))\nconn = op.get_bind()\nconn.execute(sa.text('ALTER TABLE orders DROP COLUMN note'))\n\
         op.execute(\"DO $$ BEGIN EXECUTE format('ALTER TABLE users DROP CONSTRAINT %I', 'x'); END $$\")\n\
         op.execute('DO $$ BEGIN IF NOT EXISTS (SELECT 1) THEN ALTER TABLE users ADD COLUMN late int; END IF; END $$')",
    ]);
    assert_eq!(built, ["orders: id! at! by_hand! x y", "users: id! name! at! by_hand! late"]);
}

#[test]
fn steps_that_look_at_the_schema_see_it_as_it_is() {
    let built = build(&[
        USERS,
        "def has(table, column):\n    return column in [c['name'] for c in sa.inspect(op.get_bind()).get_columns(table)]\n---\n\
         inspector = Inspector.from_engine(op.get_bind())\nif 'orders' not in inspector.get_table_names():\n    op.create_table('orders', sa.Column('id', sa.Integer()))\n\
         if not has('users', 'name'):\n    op.add_column('users', sa.Column('name', sa.Integer()))\nif not has('users', 'age'):\n    op.add_column('users', sa.Column('age', sa.Integer()))\n\
         if op.get_bind().dialect.name == 'sqlite':\n    op.drop_table('users')\n\
         found = op.get_bind().execute(sa.text(\"SELECT 1 FROM information_schema.columns WHERE table_name = 'users'\")).scalar()\nif not found:\n    op.add_column('users', sa.Column('late', sa.Integer()))",
    ]);
    assert_eq!(built, ["orders: id", "users: id! name! age late"]);
}

#[test]
fn what_cannot_be_told_is_unknown_and_no_more_than_that() {
    let built = build(&[
        USERS,
        "op.create_table('other', sa.Column('id', sa.Integer(), primary_key=True))",
        "import os\n---\nif os.environ.get('X'):\n    op.add_column('users', sa.Column('maybe', sa.Integer()))\nelse:\n    op.alter_column('users', 'name', nullable=True)\n\
         op.add_column('other', make_column())\nif os.environ.get('Y'):\n    return\nop.create_table('late', sa.Column('id', sa.Integer()))",
    ]);
    assert_eq!(built, ["late?: id", "other: id! …", "users: id! name~ maybe?"]);
    assert_eq!(
        build(&[USERS, "import pathlib\n---\nop.execute(pathlib.Path('x.sql').read_text())"]),
        ["users?: id?~ name?~ …", "…"]
    );
    // Rows are changed, not tables.
    assert_eq!(
        build(&[USERS, "import os\n---\nop.execute(f\"UPDATE users SET name = {os.environ['X']}\")"]),
        ["users: id! name!"]
    );
}

#[test]
fn declarations_in_lists_are_changed_and_asked_for_their_names() {
    let built = build(&[
        USERS,
        "def has(table, column):\n    return column in [c['name'] for c in sa.inspect(op.get_bind()).get_columns(table)]\n---\n\
         columns = [sa.Column('id', sa.Integer(), primary_key=True), sa.Column('note', sa.Text())]\n\
         columns[0] = sa.Column('id', sa.Integer(), nullable=False)\nop.create_table('archive', *columns)\n\
         late = [sa.Column('name', sa.Text()), sa.Column('age', sa.Integer())]\nlate = [one for one in late if not has('users', one.name)]\n\
         if late:\n    for one in late:\n        op.add_column('users', one)",
    ]);
    assert_eq!(built, ["archive: id! note", "users: id! name! age"]);
}

#[test]
fn an_environment_that_is_a_package_is_not_the_library() {
    let revision = |id: &str, down: &str, body: &str| {
        format!("{HEAD}revision = '{id}'\ndown_revision = {down}\n\ndef upgrade():\n    {body}\n")
    };
    let db = fixture(&[
        ("shop/alembic.ini", "[alembic]\n"),
        ("shop/__init__.py", ""),
        ("shop/alembic/__init__.py", ""),
        ("shop/alembic/env.py", "from alembic import context\n"),
        ("shop/alembic/versions/r0.py", &revision("r0", "None", USERS)),
    ]);
    assert_eq!(described(&replayed(&db, &histories(&db)[0])), ["users: id! name!"]);
}

#[test]
fn a_history_that_goes_on_with_the_tables_of_another_makes_them_uncertain() {
    let revision = |id: &str, body: &str| {
        format!(
            "{HEAD}revision = '{id}'\ndown_revision = None\n\ndef upgrade():\n    {body}\n    op.create_table('{id}', sa.Column('id', sa.Integer()))\n"
        )
    };
    let db = fixture(&[
        ("core/env.py", ""),
        ("core/versions/a.py", &revision("a", USERS)),
        ("later/env.py", ""),
        ("later/versions/b.py", &revision("b", "op.add_column('users', sa.Column('mail', sa.Text()))")),
    ]);
    let lines: Vec<Vec<String>> = descriptions(&db).iter().map(|one| described(&one.schema)).collect();
    assert_eq!(lines[0], ["a: id", "users: id?~ name?~ …"]);
}

#[test]
fn sql_files_are_descriptions_and_numbered_ones_follow_one_another() {
    let db = fixture(&[
        ("sql/2_mail.sql", "ALTER TABLE users ADD COLUMN mail text NOT NULL;"),
        ("sql/1_init.sql", "CREATE TABLE users (id serial PRIMARY KEY);"),
        ("sql/2_mail.down.sql", "ALTER TABLE users DROP COLUMN mail;"),
        ("schema.sql", "CREATE TABLE shops (id int);"),
        ("samples/schema.sql", "CREATE TABLE sample (id int);"),
    ]);
    let found = descriptions(&db);
    let lines: Vec<Vec<String>> = found.iter().map(|one| described(&one.schema)).collect();
    assert_eq!(lines, [["shops: id"], ["users: id! mail!"]]);
    assert!(matches!(&found[1].source, Source::Numbered(_, files) if files.len() == 2));
}

#[test]
fn models_say_their_tables_with_those_of_bases_and_without_those_of_parents() {
    let db = fixture(&[(
        "models.py",
        "from sqlalchemy import Column, Integer, String, ForeignKey, Table\nfrom sqlalchemy.orm import DeclarativeBase\n\
         class Base(DeclarativeBase): ...\nclass Stamped:\n    at = Column(Integer)\n\
         class Animal(Stamped, Base):\n    __tablename__ = 'animals'\n    id = Column(Integer, primary_key=True)\n    kind = Column('kind_', String)\n\
         class Dog(Animal):\n    __tablename__ = 'dogs'\n    id = Column(ForeignKey('animals.id'), primary_key=True)\n    bark = Column(String)\n\
         class Cat(Animal):\n    purr = Column(String)\n\
         links = Table('links', Base.metadata, Column('a', Integer), Column('b', Integer))\n",
    )]);
    assert_eq!(described(&schema_of_models(&db)), ["animals: id! kind_ at purr", "dogs: id! bark", "links: a b"]);
}

#[test]
fn sides_are_compared_by_what_is_certain() {
    let db = fixture(&[
        (
            "models.py",
            "import sqlalchemy as sa\nfrom sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\nclass Base(DeclarativeBase): ...\n\
             class User(Base):\n    __tablename__ = 'users'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    name: Mapped[str]\n    age: Mapped[int | None]\n    mail: Mapped[str]\n    same = sa.Column(sa.Text)\n",
        ),
        (
            "schema.sql",
            "CREATE TABLE users (ID serial PRIMARY KEY, name text, age timestamptz, same varchar(10), old text);",
        ),
    ]);
    let (models, descriptions) = (schema_of_models(&db), descriptions(&db));
    let users = TableName { schema: None, name: Name::new("users") };
    let own = table_in(&models, users).map(|(_, table)| table);
    let other = table_in(&descriptions[0].schema, users).map(|(_, table)| table);
    let (Some(own), Some(other)) = (own, other) else { panic!("no table") };
    assert_eq!(
        differences(own, other),
        [
            Difference::Nullable(Name::new("name"), false),
            Difference::Family(Name::new("age"), TypeFamily::Integer, TypeFamily::DateTime),
            Difference::OnlyFirst(Name::new("mail")),
            Difference::OnlySecond(Name::new("old")),
        ]
    );
    let overview = overview(&db);
    let marked: Vec<&str> =
        overview.tables[0].columns.iter().filter(|row| row.differs).map(|row| row.name.as_str()).collect();
    assert_eq!(marked, ["name", "age", "mail", "old"]);
}
