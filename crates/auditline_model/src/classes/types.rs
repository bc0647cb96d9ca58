//! Annotations, resolved and without positions.

use auditline_syntax::Name;
use auditline_syntax::python::chain;
use auditline_syntax::python::ir::{BinaryOp, Code, Expr, ExprId};

use super::detached::{Detached, detach};
use super::variables::{VariableKind, variable};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile};
use crate::eval::libraries::{Known, known, marks_injected};
use crate::names::{Scope, canonical, resolve};
use crate::symbols::Symbol;

/// A resolved annotation. Aliases are replaced by what they stand for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypeExpr {
    /// A class or other name, with its arguments in brackets.
    Symbol {
        /// What the name means.
        symbol: Symbol,
        /// The arguments.
        args: Vec<TypeExpr>,
    },
    /// A type parameter.
    Param(Name),
    /// `A | B`, `Optional[A]`, `Union[A, B]`; flat.
    Union(Vec<TypeExpr>),
    /// `None`.
    None,
    /// `Literal[…]`.
    Literal(Vec<Detached>),
    /// `Annotated[inner, …]`.
    Annotated {
        /// The type.
        inner: Box<TypeExpr>,
        /// What `Depends(...)` or `Security(...)` among the metadata calls.
        depends: Option<Symbol>,
        /// What is said about it.
        metadata: Vec<Detached>,
    },
    /// `[A, B]` as an argument, as in `Callable[[A, B], C]`.
    List(Vec<TypeExpr>),
    /// A name that leads nowhere, as it is written: `Mapped["Order"]` without an import.
    Unresolved(Name),
    /// Anything else.
    Unknown,
}

impl TypeExpr {
    /// A type without arguments.
    #[must_use]
    pub fn of(symbol: Symbol) -> Self {
        Self::Symbol { symbol, args: Vec::new() }
    }

    /// What the name means; through `Annotated`, and through a union with `None` alone.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        match self.without_none() {
            Self::Symbol { symbol, .. } => *symbol,
            _ => Symbol::Unknown,
        }
    }

    /// The class of the workspace that it names.
    #[must_use]
    pub fn class(&self) -> Option<ClassRef> {
        match self.symbol() {
            Symbol::Class(class) => Some(class),
            _ => None,
        }
    }

    /// The canonical path of a type from outside.
    #[must_use]
    pub fn external(&self) -> Option<Name> {
        match self.symbol() {
            Symbol::External(path) => Some(canonical(path)),
            _ => None,
        }
    }

    /// The arguments in brackets.
    #[must_use]
    pub fn args(&self) -> &[Self] {
        match self.without_none() {
            Self::Symbol { args, .. } => args,
            _ => &[],
        }
    }

    /// What `Annotated` says about the type.
    #[must_use]
    pub fn metadata(&self) -> &[Detached] {
        match self {
            Self::Annotated { metadata, .. } => metadata,
            _ => &[],
        }
    }

    /// The type without `Annotated` around it and without `None` beside it.
    #[must_use]
    pub fn without_none(&self) -> &Self {
        let mut at = self;
        loop {
            at = match at {
                Self::Annotated { inner, .. } => inner,
                Self::Union(parts) => {
                    let mut rest = parts.iter().filter(|part| !matches!(part, Self::None));
                    match (rest.next(), rest.next()) {
                        (Some(only), None) => only,
                        _ => return at,
                    }
                }
                _ => return at,
            };
        }
    }

    /// Whether `None` is among what it allows.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        match self {
            Self::None => true,
            Self::Union(parts) => parts.iter().any(Self::is_optional),
            Self::Annotated { inner, .. } => inner.is_optional(),
            _ => false,
        }
    }

    /// Replaces type parameters.
    #[must_use]
    pub fn substitute(&self, of: &mut dyn FnMut(Name) -> Option<Self>) -> Self {
        match self {
            Self::Param(name) => of(*name).unwrap_or_else(|| self.clone()),
            Self::Symbol { symbol, args } => {
                Self::Symbol { symbol: *symbol, args: args.iter().map(|part| part.substitute(of)).collect() }
            }
            Self::Union(parts) => union(parts.iter().map(|part| part.substitute(of)).collect::<Vec<_>>()),
            Self::List(parts) => Self::List(parts.iter().map(|part| part.substitute(of)).collect()),
            Self::Annotated { inner, depends, metadata } => {
                Self::Annotated { inner: Box::new(inner.substitute(of)), depends: *depends, metadata: metadata.clone() }
            }
            Self::None | Self::Literal(_) | Self::Unresolved(_) | Self::Unknown => self.clone(),
        }
    }
}

