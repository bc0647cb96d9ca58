//! Imports that cannot work: of modules that are nowhere, and of names that a module does not have.
//!
//! A claim that something is not there needs every place where it could be to be known. So a module counts as missing
//! only where the directory that would hold it was looked into, and a name only where all that its module binds can be
//! told.

mod absent;
mod generated;
mod hidden;
mod index;
mod missing;
mod order;
mod sites;
#[cfg(test)]
mod tests;

pub use absent::lacks;
pub use hidden::{hidden_module, hiding_package};
pub use index::{modules_named, python_files};
pub use missing::{Broken, Missing, broken_imports};
pub use order::{Cycle, Failure, Link, cycles, cycles_at, link_range};
pub use sites::{ImportSite, Imported, import_sites};
