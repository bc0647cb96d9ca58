//! 4xx: schema.

pub mod foreign_key_type;
pub mod migration_heads;
pub mod reserved_attribute;
pub mod unknown_model_field;
