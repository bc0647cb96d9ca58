//! Rows of which there may be two: the evidence says who takes one of them.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_hazards::{Severity, check_file};
use auditline_model::fixture::{file, fixture};

const MODELS: &str = "
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Member(Base):
    __tablename__ = 'members'
    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int]
    user_id: Mapped[int]
    note: Mapped[str]
";

const JOIN: &str = "
from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import get_db
from app.models import Member

router = APIRouter()

@router.put('/groups/{group_id}')
def join(group_id: int, user_id: int, db: Session = Depends(get_db)):
    if db.scalars(select(Member).where(Member.group_id == group_id, Member.user_id == user_id)).first() is None:
        db.add(Member(group_id=group_id, user_id=user_id))
        db.commit()
";

const DATABASE: &str = "
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(create_engine('postgresql://'))

def get_db():
    with SessionLocal() as db:
        yield db
";

/// How the creation is weighed, and who is said to take one of two, where another file does that with members.
fn told(other: &str) -> (Severity, Vec<String>) {
    let other = format!("from sqlalchemy import func, select\nfrom app.models import Member\n\n{other}\n");
    let db = fixture(&[
        ("app/models.py", MODELS),
        ("app/database.py", DATABASE),
        ("app/join.py", JOIN),
        ("app/others.py", &other),
    ]);
    let found = check_file(&db, file(&db, "app/join.py"));
    let finding = found.findings.iter().find(|finding| finding.hazard.code == "AUD202").unwrap();
    let evidence = finding.evidence.iter().filter(|one| {
        let (at, _) = one.place.resolve(&db).unwrap();
        at.path(&db).file_name() == "others.py"
    });
    (finding.severity, evidence.map(|one| one.message.clone()).collect())
}

#[test]
fn who_takes_one_is_named() {
    let by_both = "select(Member).where(Member.group_id == group_id, Member.user_id == user_id)";
    let cases = [
        (
            format!(
                "def leave(db, group_id, user_id):\n    found = db.scalars({by_both}).first()\n    db.delete(found)\n    db.commit()"
            ),
            "`leave` deletes one `Member`: the other stays",
        ),
        (
            format!(
                "def note(db, group_id, user_id):\n    found = db.scalars({by_both}).first()\n    found.note = 'x'\n    db.commit()"
            ),
            "`note` changes one `Member`: the other stays as it is",
        ),
        (
            "def size(db, group_id):\n    return db.scalar(select(func.count()).select_from(Member).where(Member.group_id == group_id))"
                .to_owned(),
            "`size` counts both",
        ),
        (
            format!("def noted(db, group_id, user_id):\n    found = db.scalars({by_both}).first()\n    return found.note"),
            "`noted` takes one `Member`, whichever comes first",
        ),
    ];
    for (other, message) in cases {
        assert_eq!(told(&other), (Severity::Warning, vec![message.to_owned()]), "{other}");
    }
}

#[test]
fn who_takes_all_of_them_misses_none() {
    let all =
        "def users(db, group_id):\n    return db.scalars(select(Member).where(Member.group_id == group_id)).all()";
    let asked = "def is_in(db, user_id):\n    return db.scalars(select(Member).where(Member.user_id == user_id)).first() is not None";
    let by_key =
        "def note(db, member_id):\n    return db.scalars(select(Member).where(Member.id == member_id)).one().note";
    for other in [all, asked, by_key] {
        assert_eq!(told(other), (Severity::Information, Vec::new()), "{other}");
    }
}
