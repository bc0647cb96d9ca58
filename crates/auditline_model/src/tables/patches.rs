//! Attributes that are assigned to classes from outside their bodies.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, StmtKind};

use crate::classes::last;
use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::names::files_mentioning;
use crate::symbols::Symbol;

/// What is assigned to attributes of a class from outside its body; `None` for a computed name.
pub(super) fn patches_of(db: &dyn Db, of: ClassRef) -> Arc<Vec<Option<Name>>> {
    patches_at(db, of.file, of.path)
}

#[salsa::tracked(returns(clone))]
fn patches_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Option<Name>>> {
    let of = ClassRef { file, path };
    let mut found = Vec::new();
    for other in files_mentioning(db, &last(path)).iter() {
        for (class, name) in patches_in(db, *other).iter() {
            if *class == of && !found.contains(name) {
                found.push(*name);
            }
        }
    }
    Arc::new(found)
}

/// Assignments to attributes of classes at the top level of a file: `User.full_name = column_property(…)`.
#[salsa::tracked(returns(clone))]
fn patches_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<(ClassRef, Option<Name>)>> {
    // Most files that name a class assign nothing to it; they need not be parsed for this.
    if !file.content(db).text().is_some_and(|text| text.text().lines().any(may_patch)) {
        return Arc::default();
    }
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let mut found = Vec::new();
    let class_of = |expr| match crate::names::resolve_expr(db, file, code, expr) {
        Symbol::Class(class) => Some(class),
        _ => None,
    };
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => {
            for target in targets {
                if let Expr::Attribute { value, attr } = &code[*target]
                    && let Some(class) = class_of(*value)
                {
                    found.push((class, Some(*attr)));
                }
            }
        }
        StmtKind::Expr(expr) => {
            let Some(call) = auditline_syntax::python::Call::of(code, *expr) else { return };
            if matches!(&code[call.func], Expr::Name(name) if *name == "setattr")
                && let (Some(target), Some(name)) = (call.positional(0), call.positional(1))
                && let Some(class) = class_of(target)
            {
                let name = match &code[name] {
                    Expr::Str(text) => Some(Name::new(text)),
                    _ => None,
                };
                found.push((class, name));
            }
        }
        _ => {}
    });
    Arc::new(found)
}

/// Whether a line may start an assignment to an attribute of a class, by its looks: `User.x = …`, `models.User.x = …` at
/// the top level, `setattr(…`.
fn may_patch(line: &str) -> bool {
    let code = line.trim_start();
    if code.starts_with("setattr(") {
        return true;
    }
    let is_top = code.len() == line.len();
    let target = code.split('=').next().unwrap_or_default();
    target.len() < code.len()
        && target.contains('.')
        && (is_top || code.starts_with(char::is_uppercase))
        && target.trim_end().chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::may_patch;

    #[test]
    fn lines_that_may_assign_to_a_class() {
        for line in ["User.x = 1", "models.User.x=1", "    User.x = 1", "    setattr(User, name, 1)"] {
            assert!(may_patch(line), "{line}");
        }
        for line in ["x = User.y", "    self.x = 1", "User.x(y=1)", "    user.x = 1", "", "if User.x == 1:"] {
            assert!(!may_patch(line), "{line}");
        }
    }
}
