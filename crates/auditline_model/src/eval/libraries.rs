//! What names outside the workspace mean: SQLAlchemy, SQLModel, FastAPI, the standard library and network clients.
//!
//! Names are compared in the canonical form of [`crate::names::canonical`].

/// Flask-SQLAlchemy's object: `db = SQLAlchemy()`.
pub(crate) const FLASK: &str = "flask_sqlalchemy.SQLAlchemy";

/// Whether the sessions of a library's object are asynchronous that hands out, as `db.session`, the session that its middleware
/// has opened for the request, and rolls back and closes behind it; `None` for anything else.
///
/// <https://github.com/mfreeborn/fastapi-sqlalchemy>, <https://github.com/h0rn3t/fastapi-async-sqlalchemy>
pub(crate) fn request_sessions(path: &str) -> Option<bool> {
    match path {
        "fastapi_sqlalchemy.db" | "fastapi_sqlalchemy.middleware.db" => Some(false),
        "fastapi_async_sqlalchemy.db" | "fastapi_async_sqlalchemy.middleware.db" => Some(true),
        _ => None,
    }
}

/// Whether a name is the user of the request, as Flask-Login's loader finds it; Flask-Security hands on the same
/// (<https://flask-login.readthedocs.io/en/latest/#flask_login.current_user>).
pub(crate) fn is_current_user(path: &str) -> bool {
    matches!(path, "flask_login.current_user" | "flask_login.utils.current_user" | "flask_security.current_user")
}

/// Whether an annotation `Marker[T]` of a library for dependency injection asks for a `T`: to its container, and to a type
/// checker, it is one.
///
/// <https://dishka.readthedocs.io/en/stable/integrations/index.html>, <https://maldoinc.github.io/wireup/latest/>,
/// <https://aioinject.readthedocs.io/>, <https://injector.readthedocs.io/en/latest/api.html#injector.Inject>,
/// <https://pypi.org/project/fastapi-injected/>
pub(crate) fn marks_injected(path: &str) -> bool {
    let (root, last) = (path.split('.').next().unwrap_or(path), path.rsplit('.').next().unwrap_or(path));
    match last {
        // Packages that bring dishka to a framework hand its marker on: `dishka_flet.FromDishka`.
        "FromDishka" => root == "dishka" || root.starts_with("dishka_"),
        "Injected" => matches!(root, "aioinject" | "wireup"),
        "Inject" => root == "injector",
        "Dep" => root == "fastapi_injected",
        _ => false,
    }
}

/// What a name outside the workspace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A session class; whether it is asynchronous.
    SessionClass(bool),
    /// A session factory class; whether it is asynchronous.
    FactoryClass(bool),
    /// `scoped_session`, `async_scoped_session`.
    ScopedFactory,
    /// `create_engine` and its like.
    EngineFunction,
    /// An engine class.
    EngineClass,
    /// Flask-SQLAlchemy's extension class.
    FlaskExtension,
    /// `select` of SQLAlchemy or SQLModel.
    Select,
    /// `exists`.
    Exists,
    /// `update`, `delete`, `insert` (dialect forms included).
    Update,
    /// `delete`.
    Delete,
    /// `insert`.
    Insert,
    /// `text`.
    Text,
    /// `Depends`, `Security`.
    Depends,
    /// `contextlib.suppress`.
    Suppress,
    /// `contextlib.closing`, `contextlib.aclosing`.
    Closing,
    /// `contextlib.nullcontext`.
    NullContext,
    /// `contextlib.contextmanager`, `contextlib.asynccontextmanager`.
    ContextManager,
    /// `functools.lru_cache`, `functools.cache`, `functools.cached_property`.
    Cache,
    /// `object_session`, `async_object_session`.
    ObjectSession,
    /// A lock class of the standard library.
    LockClass,
    /// `asyncio.to_thread`, `run_in_threadpool`: calls its first argument.
    ThreadRunner,
}

