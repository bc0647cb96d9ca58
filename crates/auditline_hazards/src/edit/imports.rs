//! Importing a name that a fix needs.

use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Code, Expr, ImportFrom, ImportedName, Stmt, StmtKind};
use auditline_syntax::{Name, TextRange};

use super::layout::{indent, is_first, is_last, line_end, next_line};
use super::lex::{TokenKind, lex};
use super::{Document, Scope, offset};

/// What a file needs to use a name of another module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// How the name is called in the file: another one where the file imports it under an alias.
    pub name: String,
    /// The edits; empty where the file has the import.
    pub edits: Vec<TextEdit>,
}

/// Makes `from module import name` true at module level: merged into an import of that module where there is one,
/// else behind the last import of the file's head. `None` where the name means something else in the file.
#[must_use]
pub fn add_import(document: &Document, module: &str, name: &str) -> Option<Import> {
    let scope = document.module();
    let block = &scope.code.block;
    let of_module = |stmt: &Stmt| match &stmt.kind {
        StmtKind::ImportFrom(import) if import.level == 0 && import.module.is_some_and(|own| own == *module) => {
            Some(import.clone())
        }
        _ => None,
    };
    for stmt in block {
        let Some(import) = of_module(stmt) else { continue };
        if let Some(found) = import.names.iter().find(|imported| imported.name == *name) {
            return Some(Import { name: found.bound().as_str().to_owned(), edits: Vec::new() });
        }
        if import.star {
            return Some(Import { name: name.to_owned(), edits: Vec::new() });
        }
    }
    if binds(document, Name::new(name)) || module == "__future__" {
        return None;
    }
    let head = Head::of(document);
    let mut edits = None;
    for stmt in &block[..head.end] {
        if let Some(import) = of_module(stmt)
            && edits.is_none()
        {
            edits = merged(scope, stmt.range, &import, name);
        }
    }
    let edits = edits.or_else(|| inserted(document, &head, module, name))?;
    Some(Import { name: name.to_owned(), edits: document.checked(edits)? })
}

/// Whether a statement is a docstring.
pub(crate) fn is_docstring(code: &Code, stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::Expr(expr) if matches!(code[*expr], Expr::Str(_)))
}

/// Whether module-level code binds a name, in any block.
fn binds(document: &Document, name: Name) -> bool {
    let code = document.module().code;
    let mut found = document.function(name).is_some() || document.class(name).is_some();
    let is_name = |expr| matches!(&code[expr], Expr::Name(own) if *own == name);
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
        found |= match &stmt.kind {
            StmtKind::Import(modules) => modules
                .iter()
                .any(|module| module.alias.unwrap_or(module.path).split('.').next() == Some(name.as_str())),
            StmtKind::ImportFrom(import) => import.names.iter().any(|imported| imported.bound() == name),
            StmtKind::Assign { targets, .. } => targets.iter().any(|target| is_name(*target)),
            StmtKind::AnnAssign { target, .. } => is_name(*target),
            _ => false,
        };
    });
    found
}

/// The head of a file: its docstring and imports, before any code that could need their order.
struct Head {
    /// How many statements belong to it.
    end: usize,
    /// The last import at module level in it.
    last_import: Option<usize>,
    /// Whether it starts with a docstring.
    docstring: bool,
}

impl Head {
    fn of(document: &Document) -> Self {
        let scope = document.module();
        let block = &scope.code.block;
        let docstring = block.first().is_some_and(|stmt| is_docstring(scope.code, stmt));
        let mut head = Self { end: usize::from(docstring), last_import: None, docstring };
        for (at, stmt) in block.iter().enumerate().skip(head.end) {
            let belongs = match &stmt.kind {
                StmtKind::Import(_) | StmtKind::ImportFrom(_) => {
                    head.last_import = Some(at);
                    true
                }
                // `if TYPE_CHECKING:`, `try: import …`: imports may follow.
                StmtKind::If(_) | StmtKind::Try(_) => true,
                StmtKind::Assign { targets, .. } => targets
                    .iter()
                    .all(|target| matches!(&scope.code[*target], Expr::Name(name) if name.starts_with("__"))),
                _ => false,
            };
            if !belongs {
                break;
            }
            head.end = at + 1;
        }
        head
    }
}

