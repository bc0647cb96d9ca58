//! Statements and results: how they are built, executed and read.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::ClassRef;
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{EventKind, LoadForm};

use super::calls::Arguments;
use super::handed::named_by_callers;
use super::insertions::{passes, upsert_of_text};
use super::libraries::Known;
use super::sessions::lock_argument;
use super::value::{Lock, QueryKind, QueryValue, SessionValue, Value};
use super::{Bound, Evaluator};

/// Methods of statements that give a statement over the same entities.
const BUILDERS: &[&str] = &[
    "correlate",
    "cte",
    "distinct",
    "enable_eagerloads",
    "except_",
    "execution_options",
    "filter",
    "filter_by",
    "from_self",
    "from_statement",
    "having",
    "intersect",
    "join",
    "join_from",
    "limit",
    "offset",
    "on_conflict_do_nothing",
    "on_conflict_do_update",
    "on_duplicate_key_update",
    "options",
    "order_by",
    "outerjoin",
    "params",
    "prefix_with",
    "reset_joinpoint",
    "returning",
    "select_entity_from",
    "slice",
    "union",
    "union_all",
    "unique",
    "values",
    "where",
    "with_hint",
    "with_loader_criteria",
    "yield_per",
];

impl Evaluator<'_> {
    /// A statement made by `select(...)`, `update(...)`, …
    pub(crate) fn statement(
        &mut self,
        code: &Code,
        known: Known,
        arguments: &Arguments,
        args: &[Arg],
        _id: ExprId,
    ) -> Bound {
        let mut query = self.select_of(arguments);
        query.kind = match known {
            Known::Update => QueryKind::Update,
            Known::Delete => QueryKind::Delete,
            Known::Insert => QueryKind::Insert,
            Known::Text => QueryKind::Text,
            _ => QueryKind::Select,
        };
        query.exists &= query.kind == QueryKind::Select;
        if let (Known::Insert, None, Some(into)) = (known, query.model, args.first()) {
            self.inserted(code, &mut query, into.value);
        }
        if known == Known::Text
            && let Some(Expr::Str(text)) = args.first().map(|arg| &code[arg.value])
        {
            let upper = text.to_ascii_uppercase();
            let tries = upper.contains("PG_TRY_ADVISORY");
            if upper.contains("FOR UPDATE") || upper.contains("PG_ADVISORY") || tries || locks_table(&upper) {
                query.lock = Lock::Yes;
                query.waits = !upper.contains("NOWAIT") && !upper.contains("SKIP LOCKED") && !tries;
            }
            if upper.contains("ON CONFLICT") {
                query.insertion = upsert_of_text(text).map(Arc::new);
            }
        }
        Bound::of(Value::Query(Arc::new(query)))
    }

    /// The statement over the entities and columns that are its arguments.
    pub(crate) fn select_of(&mut self, arguments: &Arguments) -> QueryValue {
        // `select(select(Item).where(…).exists())`
        if let Value::Query(inner) = arguments.first()
            && inner.exists
        {
            return QueryValue { exists: false, session: None, ..(*inner).clone() };
        }
        let mut model = None;
        let mut entities = true;
        let mut width = 0;
        let mut aggregates = false;
        let mut beside = SmallVec::new();
        let mut of = None;
        let mut classes: SmallVec<[ClassRef; 2]> = SmallVec::new();
        let mut columns: SmallVec<[(ClassRef, Name); 1]> = SmallVec::new();
        for (name, bound) in &arguments.list {
            if !matches!(name, super::value::ArgName::Position(_)) {
                continue;
            }
            width += 1;
            if width == 1 {
                of = named_by_callers(self.db, bound);
            }
            classes.extend(match &bound.value {
                Value::Column(class, _) | Value::Aggregate(Some(class)) => Some(*class),
                value => self.model_argument(Some(value)),
            });
            match self.model_argument(Some(&bound.value)) {
                Some(class) if width == 1 => model = Some(class),
                class @ Some(_) => beside.push(class),
                None => {
                    if width > 1 {
                        beside.push(None);
                    }
                    if width == 1 {
                        entities = matches!(bound.value, Value::Attribute(..) | Value::Param(_));
                    }
                    if let Value::Column(class, column) = bound.value {
                        model = model.or(Some(class));
                        columns.push((class, column));
                    }
                    if let Value::Aggregate(class) = bound.value {
                        model = model.or(class);
                        aggregates = true;
                    }
                }
            }
        }
        let all_columns = columns.len() as u32 == width && columns.iter().all(|(class, _)| Some(*class) == model);
        let columns =
            if all_columns { columns.into_iter().map(|(_, column)| column).collect() } else { SmallVec::new() };
        let mut query = QueryValue {
            of,
            entities,
            width,
            columns,
            beside,
            aggregates: aggregates && width == 1,
            ..QueryValue::select(model)
        };
        query.exists = width > 0 && model.is_none() && arguments.list.iter().all(|(_, bound)| is_literal(&bound.value));
        query.sought.open = arguments.open || classes.iter().any(|class| Some(*class) != model);
        query
    }

    /// The mapped class that a value is.
    pub(crate) fn model_argument(&self, value: Option<&Value>) -> Option<ClassRef> {
        match value? {
            Value::Symbol(Symbol::Class(class)) if orm_model(self.db, *class).is_some() => Some(*class),
            _ => None,
        }
    }

    pub(crate) fn flask_query(&mut self, class: ClassRef) -> Value {
        Value::Query(Arc::new(flask_query_of(Some(class), None)))
    }

    /// `db.get_or_404(Item, id)`, `db.select(Item)` of Flask-SQLAlchemy's object; `None` for anything else.
    /// <https://flask-sqlalchemy.palletsprojects.com/en/stable/queries/>
    pub(crate) fn flask_method(
        &mut self,
        code: &Code,
        (receiver, name): (ExprId, Name),
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Option<Bound> {
        let known = match name.as_str() {
            "select" => Known::Select,
            "update" => Known::Update,
            "delete" => Known::Delete,
            "insert" => Known::Insert,
            "get_or_404" | "first_or_404" | "one_or_404" => {
                let method = if name == "get_or_404" { "get" } else { "scalar" };
                let session = Bound::of(Value::Session(context_session(false)));
                let name = Name::new(method);
                return Some(self.database_method(code, &session, (receiver, name), arguments, args, (id, range)));
            }
            _ => return None,
        };
        Some(self.statement(code, known, arguments, args, id))
    }

    /// A method of a statement: it builds on, or it executes.
    pub(crate) fn query_method(
        &mut self,
        code: &Code,
        query: &Arc<QueryValue>,
        (receiver, name): (ExprId, Name),
        arguments: &Arguments,
        args: &[Arg],
        range: TextRange,
    ) -> Bound {
        let form = LoadForm::Chain(code.range(receiver));
        let executes = query.session.is_some();
        let mut next = (**query).clone();
        self.seek(code, &name, args, (query.model, query.ordered), &mut next.sought);
        match name.as_str() {
            "with_for_update" => {
                next.lock = match arguments.keyword("read").map(|bound| &bound.value) {
                    // FOR SHARE does not keep a second reader out.
                    Some(Value::Bool(true)) => Lock::Unknown,
                    _ => Lock::Yes,
                };
                let asked = |keyword| {
                    arguments
                        .keyword(keyword)
                        .is_some_and(|bound| !matches!(bound.value, Value::Bool(false) | Value::None))
                };
                next.waits = !asked("nowait") && !asked("skip_locked") && !arguments.open;
                let of = arguments.keyword("of").map(|bound| &bound.value);
                next.locks_own_only = next.model.is_some() && self.model_argument(of) == next.model;
            }
            // Its rows come from another statement, which may be a text that locks them.
            "from_statement" => {
                if let Value::Query(inner) = arguments.first() {
                    next.lock = next.lock.max_with(inner.lock);
                    next.waits &= inner.waits;
                }
            }
            "order_by" => next.ordered = true,
            "values" => {
                next.sets.extend(super::steps::set_by(code, args));
                if next.kind == QueryKind::Update {
                    let mut changes = next.changes.to_vec();
                    changes.extend(self.changes(code, args, arguments, true));
                    next.changes = changes.into();
                }
                if next.kind == QueryKind::Insert {
                    let mut insertion = next.insertion.as_deref().cloned().unwrap_or_default();
                    self.supply(code, args, arguments, &mut insertion);
                    next.insertion = Some(Arc::new(insertion));
                }
            }
            "options" | "join" | "outerjoin" | "join_from" => next.joins = true,
            "populate_existing" => next.populates = true,
            "execution_options" => {
                // `execution_options(**options)` may say it too.
                next.populates |= arguments.open || is_true(arguments.keyword("populate_existing"));
            }
            "with_entities" | "with_only_columns" | "add_columns" => {
                let selected = self.select_of(arguments);
                next.entities = selected.entities && selected.model.is_some();
                next.width = selected.width;
                next.columns = if selected.model == next.model { selected.columns } else { SmallVec::new() };
                next.beside = selected.beside;
                next.aggregates = selected.aggregates;
            }
            "select_from" => {
                let from = arguments.first();
                let named = self.model_argument(Some(&from));
                let inner = match &from {
                    Value::Query(inner) => inner.model,
                    _ => None,
                };
                next.model = next.model.or(named).or(inner);
            }
            // One number for each group.
            "group_by" => {
                next.aggregates = false;
                next.columns.clear();
            }
            "filter_by" => {
                for (name, _) in &arguments.list {
                    if let super::value::ArgName::Keyword(name) = name
                        && !next.filters.contains(name)
                    {
                        next.filters.push(*name);
                    }
                }
                next.keys.extend(arguments.keys.iter().filter_map(|(name, key)| match name {
                    super::value::ArgName::Keyword(name) => Some((*name, key.clone())),
                    super::value::ArgName::Position(_) => None,
                }));
                next.by_keywords |= args.iter().any(|arg| {
                    let is_rest = matches!(&code[arg.value], Expr::Name(name) if self.is_keywords(*name));
                    arg.kind == ArgKind::DoubleStarred && is_rest
                });
            }
            "filter" | "where" => {
                // `query(literal(True)).filter(found.exists())`
                if next.exists
                    && next.model.is_none()
                    && let [(_, Bound { value: Value::Query(inner), .. })] = &arguments.list[..]
                    && inner.exists
                {
                    next = QueryValue { session: next.session, ..(**inner).clone() };
                }
                for arg in args {
                    // `exists().where(Item.name == name)`, `select(func.count()).where(Item.name == name)`
                    if (next.exists || next.aggregates) && next.model.is_none() {
                        next.model = self.class_of_columns(code, arg.value);
                    }
                    self.filter_columns(code, arg.value, next.model, &mut next.filters);
                    self.filter_keys(code, arg.value, next.model, &mut next.keys);
                    if let Some(model) = next.model {
                        next.through.extend(self.column_of_other(code, arg.value, model));
                    }
                    next.among |= is_among(code, arg.value);
                }
            }
            "first" | "one" | "one_or_none" if executes => {
                if !next.entities {
                    let result = self.executed_columns(next, false, form, range);
                    return self.fetched_one(result, name == "scalar");
                }
                if next.width > 1 {
                    return Bound::of(Value::Tuple(self.load_beside(next, false, form, range)));
                }
                return Bound::of(Value::Row(self.load(next, form, range)));
            }
            "get" if executes => {
                next.lock = next.lock.max_with(lock_argument(arguments.keyword("with_for_update")));
                next.keys = self.identity_keys(next.model, arguments, 0);
                return Bound::of(Value::Row(self.load(next, form, range)));
            }
            "scalar" | "scalar_one" | "scalar_one_or_none" if executes => {
                if next.entities && (next.model.is_some() || next.of.is_some()) {
                    return Bound::of(Value::Row(self.load(next, form, range)));
                }
                let result = self.executed_columns(next, false, form, range);
                return self.fetched_one(result, true);
            }
            "exists" => next = exists(next),
            // `exists(Item.id).where(…).select()`
            "select" if next.exists => {}
            "count" if executes => {
                next.entities = false;
                next.aggregates = true;
                next.columns.clear();
                return self.executed_columns(next, false, form, range);
            }
            "all" | "yield_per" | "__iter__" | "fetchall" if executes => return self.load_all(next, form, range),
            "update" | "delete" if executes => {
                if name == "update" {
                    next.kind = QueryKind::Update;
                    next.sets = super::steps::set_by(code, args);
                    next.changes = self.changes(code, args, arguments, false).into();
                } else {
                    next.kind = QueryKind::Delete;
                }
                let next = Arc::new(next);
                self.event(EventKind::Execute(Arc::clone(&next)), range);
                self.overwrite(&next, None, range);
                return Bound::unknown();
            }
            "first_or_404" | "one_or_404" | "get_or_404" if executes => {
                return Bound::of(Value::Row(self.load(next, form, range)));
            }
            "on_conflict_do_nothing" | "on_conflict_do_update" if next.kind == QueryKind::Insert => {
                let mut insertion = next.insertion.as_deref().cloned().unwrap_or_default();
                insertion.passes = passes(code, args, name == "on_conflict_do_nothing");
                next.insertion = Some(Arc::new(insertion));
            }
            // `ON DUPLICATE KEY UPDATE`, `INSERT IGNORE`: which key is meant is not said.
            "on_duplicate_key_update" | "prefix_with" if next.kind == QueryKind::Insert => {
                let mut insertion = next.insertion.as_deref().cloned().unwrap_or_default();
                insertion.passes = super::value::Passes::Unknown;
                next.insertion = Some(Arc::new(insertion));
            }
            // What builds on a statement; anything else is not understood.
            name if BUILDERS.contains(&name) => {}
            _ => return Bound::unknown(),
        }
        Bound::of(Value::Query(Arc::new(next)))
    }

    /// The mapped class of the first column in a condition.
    fn class_of_columns(&self, code: &Code, expr: ExprId) -> Option<ClassRef> {
        if let Expr::Attribute { value, .. } = &code[expr]
            && let Symbol::Class(class) = self.symbol(code, *value)
            && orm_model(self.db, class).is_some()
        {
            return Some(class);
        }
        let mut children = Vec::new();
        auditline_syntax::python::children(&code[expr], |child| children.push(child));
        children.into_iter().find_map(|child| self.class_of_columns(code, child))
    }

    /// The columns of the model that a filter compares.
    fn filter_columns(&mut self, code: &Code, expr: ExprId, model: Option<ClassRef>, into: &mut SmallVec<[Name; 4]>) {
        if let Expr::Attribute { value, attr } = &code[expr]
            && let Symbol::Class(class) = self.symbol(code, *value)
            && model.is_none_or(|model| model == class)
        {
            if !into.contains(attr) {
                into.push(*attr);
            }
            return;
        }
        let mut children = Vec::new();
        auditline_syntax::python::children(&code[expr], |child| children.push(child));
        for child in children {
            self.filter_columns(code, child, model, into);
        }
    }

    /// Whether the database computes the value: the expression is built from mapped columns or SQL functions.
    pub(crate) fn is_sql_expression(&self, code: &Code, expr: ExprId, value: &Value) -> bool {
        if matches!(value, Value::Column(..) | Value::Query(_)) {
            return true;
        }
        match &code[expr] {
            Expr::Attribute { value, .. } => match self.symbol(code, *value) {
                Symbol::Class(class) => orm_model(self.db, class).is_some_and(|model| {
                    matches!(&code[expr], Expr::Attribute { attr, .. }
                            if model.attribute(*attr).is_some_and(|attribute| attribute.is_mapped()))
                }),
                Symbol::External(path) => path.as_str() == "sqlalchemy.func" || path.as_str().ends_with(".func"),
                _ => false,
            },
            Expr::Call { func, args } => {
                self.is_sql_expression(code, *func, &Value::Unknown)
                    || matches!(self.symbol(code, *func), Symbol::External(path)
                        if matches!(path.as_str(), "sqlalchemy.case" | "sqlalchemy.text" | "sqlalchemy.literal"))
                    || args.iter().any(|arg| self.is_sql_expression(code, arg.value, &Value::Unknown))
            }
            Expr::Binary { left, right, .. } => {
                self.is_sql_expression(code, *left, &Value::Unknown)
                    || self.is_sql_expression(code, *right, &Value::Unknown)
            }
            _ => false,
        }
    }
}

