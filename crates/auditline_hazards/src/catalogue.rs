//! The catalogue: every hazard, in the order of its code.

use auditline_model::{Db, FunctionRef, SourceFile};

use crate::finding::{Finding, Severity};

/// A family of hazards; the first digit of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Family {
    Transactions,
    Races,
    Sessions,
    Schema,
    Security,
    Resilience,
    Delivery,
    QueryCost,
    Posture,
}

impl Family {
    /// The name of the family's folder and of its group in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Races => "races",
            Self::Sessions => "sessions",
            Self::Schema => "schema",
            Self::Security => "security",
            Self::Resilience => "resilience",
            Self::Delivery => "delivery",
            Self::QueryCost => "query-cost",
            Self::Posture => "posture",
        }
    }
}

/// A class of fault.
#[derive(Debug)]
pub struct Hazard {
    /// `AUD201`.
    pub code: &'static str,
    /// `unlocked-read-modify-write`.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// The severity where the evidence says nothing else.
    pub severity: Severity,
    /// One line: what it flags.
    pub summary: &'static str,
    /// Its page, as Markdown; see [`crate::page`].
    pub page: &'static str,
    /// Its check.
    pub check: Check,
}

impl Hazard {
    /// Where the page is published.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://github.com/auditline/auditline/blob/main/docs/hazards/{}.md", self.code)
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// One function's units of work. Called for each function of a Python file.
    Function(fn(&dyn Db, FunctionRef, &mut Vec<Finding>)),
    /// A whole file, of any kind; the check looks at the kind first.
    File(fn(&dyn Db, SourceFile, &mut Vec<Finding>)),
}

/// Every hazard, in the order of its code.
pub const CATALOGUE: &[&Hazard] = &[
    &crate::transactions::commit_without_rollback::HAZARD,
    &crate::transactions::swallowed_db_error::HAZARD,
    &crate::transactions::hidden_commit::HAZARD,
    &crate::transactions::split_transaction::HAZARD,
    &crate::transactions::commit_in_loop::HAZARD,
    &crate::transactions::dual_write::HAZARD,
    &crate::transactions::exception_text_match::HAZARD,
    &crate::transactions::lossy_batch::HAZARD,
    &crate::transactions::double_commit_scope::HAZARD,
    &crate::transactions::external_call_in_transaction::HAZARD,
    &crate::races::unlocked_read_modify_write::HAZARD,
    &crate::races::check_then_create::HAZARD,
    &crate::races::check_then_external_call::HAZARD,
    &crate::races::webhook_state_race::HAZARD,
    &crate::races::non_idempotent_webhook::HAZARD,
    &crate::races::count_then_insert::HAZARD,
    &crate::races::trigger_count_without_lock::HAZARD,
    &crate::races::unguarded_lazy_singleton::HAZARD,
    &crate::races::hot_path_write::HAZARD,
    &crate::races::process_local_state::HAZARD,
    &crate::races::inconsistent_lock_order::HAZARD,
    &crate::races::stale_locked_read::HAZARD,
    &crate::races::lock_released_early::HAZARD,
    &crate::races::ineffective_lock::HAZARD,
    &crate::races::blocking_lock_in_async::HAZARD,
    &crate::races::upsert_misses_unique::HAZARD,
    &crate::sessions::shared_session::HAZARD,
    &crate::sessions::leaked_session::HAZARD,
    &crate::sessions::blocking_db_in_async::HAZARD,
    &crate::sessions::session_in_gather::HAZARD,
    &crate::sessions::unsafe_session_dependency::HAZARD,
    &crate::sessions::session_outlives_owner::HAZARD,
    &crate::sessions::expired_attribute_in_async::HAZARD,
    &crate::sessions::commit_after_response::HAZARD,
    &crate::sessions::detached_after_scope::HAZARD,
    &crate::schema::unknown_model_field::HAZARD,
    &crate::schema::missing_required_field::HAZARD,
    &crate::schema::table_without_model::HAZARD,
    &crate::schema::model_without_table::HAZARD,
    &crate::schema::column_drift::HAZARD,
    &crate::schema::migration_gap::HAZARD,
    &crate::schema::migration_heads::HAZARD,
    &crate::schema::unused_model::HAZARD,
    &crate::schema::unregistered_model::HAZARD,
    &crate::schema::missing_index::HAZARD,
    &crate::schema::one_sided_counter::HAZARD,
    &crate::schema::delete_nullifies_required_key::HAZARD,
    &crate::schema::foreign_key_type::HAZARD,
    &crate::schema::untracked_json_mutation::HAZARD,
    &crate::schema::reserved_attribute::HAZARD,
    &crate::delivery::dockerfile_missing_source::HAZARD,
    &crate::delivery::conflicting_requirements::HAZARD,
    &crate::delivery::oversized_module::HAZARD,
    &crate::delivery::circular_import::HAZARD,
    &crate::delivery::duplicate_constant::HAZARD,
    &crate::delivery::unresolved_import::HAZARD,
    &crate::delivery::shadowed_module::HAZARD,
];

/// The hazard with that code (`AUD201`, in any case) or name (`unlocked-read-modify-write`).
#[must_use]
pub fn find(code_or_name: &str) -> Option<&'static Hazard> {
    CATALOGUE
        .iter()
        .copied()
        .find(|hazard| hazard.code.eq_ignore_ascii_case(code_or_name) || hazard.name == code_or_name)
}
