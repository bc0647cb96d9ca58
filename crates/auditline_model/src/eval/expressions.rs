//! Expressions.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Code, ComprehensionKind, Expr, ExprId, FStringPart, UnaryOp};
use smallvec::SmallVec;

use crate::names;
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{Condition, Event, EventKind, FrameKind, Subject, Test};

use super::constants::is_constant;
use super::queries::context_session;
use super::value::{
    CountSource, Derivation, FieldSource, InstanceOrigin, Part, RowOrigin, RowValue, Sources, Spot, Tells, Value,
};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// Evaluates an expression, with its events.
    pub(crate) fn expr(&mut self, code: &Code, id: ExprId) -> Bound {
        match &code[id] {
            Expr::Name(name) => self.name(code, id, *name),
            Expr::Attribute { value, attr } => {
                let object = self.expr(code, *value);
                self.attribute_of(code, &object, *attr, id)
            }
            Expr::Call { func, args } => self.call(code, id, *func, args),
            Expr::Subscript { value, index } => self.subscript(code, *value, *index),
            Expr::Str(_) | Expr::Bytes | Expr::Int(_) | Expr::Float | Expr::Ellipsis => {
                Bound::constant(Value::Constant)
            }
            Expr::Bool(value) => Bound::constant(Value::Bool(*value)),
            Expr::None => Bound::constant(Value::None),
            Expr::FString(parts) => {
                let mut from = Sources::default();
                for part in parts {
                    if let FStringPart::Hole(hole) = part {
                        from = from.with(&self.expr(code, *hole).from.gathered());
                    }
                }
                Bound { value: Value::Unknown, from }
            }
            // `flag = not flag`: two who press the same switch at once wanted the same.
            Expr::Unary { op: UnaryOp::Not, operand } => {
                let operand_id = *operand;
                let operand = self.expr(code, operand_id);
                let denied = super::paths::negated(&self.truth_of(code, operand_id, &operand));
                let mut said = self.said(operand.from.normalised(), &denied);
                for (answer, _) in said.from.looked.iter_mut().filter_map(|looked| looked.answer.as_mut()) {
                    *answer = !*answer;
                }
                said
            }
            Expr::Unary { operand, .. } => {
                let operand = self.expr(code, *operand);
                Bound { value: Value::Unknown, from: operand.from.gathered() }
            }
            Expr::Binary { left, right, op } => {
                let (left_id, right_id) = (*left, *right);
                let left = self.expr(code, left_id);
                let right = self.expr(code, right_id);
                // `existing | {...}` of two statements, `A | B` in annotations: nothing to follow.
                let value = match (&left.value, op) {
                    (Value::Many(_), BinaryOp::Add) => left.value.clone(),
                    (Value::Made(path), BinaryOp::Div) if super::libraries::names_file(path) => left.value.clone(),
                    _ => Value::Unknown,
                };
                let missing = if matches!(op, BinaryOp::Sub) { self.missing(&right) } else { None };
                let from = match op {
                    // `flags | SENT`: doing it twice changes nothing.
                    BinaryOp::BitOr if is_constant(code, right_id) => left.from.overlaid(),
                    BinaryOp::BitOr if is_constant(code, left_id) => right.from.overlaid(),
                    BinaryOp::Sub => left.from.computed().with(&right.from.taken_away().computed()),
                    _ => left.from.computed().with(&right.from.computed()),
                };
                Bound { value, from: from.holding(missing) }
            }
            Expr::BoolOp { values, is_and } => {
                let Some((first, rest)) = values.split_first() else { return Bound::unknown() };
                let mut before = self.expr(code, *first);
                for value in rest {
                    let next = if *is_and { self.expr(code, *value) } else { self.otherwise(code, &before, *value) };
                    before = match next.value {
                        // `a and b` gives `b` where it matters.
                        _ if *is_and => Bound { value: next.value, from: before.from.with(&next.from) },
                        // `lock or False`: behind it, it is what it was, or nothing.
                        Value::Bool(false) => Bound { value: before.value, from: before.from.with(&next.from) },
                        _ => before.join(&next),
                    };
                }
                before
            }
            Expr::Compare { .. } => {
                let conditions = self.condition(code, id);
                let mut from = Sources::default();
                for condition in &conditions {
                    if let crate::unit::Subject::Field { row, column } = condition.subject {
                        from.fields.push(FieldSource { row, column, read: condition.at, how: Derivation::Computed });
                    }
                }
                from.other = true;
                self.said(from, &conditions)
            }
            Expr::Conditional { test, body, orelse } => {
                let conditions = self.condition(code, *test);
                let negated = super::paths::negated(&conditions);
                let split = self.new_split();
                let mut body = self.arm(code, *body, (split, conditions.clone()));
                let mut orelse = self.arm(code, *orelse, (split, negated.clone()));
                self.only_where(&mut body, &orelse, &conditions);
                self.only_where(&mut orelse, &body, &negated);
                match (&body.value, &orelse.value) {
                    (Value::Bool(true), Value::Bool(false)) => body = self.said(body.from, &conditions),
                    (Value::Bool(false), Value::Bool(true)) => body = self.said(body.from, &negated),
                    _ => {}
                }
                super::paths::joined_under(&body, &orelse, super::paths::flag_of(&conditions))
            }
            Expr::Lambda { .. } => Bound::unknown(),
            Expr::Tuple(items) => {
                let items: Vec<Bound> = items.iter().map(|item| self.expr(code, *item)).collect();
                let mut from = items.iter().fold(Sources::default(), |from, item| from.with(&item.from));
                from.counts.clear();
                let parts = items.iter().enumerate();
                from.within = parts.flat_map(|(index, item)| item.from.standing(Spot::At(index))).collect();
                Bound { value: Value::Tuple(items.into_iter().map(|item| item.value).collect()), from }
            }
            Expr::List(items) | Expr::Set(items) => {
                let mut from = Sources::default();
                let mut element: Option<Value> = None;
                for item in items {
                    let bound = self.expr(code, *item);
                    from = from.with(&bound.from.clone().gathered());
                    element = Some(match element {
                        Some(before) => before.join(&bound.value),
                        None => bound.value,
                    });
                }
                Bound { value: Value::Many(Box::new(element.unwrap_or_default())), from }
            }
            Expr::Dict(entries) => self.dict(code, entries),
            Expr::Comprehension { kind, element, clauses } => {
                let saved = self.environment.clone();
                let mut from = Sources::default();
                let split =
                    self.push_frame(crate::unit::FrameKind::Loop { endless: false, over_items: true, as_given: false });
                let mut conditions: Vec<Condition> = Vec::new();
                for clause in clauses {
                    let iterated = self.iterated(code, clause.iter);
                    from = from.with(&iterated.from.clone().computed());
                    let item = self.element(&iterated);
                    self.assign(code, clause.target, &item, None);
                    conditions
                        .extend(iterated.from.keys.filter(|keys| keys.missing).map(|keys| self.is_among(keys, true)));
                    for condition in &clause.conditions {
                        conditions.extend(self.condition(code, *condition));
                    }
                }
                let left = Self::left(&conditions);
                let each = left.is_some().then(|| self.for_each(&Bound::unknown(), conditions)).flatten();
                let listed = match (kind, &code[*element]) {
                    (ComprehensionKind::Dict, Expr::Dict(entries)) if let [(Some(key), value)] = entries[..] => {
                        self.keyed(code, key, value)
                    }
                    _ => {
                        let element = self.expr(code, *element);
                        let keys = self.keys_of_items(&element);
                        let from = element.from.holding(keys);
                        Bound { value: Value::Many(Box::new(element.value)), from }
                    }
                };
                if let Some(each) = each {
                    self.pop_frame(each);
                }
                self.pop_frame(split);
                self.environment = saved;
                let keys = left.or(listed.from.keys);
                from = from.with(&listed.from.computed());
                Bound { value: listed.value, from: from.holding(keys) }
            }
            Expr::Await(inner) => {
                let outer = self.awaited.replace(code.range(*inner));
                let bound = self.expr(code, *inner);
                self.awaited = outer;
                self.event(EventKind::Await, code.range(id));
                bound
            }
            Expr::Yield(value) => {
                let value = value.map_or(Value::None, |value| self.expr(code, value).value);
                self.record_yield(&value);
                self.event(EventKind::Yield(value.held()), code.range(id));
                Bound::unknown()
            }
            Expr::YieldFrom(inner) => {
                let bound = self.expr(code, *inner);
                let value = self.element(&bound).value;
                self.record_yield(&value);
                self.event(EventKind::Yield(value), code.range(id));
                Bound::unknown()
            }
            Expr::Named { target, value } => {
                let bound = self.expr(code, *value);
                self.bind(*target, bound.clone());
                bound
            }
            Expr::Starred(inner) => self.expr(code, *inner),
            Expr::Slice(parts) | Expr::Opaque(parts) => {
                let from = parts.iter().fold(Sources::default(), |from, part| {
                    let bound = self.expr(code, *part);
                    from.with(&bound.from.gathered())
                });
                Bound { value: Value::Unknown, from: Sources { other: true, ..from } }
            }
        }
    }

    /// What an expression gave that was evaluated already, without recording its events again; the ordinals of its reads mean
    /// nothing.
    pub(crate) fn bound_again(&mut self, code: &Code, id: ExprId) -> Bound {
        let (events, ingredients) = (self.unit.events.len(), self.unit.ingredients.len());
        let (composed, fresh) = (self.unit.composed.len(), self.unit.fresh.len());
        let bound = self.expr(code, id);
        self.unit.events.truncate(events);
        self.unit.ingredients.truncate(ingredients);
        self.unit.composed.truncate(composed);
        self.unit.fresh.truncate(fresh);
        bound
    }

    /// An entry of a dictionary that holds rows by a key: `{row.id: row for row in rows}`.
    fn keyed(&mut self, code: &Code, key: ExprId, value: ExprId) -> Bound {
        let key = self.expr(code, key);
        let held = self.expr(code, value);
        let keys = self.keys_of_items(&key);
        let from = key.from.clone().computed().with(&held.from).holding(keys);
        let Value::Row(row) = &held.value else {
            return Bound { value: Value::Many(Box::default()), from };
        };
        let by = match &key.from.fields[..] {
            [field] if field.row == row.id && field.how == Derivation::Same => Some(field.column),
            _ => None,
        };
        Bound { value: Value::Keyed(Box::new(held.value), by), from }
    }

    fn name(&mut self, code: &Code, id: ExprId, name: Name) -> Bound {
        if let Some(bound) = self.environment.get(&name) {
            if let Some(session) = self.sessions_by_use.get(&bound.value) {
                return Bound { value: Value::Session(Arc::clone(session)), from: bound.from.clone() };
            }
            return bound.clone();
        }
        let symbol = self.symbol(code, id);
        let value = self.symbol_value(symbol);
        let constant = super::constants::is_constant(code, id);
        Bound { from: Sources { other: !constant, ..Sources::default() }, value }
    }

    /// What a symbol's value is: variables are followed to what they hold.
    pub(crate) fn symbol_value(&mut self, symbol: Symbol) -> Value {
        match symbol {
            Symbol::Variable(variable) => match super::variable(self.db, variable) {
                Value::Unknown => Value::Symbol(symbol),
                value => value,
            },
            Symbol::Unknown => Value::Unknown,
            Symbol::External(path) if super::libraries::is_current_user(&path) => {
                match crate::owner::current_user(self.db) {
                    Some(user) => self.kept_row(&user, &path),
                    None => Value::Symbol(symbol),
                }
            }
            other => Value::Symbol(other),
        }
    }

    pub(crate) fn attribute_of(&mut self, code: &Code, object: &Bound, attr: Name, id: ExprId) -> Bound {
        if let Some(column) = self.fetched_column(object, attr) {
            return column;
        }
        let value = match &object.value {
            Value::Symbol(symbol @ (Symbol::Module(_) | Symbol::Namespace(_))) => {
                let member = names::member(self.db, *symbol, attr);
                self.symbol_value(member)
            }
            Value::Symbol(Symbol::External(path)) => match super::libraries::request_sessions(path.as_str()) {
                Some(is_async) if attr == "session" => Value::Session(context_session(is_async)),
                _ => {
                    let value = Value::Symbol(Symbol::External(names::canonical(Name::new(&format!("{path}.{attr}")))));
                    let is_state = crate::owner::is_request_state(&object.value);
                    if is_state { self.on_request(value, &object.value, attr) } else { value }
                }
            },
            Value::Symbol(Symbol::Class(class)) => self.class_attribute(*class, attr),
            Value::SelfObject => match self.receiver {
                Some(class) => self.object_attribute(class, object, attr),
                None => Value::Unknown,
            },
            Value::Instance(instance) => match given_row(instance, attr) {
                Some(row) => row,
                None => {
                    let class = instance.class;
                    self.object_attribute(class, object, attr)
                }
            },
            Value::Row(row) => return self.row_attribute(code, &Arc::clone(row), attr, id),
            Value::Made(path) => {
                if path.as_str() == super::libraries::FLASK && attr == "session" {
                    return Bound::of(Value::Session(context_session(false)));
                }
                if attr == "context"
                    && let Expr::Attribute { value: info, .. } = &code[id]
                    && let Some(context) = self.resolver_context(code, *info, *path)
                {
                    return Bound::of(context);
                }
                Value::Attribute(Box::new(object.value.clone()), attr)
            }
            Value::Session(_)
            | Value::Query(_)
            | Value::Executed(..)
            | Value::Factory(_)
            | Value::Many(_)
            | Value::Keyed(..)
            | Value::Engine
            | Value::BegunSession(_)
            | Value::Transaction(..)
            | Value::Lent(_)
            | Value::Column(..)
            | Value::Aggregate(_) => Value::Method(Box::new(object.value.clone()), attr),
            Value::Param(_) | Value::Attribute(..) if attr == "query" && self.may_be_mapped(&object.value) => {
                Value::Query(Arc::new(super::queries::flask_query_of(None, Some(object.value.clone()))))
            }
            Value::Param(_) | Value::Attribute(..) => {
                let value = Value::Attribute(Box::new(object.value.clone()), attr);
                match self.sessions_by_use.get(&value) {
                    Some(session) => Value::Session(Arc::clone(session)),
                    None if crate::owner::is_request_state(&object.value) => {
                        self.on_request(value, &object.value, attr)
                    }
                    None => value,
                }
            }
            // `result.Depot`: a result row names its entities by their classes.
            Value::Tuple(parts) => named_entity(parts, attr),
            Value::Unknown
            | Value::Never
            | Value::None
            | Value::Bool(_)
            | Value::Constant
            | Value::Symbol(_)
            | Value::Method(..)
            | Value::Context(_)
            | Value::Dict(_)
            | Value::KeyOf(_) => Value::Unknown,
        };
        // A part of something that came from outside is still from outside: `customer.id`.
        let mut from = object.from.clone().computed_parts();
        from.parts = match (&object.value, &object.from.parts[..]) {
            (Value::Param(_) | Value::Unknown, [Part::Param(index)]) => {
                SmallVec::from_slice(&[Part::Attribute(*index, attr)])
            }
            // What a caller hands in says the same whether its class is known or not.
            (Value::Instance(instance), [Part::Param(index)]) if instance.origin == InstanceOrigin::Param(*index) => {
                SmallVec::from_slice(&[Part::Attribute(*index, attr)])
            }
            _ => SmallVec::new(),
        };
        if !matches!(value, Value::Session(_)) {
            from.fields.extend(self.read_of_changed(code, &object.value, attr, id));
        }
        if matches!(object.value, Value::Instance(_)) {
            // There is an object where a row was found; what it says of itself is something else.
            from.counts.retain(|count| count.tells != Tells::Any);
        }
        from.counts.extend(object.from.within(Spot::Named(attr)));
        Bound { value, from }
    }

    /// The arm of a conditional expression.
    fn arm(&mut self, code: &Code, expr: ExprId, (split, conditions): (u32, Vec<Condition>)) -> Bound {
        let kind = FrameKind::Branch { split, conditions, exits: false, raises: false, rest: false };
        let frame = self.push_frame(kind);
        let bound = self.expr(code, expr);
        self.pop_frame(frame);
        bound
    }

    /// The second side of `find(…) or Item(…)`, which is evaluated where the first has found no row.
    fn otherwise(&mut self, code: &Code, first: &Bound, second: ExprId) -> Bound {
        let Some(row) = first.value.row().filter(|row| matches!(row.origin, RowOrigin::Loaded { .. })) else {
            return self.expr(code, second);
        };
        let missed = Condition {
            subject: Subject::Row { row: row.id },
            test: Test::Present,
            holds: false,
            at: self.next_ordinal().saturating_sub(1),
            constant: None,
            against: SmallVec::new(),
        };
        let split = self.new_split();
        self.arm(code, second, (split, vec![missed]))
    }

    /// What stands in an attribute of a request's state: the session that a middleware keeps there, where one does.
    fn on_request(&mut self, value: Value, state: &Value, attr: Name) -> Value {
        match crate::owner::on_request(self.db, attr) {
            Some(kept) => Value::Session(Arc::new(super::value::SessionValue {
                origin: super::value::SessionOrigin::ObjectAttribute(Box::new(state.clone()), attr),
                id: 0,
                ..(*kept.session).clone()
            })),
            None => match crate::owner::row_on_request(self.db, attr) {
                Some(kept) => self.kept_row(&kept, &format!("g.{attr}")),
                None => value,
            },
        }
    }

    /// A row that was found before the endpoint, under the name by which it is kept: like a variable, it is locked once it is loaded
    /// again with a lock. Its number is one that no event and no parameter has.
    fn kept_row(&mut self, kept: &crate::owner::RowOnRequest, name: &str) -> Value {
        const FIRST: u32 = 200;
        const KEPT: u32 = 50;
        let variable = Name::new(name);
        if let Some(known) = self.environment.get(&variable) {
            return known.value.clone();
        }
        let spread = name.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let row = Value::Row(Arc::new(RowValue {
            id: super::param_row(FIRST + spread % KEPT),
            model: kept.row.model,
            origin: RowOrigin::Dependency(Symbol::Function(kept.by)),
            session: None,
        }));
        self.environment.insert(variable, Bound::of(row.clone()));
        row
    }

    fn class_attribute(&mut self, class: crate::db::ClassRef, attr: Name) -> Value {
        if let Some(model) = orm_model(self.db, class) {
            if model.attribute(attr).is_some_and(|attribute| attribute.is_mapped()) {
                return Value::Column(class, attr);
            }
            if attr == "query" && crate::classes::method(self.db, class, attr).is_none() {
                return self.flask_query(class);
            }
        }
        if crate::classes::method(self.db, class, attr).is_some() {
            return Value::Method(Box::new(Value::Symbol(Symbol::Class(class))), attr);
        }
        match super::attribute(self.db, class, attr) {
            Value::Unknown => self.metaclass_property(class, attr).unwrap_or_default(),
            known => known,
        }
    }

    fn object_attribute(&mut self, class: crate::db::ClassRef, object: &Bound, attr: Name) -> Value {
        if let Some(method) = crate::classes::method(self.db, class, attr) {
            if crate::classes::is_property(self.db, method) {
                return self.property(method, class, &object.value);
            }
            return Value::Method(Box::new(object.value.clone()), attr);
        }
        let held = super::attribute(self.db, class, attr);
        match held {
            // What Flask-SQLAlchemy's class has, and a class that derives from it does not set.
            Value::Unknown if attr == "session" && super::extension::is_extension(self.db, class) => {
                Value::Session(context_session(false))
            }
            Value::Unknown => {
                let value = Value::Attribute(Box::new(object.value.clone()), attr);
                match self.sessions_by_use.get(&value) {
                    Some(session) => Value::Session(Arc::clone(session)),
                    None => value,
                }
            }
            Value::Session(session) => {
                let session = super::value::SessionValue { id: 0, ..(*session).clone() };
                Value::Session(self.held_session(&object.value, class, attr, &session))
            }
            Value::Instance(instance) => Value::Instance(self.held_instance(&object.value, class, &instance)),
            other => other,
        }
    }

    fn row_attribute(&mut self, code: &Code, row: &Arc<RowValue>, attr: Name, id: ExprId) -> Bound {
        if let Some(class) = row.model {
            if let Some(method) = crate::classes::method(self.db, class, attr) {
                if crate::classes::is_property(self.db, method) {
                    self.event(EventKind::Read { row: Arc::clone(row), column: attr }, code.range(id));
                    return Bound::unknown();
                }
                return Bound::of(Value::Method(Box::new(Value::Row(Arc::clone(row))), attr));
            }
            if let Some(model) = orm_model(self.db, class)
                && let Some(relationship) = model.relationship(attr)
            {
                let followed =
                    self.event(EventKind::Follow { row: Arc::clone(row), relationship: attr }, code.range(id));
                let related = Value::Row(Arc::new(RowValue {
                    id: self.first_followed(row.id, attr).unwrap_or(followed),
                    model: relationship.target,
                    origin: RowOrigin::Related(row.id),
                    session: row.session.clone(),
                }));
                let value = if relationship.uselist.unwrap_or(true) { Value::Many(Box::new(related)) } else { related };
                let mut bound = Bound::of(value);
                // Whether there is one is what the row's own key says.
                if crate::tables::held_key(self.db, class, attr).is_some() {
                    bound.from.fields.push(FieldSource {
                        row: row.id,
                        column: attr,
                        read: followed,
                        how: Derivation::Same,
                    });
                }
                return bound;
            }
        }
        let read = self.event(EventKind::Read { row: Arc::clone(row), column: attr }, code.range(id));
        let mut from = Sources::default();
        from.fields.push(FieldSource { row: row.id, column: attr, read, how: Derivation::Same });
        from.parts.push(Part::Column(read));
        Bound { value: Value::Unknown, from }
    }

    /// Where a relationship of a row was followed first: each time it leads to the same row, or to the same rows.
    fn first_followed(&self, of: u32, by: Name) -> Option<u32> {
        let is_it = |event: &Event| matches!(&event.kind, EventKind::Follow { row, relationship } if row.id == of && *relationship == by);
        self.unit.events.iter().position(is_it).and_then(|at| u32::try_from(at).ok())
    }

    fn subscript(&mut self, code: &Code, value: ExprId, index: ExprId) -> Bound {
        let container = self.expr(code, value);
        let position = match &code[index] {
            Expr::Int(Some(position)) => usize::try_from(*position).ok(),
            _ => None,
        };
        if let Some(column) = position.and_then(|position| self.fetched_at(&container, position)) {
            return column;
        }
        let key = match code[index] {
            Expr::Str(_) | Expr::Int(_) => Sources::default(),
            _ => self.expr(code, index).from.key(),
        };
        let value = match (&container.value, position) {
            (Value::Tuple(parts), Some(position)) => parts.get(position).cloned().unwrap_or_default(),
            (Value::Many(inner) | Value::Keyed(inner, _), _) => (**inner).clone(),
            (Value::Symbol(_), _) => container.value.clone(),
            _ => Value::Unknown,
        };
        let spot = match &code[index] {
            Expr::Str(name) => Some(Spot::Named(Name::new(name))),
            _ => position.map(Spot::At),
        };
        let told: SmallVec<[CountSource; 1]> = spot.into_iter().flat_map(|spot| container.from.within(spot)).collect();
        let mut from = container.from.computed_parts().with(&key);
        from.counts.extend(told);
        Bound { value, from }
    }
}

