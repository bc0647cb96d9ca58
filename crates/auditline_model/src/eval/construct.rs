//! Objects: what constructing a class of the workspace gives.

use std::sync::Arc;

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId, FStringPart};

use crate::classes;
use crate::db::ClassRef;
use crate::names;
use crate::tables::{ModelKind, orm_model};
use crate::unit::{EventKind, Ingredient};

use super::calls::Arguments;
use super::libraries::{Known, known};
use super::value::{
    ArgName, Derivation, FactoryValue, InstanceOrigin, InstanceValue, OnCommit, RowOrigin, RowValue, SessionClass,
    Sources, Spot, Value,
};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    pub(crate) fn construct(
        &mut self,
        code: &Code,
        class: ClassRef,
        arguments: &Arguments,
        args: &[Arg],
        range: TextRange,
    ) -> Bound {
        if let Some(model) = orm_model(self.db, class)
            && (model.is_table() || model.kind == ModelKind::Declarative)
        {
            // Nobody makes a row of a base: it stands for the subclass that a caller names.
            let row = Arc::new(RowValue {
                id: self.next_ordinal(),
                model: Some(class),
                origin: RowOrigin::Created,
                session: None,
            });
            self.event(EventKind::Create(Arc::clone(&row)), range);
            self.ingredients(row.id, arguments);
            let fresh = arguments.list.iter().filter_map(|(name, bound)| match name {
                ArgName::Keyword(name) if bound.from.fresh => Some((row.id, *name)),
                _ => None,
            });
            self.unit.fresh.extend(fresh);
            for arg in args {
                if let ArgKind::Keyword(name) = arg.kind
                    && self.is_composed(code, arg.value)
                {
                    self.unit.composed.push((row.id, name));
                }
            }
            return Bound::of(Value::Row(row));
        }
        match session_class(self.db, class) {
            Some(Known::SessionClass(is_async)) => {
                let factory = FactoryValue {
                    is_async: Some(is_async),
                    scoped: false,
                    on_commit: self.on_commit_of(class, arguments),
                    class: SessionClass::Own(class),
                    variable: None,
                    opaque: false,
                };
                return Bound::of(self.open_session(factory, range));
            }
            Some(Known::FactoryClass(is_async)) => {
                return Bound::of(Value::Factory(FactoryValue {
                    is_async: Some(is_async),
                    scoped: false,
                    on_commit: self.on_commit_of(class, arguments),
                    class: SessionClass::Unknown,
                    variable: None,
                    opaque: false,
                }));
            }
            _ => {}
        }
        let values = arguments.values();
        if classes::is_subclass_of_external(self.db, class, |base| base.ends_with("StreamingResponse")) {
            self.given(auditline_syntax::Name::new("StreamingResponse"), arguments, range);
        }
        self.event(EventKind::Construct { class, arguments: values.clone() }, range);
        let kept = values
            .into_iter()
            .filter(|(_, value)| !matches!(value, Value::Unknown | Value::Constant | Value::None))
            .collect();
        let instance = InstanceValue { class, arguments: kept, origin: InstanceOrigin::Constructed };
        let told = arguments.list.iter().filter_map(|(name, bound)| match name {
            ArgName::Keyword(name) => Some(bound.from.standing(Spot::Named(*name))),
            ArgName::Position(_) => None,
        });
        let from = Sources { within: told.flatten().collect(), ..Sources::default() };
        Bound { value: Value::Instance(Arc::new(instance)), from }
    }

    /// What the sessions of a class of the workspace, or of a factory class, do when they commit: a constructor of its own may
    /// say something else than its arguments.
    fn on_commit_of(&self, class: ClassRef, arguments: &Arguments) -> OnCommit {
        let own = ["__init__", "__new__"]
            .into_iter()
            .any(|name| classes::method(self.db, class, auditline_syntax::Name::new(name)).is_some());
        if own { OnCommit::Unknown } else { super::calls::on_commit(arguments) }
    }

    /// Whether a value is a text or number that is written out, or a text that is put together of what callers hand in.
    fn is_composed(&mut self, code: &Code, expr: ExprId) -> bool {
        match &code[expr] {
            Expr::Str(_) | Expr::Int(_) => true,
            Expr::FString(parts) => parts.iter().all(|part| match part {
                FStringPart::Hole(hole) => {
                    matches!(self.bound_again(code, *hole).value, Value::Param(_) | Value::Attribute(..))
                }
                FStringPart::Text(_) => true,
            }),
            _ => false,
        }
    }

    /// Records the rows of which something went into a row that is constructed.
    fn ingredients(&mut self, created: u32, arguments: &Arguments) {
        for (name, bound) in &arguments.list {
            let ArgName::Keyword(attribute) = *name else { continue };
            let given = bound.value.row().map(|row| (row.id, None)).filter(|(id, _)| *id != u32::MAX);
            let fields = bound.from.fields.iter().filter(|field| field.how == Derivation::Same);
            for (row, column) in given.into_iter().chain(fields.map(|field| (field.row, Some(field.column)))) {
                self.unit.ingredients.push(Ingredient { created, attribute, row, column });
            }
        }
    }

    /// What `with Class(...) as x` binds.
    pub(crate) fn entered_instance(&mut self, instance: &Arc<InstanceValue>, range: TextRange) -> Value {
        use super::value::{SessionOrigin, SessionValue};
        let class = instance.class;
        let enter = ["__enter__", "__aenter__"]
            .into_iter()
            .find_map(|name| classes::method(self.db, class, auditline_syntax::Name::new(name)));
        let Some(enter) = enter else { return Value::Instance(Arc::clone(instance)) };
        let effect = crate::unit::effect(self.db, enter, Some(class));
        match &effect.returns {
            Value::SelfObject | Value::Unknown => Value::Instance(Arc::clone(instance)),
            Value::Session(session) => {
                let session = Arc::new(SessionValue {
                    origin: SessionOrigin::ContextClass(class),
                    id: self.next_ordinal(),
                    ..(**session).clone()
                });
                self.event(EventKind::Open(Arc::clone(&session)), range);
                Value::Session(session)
            }
            other => {
                let other = other.clone();
                self.substituted(&other, enter, &Value::Instance(Arc::clone(instance)), &[])
            }
        }
    }
}

