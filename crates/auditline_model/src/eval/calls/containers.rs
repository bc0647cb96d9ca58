//! Containers of dependencies: what they give for a class.

use crate::classes;
use crate::eval::libraries::{Known, known};
use crate::eval::value::{
    ArgName, InstanceOrigin, InstanceValue, OnCommit, SessionClass, SessionOrigin, SessionValue, Value,
};
use crate::eval::{Evaluator, construct};
use crate::names;
use crate::symbols::Symbol;
use crate::tables::orm_model;

use super::Arguments;

impl Evaluator<'_> {
    /// What an object from outside gives for a class that is all it is told: `container.resolve(ItemRepo)`,
    /// `await container.get(AsyncSession)`. An object of the class, as everything that is registered for it; for a class
    /// without methods of its own, data, nothing would follow from that.
    pub(super) fn resolved(&self, arguments: &Arguments) -> Option<Value> {
        let [(ArgName::Position(0), asked)] = &arguments.list[..] else { return None };
        let Value::Symbol(symbol) = asked.value else { return None };
        let session = |is_async, class| {
            Value::Session(std::sync::Arc::new(SessionValue {
                origin: SessionOrigin::Unknown,
                is_async: Some(is_async),
                id: self.next_ordinal(),
                on_commit: OnCommit::Unknown,
                class,
            }))
        };
        match symbol {
            Symbol::External(path) => match known(&names::canonical(path)) {
                Some(Known::SessionClass(is_async)) => Some(session(is_async, SessionClass::Unknown)),
                _ => None,
            },
            Symbol::Class(class) => {
                if let Some(Known::SessionClass(is_async)) = construct::session_class(self.db, class) {
                    return Some(session(is_async, SessionClass::Own(class)));
                }
                let acts = |of| {
                    classes::class_info(self.db, of)
                        .is_some_and(|info| info.methods.iter().any(|method| !method.name.starts_with("__")))
                };
                if orm_model(self.db, class).is_some() || !acts(class) {
                    return None;
                }
                let class = classes::implementation(self.db, class);
                let origin = InstanceOrigin::Unknown;
                Some(Value::Instance(std::sync::Arc::new(InstanceValue { class, arguments: Vec::new(), origin })))
            }
            _ => None,
        }
    }
}
