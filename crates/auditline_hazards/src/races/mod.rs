//! 2xx: races.

mod alike;
pub mod blocking_lock_in_async;
pub mod check_then_create;
pub mod check_then_external_call;
pub mod count_then_insert;
mod dependence;
mod guardian;
mod held;
pub mod hot_path_write;
mod identity;
pub mod inconsistent_lock_order;
pub mod ineffective_lock;
mod isolation;
mod keyed;
pub mod lock_released_early;
pub mod non_idempotent_webhook;
pub mod process_local_state;
mod rows;
pub(crate) mod served;
pub mod stale_locked_read;
pub mod trigger_count_without_lock;
pub mod unguarded_lazy_singleton;
pub mod unlocked_read_modify_write;
pub mod upsert_misses_unique;
pub mod webhook_state_race;
mod writers;
mod written;
