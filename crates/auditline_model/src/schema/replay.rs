//! Replaying histories and SQL files.

use std::sync::Arc;

use auditline_source::FileKind;
use auditline_syntax::Name;
use rustc_hash::FxHashMap;

use crate::db::{Db, FunctionRef, SourceFile, function};
use crate::migrations::{History, histories};
use crate::names::Scope;
use crate::place::Place;

use super::state::Schema;
use super::statements::{Frame, Run};

/// The schema that a history builds. A history whose order is not certain builds an open one.
#[must_use]
pub fn replayed(db: &dyn Db, history: &History) -> Arc<Schema> {
    match history.revisions.first() {
        Some(first) => replayed_at(db, first.file),
        None => Arc::default(),
    }
}

/// Histories are named by their first revision.
#[salsa::tracked(returns(clone))]
fn replayed_at(db: &dyn Db, first: SourceFile) -> Arc<Schema> {
    let histories = histories(db);
    let of = histories.iter().find(|history| history.revisions.first().is_some_and(|own| own.file == first));
    let Some(history) = of else { return Arc::default() };
    let mut run = Run { db, schema: Schema::default(), steps: 0, depth: 0, globals: FxHashMap::default() };
    for revision in &history.revisions {
        let upgrade = FunctionRef { file: revision.file, path: Name::new("upgrade") };
        match function(db, upgrade) {
            Some(body) => {
                let scope = Scope::Function(upgrade);
                let mut frame = Frame { scope, code: &body.code, vars: FxHashMap::default(), ended: Vec::new() };
                if body.has_errors {
                    run.schema.cloud();
                }
                // Parameters: the name of the database, in environments of several.
                for param in &body.params {
                    frame.vars.insert(param.name, super::value::Value::Unknown);
                }
                run.block(&mut frame, &body.code.block);
                for schema in std::mem::take(&mut frame.ended) {
                    run.schema = run.schema.merge(&schema);
                }
            }
            // Imported from elsewhere, or made in another way.
            None => run.schema.cloud(),
        }
    }
    if !history.ordered {
        run.schema.cloud();
    }
    Arc::new(run.schema)
}

/// The schema that a file of SQL statements builds.
#[salsa::tracked(returns(clone))]
pub fn schema_of_file(db: &dyn Db, file: SourceFile) -> Arc<Schema> {
    let mut schema = Schema::default();
    go_on(db, &mut schema, file);
    Arc::new(schema)
}

/// Does what a file of SQL statements does.
pub(super) fn go_on(db: &dyn Db, schema: &mut Schema, file: SourceFile) {
    if file.kind(db) == FileKind::Sql
        && let Some(text) = file.content(db).text()
    {
        super::texts::execute(schema, text.text(), &|range| Place::File(file, range));
    }
}
