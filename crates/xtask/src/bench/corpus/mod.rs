//! Generated workspaces: deterministic, of any size, with the variety of real backends.

mod backend;
mod plain;
mod rng;
mod template;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use backend::{Dialect, Entity, ROLES};
use rng::Rng;
use template::split;

/// The file that is edited, and how long it is.
pub(crate) const EDITED_FILE: &str = "service_0/operations.py";
const EDITED_LINES: usize = 2000;

/// A function for the end of the edited file whose read-modify-write is a hazard beyond doubt.
pub(crate) const HAZARDOUS_FUNCTION: &str = "\n\n\
def settle_by_hand(account_id: int) -> None:\n    \
    with SessionLocal() as session:\n        \
        account = session.get(ArchivedAccount, account_id)\n        \
        account.quantity = account.quantity - 1\n        \
        session.commit()\n";

/// Files of one service.
const SERVICE: usize = 1000;

/// Changes with the generator, so that an older workspace on disk is not taken for a newer one.
const GENERATION: u32 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many files.
    #[arg(long)]
    files: usize,
    /// How many of the files matter.
    #[arg(long, value_enum)]
    flavour: Flavour,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder below which the workspace is written.
    folder: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace { files: options.files, flavour: options.flavour, seed: options.seed };
    println!("{}", workspace.write_below(&options.folder)?.display());
    Ok(())
}

/// How many of the files have to do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flavour {
    /// All.
    Dense,
    /// About one in six, as in a large backend.
    Mixed,
}

/// A workspace to be generated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workspace {
    pub(crate) files: usize,
    pub(crate) flavour: Flavour,
    pub(crate) seed: u64,
}

impl Workspace {
    pub(crate) fn name(self) -> String {
        let flavour = match self.flavour {
            Flavour::Dense => "dense",
            Flavour::Mixed => "mixed",
        };
        format!("{flavour}-{}", self.files)
    }

