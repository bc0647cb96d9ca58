//! Mapped classes and tables: which columns and relationships a model has.

mod arguments;
mod attributes;
mod children;
mod columns;
mod computed;
mod core;
mod filled;
mod model;
mod partial;
mod patches;
mod placed;
mod registry;
mod related;
mod relationships;
mod returned;
mod root;
mod ties;
mod told;
mod unique;

pub use self::core::{CoreTable, table_of_variable, tables_of_module};
pub use attributes::{Attribute, AttributeKind, Derived};
pub use children::{Bereaved, bereaved};
pub use columns::{Column, ServerDefault, TypeFamily};
pub(crate) use columns::{column_of_type, family_of_sql};
pub use computed::is_computed_at_update;
pub use filled::is_filled;
pub use model::{Gap, ModelKind, OrmModel, orm_model};
pub use partial::{Demand, PartlyUnique};
pub use registry::{mapped_tables, models_in, models_of_table, models_of_unknown_tables, referred};
pub use related::{Backref, backrefs_onto, class_named, table_name};
pub use relationships::{PassiveDeletes, Relationship};
pub use returned::returned_expression;
pub use root::is_mapped;
pub use ties::{held_key, owners, points_at, refers, tied};
pub use told::{Told, called_for, told, told_of_returned};
pub use unique::{KeyedTable, UniqueKey, keyed_by_name, keyed_class, keyed_table};
