//! What a second try of a request meets.

use auditline_model::ClassRef;
use auditline_model::unit::{EventKind, FrameKind, Subject, Unit};

/// Whether the same request is turned away when it comes again, for it finds what the first commit has left.
pub(super) fn is_turned_away(unit: &Unit, first: u32, model: ClassRef) -> bool {
    let Some(event) = unit.events.get(first as usize) else { return false };
    unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, split, rest: true, .. } => {
            unit.is_refused(*split)
                && conditions.iter().filter(|condition| condition.is_miss()).any(|condition| {
                    let load = match condition.subject {
                        Subject::Row { row } => row,
                        Subject::Count { load } => load,
                        _ => return false,
                    };
                    matches!(unit.events.get(load as usize).map(|event| &event.kind),
                        Some(EventKind::Load { query, .. }) if query.model == Some(model))
                })
        }
        _ => false,
    })
}
