//! Rows and sessions that a function reaches by another way than plain calls and annotations.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

mod handed_on;

use auditline_model::RootDatabase;
use auditline_model::eval::value::{Lock, RowOrigin, SessionOrigin};
use auditline_model::fixture::{fixture, function};
use auditline_model::unit::{EventKind, SessionAction, unit_of};

/// What a function does, in short: `load Task`, `write Task.count`, `commit registry`.
fn story(db: &RootDatabase, file: &str, name: &str) -> Vec<String> {
    let unit = unit_of(db, function(db, file, name));
    let told = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Write { row, column, .. } => {
            let is_loaded = matches!(row.origin, RowOrigin::Loaded { .. });
            let model = row.model.map_or("?", |model| model.path.as_str());
            Some(format!("write {}{model}.{column}", if is_loaded { "loaded " } else { "" }))
        }
        EventKind::Session { session, action: SessionAction::Commit, .. } => {
            let by = match session.origin {
                SessionOrigin::Registry(_) => "registry",
                SessionOrigin::Param(_) => "parameter",
                _ => "session",
            };
            Some(format!("commit {by}"))
        }
        _ => None,
    });
    told.collect()
}

const FLASK_TASK: &str = "
from extensions import db

class Task(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    count = db.Column(db.Integer)

def by_query(task_id):
    task = Task.query.get(task_id)
    task.count += 1
    db.session.commit()

def by_session(task_id):
    task = db.session.get(Task, task_id)
    task.count += 1
    db.session.commit()

def or_not_found(task_id):
    task = db.get_or_404(Task, task_id)
    task.count += 1
    db.session.commit()

def by_statement(task_id):
    task = db.session.execute(db.select(Task).filter_by(id=task_id)).scalar_one()
    task.count += 1
    db.session.commit()

def by_own_method(task_id):
    task = db.session.get(Task, task_id)
    task.count += 1
    db.save(task)
";

#[test]
fn an_object_of_a_class_derived_from_flask_sqlalchemy_is_one() {
    let forms = [
        "from flask_sqlalchemy import SQLAlchemy as _Base\n\
         class SQLAlchemy(_Base):\n    def save(self, row):\n        self.session.add(row)\n        self.session.commit()\n\
         db = SQLAlchemy()\n",
        "from flask_sqlalchemy import SQLAlchemy\n\
         class AppSQLAlchemy(SQLAlchemy):\n    def apply_pool_defaults(self, app, options):\n        return super(AppSQLAlchemy, self).apply_pool_defaults(app, options)\n\
         class Saving(AppSQLAlchemy):\n    def save(self, row):\n        self.session.add(row)\n        self.session.commit()\n\
         db: Saving = Saving(session_options={'expire_on_commit': False})\n",
    ];
    for form in forms {
        let db = fixture(&[("extensions.py", form), ("tasks.py", FLASK_TASK)]);
        for name in ["by_query", "by_session", "or_not_found", "by_statement", "by_own_method"] {
            assert_eq!(
                story(&db, "tasks.py", name),
                ["write loaded Task.count", "commit registry"],
                "{name} of {form}"
            );
        }
    }
}

const HELPERS: &str = "
from extensions import db
from tasks import Task

def rows_of(model):
    return model.query if hasattr(model, 'query') else db.session.query(model)

def first_of(model, key):
    return model.query.filter(model.id == key).first()

def scalar_of(model, key):
    return db.session.query(model).filter(model.id == key).scalar()

def from_rows(model, key):
    return rows_of(model).filter(model.id == key).first()

def words_of(request: Text, key):
    return request.query.get(key)

class Store:
    model = Task

    def get(self, key):
        return self.model.query.get(key)

def by_first(key):
    task = first_of(Task, key)
    task.count += 1

def by_scalar(key):
    task = scalar_of(Task, key)
    task.count += 1

def by_rows(key):
    task = from_rows(Task, key)
    task.count += 1

def by_store(key):
    task = Store().get(key)
    task.count += 1

def by_words(key):
    task = words_of(Task, key)
    task.count += 1
";

#[test]
fn a_helper_asks_for_rows_of_the_class_it_is_handed() {
    let extension = "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n";
    let db = fixture(&[("extensions.py", extension), ("tasks.py", FLASK_TASK), ("helpers.py", HELPERS)]);
    for name in ["by_first", "by_scalar", "by_rows", "by_store"] {
        assert_eq!(story(&db, "helpers.py", name), ["write loaded Task.count"], "{name}");
    }
    assert!(story(&db, "helpers.py", "by_words").is_empty(), "not a class, as it says");
}

#[test]
fn what_a_derived_class_sets_itself_is_its_own() {
    let own = "from flask_sqlalchemy import SQLAlchemy\n\
         class AppSQLAlchemy(SQLAlchemy):\n    def session(self):\n        return open_anew()\n\
         db = AppSQLAlchemy()\n";
    let db = fixture(&[("extensions.py", own), ("tasks.py", FLASK_TASK)]);
    assert!(!story(&db, "tasks.py", "by_session").contains(&"commit registry".to_owned()));
}

const REPOSITORIES: &str = "
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Task(Base):
    __tablename__ = 'tasks'
    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]

