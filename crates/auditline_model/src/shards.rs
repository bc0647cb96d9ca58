//! The Python files of the workspace in shards, for questions that need all of them.
//!
//! A query that asks every file holds an edge to each answer, and each edge is looked at with every keystroke. Asked shard
//! by shard, it holds an edge to each shard, and only the shard of the edited file is looked into: the others are made of
//! files on disk alone, and what depends on nothing else is known to stand without a look (salsa's durability).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use auditline_source::FilePath;
use rustc_hash::FxHasher;

use crate::db::{Db, Settings, SourceFile};
use crate::imports::python_files;

/// One of [`Shard::all`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u8);

impl Shard {
    /// Near the square root of 10,000, at which the shards and the files of one cost the same.
    const COUNT: u8 = 100;

    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The shard of a path.
    #[must_use]
    pub fn of(path: FilePath) -> Self {
        let mut hasher = FxHasher::default();
        path.hash(&mut hasher);
        Self(u8::try_from(hasher.finish() % u64::from(Self::COUNT)).unwrap_or_default())
    }
}

/// The Python modules of a shard, sorted by path.
#[salsa::tracked(returns(clone))]
pub fn python_files_of(db: &dyn Db, shard: Shard, _settings: Settings) -> Arc<[SourceFile]> {
    python_files(db).iter().copied().filter(|file| Shard::of(file.path(db)) == shard).collect()
}