/// Whether a filter asks for the rows of a list: `Item.id.in_(ids)`.
fn is_among(code: &Code, filter: ExprId) -> bool {
    match &code[filter] {
        Expr::Call { func, .. } => matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == "in_"),
        _ => false,
    }
}

/// Whether a keyword says `True`.
pub(crate) fn is_true(argument: Option<&Bound>) -> bool {
    argument.is_some_and(|bound| bound.value == Value::Bool(true))
}

/// Whether a value of a statement's columns says nothing of rows: `select(literal(True))`, `select(1)`.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::Constant | Value::Bool(_) => true,
        Value::Made(path) => matches!(path.as_str(), "sqlalchemy.literal" | "sqlalchemy.true"),
        Value::Query(query) => query.kind == QueryKind::Text,
        _ => false,
    }
}

/// The statement that a parameter holds, of which at most the model is known: `statement: Select[tuple[Item]]`.
pub(crate) fn handed_in(parameter: u32, model: Option<ClassRef>) -> QueryValue {
    QueryValue { lock: Lock::AsStatement(parameter), ..QueryValue::select(model) }
}

impl Lock {
    /// The stronger of two.
    #[must_use]
    pub fn max_with(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, other) => other,
            (known, _) => known,
        }
    }
}

/// `Item.query`, or `model.query` where only callers know the class.
pub(super) fn flask_query_of(class: Option<ClassRef>, of: Option<Value>) -> QueryValue {
    QueryValue { of, session: Some(context_session(false)), ..QueryValue::select(class) }
}

