//! Isolation levels that refuse what two requests make of one reading.

use auditline_model::eval::value::{FactoryValue, SessionOrigin, SessionValue, Value};
use auditline_model::names::resolve_global;
use auditline_model::symbols::Symbol;
use auditline_model::unit::effect;
use auditline_model::{Db, FunctionRef, VariableRef, function, owner, parsed};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, StmtKind};

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
    said.max(session.and_then(|session| factory(db, session)).and_then(|factory| level_of_factory(db, factory, ())))
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
            let Expr::Call { args, .. } = &code[*value] else { continue };
            for arg in args {
                match arg.kind {
                    ArgKind::Keyword(name) if name == "isolation_level" && level_in(code, arg.value).is_some() => {
                        return level_in(code, arg.value);
                    }
                    // What it is bound to.
                    ArgKind::Positional | ArgKind::Keyword(_) => {
                        if let Expr::Name(name) = &code[arg.value]
                            && let Symbol::Variable(bound) = resolve_global(db, variable.file, *name)
                        {
                            variables.push(bound);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    None
}