class Storing:
    def __init__(self, db: Session):
        self.db = db

    def get(self, id):
        return self.db.get(Task, id)

class Named(Storing):
    def get(self, id):
        return None

class ByTwo(Storing):
    def bump(self, id):
        task = super(ByTwo, self).get(id)
        task.count += 1

class BehindAnother(Named):
    def bump(self, id):
        task = super(Named, self).get(id)
        task.count += 1

class BehindTheNext(Named):
    def bump(self, id):
        task = super(BehindTheNext, self).get(id)
        task.count += 1

class OfAnother(Storing):
    def bump(self, id, other):
        task = super(OfAnother, other).get(id)
        task.count += 1
";

#[test]
fn super_with_two_arguments_looks_behind_the_class_that_is_named() {
    let db = fixture(&[("repositories.py", REPOSITORIES)]);
    let story = |class: &str| story(&db, "repositories.py", &format!("{class}.bump"));
    assert_eq!(story("ByTwo"), ["write loaded Task.count"]);
    assert_eq!(story("BehindAnother"), ["write loaded Task.count"]);
    assert!(story("BehindTheNext").is_empty());
    assert!(story("OfAnother").is_empty());
}

const OPTIONAL: &str = "
from sqlalchemy import Select, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

class Base(DeclarativeBase): ...

class Task(Base):
    __tablename__ = 'tasks'
    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]

class Tasks:
    def __init__(self, db: Session):
        self.db = db

    def get(self, id, statement=None):
        if statement is None:
            statement = select(Task)
        return self.db.execute(statement.where(Task.id == id)).scalar_one()

    def get_or(self, id, statement: Select | None = None):
        statement = statement or select(Task)
        return self.db.scalars(statement.where(Task.id == id)).one()

    def by_caller(self, id, statement=None):
        return self.get(id, statement)

    def result(self, id, statement=None):
        return self.db.execute((select(Task) if statement is None else statement).where(Task.id == id))

def own(db: Session, id):
    Tasks(db).get(id).count += 1
    Tasks(db).get_or(id).count += 1
    Tasks(db).by_caller(id).count += 1
    Tasks(db).result(id).scalar_one().count += 1

def given(db: Session, id):
    wanted = select(Task)
    Tasks(db).get(id, wanted).count += 1
    Tasks(db).get_or(id, statement=wanted).count += 1
    Tasks(db).by_caller(id, wanted).count += 1
    Tasks(db).result(id, wanted).scalar_one().count += 1

def locked(db: Session, id):
    wanted = select(Task).with_for_update()
    Tasks(db).get(id, wanted).count += 1
    Tasks(db).get_or(id, statement=wanted).count += 1
    Tasks(db).by_caller(id, wanted).count += 1
    Tasks(db).result(id, wanted).scalar_one().count += 1

def untold(db: Session, id):
    wanted = make_statement()
    Tasks(db).get(id, wanted).count += 1
    Tasks(db).get_or(id, statement=wanted).count += 1
    Tasks(db).by_caller(id, wanted).count += 1
";

