//! Saying on a relationship what becomes of the children.

use auditline_model::tables::Bereaved;
use auditline_model::{Db, SourceFile};
use auditline_source::TextEdit;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, ExprId, StmtKind};

use crate::edit::{self, Document, Scope};
use crate::finding::FileEdit;

/// What is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// The session deletes them.
    Cascade,
    /// The database does.
    Passive,
}

/// Whether the database deletes the children itself, and the session has loaded none that it would change first.
pub(super) fn leaves_to_database(lost: &Bereaved) -> bool {
    lost.column.on_delete.is_some_and(|action| action.eq_ignore_ascii_case("cascade"))
        && lost.options.lazy.is_none_or(|lazy| matches!(lazy.as_str(), "select" | "raise" | "raise_on_sql" | "dynamic"))
}

/// The options on all the relationships, in whatever files they stand.
pub(super) fn options(db: &dyn Db, lost: &[Bereaved], cure: Cure) -> Option<Vec<FileEdit>> {
    let mut files: Vec<(SourceFile, Vec<TextEdit>)> = Vec::new();
    for one in lost {
        let (class, name) = one.backref_of.unwrap_or((one.declared_in, one.relationship));
        let document = Document::of(db, class.file)?;
        let scope = document.class(class.path)?;
        let call = assigned(scope, name)?;
        let edits = match one.backref_of {
            Some(_) => on_backref(&document, scope, call, cure)?,
            None => on_relationship(scope, call, cure)?,
        };
        match files.iter_mut().find(|(file, _)| *file == class.file) {
            Some((_, all)) => all.extend(edits),
            None => files.push((class.file, edits)),
        }
    }
    files
        .into_iter()
        .map(|(file, edits)| Some(FileEdit { file, edits: Document::of(db, file)?.checked(edits)? }))
        .collect()
}

/// The call that a class body assigns to a name.
fn assigned(scope: Scope<'_>, name: Name) -> Option<ExprId> {
    scope.code.block.iter().find_map(|stmt| {
        let (target, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => (*targets.first()?, *value),
            StmtKind::AnnAssign { target, value, .. } => (*target, (*value)?),
            _ => return None,
        };
        let is_it = matches!(&scope.code[target], Expr::Name(own) if *own == name);
        (is_it && matches!(scope.code[value], Expr::Call { .. })).then_some(value)
    })
}

fn called(scope: Scope<'_>, call: ExprId) -> Option<(ExprId, Name)> {
    let Expr::Call { func, .. } = &scope.code[call] else { return None };
    match &scope.code[*func] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => Some((*func, *name)),
        _ => None,
    }
}

fn keyword(scope: Scope<'_>, call: ExprId, name: &str) -> Option<ExprId> {
    let Expr::Call { args, .. } = &scope.code[call] else { return None };
    let named = |kind: &auditline_syntax::python::ir::ArgKind| matches!(kind, auditline_syntax::python::ir::ArgKind::Keyword(own) if *own == *name);
    args.iter().find(|arg| named(&arg.kind)).map(|arg| arg.value)
}

fn on_relationship(scope: Scope<'_>, call: ExprId, cure: Cure) -> Option<Vec<TextEdit>> {
    let (_, name) = called(scope, call)?;
    match (name.as_str(), cure) {
        // What SQLModel hands on wins over its own words.
        ("Relationship", _)
            if keyword(scope, call, "sa_relationship_kwargs")
                .is_some_and(|kwargs| scope.source(kwargs).contains("cascade")) =>
        {
            None
        }
        ("Relationship", Cure::Cascade) if is_sqlmodel(scope, call) => {
            edit::add_keyword(scope, call, "cascade_delete", "True")
        }
        (_, cure) => option(scope, call, cure),
    }
}

/// SQLModel's `Relationship`, which takes fewer options than that of SQLAlchemy.
fn is_sqlmodel(scope: Scope<'_>, call: ExprId) -> bool {
    let (func, _) = match called(scope, call) {
        Some(called) => called,
        None => return false,
    };
    !scope.source(func).contains('.') || scope.source(func).starts_with("sqlmodel.")
}

fn option(scope: Scope<'_>, call: ExprId, cure: Cure) -> Option<Vec<TextEdit>> {
    match cure {
        Cure::Cascade => edit::add_keyword(scope, call, "cascade", "\"all, delete-orphan\""),
        Cure::Passive => edit::add_keyword(scope, call, "passive_deletes", "True"),
    }
}

/// `backref="items"` becomes `backref=backref("items", cascade=…)`; a call gets the option.
fn on_backref(document: &Document, scope: Scope<'_>, call: ExprId, cure: Cure) -> Option<Vec<TextEdit>> {
    let written = keyword(scope, call, "backref")?;
    match &scope.code[written] {
        Expr::Call { .. } => option(scope, written, cure),
        Expr::Str(_) => {
            let (func, name) = called(scope, call)?;
            let path = scope.source(func);
            let (made, mut edits) = match path.strip_suffix(name.as_str())? {
                "" => {
                    let import = edit::add_import(document, "sqlalchemy.orm", "backref")?;
                    (import.name, import.edits)
                }
                prefix => (format!("{prefix}backref"), Vec::new()),
            };
            let option = match cure {
                Cure::Cascade => "cascade=\"all, delete-orphan\"",
                Cure::Passive => "passive_deletes=True",
            };
            let text = format!("{made}({}, {option})", scope.source(written));
            edits.push(TextEdit::replace(scope.absolute(scope.code.range(written)), text));
            Some(edits)
        }
        _ => None,
    }
}
