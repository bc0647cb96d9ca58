//! 1xx: transactions.

pub mod commit_in_loop;
pub mod commit_without_rollback;
pub mod double_commit_scope;
pub mod dual_write;
pub mod exception_text_match;
pub mod external_call_in_transaction;
pub(crate) mod failing;
pub mod hidden_commit;
pub mod lossy_batch;
mod refusable;
pub mod split_transaction;
pub mod swallowed_db_error;

use crate::check::is_silent;
