//! The catalogue of hazards: checks, fixes and pages.

pub mod catalogue;
pub mod check;
pub mod finding;
pub mod page;

pub use catalogue::{CATALOGUE, Check, Family, Hazard, find};
pub use check::{FileFindings, check_file};
pub use finding::{Evidence, FileEdit, Finding, Fix, Place, Safety, Severity, Story};
