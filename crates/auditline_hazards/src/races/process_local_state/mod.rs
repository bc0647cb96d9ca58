//! AUD210: what requests share lives in one process only.

use auditline_model::owner::shared_object;
use auditline_model::shared_state::{Container, Keeper, StateUse, containers, uses_of_attribute, uses_of_global};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry};
use auditline_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::served;

/// AUD210.
pub const HAZARD: Hazard = Hazard {
    code: "AUD210",
    name: "process-local-state",
    family: Family::Races,
    severity: Severity::Information,
    summary: "State that requests share lives in one process: another worker does not know it",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if entry::is_aside(db, file) {
        return;
    }
    let mut told: Vec<ClassRef> = Vec::new();
    for container in containers(db, file).iter() {
        // What one object keeps is one state, in however many containers.
        if matches!(container.holder, Keeper::Attribute(class, ..) if told.contains(&class)) {
            continue;
        }
        let uses = match container.holder {
            Keeper::Global(variable) => uses_of_global(db, variable),
            Keeper::Attribute(class, attribute, _) => uses_of_attribute(db, class, attribute),
        };
        if !uses.iter().any(|one| one.changes) || !uses.iter().any(|one| one.looks) {
            continue;
        }
        // What each process finds out for itself, and asks again after a time, however often somebody takes it away.
        let finds_out = |one: &StateUse| !one.fills || one.looks && !one.accumulates;
        if container.expires && uses.iter().all(finds_out) {
            continue;
        }
        let shared = match container.holder {
            Keeper::Global(_) => None,
            Keeper::Attribute(class, ..) => match shared_object(db, class) {
                Some(shared) => Some(Evidence { place: shared.place, message: shared.message }),
                None => continue,
            },
        };
        // Last, because it looks for the routes of every function that uses the container.
        let Some((changer, looker)) = meeting(db, &uses) else { continue };
        if let Keeper::Attribute(class, ..) = container.holder {
            told.push(class);
        }
        findings.push(finding(container, changer, looker, shared));
    }
}

/// A function that changes the state for a request, and one that looks into it for another. A function that only keeps what
/// it has once found out and gives it again is no such pair: it remembers what each process can find out for itself.
fn meeting(db: &dyn Db, uses: &[StateUse]) -> Option<(FunctionRef, FunctionRef)> {
    let pairs = uses.iter().filter(|one| one.changes).flat_map(|changer| {
        let lookers = uses
            .iter()
            .filter(move |looker| looker.looks && (looker.function != changer.function || changer.accumulates));
        lookers.map(move |looker| (changer, looker))
    });
    let mut asked: FxHashMap<FunctionRef, FxHashSet<FunctionRef>> = FxHashMap::default();
    // What one function looks into because another has changed it comes first: it is the better story.
    let mut pairs: Vec<(&StateUse, &StateUse)> = pairs.collect();
    pairs.sort_by_key(|(changer, looker)| (changer.function == looker.function, changer.looks));
    let pairs = pairs.into_iter().map(|(changer, looker)| (changer.function, looker.function, looker.walks));
    let mut meeting = pairs.filter(|(changer, looker, walks)| {
        for function in [*changer, *looker] {
            asked.entry(function).or_insert_with(|| served::entries(db, function));
        }
        let (changes, looks) = (&asked[changer], &asked[looker]);
        // What is put there and looked for in one and the same request is no state that requests share; what is gone through
        // there is.
        !changes.is_empty()
            && ((changer == looker || *walks) && !looks.is_empty()
                || looks.iter().any(|entry| !changes.contains(entry)))
    });
    meeting.next().map(|(changer, looker, _)| (changer, looker))
}

fn finding(container: &Container, changer: FunctionRef, looker: FunctionRef, shared: Option<Evidence>) -> Finding {
    let name = container.written;
    let (place, owner) = match container.holder {
        Keeper::Global(variable) => (Place::Variable(variable), variable.name),
        Keeper::Attribute(class, attribute, range) => {
            let constructor = FunctionRef { file: class.file, path: Name::new(&format!("{}.__init__", class.path)) };
            (Place::InFunction(constructor, range), Name::new(&format!("{}.{attribute}", classes::simple(class.path))))
        }
    };
    let (changes, looks) = (classes::simple(changer.path), classes::simple(looker.path));
    let mut evidence: Vec<Evidence> = shared.into_iter().collect();
    if changer == looker {
        evidence.push(Evidence {
            place: Place::Function(changer),
            message: format!("`{changes}` looks into it and changes it, for a request"),
        });
    } else {
        evidence.push(Evidence {
            place: Place::Function(changer),
            message: format!("`{changes}` changes it, for a request"),
        });
        evidence.push(Evidence {
            place: Place::Function(looker),
            message: format!("`{looks}` looks into it, for another"),
        });
    }
    Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message: if changer == looker {
            format!("`{name}` lives in this process only: `{changes}` counts on it, and every worker has its own")
        } else {
            format!(
                "`{name}` lives in this process only: what `{changes}` puts there or takes away, `{looks}` does not see in another worker"
            )
        },
        place,
        symbol: symbol(owner),
        evidence,
        story: Some(Story {
            actors: vec!["Worker A".to_owned(), "Worker B".to_owned()],
            steps: vec![
                (0, format!("a request: `{changes}` changes `{name}`")),
                (1, format!("the next request: `{looks}` looks into a `{name}` of its own")),
            ],
            outcome: "What the first request left is not there, nor after the next deployment.".to_owned(),
        }),
        fixes: Vec::new(),
    }
}
