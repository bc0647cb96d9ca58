//! Expressions without positions.

use auditline_syntax::Name;
use auditline_syntax::python::chain;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, UnaryOp};

use crate::db::Db;
use crate::names::{Scope, member, resolve_name};
use crate::symbols::Symbol;

/// An expression cut loose from its file: names are resolved, positions are gone. It is made for the small expressions
/// that declare things (`Column(String(50), nullable=False)`, `Depends(get_db)`); what is deep or long ends in
/// [`Detached::Other`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Detached {
    /// A name or chain of names.
    Path {
        /// As it is written.
        path: Name,
        /// What it means.
        symbol: Symbol,
        /// What the longest part from the left means that means anything: `db` of `db.Model`, with the rest
        /// (`Model`). For a path that is told as a whole, the symbol itself and nothing.
        base: (Symbol, Name),
    },
    /// `value.attr` of something that is no chain of names.
    Attribute {
        /// The object.
        value: Box<Detached>,
        /// The attribute.
        attr: Name,
    },
    /// A call.
    Call {
        /// What is called.
        func: Box<Detached>,
        /// The arguments, in source order.
        args: Vec<DetachedArg>,
    },
    /// `value[index]`.
    Subscript {
        /// The object.
        value: Box<Detached>,
        /// The index; a `Sequence` where there are several.
        index: Box<Detached>,
    },
    /// A string.
    Str(Name),
    /// An integer.
    Int(Option<i64>),
    /// `True`, `False`.
    Bool(bool),
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// A list, tuple or set.
    Sequence(Vec<Detached>),
    /// A dictionary; a spread has no key.
    Dict(Vec<(Option<Detached>, Detached)>),
    /// A lambda.
    Lambda,
    /// Anything else.
    Other,
}

/// An argument of a [`Detached::Call`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DetachedArg {
    /// How it is written.
    pub kind: ArgKind,
    /// Its value.
    pub value: Detached,
}

const MAX_DEPTH: u32 = 12;
const MAX_ITEMS: usize = 400;

/// Cuts an expression loose.
#[must_use]
pub fn detach(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> Detached {
    detach_at(db, scope, code, expr, 0)
}

fn detach_at(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId, depth: u32) -> Detached {
    if depth > MAX_DEPTH {
        return Detached::Other;
    }
    let inner = |expr: ExprId| detach_at(db, scope, code, expr, depth + 1);
    match &code[expr] {
        Expr::Name(_) | Expr::Attribute { .. } => match chain(code, expr) {
            Some(parts) => path(db, scope, &parts),
            None => match &code[expr] {
                Expr::Attribute { value, attr } => Detached::Attribute { value: Box::new(inner(*value)), attr: *attr },
                _ => Detached::Other,
            },
        },
        Expr::Call { func, args } => Detached::Call {
            func: Box::new(inner(*func)),
            args: args
                .iter()
                .take(MAX_ITEMS)
                .map(|arg| DetachedArg { kind: arg.kind, value: inner(arg.value) })
                .collect(),
        },
        Expr::Subscript { value, index } => {
            Detached::Subscript { value: Box::new(inner(*value)), index: Box::new(inner(*index)) }
        }
        Expr::Str(text) => Detached::Str(Name::new(text)),
        Expr::Int(value) => Detached::Int(*value),
        Expr::Unary { op: UnaryOp::Minus, operand } => match &code[*operand] {
            Expr::Int(value) => Detached::Int(value.and_then(i64::checked_neg)),
            _ => Detached::Other,
        },
        Expr::Bool(value) => Detached::Bool(*value),
        Expr::None => Detached::None,
        Expr::Ellipsis => Detached::Ellipsis,
        Expr::List(parts) | Expr::Tuple(parts) | Expr::Set(parts) => {
            if parts.len() > MAX_ITEMS {
                Detached::Other
            } else {
                Detached::Sequence(parts.iter().map(|part| inner(*part)).collect())
            }
        }
        Expr::Dict(entries) => {
            if entries.len() > MAX_ITEMS {
                Detached::Other
            } else {
                Detached::Dict(entries.iter().map(|(key, value)| (key.map(inner), inner(*value))).collect())
            }
        }
        Expr::Lambda { .. } => Detached::Lambda,
        _ => Detached::Other,
    }
}

fn path(db: &dyn Db, scope: Scope, parts: &[Name]) -> Detached {
    let joined = |parts: &[Name]| match parts {
        [one] => *one,
        parts => Name::new(&parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(".")),
    };
    let path = joined(parts);
    let mut symbol = Symbol::Unknown;
    let mut base = (Symbol::Unknown, path);
    for (at, part) in parts.iter().enumerate() {
        symbol = if at == 0 { resolve_name(db, scope, *part) } else { member(db, symbol, *part) };
        if symbol == Symbol::Unknown {
            break;
        }
        base = (symbol, joined(&parts[at + 1..]));
    }
    Detached::Path { path, symbol, base }
}

impl Detached {
    /// What it means, if it is a name or chain of names.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        match self {
            Self::Path { symbol, .. } => *symbol,
            _ => Symbol::Unknown,
        }
    }

    /// The canonical dotted path of something outside the workspace.
    #[must_use]
    pub fn external(&self) -> Option<Name> {
        match self.symbol() {
            Symbol::External(path) => Some(crate::names::canonical(path)),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<Name> {
        match self {
            Self::Str(text) => Some(*text),
            _ => None,
        }
    }

    /// The value of a truth constant.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// What is called and the arguments, if it is a call.
    #[must_use]
    pub fn call(&self) -> Option<(&Self, &[DetachedArg])> {
        match self {
            Self::Call { func, args } => Some((func, args)),
            _ => None,
        }
    }

    /// The keyword argument of that name, if it is a call.
    #[must_use]
    pub fn keyword(&self, name: &str) -> Option<&Self> {
        let (_, args) = self.call()?;
        args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(own) if own == *name)).map(|arg| &arg.value)
    }

    /// The positional arguments, if it is a call; starred ones are left out.
    pub fn positional(&self) -> impl Iterator<Item = &Self> {
        let args = self.call().map(|(_, args)| args).unwrap_or_default();
        args.iter().filter(|arg| arg.kind == ArgKind::Positional).map(|arg| &arg.value)
    }

    /// Whether it is a call with `*args` or `**kwargs`.
    #[must_use]
    pub fn has_spread(&self) -> bool {
        self.call().is_some_and(|(_, args)| {
            args.iter().any(|arg| matches!(arg.kind, ArgKind::Starred | ArgKind::DoubleStarred))
        })
    }

    /// The last name of what it refers to: `Column` of `sa.Column`, `Mapped` of `Mapped[int]`.
    #[must_use]
    pub fn last_name(&self) -> Option<Name> {
        match self {
            Self::Path { path, symbol, .. } => Some(match symbol {
                Symbol::External(name) => last(*name),
                _ => last(*path),
            }),
            Self::Attribute { attr, .. } => Some(*attr),
            Self::Call { func: inner, .. } | Self::Subscript { value: inner, .. } => inner.last_name(),
            _ => None,
        }
    }
}

/// The last part of a dotted path.
pub(crate) fn last(path: Name) -> Name {
    match path.rsplit_once('.') {
        Some((_, last)) => Name::new(last),
        None => path,
    }
}
