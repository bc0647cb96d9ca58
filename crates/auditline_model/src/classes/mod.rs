//! Classes: bases, methods, attributes, and what annotations say.

mod decorators;
mod types;

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, ExprId, StmtKind};
use rustc_hash::FxHashMap;

use crate::db::{ClassRef, Db, FunctionRef, VariableRef, class, parsed};
use crate::eval::value::Value;
use crate::names;
use crate::symbols::Symbol;

pub use decorators::{decorator_symbols, is_cached, is_class_method, is_context_manager, is_property, is_static};
pub use types::{TypeExpr, dependency_aliases, type_expr};

/// A class, with its bases resolved; no positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassInfo {
    /// Its bases, in order.
    pub bases: Vec<Base>,
    /// The names of its own methods, and their paths.
    pub methods: FxHashMap<Name, Name>,
    /// The names that its body binds by assignment or annotation, in order.
    pub attributes: Vec<ClassAttribute>,
    /// The keywords of its `class` statement whose value is `True`.
    pub true_keywords: Vec<Name>,
    /// Its metaclass, where it names one.
    pub metaclass: Option<Symbol>,
    /// Its decorators.
    pub decorators: Vec<Symbol>,
    /// Whether something in its body could not be parsed, or runs under a condition or loop, so that more attributes
    /// may come to be than are listed.
    pub open: bool,
}

/// A base of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What it is.
    pub symbol: Symbol,
    /// Its type arguments: `Repository[User]`.
    pub arguments: Vec<Symbol>,
}

/// A name bound in a class body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassAttribute {
    /// The name.
    pub name: Name,
    /// The annotation, in the arena of the class.
    pub annotation: Option<ExprId>,
    /// The value, in the arena of the class.
    pub value: Option<ExprId>,
}

/// A class with its bases resolved; `None` once it is gone.
pub fn class_info(db: &dyn Db, of: ClassRef) -> Option<Arc<ClassInfo>> {
    class_info_query(db, of, ())
}

#[salsa::tracked(returns(clone))]
fn class_info_query(db: &dyn Db, of: ClassRef, _key: ()) -> Option<Arc<ClassInfo>> {
    let body = class(db, of)?;
    let parsed = parsed(db, of.file);
    let code = &body.code;
    let mut info = ClassInfo { open: body.has_errors, ..ClassInfo::default() };
    for base in &body.bases {
        if matches!(code[*base], Expr::Starred(_)) {
            info.bases.push(Base { symbol: Symbol::Unknown, arguments: Vec::new() });
            continue;
        }
        let (symbol, arguments) = match &code[*base] {
            Expr::Subscript { value, index } => {
                let indices = match &code[*index] {
                    Expr::Tuple(items) => items.clone(),
                    _ => vec![*index],
                };
                let arguments = indices.iter().map(|index| base_symbol(db, of, *index)).collect();
                (base_symbol(db, of, *value), arguments)
            }
            _ => (base_symbol(db, of, *base), Vec::new()),
        };
        info.bases.push(Base { symbol, arguments });
        if let Some(symbol) = base_class_of_factory(db, of, *base) {
            info.bases.push(Base { symbol, arguments: Vec::new() });
        }
    }
    for (name, value) in &body.keywords {
        if *name == "metaclass" {
            info.metaclass = Some(base_symbol(db, of, *value));
        } else if matches!(code[*value], Expr::Bool(true)) {
            info.true_keywords.push(*name);
        }
    }
    info.decorators = body.decorators.iter().map(|decorator| decorator_symbol(db, of, *decorator)).collect();
    for stmt in &code.block {
        match &stmt.kind {
            StmtKind::Function(index) => {
                if let Some(function) = parsed.module.functions.get(index.index()) {
                    // A property and its setter share a name; the first definition is the getter.
                    info.methods.entry(function.name).or_insert(function.path);
                }
            }
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    if let Expr::Name(name) = &code[*target] {
                        info.attributes.push(ClassAttribute { name: *name, annotation: None, value: Some(*value) });
                    }
                }
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                if let Expr::Name(name) = &code[*target] {
                    info.attributes.push(ClassAttribute { name: *name, annotation: Some(*annotation), value: *value });
                }
            }
            StmtKind::Expr(_) | StmtKind::Pass | StmtKind::Class(_) => {}
            StmtKind::If(_) | StmtKind::For { .. } | StmtKind::Try(_) | StmtKind::With { .. } | StmtKind::Broken => {
                info.open = true;
            }
            _ => {}
        }
    }
    Some(Arc::new(info))
}

