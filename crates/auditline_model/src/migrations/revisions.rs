//! What a revision file says about its place in the graph.

use auditline_syntax::Name;

use crate::classes::{Detached, variable};
use crate::db::{Db, SourceFile, VariableRef};

/// A revision: a module with `revision` and `down_revision`, as Alembic looks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its file.
    pub file: SourceFile,
    /// Its identifier.
    pub id: Name,
    /// What it follows.
    pub down: Links,
    /// What else must have run before it.
    pub depends_on: Links,
    /// Whether it begins a branch that has a name of its own.
    pub has_label: bool,
}

/// References to other revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// These; none for the first revision of a history.
    Known(Vec<Name>),
    /// They cannot be told.
    Unknown,
}

impl Links {
    /// The identifiers; none where they cannot be told.
    #[must_use]
    pub fn ids(&self) -> &[Name] {
        match self {
            Self::Known(ids) => ids,
            Self::Unknown => &[],
        }
    }

    fn of(value: Option<&Detached>) -> Self {
        let found = match value {
            None | Some(Detached::None) => Some(Vec::new()),
            Some(Detached::Str(id)) => Some(vec![*id]),
            Some(Detached::Sequence(items)) => items.iter().map(Detached::text).collect(),
            Some(_) => None,
        };
        found.map_or(Self::Unknown, Self::Known)
    }
}

/// The revision that a file is; `None` for other files.
#[salsa::tracked(returns(clone))]
pub fn revision(db: &dyn Db, file: SourceFile) -> Option<Revision> {
    if !file.kind(db).is_python() {
        return None;
    }
    let value = |name: &str| variable(db, VariableRef { file, name: Name::new(name) });
    let id = value("revision")?.value.as_ref()?.text()?;
    let down = value("down_revision")?;
    let links = |name: &str| Links::of(value(name).as_ref().and_then(|info| info.value.as_ref()));
    let has_label =
        value("branch_labels").is_some_and(|info| info.value.as_ref().is_some_and(|value| *value != Detached::None));
    Some(Revision { file, id, down: Links::of(down.value.as_ref()), depends_on: links("depends_on"), has_label })
}
