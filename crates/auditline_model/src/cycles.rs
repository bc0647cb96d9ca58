//! Questions that come back to themselves: modules that import from one another, classes that name one another, functions
//! that call one another.
//!
//! The engine asks such a question again until its answer no longer changes
//! (<https://salsa-rs.github.io/salsa/cycles.html>). It begins with "nothing known", and what may swing for ever is held after a
//! few rounds.

use crate::Db;

/// After so many rounds an answer that still changes is taken as it stands. Effects and types only grow, so that real code
/// settles after two or three.
const ROUNDS: u32 = 12;

/// The answer to begin with, or, for one that is not asked again, the answer where it comes back to itself; for a question
/// with two keys: nothing is known.
pub(crate) fn nothing<T: Default, K, L>(_: &dyn Db, _: salsa::Id, _: K, _: L) -> T {
    T::default()
}

/// The answer of this round, for a question with two keys.
pub(crate) fn settle<T: Clone, K, L>(_: &dyn Db, cycle: &salsa::Cycle<'_>, last: &T, value: T, _: K, _: L) -> T {
    settled(cycle, last, value)
}

/// The answer of this round; the last one once there have been enough of them.
pub(crate) fn settled<T: Clone>(cycle: &salsa::Cycle<'_>, last: &T, value: T) -> T {
    if cycle.iteration() > ROUNDS { last.clone() } else { value }
}
