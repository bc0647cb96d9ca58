//! Flask-SQLAlchemy's object, handed in for a parameter without a type: `ItemRepo(db)`.

use std::ops::ControlFlow;

use crate::db::{Db, FunctionRef};
use crate::eval::{libraries, value::Value, variable};
use crate::names;
use crate::symbols::Symbol;

use super::asked::Asked;

/// Whether all calls hand in Flask-SQLAlchemy's object for a parameter.
pub(crate) fn is_given_extension(db: &dyn Db, of: FunctionRef, index: u32) -> bool {
    let Some(asked) = Asked::of(db, of, index) else { return false };
    let mut is_given = false;
    let differs = asked.each_call(db, &mut |scope, code, args| {
        let handed = asked.argument(args).map(|given| names::resolve(db, scope, code, given));
        is_given = match handed {
            Some(Symbol::Variable(held)) => {
                matches!(variable(db, held), Value::Made(path) if path == libraries::FLASK)
            }
            _ => false,
        };
        if is_given { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    is_given && differs.is_continue()
}