    /// Writes the workspace to a folder of its own, unless it stands there already.
    pub(crate) fn write_below(self, folder: &Path) -> Result<PathBuf> {
        let root = folder.join(format!("{}-seed{}", self.name(), self.seed));
        let stamp = root.with_extension(format!("generation{GENERATION}"));
        if stamp.is_file() {
            return Ok(root);
        }
        if root.exists() {
            std::fs::remove_dir_all(&root)?;
        }
        for (path, text) in self.generate() {
            let path = root.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        std::fs::write(stamp, "")?;
        Ok(root)
    }

    /// The files by their paths; exactly `files` of them are Python, if there is room for the ones that must be.
    pub(crate) fn generate(self) -> Vec<(String, String)> {
        let mut files =
            vec![("pyproject.toml".to_owned(), "[project]\nname = \"bench\"\nversion = \"1\"\n".to_owned())];
        let mut left = self.files;
        let mut service = 0;
        while left > 0 {
            let share = left.min(SERVICE);
            files.extend(self.service(service, share));
            left -= share;
            service += 1;
        }
        files
    }

    fn service(self, index: usize, count: usize) -> Vec<(String, String)> {
        let package = format!("service_{index}");
        let dialect = Dialect::of_service(index);
        let mut rng = Rng::new(self.seed, index as u64);
        let mut files: Vec<(String, String)> = vec![
            ("__init__.py".to_owned(), String::new()),
            ("core/__init__.py".to_owned(), String::new()),
            ("core/database.py".to_owned(), backend::database(dialect)),
            ("core/security.py".to_owned(), backend::SECURITY.to_owned()),
        ];
        // The edited file stands in the first service and imports its tables, so some of them always exist.
        let mut entities = Vec::new();
        let reserved = if index == 0 { 1 } else { 0 };
        let matter = match self.flavour {
            Flavour::Dense => count,
            Flavour::Mixed => (count / 6).max(30),
        };
        let room = |files: &Vec<(String, String)>, limit: usize| files.len() + reserved < limit.min(count);
        let mut feature = 0;
        while room(&files, matter) {
            let entity = Entity::new(feature, dialect, &mut rng);
            for role in ROLES {
                if room(&files, matter) {
                    let path = format!("features/{}/{}", entity.snake, role.file_name());
                    files.push((path, backend::file(*role, &package, &entity, &mut rng)));
                }
            }
            entities.push(entity);
            feature += 1;
        }
        let mut module = 0;
        while room(&files, count) {
            let name = plain::name(module);
            let folder = ["lib", "pipelines", "clients", "reports"][module / 40 % 4];
            files.push((format!("{folder}/{name}.py"), plain::module(&name, &mut rng)));
            if module % 4 == 0 && room(&files, count) {
                files.push((format!("tests/test_{name}.py"), plain::test(&mut rng)));
            }
            module += 1;
        }
        if index == 0 {
            files.push(("operations.py".to_owned(), edited(&package, &entities, &mut rng)));
        }
        files.into_iter().map(|(path, text)| (format!("{package}/{path}"), text)).collect()
    }
}

/// The file that is edited: operations on many tables, until it is long enough.
fn edited(package: &str, entities: &[Entity], rng: &mut Rng) -> String {
    let mut head =
        "\"\"\"The operations of all features.\"\"\"\n\nimport logging\nfrom collections import defaultdict\n\
        from collections.abc import Iterable\nfrom datetime import datetime, timedelta, timezone\n\
        from decimal import Decimal, InvalidOperation\nfrom typing import Any\n\n\
        from sqlalchemy import func, select, update\nfrom sqlalchemy.exc import IntegrityError, SQLAlchemyError\n\
        from sqlalchemy.ext.asyncio import AsyncSession\nfrom sqlalchemy.orm import Session\n\n"
            .to_owned();
    head.push_str(&format!("from {package}.core.database import SessionLocal\n"));
    let mut imports = Vec::new();
    let mut body = String::from("\nlogger = logging.getLogger(__name__)\n");
    let templates = split(include_str!("templates/service.txt"));
    'full: for round in 0.. {
        for entity in entities {
            if round == 0 {
                let model = format!("from {package}.features.{}.models import <<Entity>>, <<Other>>\n", entity.snake);
                imports.push(entity.fill(&model, rng));
            }
            for template in &templates {
                if imports.len() + head.lines().count() + body.lines().count() >= EDITED_LINES {
                    break 'full;
                }
                let function = entity.fill(template, rng);
                // A second round over few tables needs other names for its functions.
                let function = if round == 0 { function } else { function.replacen('(', &format!("_{round}("), 1) };
                body.push_str("\n\n");
                body.push_str(&function);
            }
        }
        if entities.is_empty() {
            break;
        }
    }
    head + &imports.concat() + &body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_same_each_time_and_of_the_size_asked_for() {
        for (files, flavour) in [(100, Flavour::Mixed), (60, Flavour::Dense), (2100, Flavour::Mixed)] {
            let workspace = Workspace { files, flavour, seed: 7 };
            let first = workspace.generate();
            assert_eq!(first, workspace.generate());
            assert_eq!(first.iter().filter(|(path, _)| path.ends_with(".py")).count(), files);
            let mut paths: Vec<&String> = first.iter().map(|(path, _)| path).collect();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), first.len(), "every path once");
        }
    }

    #[test]
    fn another_seed_gives_other_code() {
        let text = |seed| Workspace { files: 100, flavour: Flavour::Mixed, seed }.generate().pop();
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn every_file_parses() {
        let mut parser = tree_sitter::Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).unwrap();
        for (path, text) in (Workspace { files: 1100, flavour: Flavour::Mixed, seed: 3 }).generate() {
            if path.ends_with(".py") {
                assert!(!text.contains("<<") && !text.contains(">>"), "{path}: a name was not filled in");
                let tree = parser.parse(&text, None).unwrap();
                assert!(!tree.root_node().has_error(), "{path} is no Python:\n{text}");
            }
        }
    }

    #[test]
    fn the_edited_file_is_long_and_knows_the_table_of_the_hazard() {
        for files in [100, 1000] {
            let workspace = Workspace { files, flavour: Flavour::Mixed, seed: 1 };
            let files = workspace.generate();
            let (_, text) = files.iter().find(|(path, _)| path == EDITED_FILE).unwrap();
            let lines = text.lines().count();
            assert!((EDITED_LINES..EDITED_LINES + 50).contains(&lines), "{lines} lines");
            assert!(text.contains("import ArchivedAccount,") && text.contains("import SessionLocal"));
        }
    }
}
