//! What a class statement says.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Class, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::{Call, dotted, walk_statements};
use rustc_hash::FxHashMap;

use super::detached::{Detached, detach};
use super::types::{TypeExpr, type_in};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, head, parsed};
use crate::names::Scope;
use crate::symbols::Symbol;

/// A class, resolved and without positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassInfo {
    /// Its simple name.
    pub name: Option<Name>,
    /// The bases.
    pub bases: Vec<Base>,
    /// Keyword arguments of the class statement: `table=True`.
    pub keywords: Vec<(Name, Detached)>,
    /// The decorators.
    pub decorators: Vec<Detached>,
    /// What the body assigns or annotates, in source order; a later assignment of a name replaces an earlier one.
    pub attributes: Vec<AttributeInfo>,
    /// The functions of the body, in source order of their last definition.
    pub methods: Vec<MethodInfo>,
    /// The type parameters, in order: those of `class C[T]`, of `Generic[T]`, or of the other bases.
    pub type_params: Vec<Name>,
    /// Names of classes in the body.
    pub nested: Vec<Name>,
    /// Whether something in the body could not be parsed.
    pub has_errors: bool,
    /// Whether the body has statements that may bind names in a way that is not read: calls for their effect, imports,
    /// writes to `locals()`.
    pub is_open: bool,
    attribute_index: FxHashMap<Name, u32>,
    method_index: FxHashMap<Name, u32>,
}

/// A base of a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Base {
    /// What it is.
    pub target: BaseTarget,
    /// The arguments in brackets.
    pub args: Vec<TypeExpr>,
}

/// What a base is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BaseTarget {
    /// A class of the workspace.
    Class(ClassRef),
    /// A class from outside, by its canonical path.
    External(Name),
    /// A variable: `Base = declarative_base()`.
    Variable(VariableRef),
    /// An attribute of a variable: `db.Model`.
    Attribute(VariableRef, Name),
    /// The result of a call.
    Call(Detached),
    /// It cannot be told.
    Unknown,
}

/// An attribute that a class body assigns or annotates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributeInfo {
    /// Its name.
    pub name: Name,
    /// Its annotation.
    pub annotation: Option<TypeExpr>,
    /// Its value.
    pub value: Option<Detached>,
}

/// A function in a class body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MethodInfo {
    /// Its name.
    pub name: Name,
    /// Its path in the module.
    pub path: Name,
    /// How it is called.
    pub kind: MethodKind,
    /// `async def`.
    pub is_async: bool,
    /// The decorators.
    pub decorators: Vec<Detached>,
    /// The return annotation.
    pub returns: Option<TypeExpr>,
}

/// How a function in a class body is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// With the object.
    Instance,
    /// With the class.
    Class,
    /// With neither.
    Static,
    /// By reading it as an attribute.
    Property,
}

impl ClassInfo {
    /// An own attribute.
    #[must_use]
    pub fn attribute(&self, name: Name) -> Option<&AttributeInfo> {
        self.attribute_index.get(&name).map(|index| &self.attributes[*index as usize])
    }

    /// An own method.
    #[must_use]
    pub fn method(&self, name: Name) -> Option<&MethodInfo> {
        self.method_index.get(&name).map(|index| &self.methods[*index as usize])
    }

    /// A keyword argument of the class statement.
    #[must_use]
    pub fn keyword(&self, name: &str) -> Option<&Detached> {
        self.keywords.iter().find(|(own, _)| *own == *name).map(|(_, value)| value)
    }
}