fn base_symbol(db: &dyn Db, of: ClassRef, expr: ExprId) -> Symbol {
    let Some(body) = class(db, of) else { return Symbol::Unknown };
    let symbol = match &body.code[expr] {
        Expr::Call { func, .. } => {
            // `declarative_base()` in the list of bases, `with_metaclass(...)`: what the call makes.
            match names::resolve_expr(db, of.file, &body.code, *func) {
                Symbol::External(path) => return Symbol::External(Name::new(&format!("{path}()"))),
                _ => return Symbol::Unknown,
            }
        }
        Expr::Attribute { value, attr } => {
            // `db.Model` of a Flask-SQLAlchemy extension object.
            let object = names::resolve_expr(db, of.file, &body.code, *value);
            if let Symbol::Variable(variable) = object {
                return match crate::eval::variable(db, variable) {
                    Value::Made(path) => Symbol::External(Name::new(&format!("{path}.{attr}"))),
                    _ => Symbol::Unknown,
                };
            }
            names::member(db, object, *attr)
        }
        _ => names::resolve_expr(db, of.file, &body.code, expr),
    };
    if symbol == Symbol::Unknown
        && let Expr::Name(name) = &body.code[expr]
    {
        // A class nested in the same class or function.
        if let Some((outer, _)) = of.path.rsplit_once('.') {
            let nested = ClassRef { file: of.file, path: Name::new(&format!("{outer}.{name}")) };
            if class(db, nested).is_some() {
                return Symbol::Class(nested);
            }
        }
    }
    match symbol {
        Symbol::Variable(variable) => base_variable(db, variable),
        symbol => symbol,
    }
}

/// The class behind `Base = declarative_base(cls=CustomBase)`.
fn base_class_of_factory(db: &dyn Db, of: ClassRef, expr: ExprId) -> Option<Symbol> {
    let body = class(db, of)?;
    let Symbol::Variable(variable) = names::resolve_expr(db, of.file, &body.code, expr) else { return None };
    let parsed = parsed(db, variable.file);
    let code = &parsed.module.code;
    let mut found = None;
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
        let StmtKind::Assign { targets, value } = &stmt.kind else { return };
        if !targets.iter().any(|target| matches!(&code[*target], Expr::Name(name) if *name == variable.name)) {
            return;
        }
        if let Some(call) = auditline_syntax::python::Call::of(code, *value)
            && let Some(base) = call.keyword("cls")
        {
            found = Some(names::resolve_expr(db, variable.file, code, base));
        }
    });
    found
}

/// A base that is a variable: `Base = declarative_base()`, `Model = db.Model`, an alias of a class.
fn base_variable(db: &dyn Db, variable: VariableRef) -> Symbol {
    match crate::eval::variable(db, variable) {
        Value::Symbol(Symbol::Variable(_)) => Symbol::Unknown,
        Value::Symbol(symbol) => symbol,
        Value::Made(path) => Symbol::External(Name::new(&format!("{path}()"))),
        Value::Attribute(inner, name) => match *inner {
            Value::Made(path) => Symbol::External(Name::new(&format!("{path}.{name}"))),
            _ => Symbol::Unknown,
        },
        _ => Symbol::Unknown,
    }
}

fn decorator_symbol(db: &dyn Db, of: ClassRef, expr: ExprId) -> Symbol {
    let Some(body) = class(db, of) else { return Symbol::Unknown };
    match &body.code[expr] {
        Expr::Call { func, .. } => names::resolve_expr(db, of.file, &body.code, *func),
        _ => names::resolve_expr(db, of.file, &body.code, expr),
    }
}

