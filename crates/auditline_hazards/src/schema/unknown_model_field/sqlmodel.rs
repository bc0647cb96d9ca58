//! Table models of SQLModel, which are Pydantic models too: what they do with names that they do not have.

use auditline_model::{ClassRef, Db, class, classes};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Expr};

/// Whether the model takes and keeps nothing but its fields: no aliases, no configuration that lets more in. Asked of
/// every class that it inherits from.
pub(super) fn is_closed(db: &dyn Db, model: ClassRef) -> bool {
    classes::mro(db, model).iter().all(|ancestor| {
        let Some(body) = class(db, *ancestor) else { return false };
        let configured = classes::class_info(db, *ancestor).is_some_and(|info| {
            info.attributes.iter().any(|attribute| matches!(attribute.name.as_str(), "model_config" | "Config"))
        });
        let nested = Name::new(&format!("{}.Config", ancestor.path));
        let aliased = body.code.exprs.iter().any(|expr| match expr {
            Expr::Call { args, .. } => args.iter().any(|arg| {
                matches!(arg.kind, ArgKind::Keyword(name)
                    if matches!(name.as_str(), "alias" | "validation_alias" | "serialization_alias"))
            }),
            _ => false,
        });
        !configured
            && !aliased
            && body.keywords.iter().all(|(name, _)| *name == "table")
            && class(db, ClassRef { file: ancestor.file, path: nested }).is_none()
    })
}

/// What SQLModel and Pydantic offer on the objects of a model.
pub(super) fn offers(name: &str) -> bool {
    name.starts_with("model_")
        || matches!(
            name,
            "construct"
                | "copy"
                | "dict"
                | "from_orm"
                | "json"
                | "metadata"
                | "parse_file"
                | "parse_obj"
                | "parse_raw"
                | "registry"
                | "schema"
                | "schema_json"
                | "sqlmodel_update"
                | "update_forward_refs"
                | "validate"
        )
}
