//! Words for the descriptions of a schema.

use auditline_model::schema::{Description, Source};
use auditline_model::{Db, SourceFile};
use auditline_source::FilePath;

use crate::finding::{Evidence, Place};

/// What a description is called in a sentence: ``the migrations in `alembic` ``.
pub(super) fn name(db: &dyn Db, description: &Description) -> String {
    let path = description.source.path(db);
    match &description.source {
        Source::History(_) => format!("the migrations in `{}`", short(path)),
        Source::File(_) => format!("`{}`", short(path)),
        Source::Numbered(..) => format!("the SQL files in `{}`", short(path)),
    }
}

/// The last two parts of a path.
fn short(path: FilePath) -> String {
    let parts: Vec<&str> = path.parts().rev().take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// The last step of a description: its newest revision, or its file.
pub(super) fn last_step(db: &dyn Db, description: &Description) -> Option<Evidence> {
    let (file, message) = match &description.source {
        Source::History(history) => {
            let last = history.revisions.last()?;
            (last.file, format!("With `{}`, the last of {} revisions", last.id, history.revisions.len()))
        }
        Source::File(file) => (*file, "This file describes the schema".to_owned()),
        Source::Numbered(_, files) => (*files.last()?, format!("The last of {} files", files.len())),
    };
    Some(Evidence { place: first_line(db, file), message })
}

/// The first line of a file.
pub(super) fn first_line(db: &dyn Db, file: SourceFile) -> Place {
    let length = file.content(db).text().and_then(|text| text.text().lines().next().map(str::len)).unwrap_or_default();
    let length = u32::try_from(length).unwrap_or_default();
    Place::File(file, auditline_syntax::TextRange::up_to(length.into()))
}