/// The class and its bases within the workspace, nearest first, each once.
pub fn mro(db: &dyn Db, of: ClassRef) -> Arc<Vec<ClassRef>> {
    mro_query(db, of, ())
}

#[salsa::tracked(returns(clone), cycle_result = only_itself)]
fn mro_query(db: &dyn Db, of: ClassRef, _key: ()) -> Arc<Vec<ClassRef>> {
    let mut order = vec![of];
    if let Some(info) = class_info(db, of) {
        for base in &info.bases {
            if let Symbol::Class(base) = base.symbol {
                for ancestor in mro(db, base).iter() {
                    // A shared base stands behind all that inherit from it.
                    order.retain(|known| known != ancestor || *known == of);
                    if *ancestor != of {
                        order.push(*ancestor);
                    }
                }
            }
        }
    }
    Arc::new(order)
}

fn only_itself(_db: &dyn Db, _id: salsa::Id, of: ClassRef, _key: ()) -> Arc<Vec<ClassRef>> {
    Arc::new(vec![of])
}

/// The bases outside the workspace, of the class and of its bases within.
#[must_use]
pub fn external_bases(db: &dyn Db, of: ClassRef) -> Vec<Name> {
    let mut names = Vec::new();
    for ancestor in mro(db, of).iter() {
        let Some(info) = class_info(db, *ancestor) else { continue };
        for base in &info.bases {
            if let Symbol::External(path) = base.symbol
                && !names.contains(&path)
            {
                names.push(path);
            }
        }
    }
    names
}

/// Whether a base of the class, or of its bases, could not be resolved.
#[must_use]
pub fn has_unknown_base(db: &dyn Db, of: ClassRef) -> bool {
    mro(db, of).iter().any(|ancestor| {
        class_info(db, *ancestor).is_none_or(|info| {
            info.bases.iter().any(|base| !matches!(base.symbol, Symbol::Class(_) | Symbol::External(_)))
        })
    })
}

/// The method of that name, in the class or its bases.
#[must_use]
pub fn method(db: &dyn Db, of: ClassRef, name: Name) -> Option<FunctionRef> {
    mro(db, of).iter().find_map(|ancestor| {
        let info = class_info(db, *ancestor)?;
        info.methods.get(&name).map(|path| FunctionRef { file: ancestor.file, path: *path })
    })
}

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

/// What the class body says that an attribute holds: its value, or its annotation, or, for a type parameter's model,
/// the argument that a subclass gives.
#[must_use]
pub fn class_level_value(db: &dyn Db, of: ClassRef, name: Name) -> Value {
    for ancestor in mro(db, of).iter() {
        let Some(info) = class_info(db, *ancestor) else { continue };
        let Some(attribute) = info.attributes.iter().rev().find(|attribute| attribute.name == name) else { continue };
        if let Some(value) = attribute.value {
            let held = crate::eval::evaluate_class_attribute(db, *ancestor, value);
            match held {
                Value::None | Value::Unknown => {}
                Value::Session(session) => {
                    return Value::Session(Arc::new(crate::eval::value::SessionValue {
                        origin: match &session.origin {
                            kept @ (crate::eval::value::SessionOrigin::Registry(_)
                            | crate::eval::value::SessionOrigin::Dependency(_)) => kept.clone(),
                            _ => crate::eval::value::SessionOrigin::ClassAttribute(*ancestor, name),
                        },
                        ..(*session).clone()
                    }));
                }
                held => return held,
            }
        }
        if let Some(annotation) = attribute.annotation {
            let Some(body) = class(db, *ancestor) else { continue };
            let ty = type_expr(db, ancestor.file, None, &body.code, annotation);
            return crate::eval::value_of_attribute_type(db, &ty);
        }
    }
    Value::Unknown
}

/// The last part of a path: the simple name.
#[must_use]
pub fn simple(path: Name) -> &'static str {
    let last = path.as_str().rsplit('.').next().unwrap_or_default();
    last.split('#').next().unwrap_or(last)
}
