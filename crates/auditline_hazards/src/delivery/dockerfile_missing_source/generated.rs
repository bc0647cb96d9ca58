//! What is not in the repository and will be there when the image is built.

use auditline_model::image::is_git_ignored;
use auditline_model::{Db, SourceFile};
use auditline_source::{FileKind, FilePath};

/// Whether something makes the path before the image is built: git leaves it out of the repository, a submodule brings
/// it, or a step of a CI file, Makefile or script writes it.
pub(super) fn is_made(db: &dyn Db, path: FilePath) -> bool {
    is_git_ignored(db, path) || is_git_itself(path) || is_in_submodule(db, path) || is_written(db, path)
}

/// The repository's own data: there in a clone, and never among its files.
fn is_git_itself(path: FilePath) -> bool {
    path.parts().any(|part| part == ".git")
}

fn is_in_submodule(db: &dyn Db, path: FilePath) -> bool {
    let files = db.files().of_kind(db, FileKind::Config).files(db);
    files.iter().filter(|file| file.path(db).file_name() == ".gitmodules").any(|file| {
        let (Some(root), Some(text)) = (file.path(db).parent(), file.content(db).text()) else { return false };
        let paths = text.text().lines().filter_map(|line| line.trim().strip_prefix("path")?.trim().strip_prefix('='));
        paths.into_iter().any(|module| path.starts_with(root.join(module.trim())))
    })
}

fn is_written(db: &dyn Db, path: FilePath) -> bool {
    let kinds = [FileKind::Ci, FileKind::Makefile, FileKind::Shell];
    kinds.into_iter().any(|kind| db.files().of_kind(db, kind).files(db).iter().any(|file| writes(db, *file, path)))
}

/// Whether a line of the file has the name of the path, and a word that makes files before it.
fn writes(db: &dyn Db, file: SourceFile, path: FilePath) -> bool {
    let Some(text) = file.content(db).text() else { return false };
    let (text, name) = (text.text(), path.file_name());
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(name)) {
        let start = at + found;
        let end = start + name.len();
        at = end;
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        if before.is_some_and(is_part) || after.is_some_and(|char| is_part(char) && char != '.') {
            continue;
        }
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        if makes_files(&text[line..start]) {
            return true;
        }
    }
    false
}

fn makes_files(command: &str) -> bool {
    const COMMANDS: &[&str] = &["cp", "mv", "tee", "touch", "ln", "rsync", "mkdir", "install", "unzip", "tar", "scp"];
    const OPTIONS: &[&str] =
        &["-o", "-O", "--output", "--out", "--out-dir", "--outdir", "--output-dir", "--dest", "-d", ">", ">>"];
    let words = command.split([' ', '\t', '"', '\'', '=']).filter(|word| !word.is_empty());
    let mut previous = "";
    for word in words {
        // `pip install` reads, `install -m 644 a b` writes.
        let is_command = COMMANDS.contains(&word)
            && !matches!(previous, "pip" | "pip3" | "apt" | "apt-get" | "npm" | "uv" | "poetry");
        let is_option = OPTIONS.contains(&word) || word.starts_with('>');
        if is_command || is_option {
            return true;
        }
        previous = word;
    }
    false
}
