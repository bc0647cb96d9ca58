//! Owners of sessions that reach a function by other ways than its callers.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_model::RootDatabase;
use auditline_model::eval::value::SessionValue;
use auditline_model::fixture::{fixture, function};
use auditline_model::owner::{Ownership, Source, owner};
use auditline_model::unit::{EventKind, SessionAction, unit_of};

const DATABASE: &str = "
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

SessionLocal = sessionmaker(create_engine('postgresql://db/shop'))

class Base(DeclarativeBase): ...

class Item(Base):
    __tablename__ = 'items'
    id: Mapped[int] = mapped_column(primary_key=True)
";

/// The session that a function commits, and who owns it.
fn committed(db: &RootDatabase, file: &str, name: &str) -> (SessionValue, Ownership) {
    let of = function(db, file, name);
    let unit = unit_of(db, of);
    let session = unit
        .events
        .iter()
        .find_map(|event| match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit, .. } => Some((**session).clone()),
            _ => None,
        })
        .unwrap();
    let owner = owner(db, of, &session);
    (session, owner)
}

fn source(ownership: &Ownership) -> Option<Source> {
    match ownership {
        Ownership::Unmanaged(lack) => Some(lack.source),
        Ownership::Managed { .. } | Ownership::Unknown => None,
    }
}

fn is_managed(ownership: &Ownership) -> bool {
    matches!(ownership, Ownership::Managed { .. })
}

const HANDLERS: &str = "
from typing import Annotated
from fastapi import Depends, Request
from sqlalchemy.orm import Session

def get_db(request: Request):
    return request.state.db

DbSession = Annotated[Session, Depends(get_db)]

def by_dependency(db: DbSession):
    db.commit()

def by_request(request: Request):
    request.state.db.commit()

def hands_on(request: Request):
    save(request.state.db)

def save(db: Session):
    db.commit()
";

fn with_middleware(middleware: &str) -> RootDatabase {
    fixture(&[("database.py", DATABASE), ("middleware.py", middleware), ("handlers.py", HANDLERS)])
}

#[test]
fn a_middleware_that_closes_manages_what_it_keeps_on_the_request() {
    let db = with_middleware(
        "
from fastapi import FastAPI, Request
from database import SessionLocal
app = FastAPI()

@app.middleware('http')
async def sessions(request: Request, call_next):
    try:
        request.state.db = SessionLocal()
        response = await call_next(request)
    finally:
        request.state.db.close()
    return response
",
    );
    for handler in ["by_dependency", "by_request", "save"] {
        let (session, owner) = committed(&db, "handlers.py", handler);
        assert!(is_managed(&owner), "{handler}: {owner:?}");
        assert_ne!(session.is_async, Some(true), "{handler}");
    }
}

#[test]
fn a_middleware_class_with_a_scope_manages_too() {
    let db = with_middleware(
        "
from starlette.middleware.base import BaseHTTPMiddleware
from database import SessionLocal

class Sessions(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        with SessionLocal() as session:
            request.state.db = session
            return await call_next(request)
",
    );
    let (session, owner) = committed(&db, "handlers.py", "by_request");
    assert!(is_managed(&owner), "{owner:?}");
    assert_eq!(session.is_async, Some(false));
}

#[test]
fn a_middleware_that_closes_only_behind_success_does_not() {
    let db = with_middleware(
        "
from fastapi import FastAPI, Request
from database import SessionLocal
app = FastAPI()

@app.middleware('http')
async def sessions(request: Request, call_next):
    request.state.db = SessionLocal()
    response = await call_next(request)
    request.state.db.close()
    return response
",
    );
    let by = function(&db, "middleware.py", "sessions");
    for handler in ["by_dependency", "by_request"] {
        let (_, owner) = committed(&db, "handlers.py", handler);
        assert_eq!(source(&owner), Some(Source::Middleware(by)), "{handler}: {owner:?}");
    }
}

#[test]
fn two_middlewares_with_one_name_are_not_told_apart() {
    let one = "
from fastapi import Request
from database import SessionLocal

async def first(request: Request, call_next):
    request.state.db = SessionLocal()
    return await call_next(request)

async def second(request: Request, call_next):
    request.state.db = SessionLocal()
    return await call_next(request)
";
    let (_, owner) = committed(&with_middleware(one), "handlers.py", "by_dependency");
    assert_eq!(owner, Ownership::Unknown);
}

#[test]
fn the_state_of_the_application_is_no_request() {
    let db = with_middleware(
        "
from fastapi import FastAPI
from database import SessionLocal
app = FastAPI()
app.state.db = SessionLocal()

def start(application):
    application.state.db = SessionLocal()
",
    );
    let (_, owner) = committed(&db, "handlers.py", "by_request");
    assert_eq!(owner, Ownership::Unknown);
}

fn decorated(wrapper: &str) -> Ownership {
    let text = format!(
        "
from functools import wraps
from sqlalchemy.orm import Session
from database import SessionLocal

def with_session(func):
    @wraps(func)
    def wrapper(*args, **kwargs):
{wrapper}
    return wrapper

@with_session
def save(name: str, session: Session = None):
    session.commit()

def calls():
    save('lamp')
"
    );
    let db = fixture(&[("database.py", DATABASE), ("store.py", &text)]);
    committed(&db, "store.py", "save").1
}

#[test]
fn a_decorator_that_closes_manages_what_it_passes() {
    let scope = "
        with SessionLocal() as session:
            return func(*args, session=session, **kwargs)";
    assert!(is_managed(&decorated(scope)));
    let by_hand = "
        session = SessionLocal()
        try:
            kwargs['session'] = session
            return func(*args, **kwargs)
        finally:
            session.close()";
    assert!(is_managed(&decorated(by_hand)));
    let begun = "
        with SessionLocal.begin() as session:
            return func(*args, **kwargs, session=session)";
    assert!(is_managed(&decorated(begun)));
}

#[test]
fn a_decorator_that_does_not_close_is_what_the_session_lacks() {
    let owner = decorated(
        "
        session = SessionLocal()
        result = func(*args, session=session, **kwargs)
        session.close()
        return result",
    );
    assert!(matches!(source(&owner), Some(Source::Decorator(_))), "{owner:?}");
}

#[test]
fn a_decorator_that_may_pass_on_what_it_was_called_with_is_not_known() {
    let owner = decorated(
        "
        session = kwargs.get('session')
        owned = False
        if not session:
            session = SessionLocal()
            kwargs['session'] = session
            owned = True
        try:
            return func(*args, **kwargs)
        finally:
            if owned:
                session.close()",
    );
    assert_eq!(owner, Ownership::Unknown);
}

#[test]
fn the_session_of_a_row_is_the_one_that_loaded_it() {
    let text = "
from sqlalchemy.orm import object_session
from database import Item, SessionLocal

def touch(item_id: int):
    with SessionLocal() as db:
        item = db.get(Item, item_id)
        object_session(item).commit()
";
    let db = fixture(&[("database.py", DATABASE), ("store.py", text)]);
    let (_, owner) = committed(&db, "store.py", "touch");
    assert!(is_managed(&owner), "{owner:?}");
}
