//! 4xx: schema.

pub mod unknown_model_field;