/// What the canonical name is.
#[must_use]
pub fn known(name: &str) -> Option<Known> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let root = name.split('.').next().unwrap_or(name);
    Some(match (root, last) {
        ("sqlalchemy" | "sqlmodel", "Session") => Known::SessionClass(false),
        ("sqlalchemy" | "sqlmodel", "AsyncSession") => Known::SessionClass(true),
        ("sqlalchemy" | "sqlmodel", "sessionmaker") => Known::FactoryClass(false),
        ("sqlalchemy" | "sqlmodel", "async_sessionmaker") => Known::FactoryClass(true),
        ("sqlalchemy", "scoped_session" | "async_scoped_session") => Known::ScopedFactory,
        ("sqlalchemy" | "sqlmodel", "create_engine" | "create_async_engine" | "engine_from_config") => {
            Known::EngineFunction
        }
        ("sqlalchemy" | "sqlmodel", "Engine" | "AsyncEngine") => Known::EngineClass,
        ("flask_sqlalchemy", "SQLAlchemy") => Known::FlaskExtension,
        ("sqlalchemy" | "sqlmodel", "select") => Known::Select,
        ("sqlalchemy" | "sqlmodel", "exists") => Known::Exists,
        ("sqlalchemy" | "sqlmodel", "update") => Known::Update,
        ("sqlalchemy" | "sqlmodel", "delete") => Known::Delete,
        ("sqlalchemy" | "sqlmodel", "insert") => Known::Insert,
        ("sqlalchemy" | "sqlmodel", "text") => Known::Text,
        ("sqlalchemy", "object_session" | "async_object_session") => Known::ObjectSession,
        ("fastapi", "Depends" | "Security") => Known::Depends,
        ("contextlib", "suppress") => Known::Suppress,
        ("contextlib", "closing" | "aclosing") => Known::Closing,
        ("contextlib", "nullcontext") => Known::NullContext,
        ("contextlib", "contextmanager" | "asynccontextmanager") => Known::ContextManager,
        ("functools", "lru_cache" | "cache" | "cached_property") | ("async_lru", "alru_cache") => Known::Cache,
        ("threading" | "asyncio" | "multiprocessing" | "anyio" | "trio", "Lock" | "RLock" | "Semaphore") => {
            Known::LockClass
        }
        ("asyncio", "to_thread") | ("fastapi" | "starlette", "run_in_threadpool") | ("anyio", "run_sync") => {
            Known::ThreadRunner
        }
        _ => return None,
    })
}

/// The method of an event loop that runs a function in a thread: `loop.run_in_executor(pool, work, item)`.
pub const RUN_IN_EXECUTOR: &str = "run_in_executor";

/// The position at which a call of that name takes a function that it runs in a thread; see [`Known::ThreadRunner`].
#[must_use]
pub fn runs_in_thread(name: &str) -> Option<usize> {
    match name {
        "to_thread" | "run_in_threadpool" | "run_sync" => Some(0),
        RUN_IN_EXECUTOR => Some(1),
        _ => None,
    }
}

/// The position at which a call of that name takes a function that is called by it, or by way of what it gives back.
#[must_use]
pub fn calls_later(name: &str) -> Option<usize> {
    if name == "async_to_sync" { Some(0) } else { runs_in_thread(name) }
}

/// Whether a call never comes back: it raises what ends the request, or ends the process.
#[must_use]
pub fn never_returns(path: &str) -> bool {
    matches!(
        path,
        "flask.abort"
            | "flask.helpers.abort"
            | "flask_restful.abort"
            | "flask_restx.abort"
            | "flask_smorest.abort"
            | "os._exit"
            | "os.abort"
            | "quart.abort"
            | "sys.exit"
            | "werkzeug.exceptions.abort"
    )
}

/// Whether a call gives something else each time: the clock, a random number. `sqlalchemy.func.now` is the clock of the
/// database.
#[must_use]
pub fn is_fresh(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    match path.split('.').next() {
        Some("datetime" | "arrow" | "pendulum" | "whenever") => matches!(last, "now" | "utcnow" | "today"),
        Some("django") => path == "django.utils.timezone.now",
        Some("sqlalchemy") => matches!(last, "now" | "current_timestamp" | "utcnow"),
        Some("time") => matches!(last, "time" | "time_ns" | "monotonic"),
        Some("uuid" | "random" | "secrets") => true,
        _ => false,
    }
}

