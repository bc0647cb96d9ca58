//! Isolation levels that refuse what two requests make of one reading.

use auditline_model::eval::value::{FactoryValue, SessionOrigin, SessionValue, Value};
use auditline_model::names::{files_mentioning, resolve_global};
use auditline_model::symbols::Symbol;
use auditline_model::unit::effect;
use auditline_model::{Db, FunctionRef, Settings, VariableRef, entry, function, owner, parsed};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_expression;

/// A level that is not the default, READ COMMITTED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Level {
    /// No transactions at all.
    Autocommit,
    RepeatableRead,
    Serializable,
}

/// Whether a function runs its transaction under REPEATABLE READ or SERIALIZABLE: it says so itself, or the engine of
/// its session does. The database then refuses the second of two changes of a row that were made from one reading.
pub(super) fn is_strict(db: &dyn Db, of: FunctionRef, session: Option<&SessionValue>) -> bool {
    level(db, of, session) >= Some(Level::RepeatableRead)
}

/// The variable that holds the factory of a session, where its engine commits each statement by itself.
pub(super) fn autocommits(db: &dyn Db, session: Option<&SessionValue>) -> Option<VariableRef> {
    let factory = factory(db, session?)?;
    (level_of_factory(db, factory, ()) == Some(Level::Autocommit)).then_some(factory)
}

/// Whether a function runs its transaction under SERIALIZABLE. Only there does PostgreSQL refuse rows that were created
/// because both requests had found none, or had counted too few.
pub(super) fn is_serializable(db: &dyn Db, of: FunctionRef, session: Option<&SessionValue>) -> bool {
    level(db, of, session) == Some(Level::Serializable)
}

fn level(db: &dyn Db, of: FunctionRef, session: Option<&SessionValue>) -> Option<Level> {
    let said = function(db, of)
        .and_then(|body| (0..body.code.exprs.len()).filter_map(|at| level_in(&body.code, id(at))).max());
    let of_engine = match session.map(|session| factory(db, session)) {
        Some(Some(factory)) => level_of_factory(db, factory, ()),
        Some(None) => level_of_engines(db, Settings::get(db), session.and_then(|session| session.is_async)),
        None => None,
    };
    said.max(of_engine)
}

fn id(at: usize) -> ExprId {
    ExprId(u32::try_from(at).unwrap_or(u32::MAX))
}

/// A string that names such a level, also inside a statement: `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`.
fn level_in(code: &Code, expr: ExprId) -> Option<Level> {
    match &code[expr] {
        Expr::Str(text) if text.len() < 200 => {
            let text = text.to_ascii_uppercase();
            let text = text.trim_end_matches(';').trim();
            match () {
                () if text.ends_with("SERIALIZABLE") => Some(Level::Serializable),
                () if text.ends_with("REPEATABLE READ") => Some(Level::RepeatableRead),
                () if text == "AUTOCOMMIT" => Some(Level::Autocommit),
                () => None,
            }
        }
        _ => None,
    }
}

/// The variable that holds the factory of a session.
fn factory(db: &dyn Db, session: &SessionValue) -> Option<VariableRef> {
    match &session.origin {
        SessionOrigin::Opened(factory) | SessionOrigin::Scoped(factory) | SessionOrigin::Begun(factory) => {
            let FactoryValue { variable, .. } = factory;
            *variable
        }
        SessionOrigin::Dependency(Symbol::Function(provider)) | SessionOrigin::Context(provider) => {
            let effect = effect(db, *provider, owner::class_of(db, *provider));
            match (&effect.yields, &effect.returns) {
                (Value::Session(given), _) | (_, Value::Session(given))
                    if !matches!(given.origin, SessionOrigin::Dependency(_) | SessionOrigin::Context(_)) =>
                {
                    factory(db, given)
                }
                _ => None,
            }
        }
        SessionOrigin::Returned(_, inner) => {
            factory(db, &SessionValue { origin: (**inner).clone(), ..session.clone() })
        }
        _ => None,
    }
}

/// The level that the assignment of a factory, or of the engine it is bound to, names.
///
/// A query of its own: it looks into the body of another file, and only its answer must matter to a check.
#[salsa::tracked(returns(copy))]
fn level_of_factory(db: &dyn Db, variable: VariableRef, _key: ()) -> Option<Level> {
    let mut variables = vec![variable];
    let mut seen = Vec::new();
    while let Some(variable) = variables.pop() {
        if seen.contains(&variable) || seen.len() > 4 {
            continue;
        }
        seen.push(variable);
        let parsed = parsed(db, variable.file);
        let code = &parsed.module.code;
        for stmt in &code.block {
            let (StmtKind::Assign { value, .. } | StmtKind::AnnAssign { value: Some(value), .. }) = &stmt.kind else {
                continue;
            };
            let target = match &stmt.kind {
                StmtKind::Assign { targets, .. } => targets.first().copied(),
                StmtKind::AnnAssign { target, .. } => Some(*target),
                _ => None,
            };
            if !matches!(target.map(|target| &code[target]), Some(Expr::Name(name)) if *name == variable.name) {
                continue;
            }
            if !matches!(code[*value], Expr::Call { .. }) {
                continue;
            }
            let mut named = None;
            walk_expression(code, *value, &mut |part| {
                named = named.or(level_of_call(code, part));
                // What it is bound to.
                if let Expr::Name(name) = &code[part]
                    && let Symbol::Variable(bound) = resolve_global(db, variable.file, *name)
                {
                    variables.push(bound);
                }
            });
            if named.is_some() {
                return named;
            }
        }
    }
    None
}

/// The level that a call names: `create_engine(url, isolation_level="REPEATABLE READ")`.
fn level_of_call(code: &Code, call: ExprId) -> Option<Level> {
    let Expr::Call { args, .. } = &code[call] else { return None };
    args.iter().find_map(|arg| match arg.kind {
        ArgKind::Keyword(name) if name == "isolation_level" => level_in(code, arg.value),
        _ => None,
    })
}

/// The level that every engine of the project names, for a session of which it is not seen where it comes from. An
/// asynchronous session has an asynchronous engine, and no other has one.
///
/// A query of its own: it looks into many files, and its answer is small.
#[salsa::tracked(returns(copy))]
fn level_of_engines(db: &dyn Db, _settings: Settings, is_async: Option<bool>) -> Option<Level> {
    let mut lowest: Option<Level> = None;
    let words: &[&str] = match is_async {
        Some(true) => &["create_async_engine"],
        Some(false) => &["create_engine"],
        None => &["create_engine", "create_async_engine"],
    };
    for word in words {
        for file in files_mentioning(db, word).iter() {
            if entry::is_aside(db, *file) {
                continue;
            }
            let parsed = parsed(db, *file);
            let bodies = parsed.module.functions.iter().map(|function| &function.code);
            for code in std::iter::once(&parsed.module.code)
                .chain(bodies)
                .chain(parsed.module.classes.iter().map(|class| &class.code))
            {
                for call in (0..code.exprs.len()).map(id) {
                    let Expr::Call { func, .. } = &code[call] else { continue };
                    let makes = match &code[*func] {
                        Expr::Name(name) | Expr::Attribute { attr: name, .. } => name == word,
                        _ => false,
                    };
                    if makes {
                        let level = level_of_call(code, call)?;
                        lowest = Some(lowest.map_or(level, |lowest| lowest.min(level)));
                    }
                }
            }
        }
    }
    lowest
}
