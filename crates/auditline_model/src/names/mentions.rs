//! Which files mention a word: the first, cheap answer to "where in the workspace could that stand?".

use std::sync::Arc;

use crate::db::{Db, SourceFile};
use crate::shards::Shard;

/// The files in which a word occurs as an identifier, also in strings and comments; sorted by path.
#[must_use]
pub fn files_mentioning(db: &dyn Db, word: &str) -> Arc<[SourceFile]> {
    Arc::clone(db.files().mentions(db, word, None).files(db))
}

/// Those of them that are in a shard: an edit that writes the word into a file changes the answer for its shard alone.
#[must_use]
pub fn files_mentioning_in(db: &dyn Db, word: &str, shard: Shard) -> Arc<[SourceFile]> {
    Arc::clone(db.files().mentions(db, word, Some(shard)).files(db))
}

/// Whether a word occurs in a file, as [`files_mentioning`] tells it.
#[must_use]
pub fn mentions(db: &dyn Db, file: SourceFile, word: &str) -> bool {
    holds(db, db.files().mentions(db, word, None).files(db), file)
}

/// The files in which both words occur, sorted by path.
#[must_use]
pub fn files_mentioning_both(db: &dyn Db, one: &str, other: &str) -> Vec<SourceFile> {
    let (one, other) = (files_mentioning(db, one), files_mentioning(db, other));
    let (few, many) = if one.len() < other.len() { (one, other) } else { (other, one) };
    few.iter().copied().filter(|file| holds(db, &many, *file)).collect()
}

fn holds(db: &dyn Db, sorted: &[SourceFile], file: SourceFile) -> bool {
    let path = file.path(db);
    sorted.binary_search_by_key(&path, |other| other.path(db)).is_ok()
}