/// Whether that class makes an application, router or task queue: an object that is handed functions which it calls when
/// a request, message or task comes in.
#[must_use]
pub fn is_application(path: &str) -> bool {
    matches!(
        path.rsplit('.').next(),
        Some(
            "FastAPI"
                | "APIRouter"
                | "Starlette"
                | "Flask"
                | "Blueprint"
                | "Quart"
                | "Litestar"
                | "Sanic"
                | "Celery"
                | "FastStream"
                | "AsyncServer"
        )
    )
}

/// Whether a call of that name reaches another system over the network. Libraries that only compute are not clients,
/// so that what is not known here is taken for computing.
#[must_use]
pub fn reaches_out(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or(name);
    CLIENTS.binary_search(&root).is_ok()
        || NESTED_CLIENTS.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')))
}

/// Whether a method only reads what a call has brought already: `client.post(...).json()`. The path is that of the call.
#[must_use]
pub fn reads_answer(path: &str, method: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    // A class or a factory of clients gives something that calls out.
    // An object of Stripe's is what it has answered: a dictionary.
    let is_answer = path.starts_with("stripe.") && !last.ends_with("Client");
    let is_client = (last.starts_with(char::is_uppercase) && !is_answer)
        || last.split('_').any(|word| matches!(word, "client" | "session" | "resource" | "connect" | "from"));
    !is_client
        && matches!(
            method,
            "json"
                | "raise_for_status"
                | "get"
                | "items"
                | "keys"
                | "values"
                | "read"
                | "aread"
                | "text"
                | "decode"
                | "dict"
                | "to_dict"
                | "to_dict_recursive"
                | "model_dump"
                | "model_dump_json"
                | "copy"
        )
}

/// Whether a method of an object of a task queue's library gives a task to a worker: `rq.Queue.enqueue`,
/// `celery.Celery.send_task`, `arq.ArqRedis.enqueue_job`.
#[must_use]
pub fn enqueues(path: &str) -> bool {
    let mut parts = path.split('.');
    let queue = matches!(
        parts.next(),
        Some(
            "arq" | "celery" | "dramatiq" | "huey" | "procrastinate" | "rq" | "saq" | "taskiq" | "django_rq" | "streaq"
        )
    );
    let last = path.rsplit('.').next().unwrap_or(path);
    // A connection or a broker is made by a call as well.
    queue && (hands_on(last) || matches!(last, "send_task" | "enqueue_in" | "enqueue_at" | "enqueue_call"))
}

/// Whether a method of a task, which a plain function does not have, gives the task with its arguments, and no worker hears of
/// it yet: Celery's signatures, TaskIQ's kicker.
#[must_use]
pub fn describes_task(method: &str) -> bool {
    matches!(method, "s" | "si" | "signature" | "subtask" | "kicker")
}

/// Whether a method of a task, which a plain function does not have, gives it to a worker: `task.delay(...)`.
#[must_use]
pub fn hands_on(method: &str) -> bool {
    matches!(
        method,
        "delay"
            | "apply_async"
            | "send"
            | "send_with_options"
            | "kiq"
            | "defer"
            | "defer_async"
            | "enqueue"
            | "enqueue_job"
            | "schedule"
    )
}

/// Whether a call hands work to something that runs it beside or behind the caller: a task, a thread.
#[must_use]
pub fn runs_later(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    matches!(
        last,
        "create_task"
            | "ensure_future"
            | "run_coroutine_threadsafe"
            | "gather"
            | "add_task"
            | "start_soon"
            | "BackgroundTask"
            | "StreamingResponse"
            | "EventSourceResponse"
    ) || path == "threading.Thread"
}

