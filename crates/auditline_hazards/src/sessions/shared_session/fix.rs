//! The cure: hand out a fresh session instead of the kept one.

use auditline_model::FunctionRef;
use auditline_syntax::Name;

use crate::edit;
use crate::finding::{Fix, Safety};

/// For an accessor that keeps its session in a global.
pub(super) fn fresh_session(of: FunctionRef, global: Name) -> Vec<Fix> {
    vec![Fix::new("Return a fresh session for each call", Safety::Unsafe, move |db| {
        edit::in_function(db, of, |scope| edit::return_fresh(scope, global))
    })]
}
