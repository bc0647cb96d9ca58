//! Of which databases a project speaks.

use auditline_model::names::files_mentioning;
use auditline_model::{Db, entry, packages};

/// A database that SQLAlchemy has a dialect for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Database {
    /// PostgreSQL, and what speaks as it does.
    PostgreSql,
    Sqlite,
    /// MySQL and MariaDB.
    MySql,
    Oracle,
    SqlServer,
}

impl Database {
    pub(crate) const ALL: [Self; 5] = [Self::PostgreSql, Self::Sqlite, Self::MySql, Self::Oracle, Self::SqlServer];

    /// The names of its dialects and drivers
    /// (<https://docs.sqlalchemy.org/en/20/dialects/index.html>).
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::PostgreSql => {
                &["postgresql", "postgres", "psycopg", "psycopg2", "psycopg2cffi", "asyncpg", "pg8000", "cockroachdb"]
            }
            Self::Sqlite => &["sqlite", "sqlite3", "aiosqlite", "pysqlite", "pysqlcipher"],
            Self::MySql => {
                &["mysql", "mariadb", "pymysql", "MySQLdb", "mysqldb", "aiomysql", "asyncmy", "mysqlconnector"]
            }
            Self::Oracle => &["oracle", "oracledb", "cx_oracle", "cx_Oracle"],
            Self::SqlServer => &["mssql", "pyodbc", "pymssql", "aioodbc"],
        }
    }

    /// The packages of its drivers. That of SQLite comes with Python, and another one often with the tests.
    fn drivers(self) -> &'static [&'static str] {
        match self {
            Self::PostgreSql => &["psycopg", "psycopg2", "psycopg2-binary", "psycopg2cffi", "asyncpg", "pg8000"],
            Self::Sqlite => &[],
            Self::MySql => &["mysqlclient", "pymysql", "aiomysql", "asyncmy", "mysql-connector-python"],
            Self::Oracle => &["oracledb", "cx-oracle"],
            Self::SqlServer => &["pyodbc", "pymssql", "aioodbc"],
        }
    }

    /// Whether the workspace speaks to it, tests aside: in the URL of an engine, an import, the name of a dialect, a setting, a
    /// requirement. What comments and prose say of it does not count.
    pub(crate) fn is_spoken(self, db: &dyn Db) -> bool {
        is_spoken(db, self, ())
    }

    /// Whether the workspace names it, and no other, in whichever way.
    pub(crate) fn is_alone(self, db: &dyn Db) -> bool {
        let is_named = |database: Self| {
            let mut naming = database.words().iter().flat_map(|word| files_mentioning(db, word).to_vec());
            naming.any(|file| !entry::is_test(db, file)) || is_installed(db, database)
        };
        is_named(self) && Self::ALL.into_iter().all(|other| other == self || !is_named(other))
    }
}

/// Whether a requirement asks for one of its drivers.
fn is_installed(db: &dyn Db, database: Database) -> bool {
    database.drivers().iter().any(|package| packages::is_required(db, package))
}

/// A query of its own: it is asked for every handler that reads an exception's text, and looks into the text of files.
#[salsa::tracked(returns(copy))]
fn is_spoken(db: &dyn Db, database: Database, _key: ()) -> bool {
    let is_in_code = |word: &&str| {
        files_mentioning(db, word).iter().filter(|file| !entry::is_test(db, **file)).any(|file| {
            file.content(db).text().is_some_and(|text| text.text().lines().any(|line| is_code_of(line, word)))
        })
    };
    database.words().iter().any(is_in_code) || is_installed(db, database)
}

/// Whether a line of Python speaks to a dialect or driver: `"sqlite"`, `"sqlite+aiosqlite:///"`, `import sqlite3`,
/// `from sqlalchemy.dialects import sqlite`.
fn is_code_of(line: &str, word: &str) -> bool {
    let line = line.trim_start();
    if line.starts_with('#') {
        return false;
    }
    let is_import = line.starts_with("import ") || line.starts_with("from ");
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind = line[at + word.len()..].chars().next();
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let is_quoted = matches!(before, Some('"' | '\'')) && matches!(behind, Some('"' | '\'' | '+' | ':'));
        let is_driver = before == Some('+') && behind == Some(':');
        !is_part(before)
            && !is_part(behind)
            && (is_import || is_quoted || is_driver || line[..at].ends_with("dialects."))
    })
}
