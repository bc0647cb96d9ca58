//! The cures: lock the load, or compute in SQL.

use auditline_model::eval::value::{Derivation, RowValue};
use auditline_model::names::{resolve_global, resolve_in};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{AttributeKind, orm_model};
use auditline_model::unit::{EventKind, LoadForm, Unit, same_session};
use auditline_model::{ClassRef, Db, FunctionRef, class, classes, function};
use auditline_source::TextEdit;
use auditline_syntax::python::dotted;
use auditline_syntax::python::ir::{ArgKind, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::edit::{self, RowLock, Scope};
use crate::finding::{Fix, Safety};

/// The fixes of an unlocked write, the best one first.
pub(super) fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, write: u32) -> Vec<Fix> {
    let mut fixes = lock_fixes(db, of, unit, row);
    if let Some(event) = unit.events.get(write as usize)
        && let EventKind::Write { from, column, by: None, in_place: false, .. } = &event.kind
        && from.fields.iter().any(|field| field.column == *column && field.how == Derivation::Computed)
        && let Some(model) = row.model
    {
        let statement = event.statement;
        let name = classes::simple(model.path);
        fixes.push(Fix::new(format!("Compute `{column}` in SQL from `{name}.{column}`"), Safety::Unsafe, move |db| {
            let name = name_in(db, of, model)?;
            edit::in_function(db, of, |scope| edit::atomic_sql_expression(scope, statement, &name))
        }));
    }
    fixes
}

/// The fixes that lock the load of a row.
pub(in crate::races) fn lock_fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Vec<Fix> {
    let model = row.model.map_or("row", |class| classes::simple(class.path));
    let Some(load) = unit.events.get(row.id as usize) else { return Vec::new() };
    let EventKind::Load { form, flag, many, .. } = &load.kind else { return Vec::new() };
    let lock = Lock {
        of,
        form: *form,
        flag: *flag,
        call: load.range,
        model: row.model,
        populate: may_hold_already(unit, row),
    };
    // A synchronous session that takes a row lock in `async def` can hang the whole process (AUD215).
    let body = function(db, of);
    let blocks = body.as_ref().is_some_and(|body| body.is_async)
        && row.session.as_ref().is_none_or(|session| session.is_async != Some(true));
    if blocks {
        let awaits = unit.events.iter().any(|event| matches!(event.kind, EventKind::Await));
        if awaits || *form == LoadForm::Elsewhere {
            return Vec::new();
        }
        let title = format!("Make this a plain `def`, and lock the load of `{model}`");
        return vec![Fix::new(title, Safety::Unsafe, move |db| {
            let lock = lock.prepare(db);
            edit::in_function(db, of, |scope| edit::make_plain_def(scope, |scope| lock.edits(scope)))
        })];
    }
    if *form != LoadForm::Elsewhere || flag.is_some() {
        return vec![Fix::new(format!("Lock the load of `{model}`"), Safety::Safe, move |db| {
            let lock = lock.prepare(db);
            edit::in_function(db, of, |scope| lock.edits(scope))
        })];
    }
    if *many {
        return Vec::new();
    }
    let statement = load.statement;
    let session_use = unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session, by: None, .. } => {
            row.session.as_ref().is_none_or(|own| same_session(own, session)).then_some(event.range)
        }
        _ => None,
    });
    let Some(session_use) = session_use else { return Vec::new() };
    let awaited = row.session.as_ref().is_some_and(|session| session.is_async == Some(true));
    vec![Fix::new(format!("Load `{model}` again with a lock"), Safety::Safe, move |db| {
        edit::in_function(db, of, |scope| {
            edit::refresh_behind_check(scope, statement, scope.receiver(session_use)?, awaited)
        })
    })]
}

/// A load to be locked.
#[derive(Clone, Copy)]
struct Lock {
    of: FunctionRef,
    form: LoadForm,
    flag: Option<Name>,
    call: TextRange,
    model: Option<ClassRef>,
    populate: bool,
}

/// The same, with what the database says about the model.
struct Prepared {
    lock: Lock,
    name: Option<String>,
    joins: bool,
}

impl Lock {
    fn prepare(self, db: &dyn Db) -> Prepared {
        Prepared {
            lock: self,
            name: self.model.and_then(|model| name_in(db, self.of, model)),
            joins: self.model.is_some_and(|model| joins_eagerly(db, model)),
        }
    }
}

impl Prepared {
    fn edits(&self, scope: Scope<'_>) -> Option<Vec<TextEdit>> {
        let lock = RowLock { model: self.name.as_deref(), joins: self.joins, populate: self.lock.populate };
        match (self.lock.form, self.lock.flag) {
            (LoadForm::Chain(range), _) => edit::lock_query(scope, range, lock),
            (LoadForm::Get(range), _) => edit::lock_get(scope, range, lock),
            (LoadForm::Elsewhere, Some(flag)) => {
                edit::add_keyword(scope, scope.call_at(self.lock.call)?, &flag, "True")
            }
            (LoadForm::Elsewhere, None) => None,
        }
    }
}

/// Whether the session may hold the row before this load: the unit loaded rows of the model earlier.
fn may_hold_already(unit: &Unit, row: &RowValue) -> bool {
    unit.numbered().any(|(ordinal, event)| match &event.kind {
        EventKind::Load { query, row: Some(_), .. } => {
            ordinal < row.id && query.model == row.model && query.entities && unit.can_follow(ordinal, row.id)
        }
        _ => false,
    })
}

/// Whether loading the model joins other tables by itself: a relationship with `lazy="joined"`.
fn joins_eagerly(db: &dyn Db, model: ClassRef) -> bool {
    let Some(orm) = orm_model(db, model) else { return false };
    orm.attributes.iter().filter(|attribute| matches!(attribute.kind, AttributeKind::Relationship(_))).any(
        |attribute| {
            class(db, attribute.declared_in).is_some_and(|body| {
                body.code.exprs.iter().any(|expr| match expr {
                    Expr::Call { args, .. } => args.iter().any(|arg| {
                        matches!(arg.kind, ArgKind::Keyword(name) if name == "lazy")
                            && match &body.code[arg.value] {
                                Expr::Str(how) => &**how == "joined",
                                Expr::Bool(eager) => !eager,
                                _ => false,
                            }
                    }),
                    _ => false,
                })
            })
        },
    )
}

/// How a class is called in a function.
fn name_in(db: &dyn Db, of: FunctionRef, model: ClassRef) -> Option<String> {
    let name = Name::new(classes::simple(model.path));
    if resolve_global(db, of.file, name) == Symbol::Class(model) {
        return Some(name.as_str().to_owned());
    }
    let body = function(db, of)?;
    body.code.exprs.iter().zip(0..).find_map(|(expr, index)| {
        let is_path = matches!(expr, Expr::Name(_) | Expr::Attribute { .. });
        (is_path && resolve_in(db, of, &body.code, ExprId(index)) == Symbol::Class(model))
            .then(|| dotted(&body.code, ExprId(index)))
            .flatten()
            .map(|path| path.as_str().to_owned())
    })
}
