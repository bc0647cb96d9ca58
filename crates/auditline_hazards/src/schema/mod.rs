//! 4xx: schema.

pub mod column_drift;
pub mod delete_nullifies_required_key;
pub mod foreign_key_type;
pub mod migration_gap;
pub mod migration_heads;
pub mod missing_index;
pub mod missing_required_field;
pub mod model_without_table;
mod new_revision;
pub mod one_sided_counter;
pub mod reserved_attribute;
mod sides;
pub mod table_without_model;
pub mod unknown_model_field;
pub mod unregistered_model;
pub mod untracked_json_mutation;
pub mod unused_model;

use auditline_model::{Db, SourceFile, entry};

/// Whether the schema is worth no word in a file: in tests and migrations.
fn is_silent(db: &dyn Db, file: SourceFile) -> bool {
    entry::is_test(db, file) || entry::is_migration(db, file)
}
