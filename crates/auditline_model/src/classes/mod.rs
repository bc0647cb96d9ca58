//! Classes: bases, attributes, methods, type arguments; what annotations and module-level variables say.

mod decorators;
mod detached;
mod implementations;
mod info;
mod level;
mod mro;
mod refusals;
mod types;
mod variables;

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef, parsed};

pub use decorators::{
    decorator_symbols, has_foreign_decorator, is_cached, is_class_method, is_context_manager, is_property, is_static,
};
pub(crate) use detached::last;
pub use detached::{Detached, DetachedArg, detach};
pub use implementations::implementation;
pub(crate) use implementations::subclasses;
pub use info::{
    AttributeInfo, Base, BaseTarget, ClassInfo, MethodInfo, MethodKind, class_info, class_of_method, own_method_info,
};
pub use level::{class_level_value, dependency_aliases};
pub use mro::{
    external_bases, has_unknown_base, is_subclass_of_external, method, method_behind, mro, resolve_type_params,
    type_argument,
};
pub use refusals::is_final_word;
pub use types::{TypeExpr, type_expr, type_in};
pub use variables::{VariableInfo, VariableKind, variable};

/// The methods that the class itself defines, setters and overloads included.
#[must_use]
pub fn own_methods(db: &dyn Db, of: ClassRef) -> Vec<FunctionRef> {
    let parsed = parsed(db, of.file);
    let Some(index) = parsed.class_index(of.path) else { return Vec::new() };
    parsed
        .module
        .functions
        .iter()
        .filter(|function| function.class.is_some_and(|class| class.index() == index))
        .map(|function| FunctionRef { file: of.file, path: function.path })
        .collect()
}

/// The methods of the class and of its bases within the workspace.
#[must_use]
pub fn all_methods(db: &dyn Db, of: ClassRef) -> Vec<FunctionRef> {
    mro(db, of).iter().flat_map(|ancestor| own_methods(db, *ancestor)).collect()
}

/// The last part of a path: the simple name.
#[must_use]
pub fn simple(path: Name) -> &'static str {
    let last = path.as_str().rsplit('.').next().unwrap_or_default();
    last.split('#').next().unwrap_or(last)
}
