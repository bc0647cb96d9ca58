//! The catalogue of hazards: checks, fixes and pages.
