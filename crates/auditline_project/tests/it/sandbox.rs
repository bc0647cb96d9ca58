//! A workspace on disk.

use std::path::Path;

use auditline_project::{Config, FixDetail, Options, Project, Report, Workspace};
use auditline_source::FilePath;
use tempfile::TempDir;

/// A directory that is gone when the test ends.
pub(crate) struct Sandbox {
    directory: TempDir,
    pub(crate) root: FilePath,
}

/// The model behind the services of these tests.
pub(crate) const MODELS: &str = "\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = \"items\"
    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]
";

/// A service with one finding of AUD201, in line 9.
pub(crate) const SERVICE: &str = "\
from sqlalchemy.orm import Session

from app.models import Item


def take(db: Session, item_id: int, amount: int) -> None:
    item = db.get(Item, item_id)
    if item.stock >= amount:
        item.stock = item.stock - amount
        db.commit()
";

impl Sandbox {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().unwrap();
        let root = FilePath::new(&directory.path().canonicalize().unwrap()).unwrap();
        let sandbox = Self { directory, root };
        for (path, text) in files {
            sandbox.write(path, text);
        }
        sandbox
    }

    /// A workspace with the model and one service.
    pub(crate) fn shop(service: &str) -> Self {
        Self::new(&[("app/models.py", MODELS), ("app/services.py", service)])
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, path: &str) -> FilePath {
        self.root.join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(path)).unwrap()
    }

    pub(crate) fn open(&self, config: &str) -> Project {
        self.open_with(config, &Options { threads: Some(2), ..Options::default() })
    }

    pub(crate) fn open_with(&self, config: &str, options: &Options) -> Project {
        let config = Config::parse(self.root, self.file("auditline.toml"), &config.into()).unwrap();
        Project::open(Workspace::new(self.root, config, &[], &[]), options, &|_| {}).unwrap()
    }

    pub(crate) fn check(&self, config: &str) -> Report {
        self.open(config).check(FixDetail::Edits, &|_| {})
    }
}

/// `app/services.py:9 AUD201` for each finding.
pub(crate) fn places(sandbox: &Sandbox, report: &Report) -> Vec<String> {
    let place = |finding: &auditline_project::ResolvedFinding| {
        let path = finding.path.relative_to(sandbox.root).unwrap();
        format!("{path}:{} {}", finding.range.start.line, finding.code)
    };
    report.findings.iter().map(place).collect()
}
