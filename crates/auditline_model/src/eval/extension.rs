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

/// Whether a type is that of classes: `type[T]`, `Type[T]`.
fn is_class_type(path: &str) -> bool {
    matches!(path, "builtins.type" | "typing.Type")
}

impl Evaluator<'_> {
    /// Whether what a caller hands in, or an object keeps, may be a mapped class of Flask-SQLAlchemy, which has its rows in
    /// `query`: `def find(model, key): return model.query.get(key)`.
    pub(super) fn may_be_mapped(&self, value: &Value) -> bool {
        let is_unsaid = |index: u32| {
            self.function.params.get(index as usize).is_some_and(|param| {
                let says = |annotation| {
                    classes::type_expr(self.db, self.of.file, Some(self.of), &self.function.code, annotation).external()
                };
                param.annotation.is_none_or(|annotation| says(annotation).is_some_and(|path| is_class_type(&path)))
            })
        };
        let is_handed = match value {
            Value::Param(index) => is_unsaid(*index),
            Value::Attribute(object, _) => **object == Value::SelfObject,
            _ => false,
        };
        is_handed && !names::files_mentioning(self.db, "flask_sqlalchemy").is_empty()
    }

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
