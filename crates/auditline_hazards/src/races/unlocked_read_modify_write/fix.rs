//! The cures: lock the load, or compute in SQL.

use auditline_model::eval::value::{Derivation, RowOrigin, RowValue, SessionValue};
use auditline_model::names::{files_mentioning, resolve_global, resolve_in};
use auditline_model::owner::callers;
use auditline_model::symbols::Symbol;
use auditline_model::tables::{self, TypeFamily};
use auditline_model::unit::{
    Event, EventKind, LoadForm, Opposed, Unit, opposed_lock, runs_on_event_loop, same_session,
};
use auditline_model::{ClassRef, Db, FunctionRef, class, classes, function, parsed};
use auditline_source::TextEdit;
use auditline_syntax::python::dotted;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use super::{computed, decided};
use crate::edit::{self, Refresh, RowLock, Scope};
use crate::finding::{Fix, Safety};
use crate::races::dependence::limit;
use crate::races::identity::{self, handed_in_together, session_of};
use crate::races::inconsistent_lock_order::disorder;
use crate::races::lock_released_early::is_in_vain;

/// The fixes of an unlocked write, the best one first.
pub(super) fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, write: u32) -> Vec<Fix> {
    let mut fixes = lock_fixes(db, of, unit, row);
    if let Some(event) = unit.events.get(write as usize)
        && let EventKind::Write { from, column, by: None, in_place: false, .. } = &event.kind
        && from.fields.iter().any(|field| field.column == *column && field.how == Derivation::Computed)
        && let Some(model) = row.model
        && is_number(db, model, *column)
        // A check of the old value would then protect nothing.
        && limit(db, of, unit, write, model).is_none()
        && computed::may_be(db, of, unit, row, write)
    {
        let statement = event.statement;
        let name = classes::simple(model.path);
        fixes.push(Fix::new(format!("Compute `{column}` in SQL from `{name}.{column}`"), Safety::Unsafe, move |db| {
            let name = name_in(db, of, model)?;
            edit::in_function(db, of, |scope| edit::atomic_sql_expression(scope, statement, &name))
        }));
    }
    if let Some(event) = unit.events.get(write as usize)
        && let EventKind::Overwrite { from, column, by: None, .. } = &event.kind
        && let [field] = &from.fields[..]
        && field.how == Derivation::Computed
        && let Some(read) = unit.events.get(field.read as usize).map(|event| event.range)
        && let Some(model) = row.model
        && limit(db, of, unit, write, model).is_none()
    {
        let name = classes::simple(model.path);
        fixes.push(Fix::new(format!("Compute `{column}` in SQL from `{name}.{column}`"), Safety::Unsafe, move |db| {
            let name = name_in(db, of, model)?;
            edit::in_function(db, of, |scope| edit::atomic_update(scope, read, &name))
        }));
    }
    fixes
}

/// Whether a column holds numbers: what `+` and `-` mean of lists, documents and times in Python, they do not mean in SQL.
fn is_number(db: &dyn Db, model: ClassRef, column: Name) -> bool {
    let family = tables::orm_model(db, model).and_then(|model| model.column(column).map(|column| column.family));
    matches!(family, Some(TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Numeric | TypeFamily::Float))
}

/// The fixes that lock the load of a row.
pub(in crate::races) fn lock_fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Vec<Fix> {
    let model = row.model.map_or("row", |class| classes::simple(class.path));
    let row_model = row.model;
    let Some(way) = way(db, of, unit, row) else { return Vec::new() };
    // What has decided elsewhere has decided without the lock.
    if !matches!(way, Way::Load(_)) && decided::is_elsewhere(db, of, unit, row) {
        return Vec::new();
    }
    // A lock for which two requests wait for one another, or that is gone before the write, is no cure.
    let Some(at) = locked_at(db, of, unit, row) else { return Vec::new() };
    let at = match way {
        // What the helper does besides comes before the second load.
        Way::Behind { .. } => last_of_call(unit, at),
        Way::Load(_) | Way::Before { .. } => at,
    };
    if opposed(db, of, unit, row).is_some() || is_disorderly(unit, at) || is_in_vain(db, of, unit, row, at) {
        return Vec::new();
    }
    let title = match way {
        Way::Load(_) => format!("Lock the load of `{model}`"),
        Way::Behind { .. } | Way::Before { .. } => format!("Load `{model}` again with a lock"),
    };
    // A synchronous session that takes a row lock in `async def` can hang the whole process (AUD215).
    let is_async = function(db, of).is_some_and(|body| body.is_async);
    let is_sync = session_of(db, row).is_none_or(|session| session.is_async != Some(true));
    let blocks = is_async && is_sync;
    if !is_async && is_sync && runs_on_event_loop(db, of) {
        return Vec::new();
    }
    if !blocks {
        return vec![Fix::new(title, Safety::Safe, move |db| {
            let prepared = way.prepare(db, of, row_model);
            edit::in_function(db, of, |scope| prepared.edits(scope))
        })];
    }
    // Who calls it awaits it, and could not await a plain function.
    if unit.events.iter().any(|event| matches!(event.kind, EventKind::Await)) || !callers(db, of).is_empty() {
        return Vec::new();
    }
    let title = format!("Make this a plain `def`, and {}", lower_first(&title));
    vec![Fix::new(title, Safety::Unsafe, move |db| {
        let prepared = way.prepare(db, of, row_model);
        edit::in_function(db, of, |scope| edit::make_plain_def(scope, |scope| prepared.edits(scope)))
    })]
}