const MAX_DEPTH: u32 = 16;

/// What an annotation says, in the scope of a function or of its module. Aliases are followed, also into other files.
#[must_use]
pub fn type_expr(db: &dyn Db, file: SourceFile, of: Option<FunctionRef>, code: &Code, expr: ExprId) -> TypeExpr {
    type_in(db, of.map_or(Scope::Module(file), Scope::Function), code, expr)
}

/// What an annotation says in a scope.
#[must_use]
pub fn type_in(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> TypeExpr {
    type_at(db, scope, code, expr, 0)
}

pub(super) fn type_at(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId, depth: u32) -> TypeExpr {
    if depth > MAX_DEPTH {
        return TypeExpr::Unknown;
    }
    let inner = |expr: ExprId| type_at(db, scope, code, expr, depth + 1);
    match &code[expr] {
        Expr::Name(_) | Expr::Attribute { .. } => named(db, scope, code, expr),
        Expr::None => TypeExpr::None,
        Expr::Binary { op: BinaryOp::BitOr, left, right } => union([inner(*left), inner(*right)]),
        Expr::List(parts) => TypeExpr::List(parts.iter().map(|part| inner(*part)).collect()),
        Expr::Starred(value) => inner(*value),
        // A string where the lowering did not expect an annotation: a plain dotted name can still be told.
        Expr::Str(text) => forward(db, scope, text),
        Expr::Subscript { value, index } => subscript(db, scope, code, *value, *index, depth),
        _ => TypeExpr::Unknown,
    }
}

fn forward(db: &dyn Db, scope: Scope, text: &str) -> TypeExpr {
    let text = text.trim();
    let text = text.strip_suffix("| None").map_or(text, str::trim);
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !text.split('.').all(is_name) {
        return TypeExpr::Unknown;
    }
    match crate::names::resolve_path(db, scope, text) {
        Symbol::Unknown => TypeExpr::Unresolved(Name::new(text)),
        symbol => unalias(db, symbol, Name::new(text)),
    }
}

fn named(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> TypeExpr {
    let Some(parts) = chain(code, expr) else { return TypeExpr::Unknown };
    let path = match parts.as_slice() {
        [one] => *one,
        parts => Name::new(&parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(".")),
    };
    if let [name] = parts.as_slice()
        && is_type_param(db, scope, *name)
    {
        return TypeExpr::Param(*name);
    }
    match resolve(db, scope, code, expr) {
        Symbol::Unknown => TypeExpr::Unresolved(path),
        symbol => unalias(db, symbol, path),
    }
}

fn is_type_param(db: &dyn Db, scope: Scope, name: Name) -> bool {
    match scope {
        Scope::Module(_) => false,
        Scope::Class(class) => crate::db::class(db, class).is_some_and(|class| class.type_params.contains(&name)),
        Scope::Function(function) => super::class_of_method(db, function)
            .and_then(|class| crate::db::class(db, class))
            .is_some_and(|class| class.type_params.contains(&name)),
    }
}

/// What a variable stands for in an annotation: the type that it names, a type parameter, or itself.
fn unalias(db: &dyn Db, symbol: Symbol, path: Name) -> TypeExpr {
    let Symbol::Variable(reference) = symbol else { return TypeExpr::of(symbol) };
    match variable(db, reference).as_deref().map(|info| &info.kind) {
        Some(VariableKind::TypeParam) => TypeExpr::Param(super::detached::last(path)),
        Some(VariableKind::Alias(target)) => target.clone(),
        _ => TypeExpr::of(symbol),
    }
}

fn subscript(db: &dyn Db, scope: Scope, code: &Code, value: ExprId, index: ExprId, depth: u32) -> TypeExpr {
    let items: &[ExprId] = match &code[index] {
        Expr::Tuple(items) => items,
        _ => std::slice::from_ref(&index),
    };
    let types = |items: &[ExprId]| -> Vec<TypeExpr> {
        items.iter().map(|item| type_at(db, scope, code, *item, depth + 1)).collect()
    };
    let base = type_at(db, scope, code, value, depth + 1);
    let special = match &base {
        TypeExpr::Symbol { symbol: Symbol::External(path), .. } => canonical(*path).as_str(),
        _ => "",
    };
    match special {
        "typing.Optional" => union(types(items).into_iter().chain([TypeExpr::None])),
        "typing.Union" => union(types(items)),
        "typing.Literal" => TypeExpr::Literal(items.iter().map(|item| detach(db, scope, code, *item)).collect()),
        "typing.Annotated" => match items.split_first() {
            Some((inner, metadata)) => annotated(
                type_at(db, scope, code, *inner, depth + 1),
                metadata.iter().map(|item| detach(db, scope, code, *item)).collect(),
            ),
            None => TypeExpr::Unknown,
        },
        // Another word for `Annotated[T, …]`.
        marker if marks_injected(marker) && items.len() == 1 => {
            annotated(type_at(db, scope, code, index, depth + 1), Vec::new())
        }
        "typing.ClassVar" | "typing.Final" | "typing.Required" | "typing.NotRequired" | "typing.ReadOnly" => {
            TypeExpr::Symbol { symbol: base.symbol(), args: types(items) }
        }
        _ => match base {
            TypeExpr::Symbol { symbol, args } if args.is_empty() => TypeExpr::Symbol { symbol, args: types(items) },
            // A generic alias with its arguments: the parameters are taken in the order of their appearance.
            TypeExpr::Unresolved(_) | TypeExpr::Unknown | TypeExpr::Param(_) => TypeExpr::Unknown,
            alias => {
                let given = types(items);
                let mut params: Vec<Name> = Vec::new();
                alias.substitute(&mut |name| {
                    let at = params.iter().position(|param| *param == name).unwrap_or_else(|| {
                        params.push(name);
                        params.len() - 1
                    });
                    given.get(at).cloned()
                })
            }
        },
    }
}

fn annotated(inner: TypeExpr, metadata: Vec<Detached>) -> TypeExpr {
    let depends = metadata.iter().find_map(|item| dependency(item, &inner));
    match inner {
        TypeExpr::Annotated { inner, depends: first, metadata: mut all } => {
            all.extend(metadata);
            TypeExpr::Annotated { inner, depends: depends.or(first), metadata: all }
        }
        inner => TypeExpr::Annotated { inner: Box::new(inner), depends, metadata },
    }
}

/// What a piece of metadata makes the framework call: `f` of `Depends(f)`, the type itself of `Depends()`.
fn dependency(item: &Detached, inner: &TypeExpr) -> Option<Symbol> {
    let (func, _) = item.call()?;
    if known(&func.external()?) != Some(Known::Depends) {
        return None;
    }
    match item.keyword("dependency").or_else(|| item.positional().next()) {
        Some(callee) => Some(callee.symbol()),
        None => Some(inner.symbol()),
    }
}

fn union(parts: impl IntoIterator<Item = TypeExpr>) -> TypeExpr {
    let mut flat: Vec<TypeExpr> = Vec::new();
    for part in parts {
        match part {
            TypeExpr::Union(inner) => flat.extend(inner),
            part => flat.push(part),
        }
    }
    TypeExpr::Union(flat)
}
