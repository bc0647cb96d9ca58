//! Annotations, resolved.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Code, Expr, ExprId, StmtKind};

use crate::db::{Db, FunctionRef, SourceFile, VariableRef, parsed};
use crate::eval::libraries::{Known, known};
use crate::names;
use crate::symbols::Symbol;

/// What an annotation says, without positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypeExpr {
    /// A class or other named type, with its arguments.
    Symbol {
        /// What it names.
        symbol: Symbol,
        /// Its arguments.
        args: Vec<TypeExpr>,
    },
    /// `Annotated[inner, …]`.
    Annotated {
        /// The type.
        inner: Box<TypeExpr>,
        /// What `Depends(...)` or `Security(...)` among the metadata calls.
        depends: Option<Symbol>,
    },
    /// `A | B`, `Union[A, B]`, `Optional[A]`.
    Union(Vec<TypeExpr>),
    /// `None`.
    None,
    /// `Literal[...]`.
    Literal,
    /// It cannot be told.
    Unknown,
}

/// How many aliases are followed.
const DEPTH: u32 = 8;

/// What an annotation says, in the scope of a function or of its module. Aliases are followed, also into other files.
#[must_use]
pub fn type_expr(db: &dyn Db, file: SourceFile, of: Option<FunctionRef>, code: &Code, expr: ExprId) -> TypeExpr {
    resolve(db, file, of, code, expr, DEPTH)
}

fn resolve(db: &dyn Db, file: SourceFile, of: Option<FunctionRef>, code: &Code, expr: ExprId, depth: u32) -> TypeExpr {
    let Some(depth) = depth.checked_sub(1) else { return TypeExpr::Unknown };
    match &code[expr] {
        Expr::None => TypeExpr::None,
        Expr::Name(_) | Expr::Attribute { .. } => named(db, symbol(db, file, of, code, expr), Vec::new(), depth),
        Expr::Binary { op: BinaryOp::BitOr, left, right } => {
            let mut parts = Vec::new();
            for side in [*left, *right] {
                match resolve(db, file, of, code, side, depth) {
                    TypeExpr::Union(inner) => parts.extend(inner),
                    part => parts.push(part),
                }
            }
            TypeExpr::Union(parts)
        }
        Expr::Subscript { value, index } => {
            let indices: Vec<ExprId> = match &code[*index] {
                Expr::Tuple(items) => items.clone(),
                _ => vec![*index],
            };
            let head = symbol(db, file, of, code, *value);
            let last = match head {
                Symbol::External(path) => path.as_str().rsplit('.').next().unwrap_or_default(),
                _ => "",
            };
            match last {
                "Annotated" => {
                    let Some((inner, metadata)) = indices.split_first() else { return TypeExpr::Unknown };
                    let inner = resolve(db, file, of, code, *inner, depth);
                    let depends = metadata.iter().find_map(|item| depends(db, file, of, code, *item, &inner));
                    TypeExpr::Annotated { inner: Box::new(inner), depends }
                }
                "Optional" => {
                    let inner =
                        indices.first().map_or(TypeExpr::Unknown, |index| resolve(db, file, of, code, *index, depth));
                    TypeExpr::Union(vec![inner, TypeExpr::None])
                }
                "Union" => {
                    TypeExpr::Union(indices.iter().map(|index| resolve(db, file, of, code, *index, depth)).collect())
                }
                "Literal" => TypeExpr::Literal,
                _ => {
                    let args = indices.iter().map(|index| resolve(db, file, of, code, *index, depth)).collect();
                    named(db, head, args, depth)
                }
            }
        }
        _ => TypeExpr::Unknown,
    }
}

fn symbol(db: &dyn Db, file: SourceFile, of: Option<FunctionRef>, code: &Code, expr: ExprId) -> Symbol {
    match of {
        Some(of) => names::resolve_in(db, of, code, expr),
        None => names::resolve_expr(db, file, code, expr),
    }
}

