//! What is known of names outside the workspace.

use auditline_syntax::Name;

/// The one path by which rules know a thing that libraries offer under several.
///
/// Of SQLAlchemy and SQLModel the package and the last part are kept: the middle of `sqlalchemy.orm.session.Session` carries
/// no meaning. What SQLModel only passes on is SQLAlchemy's; what it has of its own (`sqlmodel.Session`, `sqlmodel.select`)
/// stays apart. FastAPI passes much of Starlette on; `typing_extensions` and `collections.abc` are `typing`. A method or
/// attribute of a class stays with it, and other names are returned as they are.
#[must_use]
pub fn canonical(name: Name) -> Name {
    let path = name.as_str();
    let Some((module, last)) = path.rsplit_once('.') else { return name };
    let of_class = module.rsplit('.').next().and_then(|part| part.chars().next()).is_some_and(char::is_uppercase);
    if of_class {
        return name;
    }
    let root = module.split('.').next().unwrap_or(module);
    let known = match root {
        "sqlalchemy" if module.split('.').any(|part| matches!(part, "func" | "event")) => return name,
        // What `func` names is a function of the database, whoever passes `func` on.
        "sqlmodel" if module.split('.').any(|part| part == "func") => {
            return Name::new(&path.replacen("sqlmodel", "sqlalchemy", 1));
        }
        "sqlalchemy" => "sqlalchemy",
        "sqlmodel" => match last {
            "Session" | "AsyncSession" | "SQLModel" | "Field" | "Relationship" | "select" => "sqlmodel",
            _ => "sqlalchemy",
        },
        _ => match MODULES.binary_search_by(|(alias, _)| (*alias).cmp(module)) {
            Ok(at) => MODULES[at].1,
            Err(_) => return name,
        },
    };
    // `sqlmodel.sql` is a module, not something that is passed on.
    if known == module || last.is_empty() { name } else { Name::new(&format!("{known}.{last}")) }
}

/// Modules in which a library defines what it documents elsewhere, and modules that pass another's names on; sorted.
const MODULES: &[(&str, &str)] = &[
    ("collections.abc", "typing"),
    ("fastapi.applications", "fastapi"),
    ("fastapi.background", "fastapi"),
    ("fastapi.exceptions", "fastapi"),
    ("fastapi.param_functions", "fastapi"),
    ("fastapi.params", "fastapi"),
    ("fastapi.requests", "fastapi"),
    ("fastapi.routing", "fastapi"),
    ("flask_sqlalchemy.extension", "flask_sqlalchemy"),
    ("pydantic.fields", "pydantic"),
    ("pydantic.main", "pydantic"),
    ("pydantic.v1", "pydantic"),
    ("pydantic_settings.main", "pydantic_settings"),
    ("starlette.background", "fastapi"),
    ("starlette.concurrency", "fastapi.concurrency"),
    ("starlette.exceptions", "fastapi"),
    ("starlette.requests", "fastapi"),
    ("starlette.responses", "fastapi.responses"),
    ("typing_extensions", "typing"),
];

/// Whether `name` is a name that Python always knows.
pub(super) fn is_builtin(name: &str) -> bool {
    const BUILTINS: &[&str] = &[
        "ArithmeticError",
        "AssertionError",
        "AttributeError",
        "BaseException",
        "BaseExceptionGroup",
        "BlockingIOError",
        "BrokenPipeError",
        "BufferError",
        "BytesWarning",
        "ChildProcessError",
        "ConnectionAbortedError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "DeprecationWarning",
        "EOFError",
        "Ellipsis",
        "EnvironmentError",
        "Exception",
        "ExceptionGroup",
        "False",
        "FileExistsError",
        "FileNotFoundError",
        "FloatingPointError",
        "FutureWarning",
        "GeneratorExit",
        "IOError",
        "ImportError",
        "ImportWarning",
        "IndentationError",
        "IndexError",
        "InterruptedError",
        "IsADirectoryError",
        "KeyError",
        "KeyboardInterrupt",
        "LookupError",
        "MemoryError",
        "ModuleNotFoundError",
        "NameError",
        "None",
        "NotADirectoryError",
        "NotImplemented",
        "NotImplementedError",
        "OSError",
        "OverflowError",
        "PendingDeprecationWarning",
        "PermissionError",
        "ProcessLookupError",
        "RecursionError",
        "ReferenceError",
        "ResourceWarning",
        "RuntimeError",
        "RuntimeWarning",
        "StopAsyncIteration",
        "StopIteration",
        "SyntaxError",
        "SyntaxWarning",
        "SystemError",
        "SystemExit",
        "TabError",
        "TimeoutError",
        "True",
        "TypeError",
        "UnboundLocalError",
        "UnicodeDecodeError",
        "UnicodeEncodeError",
        "UnicodeError",
        "UnicodeTranslateError",
        "UnicodeWarning",
        "UserWarning",
        "ValueError",
        "Warning",
        "ZeroDivisionError",
        "__build_class__",
        "__debug__",
        "__import__",
        "abs",
        "aiter",
        "all",
        "anext",
        "any",
        "ascii",
        "bin",
        "bool",
        "breakpoint",
        "bytearray",
        "bytes",
        "callable",
        "chr",
        "classmethod",
        "compile",
        "complex",
        "copyright",
        "delattr",
        "dict",
        "dir",
        "divmod",
        "enumerate",
        "eval",
        "exec",
        "exit",
        "filter",
        "float",
        "format",
        "frozenset",
        "getattr",
        "globals",
        "hasattr",
        "hash",
        "help",
        "hex",
        "id",
        "input",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "locals",
        "map",
        "max",
        "memoryview",
        "min",
        "next",
        "object",
        "oct",
        "open",
        "ord",
        "pow",
        "print",
        "property",
        "quit",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "setattr",
        "slice",
        "sorted",
        "staticmethod",
        "str",
        "sum",
        "super",
        "tuple",
        "type",
        "vars",
        "zip",
    ];
    BUILTINS.binary_search(&name).is_ok()
}

