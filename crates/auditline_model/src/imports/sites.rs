//! Where a file imports, and what stands around it.

use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Module, Stmt, StmtKind, Try};
use auditline_syntax::python::{blocks, dotted, walk_expression};
use auditline_syntax::{Name, TextRange, TextSize};

/// An import of one module, or of one name of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSite {
    /// What is imported.
    pub imported: Imported,
    /// The range of the module's or the name's text, absolute.
    pub range: TextRange,
    /// The function in which it stands.
    pub function: Option<Name>,
    /// Whether an `if` decides at run time whether it is reached.
    pub is_conditional: bool,
}

/// What an import names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// `import a.b`.
    Module(Name),
    /// `from ..a import name`.
    Name {
        /// The number of leading dots.
        level: u32,
        /// The path behind the dots.
        module: Option<Name>,
        /// The name; `None` for `*`.
        name: Option<Name>,
    },
}

/// The imports of a file that must work when they are reached: not those whose failure is expected
/// (`except ImportError`), that no interpreter runs (`TYPE_CHECKING`), or that only some platforms reach.
#[must_use]
pub fn import_sites(module: &Module) -> Vec<ImportSite> {
    let mut sites = Vec::new();
    let mut read = |code: &Code, start: TextSize, function: Option<Name>| {
        let mut reader = Reader { code, start, function, sites: &mut sites };
        reader.block(&code.block, false);
    };
    read(&module.code, TextSize::new(0), None);
    for (function, start) in module.functions.iter().zip(&module.function_starts) {
        read(&function.code, *start, Some(function.path));
    }
    for (class, start) in module.classes.iter().zip(&module.class_starts) {
        let outer = class.outer.and_then(|outer| module.functions.get(outer.index())).map(|outer| outer.path);
        read(&class.code, *start, outer);
    }
    sites.sort_by_key(|site| site.range.start());
    sites
}

struct Reader<'a> {
    code: &'a Code,
    start: TextSize,
    function: Option<Name>,
    sites: &'a mut Vec<ImportSite>,
}

impl Reader<'_> {
    fn block(&mut self, block: &Block, is_conditional: bool) {
        // A list of blocks to come, not recursion: an `elif` chain may be thousands of blocks deep.
        let mut rest = vec![(block, is_conditional)];
        while let Some((block, is_conditional)) = rest.pop() {
            for stmt in block {
                self.statement(stmt, is_conditional);
                match &stmt.kind {
                    StmtKind::If(inner) => match condition(self.code, inner.test) {
                        Condition::Ours => {
                            rest.push((&inner.body, is_conditional));
                            rest.push((&inner.orelse, true));
                        }
                        Condition::Other => {
                            rest.push((&inner.body, true));
                            rest.push((&inner.orelse, true));
                        }
                        Condition::Elsewhere => {}
                    },
                    StmtKind::Try(inner) if expects_failure(self.code, inner) => {
                        rest.push((&inner.orelse, is_conditional));
                        rest.push((&inner.finally, is_conditional));
                    }
                    StmtKind::With { items, .. }
                        if items.iter().any(|item| names_import_error(self.code, item.context)) => {}
                    _ => blocks(stmt, |block| rest.push((block, is_conditional))),
                }
            }
        }
    }

    fn statement(&mut self, stmt: &Stmt, is_conditional: bool) {
        let mut add = |imported: Imported, range: TextRange| {
            let (function, range) = (self.function, range + self.start);
            self.sites.push(ImportSite { imported, range, function, is_conditional });
        };
        match &stmt.kind {
            StmtKind::Import(modules) => {
                for module in modules {
                    add(Imported::Module(module.path), module.range);
                }
            }
            StmtKind::ImportFrom(import) => {
                let (level, module) = (import.level, import.module);
                // `from . import a.b` is no Python: the file is never loaded, which is another matter.
                for name in import.names.iter().filter(|name| !name.name.contains('.')) {
                    add(Imported::Name { level, module, name: Some(name.name) }, name.range);
                }
                if import.star {
                    add(Imported::Name { level, module, name: None }, stmt.range);
                }
            }
            _ => {}
        }
    }
}

/// What decides whether the body of an `if` is reached.
pub(super) fn condition(code: &Code, test: ExprId) -> Condition {
    if let Expr::Compare { left, .. } = &code[test]
        && matches!(&code[*left], Expr::Name(name) if *name == "__name__")
    {
        return Condition::Ours;
    }
    let mut elsewhere = false;
    walk_expression(code, test, &mut |expr| {
        elsewhere |= match &code[expr] {
            Expr::Name(name) | Expr::Attribute { attr: name, .. } => is_about_environment(name),
            Expr::Bool(false) | Expr::Int(Some(0)) => true,
            _ => false,
        };
    });
    if elsewhere { Condition::Elsewhere } else { Condition::Other }
}

/// Whether a handler takes the failure of an import, or one that cannot be told.
pub(super) fn expects_failure(code: &Code, stmt: &Try) -> bool {
    stmt.handlers.iter().any(|handler| {
        handler.exceptions.is_empty() || handler.exceptions.iter().any(|one| names_import_error(code, *one))
    })
}

pub(super) fn names_import_error(code: &Code, expr: ExprId) -> bool {
    let mut found = false;
    walk_expression(code, expr, &mut |part| {
        found |= dotted(code, part).is_some_and(|name| {
            let last = name.rsplit('.').next().unwrap_or_default();
            // A name in lower or upper case is a tuple of exceptions that stands elsewhere.
            matches!(last, "ImportError" | "ModuleNotFoundError" | "Exception" | "BaseException")
                || last.chars().all(|char| !char.is_lowercase())
        });
    });
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// `if __name__ == "__main__":`.
    Ours,
    /// Decided by what the program knows.
    Other,
    /// Decided by the interpreter, the platform or what is installed; or never true.
    Elsewhere,
}

fn is_about_environment(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "TYPE_CHECKING",
        "MYPY",
        "find_spec",
        "find_loader",
        "hasattr",
        "importlib",
        "os",
        "platform",
        "sys",
        "version_info",
    ];
    WORDS.contains(&name) || {
        let name = name.to_ascii_lowercase();
        name.starts_with("has_")
            || name.starts_with("is_windows")
            || name.ends_with("_available")
            || name.contains("_installed")
    }
}
