//! What the other descriptions of the table say of a column that the model does not have.

use auditline_model::schema::{Presence, column_in, standings};
use auditline_model::{ClassRef, Db, classes};
use auditline_syntax::Name;

use crate::finding::Evidence;
use crate::schema::sides;

/// One piece of evidence for each description of the model's table: the column where it is there, the table where it is
/// not. A table of which not everything is known says nothing.
pub(super) fn evidence(db: &dyn Db, class: ClassRef, column: Name) -> Vec<Evidence> {
    let standings = standings(db);
    // A class without a table of its own shares that of a base.
    let standing = classes::mro(db, class)
        .iter()
        .find_map(|ancestor| standings.iter().find(|standing| standing.is_of(*ancestor)))
        .cloned();
    let Some(standing) = standing else { return Vec::new() };
    let described = standing.described.iter().filter_map(|(description, name)| {
        let table = description.schema.tables.get(name)?;
        let side = sides::name(db, description);
        match column_in(table, column) {
            Some(own) if own.presence == Presence::Certain => Some(Evidence {
                place: own.origin,
                message: format!("`{}.{column}` is in {side}: the model lacks it", name.name),
            }),
            Some(_) => None,
            None if table.is_known() => Some(Evidence {
                place: table.origin,
                message: format!("`{}` has no column `{column}` in {side} either", name.name),
            }),
            None => None,
        }
    });
    described.collect()
}