/// Whether `top` is a module of the standard library. A workspace module of that name is taken for it only where the
/// whole imported path exists there.
pub(super) fn is_standard(top: &str) -> bool {
    const STANDARD: &[&str] = &[
        "__future__",
        "abc",
        "argparse",
        "array",
        "ast",
        "asyncio",
        "atexit",
        "base64",
        "bdb",
        "binascii",
        "bisect",
        "builtins",
        "bz2",
        "calendar",
        "cgi",
        "cmath",
        "cmd",
        "code",
        "codecs",
        "codeop",
        "collections",
        "colorsys",
        "compileall",
        "concurrent",
        "configparser",
        "contextlib",
        "contextvars",
        "copy",
        "copyreg",
        "csv",
        "ctypes",
        "curses",
        "dataclasses",
        "datetime",
        "dbm",
        "decimal",
        "difflib",
        "dis",
        "doctest",
        "email",
        "encodings",
        "enum",
        "errno",
        "faulthandler",
        "fcntl",
        "filecmp",
        "fileinput",
        "fnmatch",
        "fractions",
        "ftplib",
        "functools",
        "gc",
        "getopt",
        "getpass",
        "gettext",
        "glob",
        "graphlib",
        "grp",
        "gzip",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "http",
        "imaplib",
        "imghdr",
        "importlib",
        "inspect",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "linecache",
        "locale",
        "logging",
        "lzma",
        "mailbox",
        "marshal",
        "math",
        "mimetypes",
        "mmap",
        "multiprocessing",
        "netrc",
        "numbers",
        "operator",
        "optparse",
        "os",
        "pathlib",
        "pdb",
        "pickle",
        "pickletools",
        "pkgutil",
        "platform",
        "plistlib",
        "poplib",
        "posixpath",
        "pprint",
        "profile",
        "pstats",
        "pty",
        "pwd",
        "py_compile",
        "queue",
        "quopri",
        "random",
        "re",
        "readline",
        "reprlib",
        "resource",
        "runpy",
        "sched",
        "secrets",
        "select",
        "selectors",
        "shelve",
        "shlex",
        "shutil",
        "signal",
        "site",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "stat",
        "statistics",
        "string",
        "stringprep",
        "struct",
        "subprocess",
        "symtable",
        "sys",
        "sysconfig",
        "syslog",
        "tarfile",
        "telnetlib",
        "tempfile",
        "termios",
        "test",
        "textwrap",
        "threading",
        "time",
        "timeit",
        "tkinter",
        "token",
        "tokenize",
        "tomllib",
        "trace",
        "traceback",
        "tracemalloc",
        "tty",
        "types",
        "typing",
        "unicodedata",
        "unittest",
        "urllib",
        "uuid",
        "venv",
        "warnings",
        "wave",
        "weakref",
        "webbrowser",
        "wsgiref",
        "xml",
        "xmlrpc",
        "zipapp",
        "zipfile",
        "zipimport",
        "zlib",
        "zoneinfo",
    ];
    STANDARD.binary_search(&top).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> &'static str {
        canonical(Name::new(path)).as_str()
    }

    #[test]
    fn re_exports_have_one_name() {
        assert_eq!(name("sqlalchemy.orm.session.Session"), "sqlalchemy.Session");
        assert_eq!(name("sqlalchemy.orm.Session"), "sqlalchemy.Session");
        assert_eq!(name("sqlmodel.Session"), "sqlmodel.Session");
        assert_eq!(name("sqlmodel.orm.session.Session"), "sqlmodel.Session");
        assert_eq!(name("sqlmodel.col"), "sqlalchemy.col");
        assert_eq!(name("sqlmodel.sql.expression.select"), "sqlmodel.select");
        assert_eq!(name("sqlalchemy.future.select"), "sqlalchemy.select");
        assert_eq!(name("sqlalchemy.sql.expression.select"), "sqlalchemy.select");
        assert_eq!(name("sqlalchemy.ext.asyncio.session.AsyncSession"), "sqlalchemy.AsyncSession");
        assert_eq!(name("sqlmodel.ext.asyncio.session.AsyncSession"), "sqlmodel.AsyncSession");
        assert_eq!(name("sqlalchemy.orm.attributes.flag_modified"), "sqlalchemy.flag_modified");
        assert_eq!(name("fastapi.param_functions.Depends"), "fastapi.Depends");
        assert_eq!(name("typing_extensions.Annotated"), "typing.Annotated");
        assert_eq!(name("requests.get"), "requests.get");
        assert_eq!(name("requests"), "requests");
    }

    #[test]
    fn members_of_classes_stay_with_them() {
        assert_eq!(name("sqlalchemy.orm.Query.get"), "sqlalchemy.orm.Query.get");
        assert_eq!(name("sqlalchemy.func.count"), "sqlalchemy.func.count");
        assert_eq!(name("sqlalchemy.event.listens_for"), "sqlalchemy.event.listens_for");
    }

    #[test]
    fn tables_are_sorted() {
        assert!(MODULES.is_sorted());
        for word in ["Exception", "int", "zip", "open", "None"] {
            assert!(is_builtin(word), "{word}");
        }
        for word in ["abc", "email", "types", "zoneinfo", "logging"] {
            assert!(is_standard(word), "{word}");
        }
        assert!(!is_standard("sqlalchemy") && !is_builtin("Session"));
    }
}
