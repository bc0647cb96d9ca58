//! Files and objects of a storage that are removed.

use std::sync::Arc;

use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::FunctionRef;
use crate::eval::value::{Part, RowValue, Value};
use crate::eval::{Bound, Evaluator};
use crate::unit::EventKind;

impl Evaluator<'_> {
    /// Records that what those parts name is removed, where a row or a parameter is among them.
    pub(super) fn removal(&mut self, path: Name, parts: &[Part], range: TextRange) {
        let (named, given) = self.named(parts);
        if !named.is_empty() || !given.is_empty() {
            self.event(EventKind::Removal { path, by: None, named, given }, range);
        }
    }

    /// Records a removal by a callee, which knows what it removes by its own parameters and rows.
    pub(crate) fn removal_elsewhere(
        &mut self,
        (path, by): (Name, FunctionRef),
        rows: Vec<(Arc<RowValue>, Name)>,
        parts: &[Part],
        filled: &[Option<Bound>],
        range: TextRange,
    ) {
        let mut named = rows;
        let mut given: SmallVec<[Part; 1]> = SmallVec::new();
        for part in parts {
            let (index, attribute) = match part {
                Part::Column(_) => continue,
                Part::Param(index) => (*index, None),
                Part::Attribute(index, name) => (*index, Some(*name)),
            };
            let Some(Some(bound)) = filled.get(index as usize) else { continue };
            match (attribute, &bound.value, &bound.from.parts[..]) {
                (None, _, parts) => {
                    let (more, outer) = self.named(parts);
                    named.extend(more);
                    given.extend(outer);
                }
                (Some(column), Value::Row(row), _) => named.push((Arc::clone(row), column)),
                (Some(name), _, [Part::Param(outer)]) => given.push(Part::Attribute(*outer, name)),
                _ => {}
            }
        }
        if !named.is_empty() || !given.is_empty() {
            self.event(EventKind::Removal { path, by: Some(by), named, given }, range);
        }
    }

    /// The columns of rows among the parts of a name, and what callers know of it.
    #[allow(clippy::type_complexity)]
    fn named(&self, parts: &[Part]) -> (Vec<(Arc<RowValue>, Name)>, SmallVec<[Part; 1]>) {
        let mut named: Vec<(Arc<RowValue>, Name)> = Vec::new();
        let mut given: SmallVec<[Part; 1]> = SmallVec::new();
        for part in parts {
            match part {
                Part::Column(read) => {
                    if let Some(EventKind::Read { row, column }) =
                        self.unit.events.get(*read as usize).map(|event| &event.kind)
                        && !named.iter().any(|(other, of)| other.id == row.id && of == column)
                    {
                        named.push((Arc::clone(row), *column));
                    }
                }
                Part::Param(_) | Part::Attribute(..) if !given.contains(part) => given.push(*part),
                Part::Param(_) | Part::Attribute(..) => {}
            }
        }
        (named, given)
    }
}
