//! What is left out: `.dockerignore` of a build context, `.gitignore` of a repository.

use text_size::TextRange;

use super::glob::Glob;
use super::lines::{Lines, range};

/// What an ignore file says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No pattern matches it.
    Unmatched,
    /// The last pattern that matches leaves it out; the range is the pattern's.
    Excluded(TextRange),
    /// The last pattern that matches is an exception (`!`).
    Included(TextRange),
}

impl Verdict {
    /// The pattern that leaves it out, if it is left out.
    #[must_use]
    pub fn excluded(self) -> Option<TextRange> {
        match self {
            Self::Excluded(range) => Some(range),
            Self::Unmatched | Self::Included(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    range: TextRange,
    pattern: Box<str>,
    glob: Glob,
    exception: bool,
    directories_only: bool,
}

impl Rule {
    fn verdict(&self) -> Verdict {
        if self.exception { Verdict::Included(self.range) } else { Verdict::Excluded(self.range) }
    }
}

/// A `.dockerignore`: patterns relative to the root of the context, wherever the file stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerIgnore {
    rules: Vec<Rule>,
}

impl DockerIgnore {
    /// Reads a `.dockerignore`; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut rules = Vec::new();
        for (start, line) in Lines::new(text) {
            // Only a `#` in the first column makes a comment.
            let trimmed = line.trim();
            if line.starts_with('#') || trimmed.is_empty() {
                continue;
            }
            let at = start + (line.len() - line.trim_start().len());
            let (exception, pattern) = match trimmed.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim_start()),
                None => (false, trimmed),
            };
            let pattern = clean(pattern);
            if pattern.is_empty() {
                continue;
            }
            let range = range(at, at + trimmed.len());
            let glob = Glob::new(&pattern);
            rules.push(Rule { range, pattern: pattern.into(), glob, exception, directories_only: false });
        }
        Self { rules }
    }

    /// Whether there are exceptions: then something below an excluded directory may still be there.
    #[must_use]
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.exception)
    }

    /// Whether an exception names something below a directory. Then the builder gets the directory, even where the
    /// exception matches nothing.
    #[must_use]
    pub fn names_below(&self, directory: &str) -> bool {
        let is_below = |pattern: &str| pattern.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        self.rules.iter().any(|rule| rule.exception && is_below(&rule.pattern))
    }

    /// What it says of a path, which is relative to the root of the context, clean and without a `/` at its end.
    /// A pattern that matches a directory matches all below it; the last pattern that matches wins.
    #[must_use]
    pub fn verdict(&self, path: &str) -> Verdict {
        let last = self.rules.iter().rev().find(|rule| prefixes(path).any(|prefix| rule.glob.matches(prefix)));
        last.map_or(Verdict::Unmatched, Rule::verdict)
    }
}

/// A `.gitignore`: patterns relative to the directory in which it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GitIgnore {
    rules: Vec<Rule>,
}

impl GitIgnore {
    /// Reads a `.gitignore`; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut rules = Vec::new();
        for (start, line) in Lines::new(text) {
            if line.starts_with('#') {
                continue;
            }
            // Blanks at the end count only where the last is escaped.
            let trimmed = line.trim_end_matches(' ');
            let trimmed = if trimmed.ends_with('\\') { line.get(..=trimmed.len()).unwrap_or(line) } else { trimmed };
            let (exception, pattern) = match trimmed.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, trimmed),
            };
            let (directories_only, pattern) = match pattern.strip_suffix('/') {
                Some(pattern) => (true, pattern),
                None => (false, pattern),
            };
            if pattern.is_empty() {
                continue;
            }
            let glob = match (pattern.strip_prefix('/'), pattern.contains('/')) {
                (Some(anchored), _) => Glob::new(anchored),
                (None, true) => Glob::new(pattern),
                (None, false) => Glob::new(&format!("**/{pattern}")),
            };
            let range = range(start, start + trimmed.len());
            rules.push(Rule { range, pattern: pattern.into(), glob, exception, directories_only });
        }
        Self { rules }
    }

    /// What it says of a path, which is relative to the directory of the file, clean and without a `/` at its end.
    /// What stands in an excluded directory is excluded, whatever exceptions say.
    #[must_use]
    pub fn verdict(&self, path: &str, is_directory: bool) -> Verdict {
        let mut verdict = Verdict::Unmatched;
        for prefix in prefixes(path) {
            let is_directory = is_directory || prefix.len() < path.len();
            let matching = |rule: &&Rule| (is_directory || !rule.directories_only) && rule.glob.matches(prefix);
            if let Some(rule) = self.rules.iter().rev().find(matching) {
                verdict = rule.verdict();
                if verdict.excluded().is_some() {
                    return verdict;
                }
            }
        }
        verdict
    }
}

/// The directories that lead to a path, the topmost first, and the path itself.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).chain(std::iter::once(path))
}

/// A path without `.`, `..`, and slashes at its ends. What leads out of the root stays at the root.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker(text: &str, path: &str) -> bool {
        DockerIgnore::new(text).verdict(path).excluded().is_some()
    }

    fn git(text: &str, path: &str, is_directory: bool) -> bool {
        GitIgnore::new(text).verdict(path, is_directory).excluded().is_some()
    }

    #[test]
    fn docker_patterns_are_anchored() {
        assert!(docker("tests", "tests"));
        assert!(docker("tests", "tests/a/b.py"));
        assert!(!docker("tests", "app/tests"));
        assert!(docker("/tests/", "tests/a.py"));
        assert!(docker("**/tests", "app/tests/a.py"));
        assert!(docker("./a/../tests", "tests"));
        assert!(docker("*/temp*", "a/temporary.txt"));
        assert!(!docker("*/temp*", "a/b/temporary.txt"));
        assert!(docker("*", "anything/below"));
    }

    #[test]
    fn docker_last_match_wins() {
        let text = "*\n!app\napp/secret\r\n  # no comment\n# comment\n";
        assert!(docker(text, "README.md"));
        assert!(!docker(text, "app/main.py"));
        assert!(docker(text, "app/secret/key"));
        assert!(docker(text, "# no comment"));
        assert!(!docker("*.md\n!README.md", "README.md"));
        assert!(docker("*.md\n!README.md\nREADME*", "README.md"));
    }

    #[test]
    fn docker_exceptions_keep_the_directories_above_them() {
        let rules = DockerIgnore::new("app\n!app/static/*\n!application");
        assert!(rules.names_below("app") && rules.names_below("app/static"));
        assert!(!rules.names_below("app/stat") && !rules.names_below("appl"));
    }

    #[test]
    fn docker_says_which_pattern() {
        let text = "a\n  data/*.csv  \n";
        let range = DockerIgnore::new(text).verdict("data/x.csv").excluded().unwrap();
        assert_eq!(&text[range], "data/*.csv");
    }

    #[test]
    fn git_patterns_match_at_any_depth_unless_anchored() {
        assert!(git("dist", "web/dist", true));
        assert!(git("dist/", "web/dist/index.html", false));
        assert!(!git("dist/", "web/dist", false));
        assert!(git("/dist", "dist", true));
        assert!(!git("/dist", "web/dist", true));
        assert!(git("web/dist", "web/dist/a", false));
        assert!(!git("web/dist", "app/web/dist", true));
        assert!(git("*.jar", "target/app.jar", false));
        assert!(!git("*.env\n!dev.env", "dev.env", false));
        assert!(git("build/\n!build/keep", "build/keep", false));
        assert!(!git("#dist", "#dist", false));
        assert!(git("\\#dist", "#dist", false));
    }
}