/// A named type: an alias is followed to what it stands for.
fn named(db: &dyn Db, symbol: Symbol, args: Vec<TypeExpr>, depth: u32) -> TypeExpr {
    match symbol {
        Symbol::Variable(variable) => {
            let Some(depth) = depth.checked_sub(1) else { return TypeExpr::Unknown };
            alias(db, variable, depth)
        }
        Symbol::Unknown => TypeExpr::Unknown,
        symbol => TypeExpr::Symbol { symbol, args },
    }
}

fn alias(db: &dyn Db, variable: VariableRef, depth: u32) -> TypeExpr {
    let parsed = parsed(db, variable.file);
    let code = &parsed.module.code;
    let mut value = None;
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value: assigned } => {
            if targets.iter().any(|target| matches!(&code[*target], Expr::Name(name) if *name == variable.name)) {
                value = Some(*assigned);
            }
        }
        StmtKind::AnnAssign { target, value: Some(assigned), .. } => {
            if matches!(&code[*target], Expr::Name(name) if *name == variable.name) {
                value = Some(*assigned);
            }
        }
        StmtKind::TypeAlias { name, value: assigned } if *name == variable.name => value = Some(*assigned),
        _ => {}
    });
    match value {
        Some(value) => match &code[value] {
            // `Base = declarative_base()` and other objects are no types.
            Expr::Call { .. } => TypeExpr::Symbol { symbol: Symbol::Variable(variable), args: Vec::new() },
            _ => resolve(db, variable.file, None, code, value, depth),
        },
        None => TypeExpr::Unknown,
    }
}

/// What a piece of metadata depends on.
fn depends(
    db: &dyn Db,
    file: SourceFile,
    of: Option<FunctionRef>,
    code: &Code,
    expr: ExprId,
    inner: &TypeExpr,
) -> Option<Symbol> {
    let Expr::Call { func, args } = &code[expr] else { return None };
    let Symbol::External(path) = symbol(db, file, of, code, *func) else { return None };
    if known(&names::canonical(path)) != Some(Known::Depends) {
        return None;
    }
    match args.first() {
        Some(arg) => Some(match symbol(db, file, of, code, arg.value) {
            Symbol::Variable(variable) => match crate::eval::variable(db, variable) {
                crate::eval::value::Value::Symbol(symbol) => symbol,
                _ => Symbol::Variable(variable),
            },
            symbol => symbol,
        }),
        None => match inner {
            TypeExpr::Symbol { symbol, .. } => Some(*symbol),
            _ => None,
        },
    }
}

/// The module-level names that stand for `Annotated[…, Depends(of)]`, in any file that mentions the function.
pub fn dependency_aliases(db: &dyn Db, of: FunctionRef) -> Arc<Vec<Name>> {
    dependency_aliases_query(db, of, ())
}

#[salsa::tracked(returns(clone))]
fn dependency_aliases_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<Vec<Name>> {
    let mut aliases = Vec::new();
    for file in names::files_mentioning(db, super::simple(of.path)).iter() {
        let parsed = parsed(db, *file);
        let code = &parsed.module.code;
        auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
            let (name, value) = match &stmt.kind {
                StmtKind::Assign { targets, value } => match targets.first().map(|target| &code[*target]) {
                    Some(Expr::Name(name)) => (*name, *value),
                    _ => return,
                },
                StmtKind::AnnAssign { target, value: Some(value), .. } => match &code[*target] {
                    Expr::Name(name) => (*name, *value),
                    _ => return,
                },
                StmtKind::TypeAlias { name, value } => (*name, *value),
                _ => return,
            };
            if let Expr::Subscript { .. } = &code[value]
                && let TypeExpr::Annotated { depends: Some(Symbol::Function(callee)), .. } =
                    type_expr(db, *file, None, code, value)
                && callee == of
                && !aliases.contains(&name)
            {
                aliases.push(name);
            }
        });
    }
    Arc::new(aliases)
}
