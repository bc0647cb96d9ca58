//! `cargo xtask prove`: the pages' examples, run for real against a PostgreSQL server.
//!
//! The proofs are Python, in `tests/proofs`. This chore installs what they need (a virtual environment below `target/`, the
//! server's binaries from the system's packages), reads the examples from the pages with the parser that the pages' tests use,
//! and hands both to pytest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use auditline_hazards::CATALOGUE;
use auditline_hazards::page::{Example, parse};
use serde_json::{Map, Value, json};

use crate::{apt, editor, python, shell};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only the proofs of these hazards.
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
    /// Prove with the optimised build.
    #[arg(long)]
    release: bool,
}

impl Options {
    /// Every proof, with that build.
    pub(crate) fn all(release: bool) -> Self {
        Self { codes: Vec::new(), release }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    for code in &options.codes {
        if !CATALOGUE.iter().any(|hazard| hazard.code == code) {
            bail!("there is no hazard `{code}`");
        }
    }
    let proofs = shell::root().join("tests/proofs");
    let interpreter = python::environment("proofs", &[proofs.join("requirements.txt")])?;
    let storefront = shell::root().join("tests/projects/storefront/requirements.txt");
    let storefront = python::environment("storefront", &[storefront, proofs.join("storefront.txt")])?;
    ensure_postgres()?;
    let auditline = shell::build_auditline(options.release)?;

    let mut pytest = shell::command(interpreter);
    pytest.args(["-m", "pytest", "-c"]).arg(proofs.join("pytest.ini")).arg("--rootdir").arg(&proofs);
    if options.codes.is_empty() {
        pytest.arg(&proofs);
    }
    for code in &options.codes {
        let file = proofs.join(format!("test_{}.py", code.to_lowercase()));
        if !file.is_file() {
            bail!("{code} has no proof: {} is missing", file.display());
        }
        pytest.arg(file);
    }
    pytest
        .env("AUDITLINE", auditline)
        .env("AUDITLINE_PAGES", write_pages()?)
        .env("STOREFRONT_PYTHON", storefront)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    editor::run("the proofs", &mut pytest)
}

/// Writes the examples of all pages to one file, and says where it is.
fn write_pages() -> Result<PathBuf> {
    let mut pages = Map::new();
    for hazard in CATALOGUE {
        let page = parse(hazard.page).with_context(|| format!("the page of {}", hazard.code))?;
        let examples = |examples: &[Example]| examples.iter().map(example).collect::<Vec<_>>();
        let both = json!({ "hazardous": examples(&page.hazardous), "silent": examples(&page.silent) });
        pages.insert(hazard.code.to_owned(), both);
    }
    let path = shell::target().join("proofs/pages.json");
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(&path, serde_json::to_string(&pages)?)?;
    Ok(path)
}

fn example(example: &Example) -> Value {
    let files: Map<String, Value> =
        example.files.iter().map(|file| (file.path.clone(), file.text.clone().into())).collect();
    let fixed: Map<String, Value> = example
        .fixed
        .iter()
        .map(|fixed| {
            let files: Map<String, Value> =
                fixed.files.iter().map(|(path, text)| (path.clone(), text.clone().into())).collect();
            (fixed.fix.clone().unwrap_or_default(), files.into())
        })
        .collect();
    json!({ "title": example.title, "files": files, "fixed": fixed })
}

/// Installs the server's binaries from the system's packages where there are none.
fn ensure_postgres() -> Result<()> {
    let installed = || shell::present("initdb") || !debian().is_empty();
    if !installed() {
        apt::install(&["postgresql"])?;
    }
    if !installed() {
        bail!("no PostgreSQL server: put its `initdb` and `pg_ctl` on the path");
    }
    Ok(())
}

/// Where Debian's packages put the server's programs: one folder for each major version.
fn debian() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin/initdb")).filter(|path| path.is_file()).collect()
}