/// The locks with which the rows were loaded that a function writes.
fn locks(db: &RootDatabase, file: &str, name: &str) -> Vec<Lock> {
    let unit = unit_of(db, function(db, file, name));
    let written = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Write { row, .. } => match row.origin {
            RowOrigin::Loaded { lock, .. } => Some(lock),
            _ => None,
        },
        _ => None,
    });
    written.collect()
}

#[test]
fn a_statement_that_may_be_handed_in_locks_as_the_one_that_is() {
    let db = fixture(&[("tasks.py", OPTIONAL)]);
    assert_eq!(locks(&db, "tasks.py", "own"), [Lock::No; 4]);
    assert_eq!(locks(&db, "tasks.py", "given"), [Lock::No; 4]);
    assert_eq!(locks(&db, "tasks.py", "locked"), [Lock::Yes; 4]);
    assert!(!locks(&db, "tasks.py", "untold").contains(&Lock::No));
}

const HANDED: &str = "
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session
from repositories import Storing, Task

def or_404(fn, *args, **kwargs):
    try:
        found = fn(*args, **kwargs)
        if found is None:
            abort(404)
    except NoResultFound:
        abort(404)
    return found

async def awaited(fn, key):
    return await fn(key)

def guarded(fn, key):
    with table_lock():
        return fn(key)

def again(fn, key):
    for attempt in range(3):
        found = fn(key)
    return found

def another(fn, key):
    found = fn(key)
    found = copy_of(found)
    return found

def first(fn, other, key):
    return fn(other, fn, key)

class Tasks(Storing):
    async def fetch(self, id):
        return self.db.get(Task, id)

    async def run(self, method, id):
        return await method(id)

    async def by_own_method(self, id):
        task = await self.run(self.fetch, id)
        task.count += 1

def find(db: Session, key):
    return db.get(Task, key)

def by_function(db: Session, key):
    task = or_404(find, db, key=key)
    task.count += 1

def by_method(db: Session, key):
    task = or_404(Storing(db).get, key)
    task.count += 1

def under_lock(db: Session, key):
    task = guarded(Storing(db).get, key)
    task.count += 1

def in_loop(db: Session, key):
    task = again(Storing(db).get, key)
    task.count += 1

def of_another(db: Session, key):
    task = another(Storing(db).get, key)
    task.count += 1

def round_about(key):
    task = first(first, first, key)
    task.count += 1
";

#[test]
fn a_function_is_called_by_whoever_hands_it_to_a_helper() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("handed.py", HANDED)]);
    for name in ["by_function", "by_method", "Tasks.by_own_method"] {
        assert_eq!(story(&db, "handed.py", name), ["write loaded Task.count"], "{name}");
    }
    for name in ["under_lock", "in_loop", "of_another", "round_about"] {
        assert!(story(&db, "handed.py", name).is_empty(), "{name}");
    }
}

const OF_REQUEST: &str = "
from flask import Flask, g
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from repositories import Task

app = Flask(__name__)
SessionLocal = sessionmaker(create_engine('postgresql://db/shop'))

@app.before_request
def open_session():
    g.db = SessionLocal()

def current():
    if 'kept' not in g:
        g.kept = SessionLocal()
    return g.kept

def by_attribute(key):
    task = g.db.get(Task, key)
    task.count += 1
    g.db.commit()

def by_getter(key):
    db = current()
    task = db.get(Task, key)
    task.count += 1
    db.commit()

def of_nobody(key):
    task = g.other.get(Task, key)
    task.count += 1
";

#[test]
fn a_session_stands_on_the_object_of_a_flask_request() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("app.py", OF_REQUEST)]);
    for name in ["by_attribute", "by_getter"] {
        assert_eq!(story(&db, "app.py", name), ["write loaded Task.count", "commit session"], "{name}");
    }
    assert!(story(&db, "app.py", "of_nobody").is_empty());
}

const SET_LATE: &str = "
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from repositories import Storing, Task

Opened = None
storing = None
either = None
shadowed = None
never = None

def start(url):
    global Opened, storing, either
    engine = create_engine(url)
    Opened = sessionmaker(bind=engine)
    storing = Storing(Opened())
    either = Storing(Opened())
    shadowed = Storing(Opened())

def start_again(url):
    global either
    either = Storing(url)

def by_factory(key):
    with Opened() as db:
        task = db.get(Task, key)
        task.count += 1
        db.commit()

