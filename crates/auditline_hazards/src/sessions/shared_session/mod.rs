//! AUD301: a session that concurrent requests share.

use std::sync::Arc;

use auditline_model::eval::value::{SessionOrigin, SessionValue, Value};
use auditline_model::owner::{is_application_state, kept_session, shared_object, users_of_dependency};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, FrameKind, Unit, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, classes, entry, eval, function, parsed};
use auditline_syntax::python::ir::{ArgKind, Expr, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story};

mod fix;
mod users;

use users::{Holder, users};

/// AUD301.
pub const HAZARD: Hazard = Hazard {
    code: "AUD301",
    name: "shared-session",
    family: Family::Sessions,
    severity: Severity::Error,
    summary: "A session is stored where it outlives the call, and concurrent requests share it",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || entry::is_aside(db, file) {
        return;
    }
    let parsed = parsed(db, file);
    let module = &parsed.module;
    // `db = SessionLocal()` at module level.
    for stmt in &module.code.block {
        let (target, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => (targets.first().copied(), Some(*value)),
            StmtKind::AnnAssign { target, value, .. } => (Some(*target), *value),
            _ => continue,
        };
        let (Some(target), Some(value)) = (target, value) else { continue };
        let Expr::Name(name) = &module.code[target] else { continue };
        if !matches!(module.code[value], Expr::Call { .. }) {
            continue;
        }
        let of = VariableRef { file, name: *name };
        // `repository = Repository(SessionLocal())`
        if let Value::Instance(instance) = eval::variable(db, of)
            && let Some(session) = kept_session(db, &instance)
            && is_bare(&session)
        {
            let class = classes::simple(instance.class.path);
            let evidence = vec![Evidence {
                place: Place::Class(instance.class),
                message: format!("a `{class}` keeps the session that it is given"),
            }];
            findings.push(finding(
                Place::File(file, stmt.range),
                String::new(),
                format!("`{name}` keeps one session for the whole process: concurrent requests write into each other's transactions"),
                evidence,
                Vec::new(),
            ));
        }
        if let Value::Session(session) = eval::variable(db, of)
            && is_bare(&session)
        {
            let mut evidence = vec![Evidence {
                place: Place::Variable(of),
                message: "it is opened once, when the module is imported".to_owned(),
            }];
            evidence.extend(users(db, Holder::Variable(of)));
            findings.push(finding(
                Place::File(file, stmt.range),
                String::new(),
                format!("`{name}` is one session for the whole process: concurrent requests write into each other's transactions"),
                evidence,
                Vec::new(),
            ));
        }
    }
    for class in &module.classes {
        let of = ClassRef { file, path: class.path };
        for stmt in &class.code.block {
            let (StmtKind::Assign { .. } | StmtKind::AnnAssign { value: Some(_), .. }) = &stmt.kind else { continue };
            let target = match &stmt.kind {
                StmtKind::Assign { targets, .. } => targets.first().copied(),
                StmtKind::AnnAssign { target, .. } => Some(*target),
                _ => None,
            };
            let Some(Expr::Name(name)) = target.map(|target| &class.code[target]) else { continue };
            if let Value::Session(session) = classes::class_level_value(db, of, *name)
                && matches!(session.origin, SessionOrigin::ClassAttribute(holder, _) if holder == of)
            {
                findings.push(finding(
                    Place::InClass(of, stmt.range),
                    class.path.as_str().to_owned(),
                    format!(
                        "`{}.{name}` is one session for every object of the class: concurrent requests share it",
                        class.name
                    ),
                    with_users(
                        db,
                        Holder::Class(of, *name),
                        Place::Class(of),
                        "a class is one object for all requests",
                    ),
                    Vec::new(),
                ));
            }
        }
    }
    for function in &module.functions {
        check_function(db, FunctionRef { file, path: function.path }, findings);
    }
}