/// Client libraries by their top-level package, sorted.
const CLIENTS: &[&str] = &[
    "adyen",
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "aiokafka",
    "aiosmtplib",
    "anthropic",
    "auth0",
    "authorizenet",
    "boto3",
    "botocore",
    "braintree",
    "cohere",
    "discord",
    "docusign_esign",
    "elasticsearch",
    "fastapi_mail",
    "firebase_admin",
    "gocardless_pro",
    "grpc",
    "httpx",
    "hubspot",
    "hvac",
    "intercom",
    "jira",
    "kafka",
    "kubernetes",
    "litellm",
    "mailchimp_marketing",
    "mailjet_rest",
    "meilisearch",
    "minio",
    "mistralai",
    "mollie",
    "okta",
    "openai",
    "opensearchpy",
    "paddle",
    "paypalrestsdk",
    "pika",
    "plaid",
    "postmarker",
    "pusher",
    "qdrant_client",
    "razorpay",
    "requests",
    "resend",
    "sendgrid",
    "shopify",
    "simple_salesforce",
    "slack_sdk",
    "smtplib",
    "square",
    "stripe",
    "supabase",
    "telegram",
    "twilio",
    "typesense",
    "urllib3",
    "weaviate",
    "xero_python",
    "zeep",
    "zenpy",
];

/// Client libraries that live below a shared top-level package.
const NESTED_CLIENTS: &[&str] =
    &["google.cloud", "google.generativeai", "googleapiclient", "azure.storage", "azure.servicebus", "urllib.request"];

/// Whether the last part of a name says that something comes to be in the other system.
#[must_use]
pub fn creates(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).trim_start_matches('_');
    let first = last.split('_').next().unwrap_or(last);
    matches!(
        first,
        "create"
            | "post"
            | "put"
            | "send"
            | "charge"
            | "register"
            | "provision"
            | "subscribe"
            | "upload"
            | "issue"
            | "capture"
            | "refund"
            | "transfer"
            | "pay"
            | "add"
            | "insert"
            | "open"
            | "new"
            | "make"
            | "invite"
            | "buy"
    )
}

/// Whether a context manager of another library has nothing to do with sessions, and lets out what fails in its block: a client
/// of another system, a file, a span of a trace, a time limit.
#[must_use]
pub fn is_apart(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    match path.split('.').next() {
        Some(
            "httpx" | "aiohttp" | "requests" | "httpcore" | "opentelemetry" | "logfire" | "ddtrace" | "tempfile"
            | "zipfile" | "tarfile" | "io" | "pathlib" | "aiofiles" | "gzip" | "smtplib" | "ftplib" | "socket"
            | "boto3" | "botocore" | "aioboto3" | "aiobotocore" | "async_timeout" | "warnings" | "decimal" | "tqdm"
            | "PIL" | "paramiko" | "asyncssh",
        ) => true,
        Some("builtins") => last == "open",
        Some("asyncio") => matches!(last, "timeout" | "timeout_at"),
        Some("concurrent") => last.ends_with("PoolExecutor"),
        _ => false,
    }
}

/// Whether what a library gives names a file, or a part of its name: `pathlib.Path(…)`, `os.path.join(…)`.
#[must_use]
pub fn names_file(path: &str) -> bool {
    const MODULES: &[&str] = &["pathlib", "os.path", "posixpath", "ntpath", "upath", "anyio.Path"];
    MODULES.iter().any(|module| path.strip_prefix(module).is_some_and(|rest| rest.starts_with('.') || rest.is_empty()))
        || path == "os.fspath"
        || path == "werkzeug.security.safe_join"
        || path == "werkzeug.utils.safe_join"
        || path == "flask.safe_join"
}

