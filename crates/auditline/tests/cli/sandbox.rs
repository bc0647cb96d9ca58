//! A project on disk, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

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

const MODELS: &str = "\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = \"items\"
    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]
";

/// A directory that is gone when the test ends.
pub(crate) struct Sandbox(TempDir);

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let sandbox = Self(TempDir::new().unwrap());
        sandbox.write("pyproject.toml", "[project]\nname = \"shop\"\n");
        files.iter().for_each(|(path, text)| sandbox.write(path, text));
        sandbox
    }

    /// A project with one finding.
    pub(crate) fn shop() -> Self {
        Self::new(&[("app/models.py", MODELS), ("app/services.py", SERVICE)])
    }

    /// The same project without the finding.
    pub(crate) fn sound() -> Self {
        let sandbox = Self::shop();
        sandbox.write("app/services.py", SERVICE.replace("item_id)\n    if", "item_id, with_for_update=True)\n    if"));
        sandbox
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        program(self.0.path(), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(&self.command(arguments).output().unwrap())
    }

    /// Runs `check` and asserts how it ends.
    #[track_caller]
    pub(crate) fn check(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(&[&["check"], arguments].concat());
        assert_eq!(ended.code, code, "{ended:?}");
        ended
    }
}

pub(crate) fn program(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditline"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "AUDITLINE_LOG"] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn ended(output: &Output) -> Ended {
    Ended {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}
