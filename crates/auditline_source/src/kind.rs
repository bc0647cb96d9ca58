//! What a file is, by its name.

use serde::{Deserialize, Serialize};

use crate::FilePath;

/// What a file is for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileKind {
    /// Python source.
    Python,
    /// A stub: types without code.
    PythonStub,
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// What is left out of an image's build context.
    DockerIgnore,
    /// Requirements or constraints of pip.
    Requirements,
    /// `pyproject.toml`.
    PyProject,
    /// SQL.
    Sql,
    /// A compose file.
    Compose,
    /// What a CI system does: workflows, actions, pipelines.
    Ci,
    /// A Makefile.
    Makefile,
    /// A shell script.
    Shell,
    /// What is left out of a repository.
    GitIgnore,
    /// Configuration of this tool or of one whose settings we read.
    Config,
    /// Anything else.
    Other,
}

impl FileKind {
    /// The kind of the file at `path`; its content is not read.
    #[must_use]
    pub fn of(path: FilePath) -> Self {
        let name = path.file_name().to_ascii_lowercase();
        let stem = path.stem().to_ascii_lowercase();
        match path.extension().map(str::to_ascii_lowercase).as_deref() {
            Some("py" | "pyw") => return Self::Python,
            Some("pyi") => return Self::PythonStub,
            Some("sql" | "ddl") => return Self::Sql,
            _ => {}
        }
        if name.ends_with(".dockerignore") || name.ends_with(".containerignore") {
            return Self::DockerIgnore;
        }
        if is_dockerfile(&name) {
            return Self::Dockerfile;
        }
        match name.as_str() {
            "pyproject.toml" => return Self::PyProject,
            "auditline.toml" | ".auditline.toml" | "alembic.ini" | "setup.cfg" | ".gitmodules" => return Self::Config,
            ".gitignore" => return Self::GitIgnore,
            "makefile" | "gnumakefile" => return Self::Makefile,
            _ => {}
        }
        match path.extension().map(str::to_ascii_lowercase).as_deref() {
            Some("txt" | "in") if is_requirements(path, &stem) => Self::Requirements,
            Some("yml" | "yaml") if is_compose(&stem) => Self::Compose,
            Some("yml" | "yaml") if is_ci(path, &stem) => Self::Ci,
            Some("mk") => Self::Makefile,
            Some("sh" | "bash" | "zsh") => Self::Shell,
            _ => Self::Other,
        }
    }

    /// Whether the Python grammar reads it.
    #[must_use]
    pub fn is_python(self) -> bool {
        matches!(self, Self::Python | Self::PythonStub)
    }
}

/// `Dockerfile`, `Dockerfile.prod`, `prod.Dockerfile`, `Dockerfile-worker`.
fn is_dockerfile(name: &str) -> bool {
    ["dockerfile", "containerfile"].iter().any(|word| match name.strip_prefix(word) {
        Some(rest) => rest.is_empty() || rest.starts_with(['.', '-', '_']),
        None => name.strip_suffix(word).is_some_and(|rest| rest.ends_with(['.', '-', '_'])),
    })
}

/// `requirements.txt`, `requirements-dev.in`, `dev_requirements.txt`, `requirements/base.txt`, `constraints.txt`.
fn is_requirements(path: FilePath, stem: &str) -> bool {
    let words = |text: &str| {
        text.split(['-', '_', '.']).any(|word| matches!(word, "requirements" | "requirement" | "reqs" | "constraints"))
    };
    words(stem) || path.parent().is_some_and(|folder| words(&folder.file_name().to_ascii_lowercase()))
}

/// `docker-compose.yml`, `compose.yaml`, `docker-compose.override.yml`, `compose.prod.yaml`.
fn is_compose(stem: &str) -> bool {
    let rest = stem.strip_prefix("docker-compose").or_else(|| stem.strip_prefix("compose"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
}

/// `.github/workflows/*.yml`, an action's `action.yml`, and what other systems call theirs.
fn is_ci(path: FilePath, stem: &str) -> bool {
    const STEMS: &[&str] =
        &["action", "bitbucket-pipelines", "appveyor", "taskfile", ".gitlab-ci", ".travis", ".drone", ".woodpecker"];
    const PREFIXES: &[&str] = &["azure-pipelines", "cloudbuild", "buildspec"];
    let folder = |name: &str| path.parent().is_some_and(|folder| folder.parts().any(|part| part == name));
    STEMS.contains(&stem)
        || PREFIXES.iter().any(|prefix| stem.starts_with(prefix))
        || stem.ends_with(".gitlab-ci")
        || (folder(".github") && folder("workflows"))
        || folder(".circleci")
        || folder(".buildkite")
        || folder(".gitlab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_name() {
        let cases = [
            ("/a/b.py", FileKind::Python),
            ("/a/b.pyi", FileKind::PythonStub),
            ("/a/Dockerfile", FileKind::Dockerfile),
            ("/a/Dockerfile.prod", FileKind::Dockerfile),
            ("/a/api.dockerfile", FileKind::Dockerfile),
            ("/a/dockerfile_lint.py", FileKind::Python),
            ("/a/.dockerignore", FileKind::DockerIgnore),
            ("/a/Dockerfile.dockerignore", FileKind::DockerIgnore),
            ("/a/requirements.txt", FileKind::Requirements),
            ("/a/requirements/base.txt", FileKind::Requirements),
            ("/a/dev-requirements.in", FileKind::Requirements),
            ("/a/notes.txt", FileKind::Other),
            ("/a/pyproject.toml", FileKind::PyProject),
            ("/a/schema.sql", FileKind::Sql),
            ("/a/docker-compose.override.yml", FileKind::Compose),
            ("/a/compose.yaml", FileKind::Compose),
            ("/a/composer.yaml", FileKind::Other),
            ("/a/alembic.ini", FileKind::Config),
            ("/a/.github/workflows/test.yml", FileKind::Ci),
            ("/a/.github/actions/build/action.yaml", FileKind::Ci),
            ("/a/.github/dependabot.yml", FileKind::Other),
            ("/a/.gitlab-ci.yml", FileKind::Ci),
            ("/a/cloudbuild-dev.yaml", FileKind::Ci),
            ("/a/Makefile", FileKind::Makefile),
            ("/a/tools/docker.mk", FileKind::Makefile),
            ("/a/scripts/build.sh", FileKind::Shell),
            ("/a/.gitignore", FileKind::GitIgnore),
            ("/a/README.md", FileKind::Other),
        ];
        for (path, kind) in cases {
            assert_eq!(FileKind::of(FilePath::from_str(path).unwrap()), kind, "{path}");
        }
    }
}