/// What locks rows the other way round, were the load of a row to lock it (AUD211).
pub(super) fn opposed(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<Opposed> {
    opposed_lock(db, of, locked_at(db, of, unit, row)?, row.model?)
}

/// The event at which a fix locks a row: its load, or the first use of one that was loaded elsewhere.
fn locked_at(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<u32> {
    match row.origin {
        RowOrigin::Dependency(_) | RowOrigin::Param(_) | RowOrigin::Related(_) => {
            let first = first_use(db, of, unit, row)?;
            unit.numbered().find(|(_, event)| first.start() < event.statement.end()).map(|(ordinal, _)| ordinal)
        }
        _ => Some(row.id),
    }
}

/// The first use of a row that was loaded elsewhere: where a column is read, or before, where a property, a method or a function
/// that it is handed to reads one that is written here.
fn first_use(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<TextRange> {
    let seen = unit.events.iter().find(|event| uses(event, row))?.range;
    let body = function(db, of)?;
    let object = body.code.exprs.iter().zip(&body.code.ranges).find_map(|(expr, range)| match expr {
        Expr::Attribute { value, .. } if *range == seen => dotted(&body.code, *value),
        _ => None,
    });
    let Some((name, class)) = object.zip(row.model) else { return Some(seen) };
    let first = edit::first_use(&body.code, name, seen);
    // What reads no column that is written here decides nothing about it.
    let between = |at: TextRange| first.end() <= at.end() && at.end() <= seen.start();
    let decides = tables::told(db, of, name, class, between).reads(&decided::columns(unit, row));
    Some(if decides { first } else { seen })
}

/// The last event of the call in which an event happens.
fn last_of_call(unit: &Unit, of: u32) -> u32 {
    let range = unit.events.get(of as usize).map(|event| event.range);
    unit.numbered().filter(|(_, event)| Some(event.range) == range).map(|(ordinal, _)| ordinal).last().unwrap_or(of)
}

/// Whether a load, were it to lock, would lock many rows in an order that nobody has said.
fn is_disorderly(unit: &Unit, load: u32) -> bool {
    match unit.events.get(load as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, many, by: None, .. }) => disorder(unit, load, query, *many).is_some(),
        _ => false,
    }
}

/// Whether an event reads or writes a column of a row in the function itself.
fn uses(event: &Event, row: &RowValue) -> bool {
    match &event.kind {
        EventKind::Read { row: used, .. } | EventKind::Write { row: used, by: None, .. } => used.id == row.id,
        _ => false,
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// How a row comes to be locked.
#[derive(Clone, Copy)]
enum Way {
    /// Where it is loaded in this function.
    Load(Lock),
    /// By a second load, behind the one that a helper does.
    Behind { statement: TextRange, session_use: TextRange, awaited: bool },
    /// By a second load, before the first use of a row that was handed in.
    Before { from: TextRange, first: TextRange, last: TextRange, session_use: TextRange, awaited: bool },
}

fn way(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<Way> {
    let no_load = matches!(row.origin, RowOrigin::Dependency(_) | RowOrigin::Param(_) | RowOrigin::Related(_));
    if no_load {
        return before(db, of, unit, row);
    }
    let load = unit.events.get(row.id as usize)?;
    let EventKind::Load { form, flag, many, .. } = &load.kind else { return None };
    // A lock on a row that the session holds already waits, and gives the old values (AUD212).
    let populate = may_hold_already(unit, row) || identity::held_before(db, of, unit, row.id).is_some();
    if *form != LoadForm::Elsewhere || flag.is_some() && !populate {
        return Some(Way::Load(Lock { form: *form, flag: *flag, call: load.range, populate }));
    }
    if *many {
        return None;
    }
    let (session_use, awaited) =
        session_use(unit, |session| row.session.as_ref().is_none_or(|own| same_session(own, session)))?;
    Some(Way::Behind { statement: load.statement, session_use, awaited })
}

/// For a row that a dependency, a caller, or a relationship has loaded with the session that this function uses too.
fn before(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<Way> {
    let own = session_of(db, row);
    let (session_use, awaited) = session_use(unit, |session| match &row.origin {
        RowOrigin::Dependency(_) | RowOrigin::Related(_) => own.as_ref().is_some_and(|own| same_session(own, session)),
        RowOrigin::Param(index) => handed_in_together(db, of, *index, session),
        _ => false,
    })?;
    let mut uses = unit.events.iter().filter(|event| uses(event, row));
    let first = uses.clone().next()?;
    let last = uses.next_back()?;
    // The object of the first read or write is how the row is called here.
    let from = first_use(db, of, unit, row)?;
    Some(Way::Before { from, first: first.range, last: last.range, session_use, awaited })
}

/// A use of a session in the function itself: a call on it, and whether such calls are awaited.
fn session_use(unit: &Unit, wanted: impl Fn(&SessionValue) -> bool) -> Option<(TextRange, bool)> {
    unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session, by: None, .. } if wanted(session) => {
            Some((event.range, session.is_async == Some(true)))
        }
        _ => None,
    })
}

/// A load to be locked.
#[derive(Clone, Copy)]
struct Lock {
    form: LoadForm,
    flag: Option<Name>,
    call: TextRange,
    populate: bool,
}

/// The same, with what the database says about the model.
struct Prepared {
    way: Way,
    name: Option<String>,
    loading: Loading,
}

impl Way {
    fn prepare(self, db: &dyn Db, of: FunctionRef, model: Option<ClassRef>) -> Prepared {
        Prepared {
            way: self,
            name: model.and_then(|model| name_in(db, of, model)),
            loading: model.map(|model| loading(db, model)).unwrap_or_default(),
        }
    }
}

impl Prepared {
    fn lock(&self) -> RowLock<'_> {
        RowLock { model: self.name.as_deref(), joins: self.loading.joins, populate: false }
    }

    fn edits(&self, scope: Scope<'_>) -> Option<Vec<TextEdit>> {
        if self.loading.polymorphic {
            return None;
        }
        match self.way {
            Way::Load(Lock { form, flag, call, populate, .. }) => {
                let lock = RowLock { populate, ..self.lock() };
                match (form, flag) {
                    (LoadForm::Chain(range), _) => edit::lock_query(scope, range, lock),
                    (LoadForm::Get(range), _) => edit::lock_get(scope, range, lock),
                    (LoadForm::Elsewhere, Some(flag)) => edit::add_keyword(scope, scope.call_at(call)?, &flag, "True"),
                    (LoadForm::Elsewhere, None) => None,
                }
            }
            Way::Behind { statement, session_use, awaited } => {
                let refresh = Refresh { session: scope.receiver(session_use)?, is_async: awaited, lock: self.lock() };
                edit::refresh_behind_check(scope, statement, refresh)
            }
            Way::Before { from, first, last, session_use, awaited } => {
                let Expr::Attribute { value, .. } = &scope.code[scope.expr_at(first)?] else { return None };
                let row = dotted(scope.code, *value)?;
                let refresh = Refresh { session: scope.receiver(session_use)?, is_async: awaited, lock: self.lock() };
                edit::refresh_before(scope, (from, last), row, refresh)
            }
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

/// What loading a model does besides reading its table.
#[derive(Debug, Clone, Copy, Default)]
struct Loading {
    /// It joins other tables by itself: a relationship with `lazy="joined"`. A lock has to name the rows it means.
    joins: bool,
    /// It joins the tables of its subclasses (`with_polymorphic`): PostgreSQL cannot lock such a row at all.
    polymorphic: bool,
}

fn loading(db: &dyn Db, model: ClassRef) -> Loading {
    let mut loading = Loading::default();
    for ancestor in classes::mro(db, model).iter() {
        let Some(body) = class(db, *ancestor) else { continue };
        for expr in &body.code.exprs {
            match expr {
                Expr::Call { args, .. } => loading.joins |= is_joined(&body.code, args),
                Expr::Str(text) => loading.polymorphic |= &**text == "with_polymorphic",
                _ => {}
            }
        }
    }
    // Another class's `backref("…", lazy="joined")` loads eagerly from this side.
    loading.joins |= files_mentioning(db, classes::simple(model.path)).iter().any(|file| {
        parsed(db, *file).module.classes.iter().any(|body| {
            body.code.exprs.iter().any(|expr| match expr {
                Expr::Call { func, args } => {
                    matches!(&body.code[*func], Expr::Name(name) if *name == "backref") && is_joined(&body.code, args)
                }
                _ => false,
            })
        })
    });
    loading
}

/// `lazy="joined"`, or its older form `lazy=False`.
fn is_joined(code: &Code, args: &[Arg]) -> bool {
    args.iter().any(|arg| {
        matches!(arg.kind, ArgKind::Keyword(name) if name == "lazy")
            && match &code[arg.value] {
                Expr::Str(how) => &**how == "joined",
                Expr::Bool(eager) => !eager,
                _ => false,
            }
    })
}

/// How a class is called in a function.
pub(in crate::races) fn name_in(db: &dyn Db, of: FunctionRef, model: ClassRef) -> Option<String> {
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
