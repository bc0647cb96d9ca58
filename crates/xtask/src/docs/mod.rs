//! `cargo xtask docs`: what the documentation takes from the catalogue.

mod pages;
mod schema;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use auditline_hazards::CATALOGUE;

use crate::shell;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail where a file is not what it would be.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Where the pages stand, relative to the top of the repository.
const PAGES: &str = "docs/hazards";

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = shell::root();
    let wanted = generated(root)?;
    let mut stale: Vec<PathBuf> = wanted
        .iter()
        .filter(|(path, text)| std::fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path.clone())
        .collect();
    let orphans: Vec<PathBuf> = existing_pages(root)?.into_iter().filter(|path| !wanted.contains_key(path)).collect();

    if options.check {
        stale.extend(orphans);
        if !stale.is_empty() {
            let names: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
            bail!("not what `cargo xtask docs` writes: {}", names.join(", "));
        }
        return Ok(());
    }
    for path in orphans {
        std::fs::remove_file(root.join(&path))?;
        eprintln!("removed {}", path.display());
    }
    for path in stale {
        let target = root.join(&path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&target, &wanted[&path]).with_context(|| format!("cannot write {}", target.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

/// Every generated file, by its path relative to the top of the repository.
fn generated(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for hazard in CATALOGUE {
        files.insert(Path::new(PAGES).join(format!("{}.md", hazard.code)), pages::page(hazard)?);
    }
    files.insert(Path::new(PAGES).join("README.md"), pages::index(CATALOGUE));
    files.insert("docs/auditline.schema.json".into(), schema::schema(CATALOGUE)?);

    let readme = std::fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    files.insert("README.md".into(), table::replace(&readme, &table::table(CATALOGUE, "docs/hazards/"))?);
    Ok(files)
}

fn existing_pages(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join(PAGES);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        pages.push(Path::new(PAGES).join(entry?.file_name()));
    }
    pages.sort();
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published pages, the schema and the README's table are what the catalogue says.
    #[test]
    fn documentation_is_up_to_date() {
        run(&Options { check: true }).unwrap();
    }
}
