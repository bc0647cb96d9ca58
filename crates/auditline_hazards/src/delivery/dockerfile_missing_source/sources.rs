//! What a Dockerfile takes from its build context.

use auditline_model::image::relative;
use auditline_syntax::docker::{Copy, Dockerfile, Glob, InstructionKind, Source, Word};
use auditline_syntax::{Name, TextRange};

/// A path that an instruction takes from the build context.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// `COPY`, `ADD`, or the mount of a `RUN`.
    pub(super) by: By,
    /// The path as it is written.
    pub(super) word: Word,
    /// The path from the root of the context, clean; empty for the context itself.
    pub(super) path: String,
    /// The `FROM` of its stage.
    pub(super) stage: TextRange,
    /// What it is called in the image, where that follows from the source: the target is a directory.
    pub(super) keeps_name: bool,
}

/// What takes a path from the build context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Copy,
    Add,
    Mount,
}

impl By {
    /// As a user calls it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "COPY",
            Self::Add => "ADD",
            Self::Mount => "RUN --mount",
        }
    }
}

impl Taken {
    /// The build arguments on which the path depends.
    pub(super) fn args(&self) -> &[Name] {
        &self.word.args
    }
}

/// Every path that must be in the build context for the image to be built, in source order.
///
/// Left out is what comes from elsewhere (`--from`, URLs, heredocs), what nobody can tell (variables without a value,
/// `ONBUILD`), and patterns: one that matches nothing copies nothing.
pub(super) fn taken(dockerfile: &Dockerfile) -> Vec<Taken> {
    let mut found = Vec::new();
    for stage in &dockerfile.stages {
        for instruction in stage.instructions.iter().filter(|instruction| !instruction.onbuild) {
            let mut add = |by, word: &Word, keeps_name| {
                found.extend(path(by, word).map(|path| Taken {
                    by,
                    word: word.clone(),
                    path,
                    stage: stage.range,
                    keeps_name,
                }));
            };
            match &instruction.kind {
                InstructionKind::Copy(copy) if copy.flag("from").is_none() => {
                    // While it is being typed, its last word may be the source or the target.
                    let Some(target) = &copy.destination else { continue };
                    for source in &copy.sources {
                        if let Source::Path(word) = source {
                            add(if copy.is_add { By::Add } else { By::Copy }, word, is_directory(copy, target));
                        }
                    }
                }
                InstructionKind::Run(run) => {
                    for mount in run.mounts.iter().filter(|mount| &*mount.kind == "bind" && mount.from.is_none()) {
                        if let Some(source) = &mount.source {
                            add(By::Mount, source, false);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    found
}

fn path(by: By, word: &Word) -> Option<String> {
    let value = word.value.as_deref()?;
    let is_remote = value.contains("://") || value.starts_with("git@") || (by == By::Add && value.ends_with(".git"));
    // A template is not a Dockerfile yet.
    let is_template = value.contains("{{") || value.contains("{%") || value.contains("<%");
    // With `--parents`, `/./` says from where on the directories are kept; it does not change which file is taken.
    (!is_remote && !is_template && !Glob::is_pattern(value)).then(|| relative(value))
}

fn is_directory(copy: &Copy, target: &Word) -> bool {
    let text = target.value.as_deref().unwrap_or(&target.text);
    copy.sources.len() > 1 || text.ends_with('/') || matches!(text.rsplit('/').next(), Some("." | ".."))
}
