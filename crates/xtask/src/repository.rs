//! Repositories on disk, and the trees of their commits.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use auditline_source::{FileKind, FilePath};

use crate::shell;

/// A clone.
pub(crate) struct Repository {
    path: PathBuf,
}

/// A file of a tree.
struct Blob {
    id: String,
    path: String,
}

impl Repository {
    /// The clone of `OWNER/NAME`, by whatever name it goes.
    pub(crate) fn find(below: &Path, repository: &str) -> Option<Self> {
        let (owner, name) = repository.split_once('/')?;
        let names = [format!("{owner}+{name}"), repository.to_owned(), name.to_owned()];
        let folders = names.iter().flat_map(|name| [below.join(name), below.join(format!("{name}.git"))]);
        // A bare clone, a checkout, or a folder that holds a bare clone.
        let places = folders.flat_map(|folder| [folder.clone(), folder.join(".git"), folder.join("repo")]);
        places
            .into_iter()
            .find(|place| place.join("HEAD").is_file() && place.join("objects").is_dir())
            .map(|path| Self { path })
    }

    /// Whether it knows a commit.
    pub(crate) fn has(&self, commit: &str) -> bool {
        shell::output(self.git().args(["cat-file", "-e", &format!("{commit}^{{tree}}")])).is_ok()
    }

    fn git(&self) -> Command {
        let mut git = shell::command("git");
        git.arg("--git-dir").arg(&self.path);
        git
    }

    /// Writes what the analysis reads of a tree into a folder: no pictures, no pages of a front end.
    ///
    /// `git archive` wants every file of the tree, also those that a partial clone does not have.
    pub(crate) fn write(&self, revision: &str, folder: &Path) -> Result<()> {
        let mut blobs = self.blobs(revision)?;
        blobs.retain(|blob| {
            FilePath::new(&folder.join(&blob.path)).is_some_and(|path| FileKind::of(path) != FileKind::Other)
        });
        if blobs.is_empty() {
            bail!("{revision} has no files");
        }
        let mut objects = Objects::open(self)?;
        for blob in blobs {
            let Some(content) = objects.read(&blob.id)? else { continue };
            let path = folder.join(&blob.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, content)?;
        }
        objects.close()
    }

    fn blobs(&self, revision: &str) -> Result<Vec<Blob>> {
        let listed = shell::output(self.git().args(["ls-tree", "-r", "-z", revision]))?;
        let blob = |line: &str| {
            let (head, path) = line.split_once('\t')?;
            let mut words = head.split(' ');
            let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
            // Links are not followed, and nothing is written outside of the folder.
            let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            (kind == "blob" && mode != "120000" && inside).then(|| Blob { id: id.to_owned(), path: path.to_owned() })
        };
        Ok(listed.split('\0').filter_map(blob).collect())
    }
}

/// `git cat-file --batch`: one process for all files of a tree.
struct Objects {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    fn open(repository: &Repository) -> Result<Self> {
        let mut git = repository.git();
        git.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = git.spawn().context("cannot start `git`")?;
        let questions = child.stdin.take().context("no pipe")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Self { child, questions, answers })
    }

    /// The content of a file; `None` where a partial clone does not have it.
    fn read(&mut self, id: &str) -> Result<Option<Vec<u8>>> {
        writeln!(self.questions, "{id}")?;
        self.questions.flush()?;
        let mut head = String::new();
        self.answers.read_line(&mut head)?;
        let Some(size) = head.trim_end().strip_prefix(id).and_then(|rest| rest.strip_prefix(" blob ")) else {
            return Ok(None);
        };
        // A line feed stands behind it.
        let mut content = vec![0; size.parse::<usize>()? + 1];
        self.answers.read_exact(&mut content)?;
        content.pop();
        Ok(Some(content))
    }

    fn close(mut self) -> Result<()> {
        drop(self.questions);
        let status = self.child.wait()?;
        if !status.success() {
            bail!("`git cat-file` failed ({status})");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
        let mut git = Command::new("git");
        git.current_dir(folder).args(["-c", "user.name=test", "-c", "user.email=test@example.org"]).args(arguments);
        shell::output(&mut git)
    }

    #[test]
    fn a_commit_and_its_parent_are_written_without_what_nobody_reads() -> Result<()> {
        let below = tempfile::tempdir()?;
        let clone = below.path().join("owner+name");
        std::fs::create_dir_all(clone.join("app"))?;
        git(&clone, &["init", "--quiet"])?;
        for (text, message) in [("left = 1\n", "one"), ("left = 2\n", "two")] {
            std::fs::write(clone.join("app/stock.py"), text)?;
            std::fs::write(clone.join("picture.png"), text)?;
            git(&clone, &["add", "--all"])?;
            git(&clone, &["commit", "--quiet", "--message", message])?;
        }
        let commit = git(&clone, &["rev-parse", "HEAD"])?.trim().to_owned();

        assert!(Repository::find(below.path(), "owner/other").is_none());
        let repository = Repository::find(below.path(), "owner/name").context("not found")?;
        assert!(repository.has(&commit));
        assert!(!repository.has(&"0".repeat(40)));
        for (revision, text) in [(format!("{commit}^"), "left = 1\n"), (commit.clone(), "left = 2\n")] {
            let tree = tempfile::tempdir()?;
            repository.write(&revision, tree.path())?;
            assert_eq!(std::fs::read_to_string(tree.path().join("app/stock.py"))?, text);
            assert!(!tree.path().join("picture.png").exists());
        }
        Ok(())
    }
}