/// Whether a call removes a file, a directory with what is in it, or an object of a storage.
#[must_use]
pub fn removes(path: &str) -> bool {
    let (root, last) = (path.split('.').next().unwrap_or(path), path.rsplit('.').next().unwrap_or(path));
    match root {
        "os" => matches!(path, "os.remove" | "os.unlink" | "os.removedirs"),
        "shutil" | "aioshutil" => last == "rmtree",
        "pathlib" | "upath" | "anyio" => last == "unlink",
        "aiofiles" => matches!(last, "remove" | "unlink" | "removedirs"),
        "boto3" | "botocore" | "aioboto3" | "aiobotocore" => {
            matches!(last, "delete_object" | "delete_objects")
                || last == "delete" && path.split('.').any(|part| matches!(part, "Object" | "ObjectSummary"))
        }
        "minio" => matches!(last, "remove_object" | "remove_objects"),
        "google" => {
            path.starts_with("google.cloud.storage.") && matches!(last, "delete" | "delete_blob" | "delete_blobs")
        }
        "azure" => path.starts_with("azure.storage.") && matches!(last, "delete_blob" | "delete_blobs" | "delete_file"),
        "fsspec" | "s3fs" | "gcsfs" | "adlfs" => matches!(last, "rm" | "rm_file" | "delete"),
        "oss2" => last == "delete_object",
        _ => false,
    }
}

/// Whether a method that only paths have removes the file, whatever is known of the object: `(self.root / name).unlink()`.
#[must_use]
pub fn unlinks(method: &str) -> bool {
    method == "unlink"
}

/// Whether a lock by the words of its name: `redis.lock`, `cache.lock`, `AdvisoryLock`, `acquire_lock`.
#[must_use]
pub fn names_lock(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    last.split('_').any(|word| matches!(word, "lock" | "mutex" | "locked" | "semaphore"))
        || last.ends_with("lock")
        || last.ends_with("mutex")
}

/// Whether a call releases a lock, by the words of its name: `redis.lock.Lock.release`, `release_lock`, `unlock`.
#[must_use]
pub fn frees_lock(path: &str) -> bool {
    let (object, last) = path.rsplit_once('.').unwrap_or(("", path));
    let last = last.to_ascii_lowercase();
    let releases = last.split('_').any(|word| matches!(word, "release" | "free"));
    releases && (names_lock(&last) || names_lock(object)) || last.rsplit('_').next() == Some("unlock")
}

/// Whether a call on a lock object of another library says that the lock is held from there on: `redis.lock.Lock.acquire`,
/// `.reacquire`, `.extend`.
#[must_use]
pub fn holds_lock(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(object, method)| {
        matches!(method, "acquire" | "reacquire" | "extend" | "renew" | "owned") && names_lock(object)
    })
}

/// Whether a class method of a Pydantic model reads the attributes of the object that it is handed (`from_attributes`).
#[must_use]
pub fn reads_attributes(method: &str) -> bool {
    matches!(method, "model_validate" | "from_orm")
}

#[cfg(test)]
mod tests {
    use super::{CLIENTS, frees_lock, holds_lock, reaches_out, reads_answer};

    #[test]
    fn a_lock_is_held_by_its_own_methods_only() {
        assert!(holds_lock("redis.lock.Lock.reacquire"));
        assert!(holds_lock("redis.Redis.lock.acquire"));
        assert!(!holds_lock("redis.lock.Lock.release"));
        assert!(!holds_lock("pool.Pool.acquire"));
    }

    #[test]
    fn a_lock_is_released_by_what_says_so() {
        assert!(frees_lock("redis.lock.Lock.release"));
        assert!(frees_lock("release_lock"));
        assert!(frees_lock("advisory_unlock"));
        assert!(!frees_lock("pool.Pool.release"));
        assert!(!frees_lock("unlocked_sessions"));
        assert!(!frees_lock("unlock_account"));
    }

    #[test]
    fn reading_an_answer_is_no_call() {
        assert!(reads_answer("httpx.Client.post", "json"));
        assert!(!reads_answer("httpx.Client", "get"));
        assert!(!reads_answer("requests.session", "get"));
        assert!(!reads_answer("stripe.Customer", "create"));
        assert!(reads_answer("stripe.identity.VerificationSession", "get"));
        assert!(!reads_answer("stripe.StripeClient", "get"));
    }

    #[test]
    fn clients_are_sorted_for_the_search() {
        assert!(CLIENTS.is_sorted(), "a client that stands out of order is not found");
        assert!(CLIENTS.iter().all(|client| reaches_out(&format!("{client}.x"))));
    }
}
