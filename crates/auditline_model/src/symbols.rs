//! What a name refers to.

use auditline_source::FilePath;
use auditline_syntax::Name;

use crate::db::{ClassRef, FunctionRef, SourceFile, VariableRef};

/// What a name or dotted path refers to, without looking at values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// A module of the workspace.
    Module(SourceFile),
    /// A package directory of the workspace without `__init__.py`.
    Namespace(FilePath),
    /// A class of the workspace.
    Class(ClassRef),
    /// A function of the workspace.
    Function(FunctionRef),
    /// A module-level variable of the workspace that is bound by assignment.
    Variable(VariableRef),
    /// Something outside the workspace, by its canonical dotted path: `sqlalchemy.orm.Session`.
    External(Name),
    /// It cannot be told. Unknown never becomes a finding.
    Unknown,
}
