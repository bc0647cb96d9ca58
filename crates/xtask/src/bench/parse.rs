//! The bare parse: tree-sitter over every Python file, and nothing else. It is what `check` is measured against.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many threads parse.
    #[arg(long)]
    threads: usize,
    /// The folder.
    folder: PathBuf,
}

/// What was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parsed {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// The nodes of all trees, so that no compiler may leave the parse out.
    pub(crate) nodes: u64,
}

impl Parsed {
    pub(crate) fn read(stdout: &str) -> Result<Self> {
        serde_json::from_str(stdout).context("the bare parse did not say what it parsed")
    }
}

/// Finds the files as `check` finds them, reads and parses them, and drops each tree at once.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut files = Vec::new();
    for entry in ignore::WalkBuilder::new(&options.folder).require_git(false).build() {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
    let next = AtomicUsize::new(0);
    let (bytes, nodes) = (AtomicU64::new(0), AtomicU64::new(0));
    let language = tree_sitter::Language::from(tree_sitter_python::LANGUAGE);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads.max(1))
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut parser = tree_sitter::Parser::new();
                    parser.set_language(&language)?;
                    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let text = std::fs::read(path)?;
                        let tree = parser.parse(&text, None).context("the parser gave up")?;
                        bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
                        nodes.fetch_add(tree.root_node().descendant_count() as u64, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
    })?;
    let parsed = Parsed { files: files.len(), bytes: bytes.into_inner(), nodes: nodes.into_inner() };
    println!("{}", serde_json::to_string(&parsed)?);
    Ok(())
}
