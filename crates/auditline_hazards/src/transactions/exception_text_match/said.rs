//! What the databases say, in their own English words, and whether tests of them know what each of the project's databases says.

use auditline_model::Db;
use auditline_model::unit::{EventKind, FrameKind, HandlerInfo, TextTest, Unit};

use crate::databases::Database;

/// What is wrong, of which a database tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Unique,
    ForeignKey,
    NotNull,
    Check,
    Deadlock,
    Locked,
    TimeOut,
    NoTable,
    NoColumn,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::Unique,
        Self::ForeignKey,
        Self::NotNull,
        Self::Check,
        Self::Deadlock,
        Self::Locked,
        Self::TimeOut,
        Self::NoTable,
        Self::NoColumn,
    ];

    /// What a database says of it, without the names of tables and columns; empty where it knows no such fault. Of PostgreSQL also
    /// the names of its drivers' classes, which stand in the text of SQLAlchemy's errors: `(psycopg.errors.UniqueViolation)`.
    ///
    /// Sources: PostgreSQL's `nbtinsert.c`, `ri_triggers.c`, `execMain.c`, `deadlock.c`, `lock.c`, `postgres.c`; SQLite's
    /// `build.c` and result codes; MySQL's error message reference (1062, 1452, 1451, 1048, 3819, 1213, 1205, 3024); Oracle's
    /// (ORA-00001, 02291, 02292, 01400, 02290, 00060, 00054, 01013); SQL Server's (2627, 2601, 547, 515, 1205, 1222).
    fn said(self, database: Database) -> &'static [&'static str] {
        match (self, database) {
            (Self::Unique, Database::PostgreSql) => {
                &["duplicate key value violates unique constraint", "UniqueViolation"]
            }
            (Self::Unique, Database::Sqlite) => &["UNIQUE constraint failed"],
            (Self::Unique, Database::MySql) => &["Duplicate entry"],
            (Self::Unique, Database::Oracle) => &["ORA-00001: unique constraint"],
            (Self::ForeignKey, Database::PostgreSql) => &["violates foreign key constraint", "ForeignKeyViolation"],
            (Self::ForeignKey, Database::Sqlite) => &["FOREIGN KEY constraint failed"],
            (Self::ForeignKey, Database::MySql) => &["a foreign key constraint fails"],
            (Self::ForeignKey, Database::Oracle) => {
                &["ORA-02291: integrity constraint", "ORA-02292: integrity constraint"]
            }
            (Self::NotNull, Database::PostgreSql) => {
                &["null value in column", "violates not-null constraint", "NotNullViolation"]
            }
            (Self::NotNull, Database::Sqlite) => &["NOT NULL constraint failed"],
            (Self::NotNull, Database::MySql) => &["cannot be null"],
            (Self::NotNull, Database::Oracle) => &["ORA-01400: cannot insert NULL into"],
            (Self::Check, Database::PostgreSql) => &["violates check constraint", "CheckViolation"],
            (Self::Check, Database::Sqlite) => &["CHECK constraint failed"],
            (Self::Check, Database::MySql) => &["Check constraint"],
            (Self::Check, Database::Oracle) => &["ORA-02290: check constraint"],
            (Self::Deadlock, Database::PostgreSql) => &["deadlock detected", "DeadlockDetected"],
            (Self::Deadlock, Database::MySql) => &["Deadlock found when trying to get lock"],
            (Self::Deadlock, Database::Oracle) => &["ORA-00060: deadlock detected"],
            (Self::Locked, Database::PostgreSql) => {
                &["could not obtain lock", "canceling statement due to lock timeout", "LockNotAvailable"]
            }
            (Self::Locked, Database::Sqlite) => &["database is locked", "database table is locked"],
            (Self::Locked, Database::MySql) => &["Lock wait timeout exceeded"],
            (Self::Locked, Database::Oracle) => &["ORA-00054: resource busy"],
            (Self::TimeOut, Database::PostgreSql) => &["canceling statement due to statement timeout", "QueryCanceled"],
            (Self::TimeOut, Database::MySql) => &["maximum statement execution time exceeded"],
            (Self::TimeOut, Database::Oracle) => &["ORA-01013: user requested cancel"],
            (Self::Unique, Database::SqlServer) => {
                &["Cannot insert duplicate key", "Violation of UNIQUE KEY constraint"]
            }
            (Self::ForeignKey, Database::SqlServer) => {
                &["conflicted with the FOREIGN KEY constraint", "conflicted with the REFERENCE constraint"]
            }
            (Self::NotNull, Database::SqlServer) => &["Cannot insert the value NULL into column"],
            (Self::Check, Database::SqlServer) => &["conflicted with the CHECK constraint"],
            (Self::Deadlock, Database::SqlServer) => &["deadlocked on lock resources"],
            (Self::Locked, Database::SqlServer) => &["Lock request time out period exceeded"],
            (Self::NoTable, Database::PostgreSql) => &["UndefinedTable", "\" does not exist"],
            (Self::NoTable, Database::Sqlite) => &["no such table"],
            (Self::NoTable, Database::MySql) => &["' doesn't exist", "Unknown table"],
            (Self::NoTable, Database::Oracle) => &["ORA-00942: table or view does not exist"],
            (Self::NoTable, Database::SqlServer) => &["Invalid object name"],
            (Self::NoColumn, Database::PostgreSql) => &["UndefinedColumn", "\" does not exist"],
            (Self::NoColumn, Database::Sqlite) => &["no such column", "has no column named"],
            (Self::NoColumn, Database::MySql) => &["Unknown column"],
            (Self::NoColumn, Database::Oracle) => &["ORA-00904"],
            (Self::NoColumn, Database::SqlServer) => &["Invalid column name"],
            (Self::Deadlock | Self::TimeOut, Database::Sqlite) | (Self::TimeOut, Database::SqlServer) => &[],
        }
    }
}