/// `EXISTS` over the rows of a statement.
pub(crate) fn exists(of: QueryValue) -> QueryValue {
    let columns = SmallVec::new();
    QueryValue { exists: true, entities: false, aggregates: false, width: 1, columns, session: None, ..of }
}

/// Whether a text in capitals locks a table in a mode that lets one in at a time. PostgreSQL's default is `ACCESS EXCLUSIVE`.
fn locks_table(text: &str) -> bool {
    let text = text.trim().trim_end_matches(';').trim_end();
    let Some(rest) = text.strip_prefix("LOCK ") else { return false };
    let rest = rest.trim_end_matches("NOWAIT").trim_end();
    match rest.strip_suffix(" MODE").and_then(|rest| rest.rsplit_once(" IN ")) {
        // Two may hold ROW EXCLUSIVE at once, and two SHARE.
        Some((_, mode)) => mode.ends_with("EXCLUSIVE") && mode.trim() != "ROW EXCLUSIVE",
        None => rest.starts_with("TABLE "),
    }
}

/// The session of the request, which the object of a library hands out that closes it when the request ends.
pub(crate) fn context_session(is_async: bool) -> Arc<SessionValue> {
    Arc::new(SessionValue {
        origin: super::value::SessionOrigin::Registry(None),
        is_async: Some(is_async),
        id: 0,
        on_commit: super::value::OnCommit::Unknown,
        class: super::value::SessionClass::Unknown,
    })
}
