//! Which directory is the workspace of a path.

use auditline_source::FilePath;

use crate::config;

/// Files and directories that stand at the top of a project.
const MARKERS: &[&str] = &[".git", ".hg", ".jj", "pyproject.toml", "setup.py", "setup.cfg"];

/// Files that stand at the top of a project that has none of the others.
const WEAK_MARKERS: &[&str] = &["requirements.txt", "Pipfile", "alembic.ini", "manage.py"];

/// Directories above which a project does not reach.
const REPOSITORIES: &[&str] = &[".git", ".hg", ".jj"];

/// The workspace in which `path` stands: what is *read* when something below `path` is checked.
///
/// It is the nearest directory, from `path` upwards and not beyond its repository, that has a configuration of this
/// tool; where none has, the nearest that is a `uv` workspace; where there is none, the nearest that has `.git`,
/// `pyproject.toml`, `setup.py` or the like, or failing these `requirements.txt` or the like; else `path` itself, or the
/// directory of the file, or what stands above the packages that it is in. The home directory is never taken because of
/// a `.git` in it.
#[must_use]
pub fn workspace_root(path: FilePath) -> FilePath {
    project_root(path).unwrap_or_else(|| start_of(path))
}

fn start_of(path: FilePath) -> FilePath {
    if path.as_path().is_dir() { path } else { path.parent().unwrap_or(path) }
}

/// As [`workspace_root`]; `None` where nothing says that a project stands around `path`.
#[must_use]
pub fn project_root(path: FilePath) -> Option<FilePath> {
    let start = start_of(path);
    let home = std::env::home_dir().and_then(|home| FilePath::new(&home));
    let (mut nearest, mut weak) = (None, None);
    let mut uv = None;
    for directory in std::iter::once(start).chain(start.ancestors()) {
        if directory != start && (home == Some(directory) || directory.parent().is_none()) {
            break;
        }
        match config::declared_in(directory) {
            Some(config::Declared::Auditline) => return Some(directory),
            Some(config::Declared::UvWorkspace) => uv = uv.or(Some(directory)),
            None => {}
        }
        let has = |name: &&str| directory.as_path().join(name).symlink_metadata().is_ok();
        if nearest.is_none() && MARKERS.iter().any(has) {
            nearest = Some(directory);
        }
        if weak.is_none() && WEAK_MARKERS.iter().any(has) {
            weak = Some(directory);
        }
        if REPOSITORIES.iter().any(has) {
            break;
        }
    }
    uv.or(nearest).or(weak).or_else(|| Some(above_packages(start)).filter(|above| *above != start))
}

/// The nearest directory, from `directory` upwards, that is not a package.
fn above_packages(directory: FilePath) -> FilePath {
    let is_package = |directory: &FilePath| directory.as_path().join("__init__.py").is_file();
    std::iter::once(directory).chain(directory.ancestors()).find(|above| !is_package(above)).unwrap_or(directory)
}
