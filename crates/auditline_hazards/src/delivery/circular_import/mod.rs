//! AUD704: modules that import each other while they are loaded.

use auditline_model::imports::{Cycle, Failure, Link, cycles_at, link_range};
use auditline_model::{Db, SourceFile};
use auditline_source::FileKind;
use auditline_syntax::{TextRange, TextSize};

use super::{place_of, relative};
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story};

/// AUD704.
pub const HAZARD: Hazard = Hazard {
    code: "AUD704",
    name: "circular-import",
    family: Family::Delivery,
    severity: Severity::Warning,
    summary: "Modules import each other while they are loaded, and which of them is loaded first decides whether that works",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// As many imports of a circle are shown.
const MAX_SHOWN: usize = 8;

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != FileKind::Python {
        return;
    }
    for cycle in cycles_at(db, file).iter() {
        let found = match (&cycle.failure, cycle.works) {
            (Some(failure), works) if works.is_some() || cycle.always_fails => fails(db, file, failure, works),
            _ => circle(db, file, cycle),
        };
        findings.extend(found);
    }
}

fn fails(db: &dyn Db, file: SourceFile, failure: &Failure, works: Option<SourceFile>) -> Option<Finding> {
    let path = |file: SourceFile| relative(db, file.path(db));
    let (last, way) = failure.way.split_last()?;
    let (name, module, first) = (failure.name, path(failure.module), path(failure.first));
    let when = match works {
        None => "whichever module of the circle is loaded first".to_owned(),
        Some(_) if failure.first == failure.module => "where that module is loaded first".to_owned(),
        Some(_) => format!("where `{first}` is loaded first"),
    };
    let message =
        format!("`{name}` is taken from `{module}` before it is bound there, {when}: `ImportError` (circular import)");
    let mut evidence: Vec<Evidence> = Vec::new();
    for link in way.iter().rev().take(MAX_SHOWN).rev() {
        let place = Place::File(link.file, link_range(db, *link)?);
        evidence.push(Evidence {
            place,
            message: format!("`{}` is halted here and waits for what it imports", path(link.file)),
        });
    }
    if let Some(place) = place_of(db, failure.module, name) {
        evidence.push(Evidence { place, message: format!("`{name}` is bound only here") });
    }
    evidence.extend(works.map(|works| at(works, "where this module is loaded first, all goes well".to_owned())));
    let mut steps = vec![(0, format!("`{first}` is imported before the others."))];
    for link in way.iter().rev().take(MAX_SHOWN).rev() {
        steps.push((0, format!("`{}` comes to its import and waits.", path(link.file))));
    }
    steps.push((0, format!("`{}` asks `{module}` for `{name}`, which that module has not come to yet.", path(file))));
    let end = match works {
        Some(works) => format!("the program works only as long as `{}` is loaded first.", path(works)),
        None => "no order of imports helps.".to_owned(),
    };
    let story = Story {
        actors: vec!["The interpreter".to_owned()],
        steps,
        outcome: format!("`ImportError: cannot import name '{name}' from partially initialized module`; {end}"),
    };
    Some(Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message,
        place: Place::File(file, link_range(db, *last)?),
        symbol: String::new(),
        evidence,
        story: Some(story),
        fixes: Vec::new(),
    })
}

fn circle(db: &dyn Db, file: SourceFile, cycle: &Cycle) -> Option<Finding> {
    let path = |link: &Link| relative(db, link.file.path(db));
    let message = match (cycle.links.as_slice(), cycle.members.len()) {
        ([one, other], 2) => {
            format!("`{}` and `{}` import each other while they are loaded", path(one), path(other))
        }
        (links, count) => {
            let shown: Vec<String> = links.iter().take(MAX_SHOWN).map(|link| format!("`{}`", path(link))).collect();
            let shown = shown.join(" → ");
            format!("{count} modules import each other while they are loaded, the shortest circle: {shown}")
        }
    };
    let (first, rest) = cycle.links.split_first()?;
    let evidence = rest.iter().take(MAX_SHOWN).filter_map(|link| {
        let place = Place::File(link.file, link_range(db, *link)?);
        Some(Evidence { place, message: format!("`{}` imports the next one here", path(link)) })
    });
    Some(Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message,
        place: Place::File(file, link_range(db, *first)?),
        symbol: String::new(),
        evidence: evidence.collect(),
        story: None,
        fixes: Vec::new(),
    })
}

fn at(file: SourceFile, message: String) -> Evidence {
    Evidence { place: Place::File(file, TextRange::empty(TextSize::new(0))), message }
}
