//! The catalogue of hazards: checks, fixes and pages.

pub mod catalogue;
pub mod check;
mod databases;
pub mod delivery;
pub mod edit;
pub mod finding;
pub mod page;
pub mod races;
pub mod schema;
pub mod sessions;
pub mod transactions;

pub use catalogue::{CATALOGUE, Check, Family, Hazard, find};
pub use check::{FileFindings, check_file};
pub use finding::{Changes, Evidence, FileEdit, Finding, Fix, NewFile, Place, Safety, Severity, Story};
