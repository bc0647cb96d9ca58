//! Generated files that talk to a database.

use super::rng::Rng;
use super::template::{Values, split};
use super::words::{Words, plural, words};

static QUALIFIERS: Words = words!(
    "archived billing bulk daily delayed direct draft external failed foreign global group hosted internal \
    legal linked local manual monthly nested partner planned prepaid primary private public regional remote \
    rolling shared signed staged stored summary team trial upstream vendor weekly yearly"
);
static NOUNS: Words = words!(
    "account address agent asset booking budget campaign cart claim contract coupon customer delivery deposit \
    device document episode invoice item job lead lease license listing member message meter order parcel \
    payment plan policy profile project quote receipt refund report request review room route seat shift shop \
    ticket token voucher wallet warehouse"
);
static AMOUNTS: Words = words!("balance credits total amount price points used remaining");
static LABELS: Words = words!("name title reference code slug email subject label");
static STATUSES: Words = words!("pending open draft paid active closed failed queued sent");
static VERBS: Words = words!("approve cancel close confirm finish pay pause release submit void");

/// How a service talks to its database; one style for all of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `session.query(M)`.
    Query,
    /// `select(M)`.
    Select,
    /// `await session.execute(select(M))`.
    Async,
}

impl Dialect {
    pub(crate) fn of_service(index: usize) -> Self {
        [Self::Select, Self::Async, Self::Query][index % 3]
    }
}

/// A table of a service and the names of everything around it.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    /// `archived_invoice`.
    pub(crate) snake: String,
    values: Values,
}

impl Entity {
    /// The `index`-th table of a service.
    pub(crate) fn new(index: usize, dialect: Dialect, rng: &mut Rng) -> Self {
        let qualifier = QUALIFIERS[index / NOUNS.len() % QUALIFIERS.len()];
        let mut snake = format!("{qualifier}_{}", NOUNS[index % NOUNS.len()]);
        let round = index / (NOUNS.len() * QUALIFIERS.len());
        if round > 0 {
            snake = format!("{snake}_{round}");
        }
        let pascal = pascal(&snake);
        let statuses = rng.sample(&STATUSES, 2);
        let mut values = Values::default();
        values
            .set("entities", plural(&snake))
            .set("Other", format!("{pascal}Entry"))
            .set("other", format!("{snake}_entries"))
            .set("Entity", pascal)
            .set("entity", snake.clone())
            .set("amount", rng.pick(&AMOUNTS))
            .set("label", rng.pick(&LABELS))
            .set("A", statuses[0])
            .set("B", statuses[1])
            .set("def", if dialect == Dialect::Async { "async def" } else { "def" })
            .set("await", if dialect == Dialect::Async { "await " } else { "" })
            .set("with", if dialect == Dialect::Async { "async with" } else { "with" })
            .set("Session", if dialect == Dialect::Async { "AsyncSession" } else { "Session" });
        for (name, text) in queries(dialect) {
            values.set(name, text);
        }
        Self { snake, values }
    }

    pub(crate) fn fill(&self, template: &str, rng: &mut Rng) -> String {
        let mut values = self.values.clone();
        values
            .set("verb", rng.pick(&VERBS))
            .set("n", rng.between(10, 100).to_string())
            .set("n2", rng.between(11, 90).to_string());
        values.fill(template)
    }
}

fn queries(dialect: Dialect) -> [(&'static str, &'static str); 4] {
    match dialect {
        Dialect::Query => [
            ("load", "session.query(<<Entity>>).filter(<<Entity>>.id == <<entity>>_id).first()"),
            ("load_locked", "session.query(<<Entity>>).filter_by(id=<<entity>>_id).with_for_update().one_or_none()"),
            ("load_many", "session.query(<<Entity>>).filter(<<Entity>>.status == \"<<A>>\").all()"),
            ("load_by_label", "session.query(<<Entity>>).filter_by(<<label>>=<<label>>).first()"),
        ],
        Dialect::Select => [
            ("load", "session.get(<<Entity>>, <<entity>>_id)"),
            ("load_locked", "session.get(<<Entity>>, <<entity>>_id, with_for_update=True)"),
            ("load_many", "session.scalars(select(<<Entity>>).where(<<Entity>>.status == \"<<A>>\")).all()"),
            ("load_by_label", "session.scalar(select(<<Entity>>).where(<<Entity>>.<<label>> == <<label>>))"),
        ],
        Dialect::Async => [
            (
                "load",
                "(await session.execute(select(<<Entity>>).where(<<Entity>>.id == <<entity>>_id))).scalar_one_or_none()",
            ),
            ("load_locked", "await session.get(<<Entity>>, <<entity>>_id, with_for_update=True)"),
            ("load_many", "(await session.scalars(select(<<Entity>>).where(<<Entity>>.status == \"<<A>>\"))).all()"),
            ("load_by_label", "await session.scalar(select(<<Entity>>).where(<<Entity>>.<<label>> == <<label>>))"),
        ],
    }
}

