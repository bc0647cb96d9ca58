//! What the database says when it refuses what is saved.

use auditline_model::{ClassRef, classes};
use auditline_syntax::Name;

use crate::finding::listed;

/// Whether the database can refuse what is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transactions) enum Refusal {
    /// What is saved always fits: only a connection that is lost at that moment makes it fail.
    No,
    /// Nothing is seen that is saved: what callers have pending is.
    Unseen,
    /// Something is saved of which too little is known.
    Unknown,
    /// Data can make it fail, for that reason.
    For(Cause),
}

impl Refusal {
    /// What is known of two things that are saved together.
    pub(in crate::transactions) fn or(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    /// How much there is to be said, the more the higher.
    pub(in crate::transactions) fn rank(&self) -> u8 {
        match self {
            Self::No => 0,
            Self::Unseen => 1,
            Self::For(Cause::Deadlock | Cause::Raced(..)) => 2,
            Self::Unknown => 3,
            Self::For(Cause::Misfit(..) | Cause::Referred { .. } | Cause::Taken(..)) => 4,
        }
    }

    /// Whether what is saved, or what is there already, can be the reason: it is refused again when it is tried again.
    pub(in crate::transactions) fn is_for_data(&self) -> bool {
        match self {
            Self::For(cause) => match cause {
                Cause::Misfit(..) | Cause::Referred { .. } | Cause::Taken(..) => true,
                Cause::Deadlock | Cause::Raced(..) => false,
            },
            Self::No | Self::Unseen | Self::Unknown => false,
        }
    }
}

/// Why the database refuses what is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transactions) enum Cause {
    /// Others change the same rows in another order, and wait for this transaction as it does for them.
    Deadlock,
    /// The value does not fit into the column, or names a row that is not there.
    Misfit(ClassRef, Name),
    /// Rows of other tables refer to the deleted one.
    Referred { to: ClassRef, by: ClassRef, column: Name },
    /// Another row may have the same unique key.
    Taken(ClassRef, Vec<Name>),
    /// The key was looked for, and nobody had it: another transaction takes it in that moment.
    Raced(ClassRef, Vec<Name>),
}

impl Cause {
    /// What is said of it, as a sentence that tells what the database can refuse.
    pub(in crate::transactions) fn sentence(&self) -> String {
        match self {
            Self::Deadlock => {
                "it is refused where another transaction changes the same rows in another order".to_owned()
            }
            Self::Misfit(class, column) => {
                format!("it is refused where the value does not fit `{}.{column}`", classes::simple(class.path))
            }
            Self::Referred { to, by, column } => format!(
                "it is refused where `{}.{column}` still refers to the `{}`",
                classes::simple(by.path),
                classes::simple(to.path)
            ),
            Self::Taken(class, columns) => {
                format!(
                    "it is refused where another `{}` has the same {}",
                    classes::simple(class.path),
                    listed(columns)
                )
            }
            Self::Raced(class, columns) => format!(
                "it is refused where another transaction has made a `{}` of the same {} since it was looked for",
                classes::simple(class.path),
                listed(columns)
            ),
        }
    }
}
