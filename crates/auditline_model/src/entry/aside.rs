//! Files that serve nobody: what stands beside a project's work.

use crate::db::{Db, SourceFile};

/// Whether a file is a test or a script: a person starts it, and what it does says nothing of what requests do.
#[must_use]
pub fn is_by_hand(db: &dyn Db, file: SourceFile) -> bool {
    super::is_test(db, file) || super::is_script(db, file)
}

/// Whether a file serves nobody: a test, a migration, or a script, whose process ends with a failure.
#[must_use]
pub fn is_aside(db: &dyn Db, file: SourceFile) -> bool {
    super::is_test(db, file) || super::is_migration(db, file) || super::is_script(db, file)
}
