//! Places in files, named so that they survive edits elsewhere.

use auditline_syntax::{Name, TextRange, TextSize};

use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, class, function, parsed};
use auditline_syntax::python::ir::{Expr, StmtKind};

/// A place in the workspace. It is resolved to a file and an absolute range only when it is shown
/// ([`Place::resolve`]), so that a value that holds places stays equal while text moves around them.
///
/// A value that crosses files names only whole symbols or events; ranges are for places in the file under check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A range of a file.
    File(SourceFile, TextRange),
    /// A range in a function, relative to its start.
    InFunction(FunctionRef, TextRange),
    /// A range in a class body, relative to the start of the class.
    InClass(ClassRef, TextRange),
    /// The name of a function in its `def`.
    Function(FunctionRef),
    /// The name of a class in its `class` statement.
    Class(ClassRef),
    /// The assignment of an attribute in a class body; the class name where there is none.
    Attribute(ClassRef, Name),
    /// The first assignment of a module-level variable.
    Variable(VariableRef),
    /// The n-th event of a function's unit of work, in program order.
    Event(FunctionRef, u32),
}

impl Place {
    /// The file of this place.
    #[must_use]
    pub fn file(self) -> SourceFile {
        match self {
            Self::File(file, _) => file,
            Self::InFunction(function, _) | Self::Function(function) | Self::Event(function, _) => function.file,
            Self::InClass(class, _) | Self::Class(class) | Self::Attribute(class, _) => class.file,
            Self::Variable(variable) => variable.file,
        }
    }

    /// Where it is now; `None` once the symbol is gone.
    #[must_use]
    pub fn resolve(self, db: &dyn Db) -> Option<(SourceFile, TextRange)> {
        let range = match self {
            Self::File(_, range) => range,
            Self::InFunction(owner, range) => range + function_start(db, owner)?,
            Self::InClass(owner, range) => range + class_start(db, owner)?,
            Self::Function(owner) => function(db, owner)?.name_range + function_start(db, owner)?,
            Self::Class(owner) => class(db, owner)?.name_range + class_start(db, owner)?,
            Self::Attribute(owner, name) => attribute_range(db, owner, name)? + class_start(db, owner)?,
            Self::Variable(variable) => variable_range(db, variable)?,
            Self::Event(owner, ordinal) => crate::unit::event_range(db, owner, ordinal)? + function_start(db, owner)?,
        };
        Some((self.file(), range))
    }
}

/// Where a function starts in its file.
#[must_use]
pub fn function_start(db: &dyn Db, function: FunctionRef) -> Option<TextSize> {
    let parsed = parsed(db, function.file);
    parsed.function_index(function.path).map(|index| parsed.module.function_starts[index])
}

/// Where a class starts in its file.
#[must_use]
pub fn class_start(db: &dyn Db, class: ClassRef) -> Option<TextSize> {
    let parsed = parsed(db, class.file);
    parsed.class_index(class.path).map(|index| parsed.module.class_starts[index])
}

fn attribute_range(db: &dyn Db, owner: ClassRef, name: Name) -> Option<TextRange> {
    let class = class(db, owner)?;
    let code = &class.code;
    let found = code.block.iter().find_map(|stmt| {
        let target = match &stmt.kind {
            StmtKind::Assign { targets, .. } => *targets.first()?,
            StmtKind::AnnAssign { target, .. } => *target,
            _ => return None,
        };
        matches!(&code[target], Expr::Name(bound) if *bound == name).then(|| stmt.range)
    });
    Some(found.unwrap_or(class.name_range))
}

fn variable_range(db: &dyn Db, variable: VariableRef) -> Option<TextRange> {
    let parsed = parsed(db, variable.file);
    let code = &parsed.module.code;
    let mut found = None;
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
        let target = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.first().copied(),
            StmtKind::AnnAssign { target, .. } => Some(*target),
            _ => None,
        };
        if let Some(target) = target
            && found.is_none()
            && matches!(&code[target], Expr::Name(bound) if *bound == variable.name)
        {
            found = Some(stmt.range);
        }
    });
    found
}