def by_object(key):
    task = storing.get(key)
    task.count += 1

def by_either(key):
    task = either.get(key)
    task.count += 1

def by_shadowed(key):
    task = shadowed.get(key)
    task.count += 1

def by_never(key):
    task = never.get(key)
    task.count += 1
";

#[test]
fn a_variable_of_the_module_may_be_set_when_the_program_starts() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("late.py", SET_LATE)]);
    assert_eq!(story(&db, "late.py", "by_factory"), ["write loaded Task.count", "commit session"]);
    assert_eq!(story(&db, "late.py", "by_object"), ["write loaded Task.count"]);
    for name in ["by_either", "by_shadowed", "by_never"] {
        assert!(story(&db, "late.py", name).is_empty(), "{name}");
    }
}

const UNANNOTATED: &str = "
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker
from repositories import Task

db = SQLAlchemy()
SessionLocal = sessionmaker()

class Tasks:
    def __init__(self, session, out):
        self.session = session
        self.out = out

    def get(self, id):
        found = select(Task).where(Task.id == id)
        return self.session.execute(found).scalar_one()

    def save(self):
        self.session.commit()
        self.out.write('saved')
        self.out.flush()

class Extended:
    def __init__(self, database):
        self.database = database

    def get(self, id):
        return self.database.session.get(Task, id)

class Anything:
    def __init__(self, database):
        self.database = database

    def get(self, id):
        return self.database.session.get(Task, id)

extended = Extended(db)

def by_session(key):
    with SessionLocal() as session:
        tasks = Tasks(session, None)
        task = tasks.get(key)
        task.count += 1
        tasks.save()

def by_extension(key):
    task = extended.get(key)
    task.count += 1
    db.session.commit()

def by_anything(key, one):
    task = Anything(one).get(key)
    task.count += 1
    db.session.commit()
";

#[test]
fn what_a_constructor_is_handed_is_a_session_by_its_use() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("unannotated.py", UNANNOTATED)]);
    for name in ["by_session", "by_extension"] {
        let told = story(&db, "unannotated.py", name);
        assert_eq!(told.first().map(String::as_str), Some("write loaded Task.count"), "{name}");
        assert_eq!(told.len(), 2, "{name}: {told:?}");
    }
    let unit = unit_of(&db, function(&db, "unannotated.py", "by_session"));
    let committed = unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session, action: SessionAction::Commit, .. } => Some(session.origin.clone()),
        _ => None,
    });
    assert!(matches!(committed, Some(SessionOrigin::Scoped(_))), "{committed:?}");
    let session_of_row = |name: &str| {
        unit_of(&db, function(&db, "unannotated.py", name)).events.iter().find_map(|event| match &event.kind {
            EventKind::Write { row, .. } => row.session.as_ref().map(|session| session.origin.clone()),
            _ => None,
        })
    };
    assert!(matches!(session_of_row("by_extension"), Some(SessionOrigin::Registry(_))));
    assert!(!matches!(session_of_row("by_anything"), Some(SessionOrigin::Registry(_))));
}

const SCOPED: &str = "
from sqlalchemy.orm import scoped_session, sessionmaker
from repositories import Task

Session = scoped_session(sessionmaker())

def finish(session):
    session.commit()

def by_registry(key):
    task = Session.get(Task, key)
    task.count += 1
    finish(Session)
";

#[test]
fn a_registry_that_is_handed_on_is_its_session() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("scoped.py", SCOPED)]);
    assert_eq!(story(&db, "scoped.py", "by_registry"), ["write loaded Task.count", "commit registry"]);
}

const OF_STATE: &str = "
from fastapi import Depends, FastAPI, Request
from repositories import Task

app = FastAPI()

async def get_db(request: Request):
    async with request.app.state.session_factory() as session:
        yield session

@app.post('/')
async def by_use(key: int, db=Depends(get_db)):
    task = await db.get(Task, key)
    task.count += 1
    await db.commit()
";

#[test]
fn a_dependency_of_unknown_kind_is_a_session_by_its_use() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("state.py", OF_STATE)]);
    assert_eq!(story(&db, "state.py", "by_use"), ["write loaded Task.count", "commit session"]);
}