/// The row of the class of that name among the entities of a result row.
fn named_entity(parts: &[Value], name: Name) -> Value {
    let is_it = |value: &&Value| {
        value.row().and_then(|row| row.model).is_some_and(|class| crate::classes::simple(class.path) == name.as_str())
    };
    parts.iter().find(is_it).cloned().unwrap_or_default()
}

/// The row that a generic object was made with for an attribute, as its type says.
fn given_row(instance: &super::value::InstanceValue, attr: Name) -> Option<Value> {
    if instance.origin == InstanceOrigin::Constructed {
        return None;
    }
    let given = instance.arguments.iter().find(|(name, _)| *name == super::value::ArgName::Keyword(attr));
    given.map(|(_, value)| value).filter(|value| matches!(value, Value::Row(_))).cloned()
}

impl Sources {
    /// As parts of the value: a part of a column's value is computed from it, a part of what a function has made of it the
    /// function has made, and a part of what came from outside came from outside.
    fn computed_parts(self) -> Self {
        let called = self.fields.iter().filter(|field| field.how == Derivation::Called).cloned().collect::<Vec<_>>();
        let mut parts = self.computed();
        for field in &mut parts.fields {
            if called.iter().any(|own| own.read == field.read) {
                field.how = Derivation::Called;
            }
        }
        parts
    }
}
