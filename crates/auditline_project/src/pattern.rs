//! Patterns of paths, with the meaning that they have in a `.gitignore`.

use std::path::Path;
use std::sync::Arc;

use auditline_source::FilePath;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Patterns of paths below a directory: `tests`, `*_pb2.py`, `/scripts`, `app/**/legacy`. A pattern that matches a
/// directory matches all below it.
#[derive(Debug, Clone, Default)]
pub struct PathPatterns {
    matcher: Option<Arc<Gitignore>>,
    texts: Vec<String>,
    root: Option<FilePath>,
}

impl PathPatterns {
    /// The patterns, seen from `root`.
    ///
    /// # Errors
    /// The index of the first pattern that cannot be read, and what is wrong with it.
    pub fn new(root: FilePath, patterns: &[String]) -> Result<Self, (usize, String)> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let mut builder = GitignoreBuilder::new(root.as_path());
        builder.allow_unclosed_class(false);
        for (index, pattern) in patterns.iter().enumerate() {
            builder.add_line(None, pattern).map_err(|error| (index, describe(&error)))?;
        }
        let matcher = builder.build().map_err(|error| (0, describe(&error)))?;
        Ok(Self { matcher: Some(Arc::new(matcher)), texts: patterns.to_vec(), root: Some(root) })
    }

    /// Whether a pattern matches the path or a directory above it.
    #[must_use]
    pub fn matches(&self, path: FilePath) -> bool {
        self.matches_path(path.as_path(), false)
    }

    pub(crate) fn matches_path(&self, path: &Path, is_dir: bool) -> bool {
        match (&self.matcher, self.root) {
            (Some(matcher), Some(root)) => {
                path.starts_with(root.as_path()) && matcher.matched_path_or_any_parents(path, is_dir).is_ignore()
            }
            _ => false,
        }
    }
}

impl PartialEq for PathPatterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts && self.root == other.root
    }
}

impl Eq for PathPatterns {}

fn describe(error: &ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } => err.clone(),
        other => other.to_string(),
    }
}