/// Stores of sessions in a function: in a global, on a class, on the application, in an object that is shared.
fn check_function(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    let unit = unit_of(db, of);
    let symbol = of.path.as_str().to_owned();
    for (name, value) in &unit.globals {
        let Value::Session(session) = value else { continue };
        if !is_bare(session) {
            continue;
        }
        let Some(place) = open_place(of, &unit, session) else { continue };
        findings.push(finding(
            place,
            symbol.clone(),
            format!(
                "`{}` keeps one session in the global `{name}`: concurrent requests write into each other's transactions",
                classes::simple(of.path)
            ),
            vec![Evidence {
                place: Place::Function(of),
                message: format!("`{}` hands out the session of the first call for ever", classes::simple(of.path)),
            }],
            fix::fresh_session(of, *name),
        ));
    }
    held_in_objects(db, of, &unit, findings);
    stored(db, of, &unit, findings);
    // A cached accessor: the session of the first call is handed to everybody.
    if classes::is_cached(db, of)
        && let Value::Session(session) = &unit.returns
        && is_bare(session)
        && let Some(body) = function(db, of)
    {
        let cache = fix::caching_decorator(&body);
        let mut evidence: Vec<Evidence> = cache
            .map(|cache| Evidence {
                place: Place::InFunction(of, cache),
                message: "this keeps what the first call returned".to_owned(),
            })
            .into_iter()
            .collect();
        evidence.extend(users_of_dependency(db, of).iter().take(3).map(|user| Evidence {
            place: Place::Function(*user),
            message: format!("`{}` depends on it", classes::simple(user.path)),
        }));
        findings.push(finding(
            Place::Function(of),
            symbol,
            format!("`{}` is cached and hands the same session to every request", classes::simple(of.path)),
            evidence,
            cache.map(|cache| fix::without_cache(of, cache)).into_iter().collect(),
        ));
    }
}

/// Objects that are given a session, and held by one that is shared: `self.repository = Repository(SessionLocal())`.
fn held_in_objects(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    for (attribute, value) in &unit.self_attributes {
        let Value::Instance(instance) = value else { continue };
        let Some(session) = kept_session(db, instance).filter(|session| is_bare(session)) else { continue };
        let Some(class) = eval::own_class(db, of) else { continue };
        let Some(shared) = shared_object(db, class) else { continue };
        let Some(place) = open_place(of, unit, &session) else { continue };
        findings.push(finding(
            place,
            of.path.as_str().to_owned(),
            format!(
                "`{}.{attribute}` keeps one session, and every request gets the same `{}`: they write into each other's transactions",
                classes::simple(class.path),
                classes::simple(class.path)
            ),
            vec![
                Evidence {
                    place: Place::Class(instance.class),
                    message: format!(
                        "a `{}` keeps the session that it is given",
                        classes::simple(instance.class.path)
                    ),
                },
                Evidence { place: shared.place, message: shared.message },
            ],
            Vec::new(),
        ));
    }
}

/// Sessions that are put where they outlive the call.
fn stored(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    let symbol = of.path.as_str().to_owned();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Store { object, attribute, value } = &event.kind else { continue };
        let kept;
        let session = match value {
            Value::Session(session) => session,
            Value::Instance(instance) if is_application_state(object) => {
                let Some(given) = kept_session(db, instance) else { continue };
                kept = given;
                &kept
            }
            _ => continue,
        };
        let stays = is_application_state(object) && stays_open(unit, ordinal, session);
        if !is_bare(session) && !stays && !is_own_in_shared(db, of, object, session) {
            continue;
        }
        match object {
            // A dictionary of the module, or what a framework hands to its hook for the start.
            Value::Symbol(Symbol::Variable(variable)) => findings.push(finding(
                Place::InFunction(of, event.statement),
                symbol.clone(),
                format!(
                    "`{}[\"{attribute}\"]` keeps one session for the whole process: concurrent requests share it",
                    variable.name
                ),
                vec![Evidence {
                    place: Place::Variable(*variable),
                    message: format!("`{}` is one dictionary for the whole process", variable.name),
                }],
                Vec::new(),
            )),
            Value::Param(_) | Value::Made(_) if entry::is_start_hook(db, of) => findings.push(finding(
                Place::InFunction(of, event.statement),
                symbol.clone(),
                format!(
                    "`{attribute}` keeps one session for the whole process: whatever runs at the same time shares it"
                ),
                vec![Evidence {
                    place: Place::Function(of),
                    message: "it is opened once, when the process starts".to_owned(),
                }],
                Vec::new(),
            )),
            Value::SelfObject => {
                let Some(class) = eval::own_class(db, of) else { continue };
                let Some(shared) = shared_object(db, class) else { continue };
                let evidence = vec![Evidence { place: shared.place, message: shared.message }];
                findings.push(finding(
                    Place::InFunction(of, event.statement),
                    symbol.clone(),
                    format!(
                        "`{}.{attribute}` keeps one session, and every request gets the same `{}`: they write into each other's transactions",
                        classes::simple(class.path),
                        classes::simple(class.path)
                    ),
                    evidence,
                    Vec::new(),
                ));
            }
            Value::Symbol(Symbol::Class(class)) => findings.push(finding(
                Place::InFunction(of, event.statement),
                symbol.clone(),
                format!(
                    "`{}.{attribute}` keeps one session for the whole process: concurrent requests share it",
                    classes::simple(class.path)
                ),
                with_users(
                    db,
                    Holder::Class(*class, *attribute),
                    Place::Class(*class),
                    "a class is one object for all requests",
                ),
                Vec::new(),
            )),
            object if is_application_state(object) => findings.push(finding(
                Place::InFunction(of, event.statement),
                symbol.clone(),
                format!(
                    "`app.state.{attribute}` keeps one session for the whole process: concurrent requests share it"
                ),
                with_users(
                    db,
                    Holder::Application(*attribute),
                    Place::Function(of),
                    "it is opened once, when the application starts",
                ),
                Vec::new(),
            )),
            _ => {}
        }
    }
}

