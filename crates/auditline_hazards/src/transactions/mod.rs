//! 1xx: transactions.

pub mod commit_in_loop;
pub mod commit_without_rollback;
pub mod double_commit_scope;
pub mod dual_write;
pub mod exception_text_match;
pub mod external_call_in_transaction;
pub mod hidden_commit;
pub mod swallowed_db_error;

use auditline_model::{Db, FunctionRef, entry};

/// Whether transactions in a function are worth a word: not in tests, migrations and scripts.
fn is_silent(db: &dyn Db, of: FunctionRef) -> bool {
    entry::is_test(db, of.file) || entry::is_migration(db, of.file) || entry::is_script(db, of.file)
}