/// `ArchivedInvoice` of `archived_invoice`.
pub(crate) fn pascal(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The kinds of files that talk to a database.
pub(crate) const ROLES: &[Role] =
    &[Role::Models, Role::Service, Role::Repository, Role::Router, Role::Tasks, Role::Webhooks];

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Models,
    Service,
    Repository,
    Router,
    Tasks,
    Webhooks,
}

impl Role {
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Models => "models.py",
            Self::Service => "service.py",
            Self::Repository => "repository.py",
            Self::Router => "router.py",
            Self::Tasks => "tasks.py",
            Self::Webhooks => "webhooks.py",
        }
    }
}

/// A file of a feature around one table; `package` is the service that it belongs to.
pub(crate) fn file(role: Role, package: &str, entity: &Entity, rng: &mut Rng) -> String {
    let snake = &entity.snake;
    let mut text = entity.fill(&head(role, package, snake), rng);
    let (templates, count) = match role {
        Role::Models => (split(include_str!("templates/model.txt")), 1),
        Role::Service => (split(include_str!("templates/service.txt")), rng.between(3, 9)),
        Role::Repository => (split(include_str!("templates/repository.txt")), rng.between(4, 9)),
        Role::Router => (split(include_str!("templates/router.txt")), rng.between(3, 7)),
        Role::Tasks => (split(include_str!("templates/task.txt")), rng.between(2, 5)),
        Role::Webhooks => (split(include_str!("templates/webhook.txt")), 1),
    };
    let gap = if role == Role::Repository { "\n" } else { "\n\n" };
    for template in rng.sample(&templates, count) {
        text.push_str(gap);
        text.push_str(&entity.fill(template, rng));
    }
    text
}

fn head(role: Role, package: &str, snake: &str) -> String {
    let model = format!("from {package}.features.{snake}.models import <<Entity>>, <<Other>>\n");
    let orm = "from sqlalchemy import func, select, update\nfrom sqlalchemy.exc import IntegrityError, SQLAlchemyError\n\
               from sqlalchemy.ext.asyncio import AsyncSession\nfrom sqlalchemy.orm import Session\n";
    let dates = "from datetime import datetime, timedelta, timezone\nfrom decimal import Decimal, InvalidOperation\n";
    let logger = "\nlogger = logging.getLogger(__name__)\n";
    match role {
        Role::Models => format!(
            "\"\"\"The tables of <<entities>>.\"\"\"\n\nfrom __future__ import annotations\n\n{dates}\n\
             from sqlalchemy import DateTime, ForeignKey, Index, Numeric, String, func\n\
             from sqlalchemy.orm import Mapped, mapped_column, relationship\n\n\
             from {package}.core.database import Base\n"
        ),
        Role::Service => format!(
            "\"\"\"What can be done with <<entities>>.\"\"\"\n\nimport logging\nfrom collections import defaultdict\n\
             from collections.abc import Iterable\n{dates}from typing import Any\n\n{orm}\n{model}{logger}"
        ),
        Role::Repository => format!(
            "\"\"\"Where <<entities>> are kept.\"\"\"\n\nfrom typing import Any\n\n{orm}\n{model}\n\n\
             class <<Entity>>Repository:\n    \"\"\"Loads and stores <<entities>>.\"\"\"\n\n    \
             protected = frozenset({{\"id\", \"created_at\"}})\n\n    \
             def __init__(self, session: <<Session>>) -> None:\n        self.session = session\n"
        ),
        Role::Router => format!(
            "\"\"\"The routes of <<entities>>.\"\"\"\n\nfrom decimal import Decimal\n\n\
             from fastapi import APIRouter, Depends, HTTPException, Query\nfrom pydantic import BaseModel\n{orm}\n\
             from {package}.core.database import get_session\nfrom {package}.core.security import current_actor\n{model}\n\
             router = APIRouter(prefix=\"/<<entities>>\", tags=[\"<<entities>>\"])\n\n\n\
             class <<Entity>>Create(BaseModel):\n    <<label>>: str\n    <<amount>>: Decimal = Decimal(0)\n    owner_id: int\n\n\n\
             class <<Entity>>Change(BaseModel):\n    <<label>>: str | None = None\n    quantity: int | None = None\n\n\n\
             class <<Entity>>Read(<<Entity>>Create):\n    id: int\n    status: str\n"
        ),
        Role::Tasks => format!(
            "\"\"\"What is done with <<entities>> in the background.\"\"\"\n\n{dates}\n{orm}\n\
             from {package}.core.database import SessionLocal, session_scope\n\
             from {package}.core.security import deliver, quantize\n{model}"
        ),
        Role::Webhooks => format!(
            "\"\"\"What the provider tells of <<entities>>.\"\"\"\n\nimport hmac\nimport json\nimport logging\n\n\
             from fastapi import APIRouter, Depends, HTTPException, Request\n{orm}\n\
             from {package}.core.database import get_session\nfrom {package}.core.security import sign\n{model}\n\
             router = APIRouter()\n{logger}"
        ),
    }
}

