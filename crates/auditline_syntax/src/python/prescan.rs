//! Which files can matter: a scan of the bytes before anything is parsed.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// The words that matter to a hazard, by what they speak of. A file in which none of them occurs, in code, strings or
/// comments, is parsed only when a name resolves into it.
///
/// They are parts of words, upper and lower case apart. A word too many costs the time to parse a file that had
/// nothing to say; a word too few costs a finding. So each is as short as it can be without being in every file.
const WORDS: &[&str] = &[
    // Sessions, engines, transactions.
    "session",
    "Session",
    "sqlalchemy",
    "SQLAlchemy",
    "sqlmodel",
    "SQLModel",
    "create_engine",
    "create_async_engine",
    "engine",
    ".commit",
    ".rollback",
    ".flush",
    ".begin",
    "get_db",
    "transaction",
    "atomic",
    "autocommit",
    // Raw connections and their drivers.
    "psycopg",
    "asyncpg",
    "sqlite3",
    "pymysql",
    "aiosqlite",
    "cursor",
    "execute",
    "exec(",
    // Models and schema.
    "Column",
    "mapped_column",
    "Mapped[",
    "relationship(",
    "DeclarativeBase",
    "declarative",
    "__tablename__",
    "Table(",
    "MetaData",
    "UniqueConstraint",
    "ForeignKey",
    "db.Model",
    "models.Model",
    // Queries, locks, writes.
    "query",
    "select(",
    "with_for_update",
    "select_for_update",
    "on_conflict",
    "text(",
    ".scalar",
    ".add(",
    ".merge(",
    ".delete(",
    "paginate",
    "lock",
    "Lock",
    // Migrations.
    "alembic",
    "op.",
    "down_revision",
    // The web: routes, dependencies, responses, middleware.
    "FastAPI",
    "fastapi",
    "APIRouter",
    "Depends",
    "starlette",
    "flask",
    "Flask",
    "django",
    "router",
    "webhook",
    "Webhook",
    "Middleware",
    "middleware",
    "HTTPException",
    "JSONResponse",
    "BackgroundTask",
    "lifespan",
    "CORS",
    // Other systems.
    "requests",
    "httpx",
    "aiohttp",
    "urllib",
    "urlopen",
    "boto3",
    "stripe",
    "openai",
    "anthropic",
    "smtplib",
    "redis",
    "Redis",
    "celery",
    "Celery",
    "dramatiq",
    ".delay(",
    ".apply_async",
    ".enqueue",
    "publish",
    "bucket",
    "storage",
    "subprocess",
    "os.system",
    // Concurrency.
    "asyncio",
    "async def",
    "gather",
    "create_task",
    "TaskGroup",
    "threading",
    "concurrent",
    "lru_cache",
    "global ",
    // Failures and times.
    "except",
    "utcnow",
    "datetime.now",
    // Settings and secrets.
    "BaseSettings",
    "BaseModel",
    "pydantic",
    "environ",
    "getenv",
    "settings",
    "Settings",
    "secret",
    "SECRET",
    "password",
    "PASSWORD",
    "token",
    "jwt",
    "JWT",
    "api_key",
    "API_KEY",
    "verify",
    "hmac",
    "hashlib",
    "pickle",
    "yaml.load",
    "eval(",
];

static SCANNER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(WORDS).ok());

/// Whether anything in `text` can matter to a hazard: whether one of a table of words occurs in it.
#[must_use]
pub fn matters(text: &str) -> bool {
    // Were the table too large for an automaton, everything would matter.
    SCANNER.as_ref().is_none_or(|scanner| scanner.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::{SCANNER, WORDS, matters};

    #[test]
    fn the_table_becomes_an_automaton() {
        assert!(SCANNER.is_some());
        let mut sorted = WORDS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), WORDS.len(), "a word stands in the table twice");
    }

    #[test]
    fn code_of_a_backend_matters_and_arithmetic_does_not() {
        for text in [
            "def f(db):\n    db.commit()\n",
            "from sqlalchemy.orm import relationship\n",
            "class User(Base):\n    __tablename__ = 'users'\n",
            "def upgrade():\n    op.add_column('a', b)\n",
            "@router.post('/webhook')\ndef f(): ...\n",
        ] {
            assert!(matters(text), "{text}");
        }
        for text in ["", "def area(width, height):\n    return width * height\n", "from .models import User\n"] {
            assert!(!matters(text), "{text}");
        }
    }
}
