//! 4xx: schema.

pub mod foreign_key_type;
pub mod migration_heads;
pub mod missing_required_field;
pub mod reserved_attribute;
pub mod unknown_model_field;
pub mod untracked_json_mutation;