/// What a class statement says; `None` if there is no such class.
#[must_use]
pub fn class_info(db: &dyn Db, class: ClassRef) -> Option<Arc<ClassInfo>> {
    class_info_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn class_info_at(db: &dyn Db, file: SourceFile, path: Name) -> Option<Arc<ClassInfo>> {
    let parsed = parsed(db, file);
    let class = &parsed.module.classes[parsed.class_index(path)?];
    let reference = ClassRef { file, path };
    let scope = Scope::Class(reference);
    let code = &class.code;
    let mut info = ClassInfo {
        name: Some(class.name),
        bases: read_bases(db, scope, class),
        keywords: class.keywords.iter().map(|(name, value)| (*name, detach(db, scope, code, *value))).collect(),
        decorators: class.decorators.iter().map(|decorator| detach(db, scope, code, *decorator)).collect(),
        has_errors: class.has_errors,
        is_open: is_open(code),
        ..ClassInfo::default()
    };
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } => {
            for target in targets {
                match &code[*target] {
                    Expr::Name(name) => info.add(*name, None, Some(detach(db, scope, code, *value))),
                    Expr::Tuple(parts) | Expr::List(parts) => {
                        for part in parts {
                            if let Expr::Name(name) = &code[*part] {
                                info.add(*name, None, Some(Detached::Other));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        StmtKind::AnnAssign { target, annotation, value } => {
            if let Expr::Name(name) = &code[*target] {
                let annotation = type_in(db, scope, code, *annotation);
                info.add(*name, Some(annotation), value.map(|value| detach(db, scope, code, value)));
            }
        }
        StmtKind::For { target, .. } => {
            if let Expr::Name(name) = &code[*target] {
                info.add(*name, None, Some(Detached::Other));
            }
        }
        StmtKind::Function(index) => {
            if let Some(function) = parsed.module.functions.get(index.index()) {
                let decorators: Vec<Detached> =
                    function.decorators.iter().map(|decorator| detach(db, scope, &function.code, *decorator)).collect();
                let method = MethodInfo {
                    name: function.name,
                    path: function.path,
                    kind: method_kind(function.name, &decorators),
                    is_async: function.is_async,
                    returns: function.returns.map(|returns| type_in(db, scope, &function.code, returns)),
                    decorators,
                };
                info.add_method(method);
            }
        }
        StmtKind::Class(index) => {
            info.nested.extend(parsed.module.classes.get(index.index()).map(|class| class.name));
        }
        _ => {}
    });
    info.type_params = type_params(class, &info.bases);
    Some(Arc::new(info))
}

fn is_open(code: &Code) -> bool {
    code.block.iter().any(|stmt| match &stmt.kind {
        // A constraint that is not assigned does nothing.
        StmtKind::Expr(expr) => Call::of(code, *expr).is_some_and(|call| {
            !dotted(code, call.func).is_some_and(|path| {
                path.ends_with("Constraint") || matches!(super::last(path).as_str(), "Index" | "print")
            })
        }),
        StmtKind::Broken | StmtKind::ImportFrom(_) => true,
        StmtKind::Assign { targets, .. } => {
            targets.iter().any(|target| matches!(code[*target], Expr::Subscript { .. }))
        }
        _ => false,
    })
}

impl ClassInfo {
    fn add(&mut self, name: Name, annotation: Option<TypeExpr>, value: Option<Detached>) {
        match self.attribute_index.get(&name) {
            Some(index) => {
                let known = &mut self.attributes[*index as usize];
                known.annotation = annotation.or(known.annotation.take());
                known.value = value.or(known.value.take());
            }
            None => {
                let index = u32::try_from(self.attributes.len()).unwrap_or(u32::MAX);
                self.attribute_index.insert(name, index);
                self.attributes.push(AttributeInfo { name, annotation, value });
            }
        }
    }

    fn add_method(&mut self, method: MethodInfo) {
        match self.method_index.get(&method.name) {
            Some(index) => {
                let known = &mut self.methods[*index as usize];
                // The setter of a property is not another method.
                if known.kind != MethodKind::Property || !is_accessor(&method) {
                    *known = method;
                }
            }
            None => {
                let index = u32::try_from(self.methods.len()).unwrap_or(u32::MAX);
                self.method_index.insert(method.name, index);
                self.methods.push(method);
            }
        }
    }
}

fn is_accessor(method: &MethodInfo) -> bool {
    method.decorators.iter().any(|decorator| {
        matches!(
            decorator.last_name().as_deref(),
            Some("setter" | "deleter" | "getter" | "expression" | "inplace" | "update_expression" | "comparator")
        )
    })
}

fn method_kind(name: Name, decorators: &[Detached]) -> MethodKind {
    for decorator in decorators {
        match decorator.last_name().as_deref() {
            Some("staticmethod") => return MethodKind::Static,
            Some("classmethod") => return MethodKind::Class,
            Some(
                "property" | "cached_property" | "hybrid_property" | "declared_attr" | "setter" | "deleter" | "getter"
                | "computed_field" | "classproperty" | "abstractproperty" | "lazy_property" | "memoized_property"
                | "aggregated" | "expression" | "directive" | "cascading",
            ) => return MethodKind::Property,
            _ => {}
        }
    }
    match name.as_str() {
        "__new__" => MethodKind::Static,
        "__init_subclass__" | "__class_getitem__" => MethodKind::Class,
        _ => MethodKind::Instance,
    }
}

fn read_bases(db: &dyn Db, scope: Scope, class: &Class) -> Vec<Base> {
    let mut bases: Vec<Base> = class.bases.iter().map(|base| read_base(db, scope, class, *base)).collect();
    // `Base = declarative_base(cls=Common)`, `db = SQLAlchemy(model_class=Common)`: `Common` is a base too.
    let made_from: Vec<ClassRef> = bases.iter().filter_map(|base| base_of_factory(db, &base.target)).collect();
    for class in made_from {
        let target = BaseTarget::Class(class);
        if !bases.iter().any(|base| base.target == target) {
            bases.push(Base { target, args: Vec::new() });
        }
    }
    bases
}

fn base_of_factory(db: &dyn Db, target: &BaseTarget) -> Option<ClassRef> {
    let (value, keyword) = match target {
        BaseTarget::Variable(reference) => (super::variable(db, *reference)?.value.clone()?, "cls"),
        BaseTarget::Attribute(reference, name) if *name == "Model" => {
            (super::variable(db, *reference)?.value.clone()?, "model_class")
        }
        BaseTarget::Call(call) => (call.clone(), "cls"),
        _ => return None,
    };
    match value.keyword(keyword)?.symbol() {
        Symbol::Class(class) => Some(class),
        _ => None,
    }
}

fn read_base(db: &dyn Db, scope: Scope, class: &Class, base: ExprId) -> Base {
    let code = &class.code;
    let (name, args) = match &code[base] {
        Expr::Subscript { value, .. } => match type_in(db, scope, code, base) {
            TypeExpr::Symbol { args, .. } => (*value, args),
            _ => (*value, Vec::new()),
        },
        Expr::Starred(_) => return Base { target: BaseTarget::Unknown, args: Vec::new() },
        _ => (base, Vec::new()),
    };
    let detached = detach(db, scope, code, name);
    let target = match &detached {
        Detached::Path { symbol: Symbol::Class(class), .. } => BaseTarget::Class(*class),
        Detached::Path { symbol: Symbol::External(path), .. } => BaseTarget::External(crate::names::canonical(*path)),
        Detached::Path { symbol: Symbol::Variable(variable), .. } => BaseTarget::Variable(*variable),
        Detached::Path { base: (Symbol::Variable(variable), rest), .. } if !rest.contains('.') => {
            BaseTarget::Attribute(*variable, *rest)
        }
        Detached::Call { .. } => BaseTarget::Call(detached),
        _ => BaseTarget::Unknown,
    };
    // `class Session(Session)` means what the name meant before.
    let own = matches!(scope, Scope::Class(own) if target == BaseTarget::Class(own));
    Base { target: if own { BaseTarget::Unknown } else { target }, args }
}

fn type_params(class: &Class, bases: &[Base]) -> Vec<Name> {
    if !class.type_params.is_empty() {
        return class.type_params.clone();
    }
    let explicit = bases.iter().find(|base| {
        matches!(base.target, BaseTarget::External(path) if path == "typing.Generic" || path == "typing.Protocol")
            && !base.args.is_empty()
    });
    let mut params = Vec::new();
    let mut collect = |args: &[TypeExpr]| {
        for arg in args {
            let _ = arg.substitute(&mut |name| {
                if !params.contains(&name) {
                    params.push(name);
                }
                None
            });
        }
    };
    match explicit {
        Some(base) => collect(&base.args),
        None => bases.iter().for_each(|base| collect(&base.args)),
    }
    params
}

/// The class in whose body a function stands.
#[must_use]
pub fn class_of_method(db: &dyn Db, method: FunctionRef) -> Option<ClassRef> {
    head(db, method)?.class?;
    // A method's path is its class's path and its name; `#2` marks a second definition of the same path.
    let (path, _) = method.path.rsplit_once('.')?;
    Some(ClassRef { file: method.file, path: Name::new(path) })
}

/// What is known of a function that stands in the body of a class.
#[must_use]
pub fn own_method_info(db: &dyn Db, method: FunctionRef) -> Option<MethodInfo> {
    let class = class_of_method(db, method)?;
    let name = head(db, method)?.name;
    class_info(db, class)?.method(name).filter(|info| info.path == method.path).cloned()
}
