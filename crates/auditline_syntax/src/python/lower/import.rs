//! Imports.

use super::super::ir::{ImportFrom, ImportedModule, ImportedName, StmtKind};
use super::Lowerer;
use super::kind::Kind;
use crate::Name;

impl Lowerer<'_> {
    pub(super) fn import(&mut self) -> StmtKind {
        let mut modules = Vec::with_capacity(1);
        self.children(|this, kind| {
            if let Some(ImportedName { name: path, alias, range }) = this.imported(kind) {
                modules.push(ImportedModule { path, alias, range });
            }
        });
        StmtKind::Import(modules)
    }

    pub(super) fn future_import(&mut self) -> StmtKind {
        let mut names = Vec::with_capacity(1);
        self.children(|this, kind| names.extend(this.imported(kind)));
        StmtKind::ImportFrom(ImportFrom { level: 0, module: Some(Name::new("__future__")), names, star: false })
    }

    pub(super) fn import_from(&mut self) -> StmtKind {
        let mut import = ImportFrom { level: 0, module: None, names: Vec::with_capacity(2), star: false };
        let mut names = false;
        self.children(|this, kind| match kind {
            Kind::KeywordImport => names = true,
            Kind::WildcardImport => import.star = true,
            Kind::RelativeImport => this.children(|this, kind| match kind {
                Kind::ImportPrefix => import.level = this.slice().bytes().filter(|&byte| byte == b'.').count() as u32,
                Kind::DottedName => import.module = this.path_text(),
                _ => {}
            }),
            Kind::DottedName if !names => import.module = this.path_text(),
            _ if names => import.names.extend(this.imported(kind)),
            _ => {}
        });
        import.names.shrink_to_fit();
        StmtKind::ImportFrom(import)
    }

    /// `a.b` or `a.b as c`.
    fn imported(&mut self, kind: Kind) -> Option<ImportedName> {
        match kind {
            Kind::DottedName => {
                let range = self.range();
                self.path_text().map(|name| ImportedName { name, alias: None, range })
            }
            Kind::AliasedImport => {
                let mut found: Option<ImportedName> = None;
                self.children(|this, kind| match kind {
                    Kind::Identifier => {
                        if let Some(found) = &mut found {
                            found.alias = Some(this.name()).filter(|alias| !alias.is_empty());
                        }
                    }
                    Kind::DottedName => found = this.imported(kind),
                    _ => {}
                });
                found
            }
            // `from m import (a, b c)`: what is readable in what is not.
            Kind::Error => {
                self.frame.has_errors = true;
                None
            }
            _ => None,
        }
    }

    /// The text of a dotted name, without blanks and line continuations between its parts.
    fn path_text(&mut self) -> Option<Name> {
        let text = self.slice();
        if text.is_empty() {
            return None;
        }
        if !text.contains(|char: char| char.is_ascii_whitespace() || char == '\\' || char == '#') {
            return Some(Name::new(text));
        }
        let mut path = String::with_capacity(text.len());
        self.children(|this, kind| {
            if matches!(kind, Kind::Identifier | Kind::Dot) {
                path.push_str(this.slice());
            }
        });
        Some(Name::new(&path))
    }
}
