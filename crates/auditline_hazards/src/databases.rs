//! Of which databases a project speaks.

use auditline_model::names::files_mentioning;
use auditline_model::{Db, entry};

/// A database that SQLAlchemy has a dialect for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Whether some code of the workspace besides its tests names it: in a URL, an import, a setting.
    pub(crate) fn is_spoken(self, db: &dyn Db) -> bool {
        let mut naming = self.words().iter().flat_map(|word| files_mentioning(db, word).to_vec());
        naming.any(|file| !entry::is_test(db, file))
    }

    /// Whether the workspace names it, and no other.
    pub(crate) fn is_alone(self, db: &dyn Db) -> bool {
        self.is_spoken(db) && Self::ALL.into_iter().all(|other| other == self || !other.is_spoken(db))
    }
}
