//! From the syntax tree to the lowered form.

use super::ir::Module;
use super::parse::Tree;

/// Lowers a parsed text.
#[must_use]
pub fn lower(text: &str, tree: &Tree) -> Module {
    lower_with(text, tree, None)
}

/// Lowers a parsed text; functions that stand unchanged in `previous`, an earlier text and what it was lowered to, are
/// shared with it.
#[must_use]
pub fn lower_with(text: &str, tree: &Tree, previous: Option<(&str, &Module)>) -> Module {
    let _ = (text, tree, previous);
    Module::default()
}