impl Evaluator<'_> {
    /// Whether a `with` on an object has nothing to do with sessions: neither it nor what it gives holds one, and its class
    /// does nothing with one when it is left, and lets what fails in the block out.
    pub(crate) fn is_apart(&self, instance: &InstanceValue, entered: &Value) -> bool {
        if matches!(entered, Value::Session(_)) || instance.arguments.iter().any(|(_, value)| may_hold_session(value)) {
            return false;
        }
        let Some(exit) = crate::owner::exit_of(self.db, instance.class) else { return false };
        let effect = crate::unit::effect(self.db, exit, Some(instance.class));
        let touches = |kind: &EventKind| {
            matches!(
                kind,
                EventKind::Session { .. }
                    | EventKind::Open(_)
                    | EventKind::Given { .. }
                    | EventKind::Load { .. }
                    | EventKind::Execute(_)
            )
        };
        // What it returns may tell the `with` to swallow the exception.
        let swallows = |kind: &EventKind| matches!(kind, EventKind::Return(value) if !matches!(value, Value::None | Value::Bool(false)));
        let unit = crate::unit::unit(self.db, exit, Some(instance.class));
        !effect.operations.iter().any(|operation| touches(&operation.kind))
            && !unit.events.iter().any(|event| touches(&event.kind) || swallows(&event.kind))
    }
}

/// Whether a value may be a session, or something that has one.
fn may_hold_session(value: &Value) -> bool {
    match value {
        Value::Unknown
        | Value::Param(_)
        | Value::SelfObject
        | Value::Session(_)
        | Value::BegunSession(_)
        | Value::Transaction(..)
        | Value::Context(_)
        | Value::Lent(_)
        | Value::Factory(_)
        | Value::Engine => true,
        Value::Attribute(inner, _) | Value::Method(inner, _) | Value::Many(inner) => may_hold_session(inner),
        Value::Instance(instance) => instance.arguments.iter().any(|(_, value)| may_hold_session(value)),
        Value::Tuple(values) => values.iter().any(may_hold_session),
        _ => false,
    }
}

/// What a class of the workspace is, by its bases outside: a session class, a factory class.
pub(crate) fn session_class(db: &dyn crate::db::Db, class: ClassRef) -> Option<Known> {
    classes::external_bases(db, class).iter().find_map(|base| match known(&names::canonical(*base)) {
        found @ Some(Known::SessionClass(_) | Known::FactoryClass(_)) => found,
        _ => None,
    })
}
