//! Findings as text, JSON and other formats.

pub mod diff;
pub mod html;
pub mod json;
pub mod lines;
mod paths;
pub mod schema;
mod style;
pub mod text;

pub use paths::{relative, relative_text, visible};
pub use style::Style;
