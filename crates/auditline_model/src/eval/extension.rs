//! Flask-SQLAlchemy's object of a class that the workspace derives: `class AppSQLAlchemy(SQLAlchemy): …; db = AppSQLAlchemy()`.

use crate::classes;
use crate::db::{ClassRef, Db};
use crate::names;

use super::Evaluator;
use super::libraries::{FLASK, Known, known};
use super::value::Value;

/// Whether a class of the workspace derives from Flask-SQLAlchemy's, at any distance.
pub(super) fn is_extension(db: &dyn Db, class: ClassRef) -> bool {
    classes::is_subclass_of_external(db, class, |base| known(&names::canonical(base)) == Some(Known::FlaskExtension))
}

impl Evaluator<'_> {
    /// Whether a value is Flask-SQLAlchemy's object, or one of a class that derives from its class.
    pub(super) fn is_flask(&self, value: &Value) -> bool {
        match value {
            Value::Made(path) => path.as_str() == FLASK,
            Value::Instance(instance) => is_extension(self.db, instance.class),
            Value::SelfObject => self.receiver.is_some_and(|class| is_extension(self.db, class)),
            _ => false,
        }
    }
}