/// Whether a handler is loud whatever the text says: all its paths raise, or do the work again. A text that is taken for
/// another then leads to the wrong answer of a request that fails, and nothing is passed over in silence.
pub(super) fn is_loud(unit: &Unit, handler: &HandlerInfo) -> bool {
    let returns = unit.events_in(handler.frame).any(|(_, event)| matches!(event.kind, EventKind::Return(_)));
    // The next round over a list is another item's: this one is passed over.
    let passes_over = handler.repeats
        && unit
            .ancestors(handler.frame)
            .find_map(|(_, frame)| match frame.kind {
                FrameKind::Loop { over_items, .. } => Some(over_items),
                _ => None,
            })
            .unwrap_or(true);
    handler.exits && !handler.breaks && !returns && !passes_over
}

/// Whether the tests of a handler, taken together, know what each database of which the project speaks says of the faults that
/// they are about.
pub(super) fn knows_all(db: &dyn Db, tests: &[TextTest]) -> bool {
    let databases: Vec<Database> = Database::ALL.into_iter().filter(|database| database.is_spoken(db)).collect();
    // All but SQLite say which constraint it is, by its name. What SQLite says while another writes is its own: no other database
    // lets in one writer at a time.
    let is_named = tests.iter().any(|test| test.words.is_some_and(|words| is_name(words.as_str())));
    let knows = |fault: Fault, database: Database| {
        fault.said(database).iter().any(|said| tests.iter().any(|test| is_met(test, said)))
    };
    let is_refusal = |fault: Fault| matches!(fault, Fault::Unique | Fault::ForeignKey | Fault::Check);
    let is_known = |fault: Fault, database: Database| {
        fault.said(database).is_empty()
            || knows(fault, database)
            || is_named && is_refusal(fault) && database != Database::Sqlite
    };
    let is_of_sqlite = |fault: Fault| fault == Fault::Locked && knows(fault, Database::Sqlite);
    let mut faults = Fault::ALL
        .into_iter()
        .filter(|fault| Database::ALL.into_iter().any(|database| knows(*fault, database)))
        .peekable();
    // Words that stand in what is said of several faults tell none of them.
    let tells_apart = |test: &TextTest| {
        let is_of = |fault: &Fault| {
            Database::ALL.into_iter().any(|database| fault.said(database).iter().any(|said| is_met(test, said)))
        };
        Fault::ALL.iter().filter(|fault| is_of(fault)).count() <= 1
    };
    !databases.is_empty()
        && tests.iter().all(tells_apart)
        && faults.peek().is_some()
        && faults.all(|fault| is_of_sqlite(fault) || databases.iter().all(|database| is_known(fault, *database)))
}

/// Whether words are the name of a constraint, index or column, which is the project's own and stays what it is.
pub(super) fn is_name(words: &str) -> bool {
    words.contains(['_', '.']) && !words.contains(' ') && !words.contains(".*")
}

/// Whether a test is met by what a database says. Of a pattern, one piece is enough: the others are names. A piece that is one
/// word, `column`, may stand in what is said of anything.
fn is_met(test: &TextTest, said: &str) -> bool {
    let Some(words) = test.words else { return false };
    let said = if test.lowered { said.to_ascii_lowercase() } else { said.to_owned() };
    let is_pattern = words.as_str().contains(".*");
    words.as_str().split(".*").any(|piece| {
        let is_told = piece.chars().filter(char::is_ascii_alphabetic).count() > 3;
        let is_within = said.contains(piece) && (!is_pattern || piece.trim().contains(' '));
        is_told && (is_within || piece.contains(&said))
    })
}
