//! Images: what a Dockerfile copies, from which build contexts, and what these hold.

mod context;
mod ignored;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

use auditline_source::FileKind;
use auditline_syntax::docker::{self, Build, Dockerfile};

use crate::db::{Db, SourceFile};

pub use context::{BuildRef, Context, Contexts, contexts, is_part_of_repository, repository};
pub use ignored::{is_git_ignored, left_out, left_out_by};
pub use tree::{Entry, children, entry, files_below, relative};

/// The lowered Dockerfile; empty for other files.
#[salsa::tracked(returns(clone))]
pub fn dockerfile(db: &dyn Db, file: SourceFile) -> Arc<Dockerfile> {
    match file.content(db).text() {
        Some(text) if file.kind(db) == FileKind::Dockerfile => Arc::new(docker::lower(text.text())),
        _ => Arc::default(),
    }
}

/// The image builds that a file describes: a compose file, a CI file, a Makefile, a script, or the comments of a
/// Dockerfile.
#[salsa::tracked(returns(clone))]
pub fn builds(db: &dyn Db, file: SourceFile) -> Arc<Vec<Build>> {
    let Some(text) = file.content(db).text() else { return Arc::default() };
    let text = text.text();
    Arc::new(match file.kind(db) {
        FileKind::Compose => docker::compose_builds(text),
        FileKind::Ci => docker::ci_builds(text),
        FileKind::Makefile => docker::makefile_builds(text),
        FileKind::Shell => docker::script_builds(text),
        FileKind::Dockerfile => {
            let dockerfile = dockerfile(db, file);
            let comments = dockerfile.comments.iter();
            comments
                .flat_map(|(range, comment)| {
                    docker::script_builds(comment).into_iter().map(|build| Build { range: *range, ..build })
                })
                .collect()
        }
        _ => Vec::new(),
    })
}
