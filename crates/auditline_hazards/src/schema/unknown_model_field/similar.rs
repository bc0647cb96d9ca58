//! The attribute that was meant.

use auditline_model::tables::OrmModel;
use auditline_syntax::Name;

/// The one mapped attribute whose name is close to a wrong one; `None` where there is none, or more than one equally close.
pub(super) fn closest(model: &OrmModel, wrong: Name) -> Option<Name> {
    let allowed = match wrong.chars().count() {
        0..=3 => return None,
        4..=6 => 1,
        7..=11 => 2,
        _ => 3,
    };
    let mut best: Option<(usize, Name)> = None;
    let mut tied = false;
    for attribute in model.attributes.iter().filter(|attribute| attribute.is_mapped()) {
        let distance = strsim::osa_distance(&attribute.name, &wrong);
        if distance > allowed {
            continue;
        }
        match best {
            Some((known, _)) if known < distance => {}
            Some((known, _)) if known == distance => tied = true,
            _ => {
                best = Some((distance, attribute.name));
                tied = false;
            }
        }
    }
    best.filter(|_| !tied).map(|(_, name)| name)
}
