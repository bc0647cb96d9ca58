//! Functions that pass on what they are handed, sessions that are handed in or kept, and rows that are found before the endpoint.

use auditline_model::eval::value::SessionOrigin;
use auditline_model::fixture::{fixture, function};
use auditline_model::owner::callers;
use auditline_model::unit::{EventKind, unit_of};

use super::{REPOSITORIES, story};

const PASSED_ON: &str = "
from importlib import import_module

async def find_task(*args, **kwargs):
    tasks = import_module('tasks')
    return await tasks.get_task(*args, **kwargs)

async def first_of(*args):
    return 1
";

const TASKS: &str = "
from repositories import Task
from sqlalchemy.ext.asyncio import AsyncSession

async def get_task(db: AsyncSession, key: int):
    return await db.get(Task, key)
";

const LATE: &str = "
import importlib
from importlib import import_module
from sqlalchemy.ext.asyncio import AsyncSession

async def count(db: AsyncSession, key: int):
    services = importlib.import_module('services')
    task = await services.find_task(db, key)
    task.count += 1
    await db.commit()

async def of_unknown(db: AsyncSession, name: str, key: int):
    services = import_module(name)
    task = await services.find_task(db, key)
    task.count += 1
    await db.commit()
";

#[test]
fn what_is_passed_on_reaches_the_function_that_takes_it() {
    let db = fixture(&[
        ("repositories.py", REPOSITORIES),
        ("tasks.py", TASKS),
        ("services.py", PASSED_ON),
        ("late.py", LATE),
    ]);
    assert_eq!(story(&db, "late.py", "count"), ["write loaded Task.count", "commit parameter"]);
    assert_eq!(story(&db, "late.py", "of_unknown"), ["commit parameter"]);
    let callers: Vec<&str> =
        callers(&db, function(&db, "tasks.py", "get_task")).iter().map(|site| site.function.path.as_str()).collect();
    assert_eq!(callers, ["count"]);
}

const GIVEN_OR_KEPT: &str = "
from sqlalchemy.ext.asyncio import AsyncSession
from repositories import Task

class Tasks:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def by_or(self, key: int, session=None) -> Task:
        session = session or self.session
        return await session.get(Task, key)

    async def by_default(self, key: int, session: AsyncSession | None = None) -> Task:
        if session is None:
            session = self.session
        return await session.get(Task, key)

async def kept(db: AsyncSession, key: int):
    task = await Tasks(db).by_or(key)
    task.count += 1
    await db.commit()

async def given(db: AsyncSession, other: AsyncSession, key: int):
    task = await Tasks(other).by_default(key, session=db)
    task.count += 1
    await db.commit()
";

#[test]
fn a_session_that_is_given_or_kept_is_the_one_of_that_call() {
    let db = fixture(&[("repositories.py", REPOSITORIES), ("given.py", GIVEN_OR_KEPT)]);
    let sessions = |name: &str| {
        let unit = unit_of(&db, function(&db, "given.py", name));
        let found = unit.events.iter().find_map(|event| match &event.kind {
            EventKind::Write { row, .. } => row.session.as_ref().map(|session| session.origin.clone()),
            _ => None,
        });
        found.unwrap()
    };
    assert_eq!(sessions("kept"), SessionOrigin::Param(0));
    assert_eq!(sessions("given"), SessionOrigin::Param(0));
}

const BEFORE_ENDPOINT: &str = "
from flask import Flask, g
from flask_login import LoginManager, current_user
from extensions import db

app = Flask(__name__)
manager = LoginManager(app)

class Task(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    count = db.Column(db.Integer)

def save(extension):
    extension.session.commit()

@manager.user_loader
def load(key):
    return Task.query.get(key)

@app.before_request
def remember():
    g.task = Task.query.get(1)

def of_login():
    current_user.count += 1
    save(db)

def of_g():
    g.task.count += 1
    db.session.commit()

def of_nobody():
    g.other.count += 1
    db.session.commit()
";

#[test]
fn rows_that_are_found_before_the_endpoint_are_rows() {
    let db = fixture(&[
        ("extensions.py", "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"),
        ("site.py", BEFORE_ENDPOINT),
    ]);
    assert_eq!(story(&db, "site.py", "of_login"), ["write Task.count", "commit registry"]);
    assert_eq!(story(&db, "site.py", "of_g"), ["write Task.count", "commit registry"]);
    assert_eq!(story(&db, "site.py", "of_nobody"), ["commit registry"]);
}