/// Adds a name to an import of its module.
fn merged(scope: Scope<'_>, stmt: TextRange, import: &ImportFrom, name: &str) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let (_, end) = scope.span(stmt);
    let names: Vec<&str> = import.names.iter().map(|imported| imported.name.as_str()).collect();
    let sorted = names.windows(2).all(|pair| order(pair[0]) <= order(pair[1]));
    // The one before which the name goes; behind the last where the names have no order.
    let next = if sorted { names.iter().position(|other| order(other) > order(name)) } else { None };
    let span = |imported: &ImportedName| {
        let (from, to) = scope.span(imported.range);
        // `as` and the alias stand behind the name.
        let behind = imported.alias.and_then(|_| lex(text, to, end).get(1).map(|token| token.end));
        (from, behind.unwrap_or(to))
    };
    let own_lines = import.names.iter().all(|imported| is_first(text, span(imported).0));
    if let Some(next) = next {
        let (from, _) = span(&import.names[next]);
        let gap = if own_lines { format!("{eol}{}", indent(text, from)) } else { " ".to_owned() };
        return Some(vec![TextEdit::insert(offset(from), format!("{name},{gap}"))]);
    }
    let (from, to) = span(import.names.last()?);
    let comma = lex(text, to, end).into_iter().find(|token| token.kind == TokenKind::Comma).map(|token| token.end);
    if own_lines {
        let behind = comma.unwrap_or(to);
        if !is_last(text, behind) {
            return None;
        }
        let mut edits = Vec::new();
        if comma.is_none() {
            edits.push(TextEdit::insert(offset(to), ","));
        }
        let trailing = if comma.is_some() { "," } else { "" };
        let line = format!("{eol}{}{name}{trailing}", indent(text, from));
        edits.push(TextEdit::insert(offset(line_end(text, behind)), line));
        return Some(edits);
    }
    Some(vec![TextEdit::insert(offset(to), format!(", {name}"))])
}

/// The order of isort's default: constants, classes, then the rest.
fn order(name: &str) -> (u8, &str) {
    let is_constant = name.len() > 1 && !name.chars().any(char::is_lowercase);
    let is_class = name.starts_with(char::is_uppercase);
    (
        if is_constant {
            0
        } else if is_class {
            1
        } else {
            2
        },
        name,
    )
}

/// Adds an import statement to the head of a file.
fn inserted(document: &Document, head: &Head, module: &str, name: &str) -> Option<Vec<TextEdit>> {
    let scope = document.module();
    let text = document.text();
    let eol = document.line_end();
    let line = format!("from {module} import {name}");
    if let Some(last) = head.last_import {
        let (_, end) = scope.span(scope.code.block[last].range);
        let at = line_end(text, end);
        return is_last(text, end).then(|| vec![TextEdit::insert(offset(at), format!("{eol}{line}"))]);
    }
    if head.docstring {
        let (_, end) = scope.span(scope.code.block[0].range);
        let at = line_end(text, end);
        return is_last(text, end).then(|| vec![TextEdit::insert(offset(at), format!("{eol}{eol}{line}"))]);
    }
    // Behind the comments that head the file: an interpreter line, an encoding, a licence.
    let mut at = usize::from(document.text.content_start());
    let mut comments = false;
    while text[at..line_end(text, at)].starts_with('#') && next_line(text, at) > at {
        at = next_line(text, at);
        comments = true;
    }
    let before = if comments { eol } else { "" };
    Some(vec![TextEdit::insert(offset(at), format!("{before}{line}{eol}"))])
}