/// `core/database.py` of a service.
pub(crate) fn database(dialect: Dialect) -> String {
    let sync = "\"\"\"The database of the service.\"\"\"\n\nimport os\nfrom collections.abc import Iterator\n\
         from contextlib import contextmanager\n\nfrom sqlalchemy import create_engine\n\
         from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker\n\n\
         engine = create_engine(os.environ[\"DATABASE_URL\"], pool_pre_ping=True)\n\
         SessionLocal = sessionmaker(bind=engine, expire_on_commit=False)\n\n\n\
         class Base(DeclarativeBase):\n    \"\"\"The base of all tables.\"\"\"\n\n\n\
         def get_session() -> Iterator[Session]:\n    session = SessionLocal()\n    try:\n        yield session\n\
         \x20   finally:\n        session.close()\n\n\n\
         @contextmanager\ndef session_scope() -> Iterator[Session]:\n    session = SessionLocal()\n    try:\n\
         \x20       yield session\n        session.commit()\n    except Exception:\n        session.rollback()\n\
         \x20       raise\n    finally:\n        session.close()\n";
    if dialect != Dialect::Async {
        return sync.to_owned();
    }
    sync.replace("from sqlalchemy import create_engine\n", "from sqlalchemy.ext.asyncio import (\n    AsyncSession,\n    async_sessionmaker,\n    create_async_engine,\n)\n")
        .replace("from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker", "from sqlalchemy.orm import DeclarativeBase")
        .replace("Iterator[Session]", "AsyncIterator[AsyncSession]")
        .replace("import Iterator", "import AsyncIterator")
        .replace("import contextmanager", "import asynccontextmanager")
        .replace("@contextmanager", "@asynccontextmanager")
        .replace("create_engine(os", "create_async_engine(os")
        .replace("= sessionmaker(bind=engine", "= async_sessionmaker(engine")
        .replace("\ndef ", "\nasync def ")
        .replace("        session.c", "        await session.c")
        .replace("        session.r", "        await session.r")
}

/// `core/security.py` of a service.
pub(crate) const SECURITY: &str = "\"\"\"Signatures, actors and deliveries.\"\"\"\n\nimport hashlib\nimport hmac\nimport os\n\
    from decimal import Decimal\n\nfrom fastapi import Header\n\n\n\
    def sign(body: bytes) -> str:\n    return hmac.new(os.environ[\"WEBHOOK_SECRET\"].encode(), body, hashlib.sha256).hexdigest()\n\n\n\
    def current_actor(x_actor: str = Header()) -> str:\n    return x_actor\n\n\n\
    def quantize(value: Decimal) -> Decimal:\n    return value.quantize(Decimal(\"0.01\"))\n\n\n\
    def deliver(kind: str, reference: int, text: str) -> None:\n    print(kind, reference, text)\n";
