//! The order in which modules are loaded, and circles in it.

mod circles;
mod load;
mod steps;
#[cfg(test)]
mod tests;

use auditline_syntax::TextRange;

use crate::db::{Db, SourceFile, parsed};

pub use circles::{Cycle, cycles, cycles_at};
pub use load::Failure;

/// An import at the level of a module: the n-th there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link {
    /// The module that imports.
    pub file: SourceFile,
    /// Which of its imports.
    pub at: u32,
    /// Which of the names of that import; 0 where it has none.
    pub name: u32,
}

/// Where an import stands, absolute.
#[must_use]
pub fn link_range(db: &dyn Db, link: Link) -> Option<TextRange> {
    let parsed = parsed(db, link.file);
    steps::imports(&parsed.module).get(link.at as usize)?.get(link.name as usize).copied()
}