/// Whether a session is kept out of a scope that ends with the process: `with SessionLocal() as db: app.state.db = db; yield`.
fn stays_open(unit: &Unit, store: u32, session: &SessionValue) -> bool {
    let Some(event) = unit.events.get(store as usize) else { return false };
    unit.ancestors(event.frame).any(|(id, frame)| {
        matches!(&frame.kind, FrameKind::WithSession(held) if same_session(held, session))
            && unit.events_in(id).any(|(later, event)| later > store && matches!(event.kind, EventKind::Yield(_)))
    })
}

/// Whether a constructor keeps the session that it is given or one of its own, and the module makes its one object without
/// giving it any.
fn is_own_in_shared(db: &dyn Db, of: FunctionRef, object: &Value, session: &SessionValue) -> bool {
    let (Value::SelfObject, SessionOrigin::GivenOrOwn(index)) = (object, &session.origin) else { return false };
    let Some(body) = function(db, of).filter(|body| body.name == "__init__") else { return false };
    let Some(param) = body.params.get(*index as usize) else { return false };
    let Some(Place::Variable(made)) =
        eval::own_class(db, of).and_then(|class| shared_object(db, class)).map(|shared| shared.place)
    else {
        return false;
    };
    let parsed = parsed(db, made.file);
    let code = &parsed.module.code;
    let mut lacks = false;
    walk_statements(&code.block, &mut |stmt| {
        let Some((targets, value)) = stmt.kind.assignment() else { return };
        let is_it = targets.iter().any(|target| matches!(&code[*target], Expr::Name(name) if *name == made.name));
        if let (true, Expr::Call { args, .. }) = (is_it, &code[value]) {
            lacks = args.len() < *index as usize
                && args.iter().all(|arg| match arg.kind {
                    ArgKind::Positional => true,
                    ArgKind::Keyword(name) => name != param.name,
                    ArgKind::Starred | ArgKind::DoubleStarred => false,
                });
        }
    });
    lacks
}

/// Evidence of why the session is shared, and who uses it.
fn with_users(db: &dyn Db, holder: Holder, place: Place, why: &str) -> Vec<Evidence> {
    let mut evidence = vec![Evidence { place, message: why.to_owned() }];
    evidence.extend(users(db, holder));
    evidence
}

/// Whether a session was opened by a plain call, outside a scope of its own.
fn is_bare(session: &SessionValue) -> bool {
    match &session.origin {
        SessionOrigin::Opened(_) | SessionOrigin::Global(_) => true,
        SessionOrigin::Returned(_, inner) => matches!(**inner, SessionOrigin::Opened(_)),
        _ => false,
    }
}

fn open_place(of: FunctionRef, unit: &Unit, session: &Arc<SessionValue>) -> Option<Place> {
    unit.events
        .iter()
        .find(|event| matches!(&event.kind, EventKind::Open(opened) if opened.id == session.id))
        .map(|event| Place::InFunction(of, event.statement))
}

fn finding(
    place: Place,
    symbol: String,
    message: String,
    evidence: Vec<Evidence>,
    fixes: Vec<crate::finding::Fix>,
) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place,
        symbol,
        evidence,
        story: Some(Story {
            actors: vec!["Request A".to_owned(), "Request B".to_owned()],
            steps: vec![
                (0, "adds its rows to the shared session".to_owned()),
                (1, "fails, and rolls the shared session back".to_owned()),
                (0, "commits: nothing is written".to_owned()),
            ],
            outcome: "Request A answers with success, and its rows are gone.".to_owned(),
        }),
        fixes,
    }
}
