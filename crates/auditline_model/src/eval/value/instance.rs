//! Objects that come from here or from there.

use super::{InstanceOrigin, InstanceValue};

impl InstanceValue {
    /// What is known of an object that is this one or that one: `repo or DepotRepo(session)`. Where one of them is known by its
    /// type alone, what the other was made with is what is known of both.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        let class = match (self.origin, other.origin) {
            // What is handed in by a type, an abstract one perhaps, or what is made where nothing is.
            (InstanceOrigin::Param(_), InstanceOrigin::Constructed) => other.class,
            (InstanceOrigin::Constructed, InstanceOrigin::Param(_)) => self.class,
            _ => return None,
        };
        let arguments = match (self.is_known_by_type(), other.is_known_by_type()) {
            (true, _) => other.arguments.clone(),
            (false, true) => self.arguments.clone(),
            (false, false) => {
                self.arguments.iter().filter(|argument| other.arguments.contains(argument)).cloned().collect()
            }
        };
        let origin = if self.origin == other.origin { self.origin } else { InstanceOrigin::Unknown };
        Some(Self { class, arguments, origin })
    }

    /// Whether no more is known of it than its type.
    fn is_known_by_type(&self) -> bool {
        self.arguments.is_empty() && matches!(self.origin, InstanceOrigin::Param(_) | InstanceOrigin::Unknown)
    }
}
