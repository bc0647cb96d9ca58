//! AUD207: a trigger counts rows and refuses one too many, with nothing that keeps another transaction from counting too.

use auditline_model::schema::{Watch, watches};
use auditline_model::{Db, SourceFile, entry};
use auditline_source::FileKind;
use auditline_syntax::TextRange;
use auditline_syntax::sql::Bound;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story};

mod fix;
mod search;

/// AUD207.
pub const HAZARD: Hazard = Hazard {
    code: "AUD207",
    name: "trigger-count-without-lock",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A trigger counts rows and refuses one too many, and nothing keeps another transaction from counting too",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    let speaks = file.kind(db) == FileKind::Sql || file.kind(db).is_python() && entry::is_migration(db, file);
    let is_test = entry::is_below_tests(db, file) || entry::is_test(db, file);
    let Some(text) = file.content(db).text().filter(|_| speaks && !is_test) else { return };
    // Most files have no word of triggers, and need not be asked for them.
    if !mentions_trigger(text.text()) {
        return;
    }
    for watch in watches(db, file) {
        let trigger = &watch.trigger;
        let meets = match watch.limit.limit.bound {
            Bound::Above => trigger.insert || trigger.update,
            Bound::Below => trigger.delete || trigger.update,
            Bound::Other => true,
        };
        if meets {
            findings.push(finding(db, file, watch));
        }
    }
}

fn mentions_trigger(text: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.split(|char: char| !is_part(char)).any(|word| word.eq_ignore_ascii_case("trigger"))
}

/// Where a part of the executed text stands.
fn place(db: &dyn Db, file: SourceFile, watch: &Watch, range: TextRange, text: &str) -> Place {
    if file.kind(db) == FileKind::Sql {
        return Place::File(file, range);
    }
    let origin = watch.function.origin;
    search::found(db, origin, text).map_or(origin, |range| Place::File(file, range))
}

fn finding(db: &dyn Db, file: SourceFile, watch: Watch) -> Finding {
    let limit = &watch.limit.limit;
    let function = watch.function.name.name;
    let table = watch.trigger.table.name;
    let (few, verb) = match limit.bound {
        Bound::Below => ("too few are left", "delete"),
        _ => ("there are too many", "insert"),
    };
    let lacks = match &watch.parent {
        Some(parent) => format!("without a lock on the row of `{}` that they belong to", parent.table.name),
        None => "without a lock".to_owned(),
    };
    let verb =
        if limit.bound == Bound::Other || !(watch.trigger.insert || watch.trigger.delete) { "change" } else { verb };
    let events: Vec<&str> =
        [(watch.trigger.insert, "INSERT"), (watch.trigger.update, "UPDATE"), (watch.trigger.delete, "DELETE")]
            .into_iter()
            .filter_map(|(is, word)| is.then_some(word))
            .collect();
    let time = if watch.trigger.before { "before" } else { "after" };
    let evidence = vec![
        Evidence {
            place: place(db, file, &watch, limit.raise, &watch.limit.raise),
            message: format!("the change is refused when {few}"),
        },
        Evidence {
            place: watch.trigger_place,
            message: format!("`{}` executes it {time} each {} of `{table}`", watch.trigger.name, events.join(", ")),
        },
    ];
    let story = Story {
        actors: vec!["Transaction A".to_owned(), "Transaction B".to_owned()],
        steps: vec![
            (0, format!("{verb}s a row of `{table}`: `{function}` counts, and lets it pass")),
            (
                1,
                format!(
                    "{verb}s a row of `{table}`: `{function}` does not see the other's, counts the same, and lets it pass"
                ),
            ),
            (0, "commits".to_owned()),
            (1, "commits".to_owned()),
        ],
        outcome: match limit.bound {
            Bound::Below => format!("Fewer rows of `{table}` are left than the trigger allows."),
            _ => format!("There are more rows of `{table}` than the trigger allows."),
        },
    };
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!(
            "`{function}` counts the rows of `{table}` and raises when {few}, {lacks}: two transactions can both count and pass"
        ),
        place: place(db, file, &watch, limit.count, &watch.limit.count),
        symbol: function.as_str().to_owned(),
        evidence,
        story: Some(story),
        fixes: fix::lock(file, watch).into_iter().collect(),
    }
}
