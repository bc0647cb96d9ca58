//! AUD308: a dependency commits when the answer may have been sent.

use std::sync::Arc;

use auditline_model::entry::{DependencyEnd, dependency_end, is_endpoint};
use auditline_model::eval::value::{SessionValue, Value};
use auditline_model::owner::{provider, users_of_dependency};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, SessionAction, Unit, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, eval};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

/// AUD308.
pub const HAZARD: Hazard = Hazard {
    code: "AUD308",
    name: "commit-after-response",
    family: Family::Sessions,
    severity: Severity::Information,
    summary: "A dependency commits behind its `yield`, when the answer may have been sent",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// How many routes are named.
const NAMED: usize = 3;

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if entry::is_test(db, of.file) || dependency_end(db) == DependencyEnd::BeforeAnswer {
        return;
    }
    let Some(provider) = provider(db, of).filter(|provider| provider.commits) else { return };
    let unit = unit_of(db, of);
    let Some(yielded) = unit.events.get(provider.yields_at as usize) else { return };
    let EventKind::Yield(Value::Session(session)) = &yielded.kind else { return };
    let commit = commit_behind(&unit, provider.yields_at, session);
    let writers = writers(db, of, ());
    let Some((first, _)) = writers.first() else { return };
    let name = classes::simple(of.path);
    let evidence = writers
        .iter()
        .take(NAMED)
        .map(|(route, write)| Evidence {
            place: Place::Event(*route, *write),
            message: format!("`{}` writes this, and leaves the commit to `{name}`", classes::simple(route.path)),
        })
        .collect();
    let routes = match writers.len() {
        1 => format!("`{}`", classes::simple(first.path)),
        count => format!("`{}` and {} more routes", classes::simple(first.path), count - 1),
    };
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message: format!(
            "`{name}` commits what {routes} wrote, behind its `yield`, when the answer has been sent: the client is never told of a \
             commit that fails"
        ),
        place: Place::InFunction(of, commit.unwrap_or(yielded.range)),
        symbol: symbol(of.path),
        evidence,
        story: Some(Story {
            actors: vec!["The route".to_owned(), "The client".to_owned()],
            steps: vec![
                (0, format!("`{}` writes, and returns", classes::simple(first.path))),
                (1, "gets its answer: success".to_owned()),
                (1, "asks for what it has written, and does not find it yet".to_owned()),
                (0, format!("`{name}` goes on behind its `yield`, and commits: a constraint that is checked now, a lost connection or a serialization failure rolls everything back")),
            ],
            outcome: "The client believes in rows that do not exist.".to_owned(),
        }),
        fixes: Vec::new(),
    });
}

/// The routes that leave a write to the dependency to commit, with the ordinal of the write.
///
/// A query of its own: it looks into the routes' files, and an edit in one of them must not check this one again as long as
/// the answer is the same.
#[salsa::tracked(returns(clone))]
fn writers(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[(FunctionRef, u32)]> {
    users_of_dependency(db, of)
        .iter()
        .filter(|user| is_endpoint(db, **user) && !entry::is_test(db, user.file))
        .filter(|user| !eval::has_function_scope(db, **user, of))
        .filter_map(|user| Some((*user, left_to_commit(&unit_of(db, *user), of)?)))
        .collect()
}

/// The commit behind the `yield`; `None` where leaving a `with` commits.
fn commit_behind(unit: &Unit, yielded: u32, session: &SessionValue) -> Option<auditline_syntax::TextRange> {
    unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Session { session: own, action: SessionAction::Commit, .. }
            if ordinal > yielded && same_session(own, session) && !unit.in_handler(ordinal) =>
        {
            Some(event.range)
        }
        _ => None,
    })
}

/// The first write of a route that it leaves to the dependency to commit; `None` where it writes nothing or commits itself.
fn left_to_commit(unit: &Unit, by: FunctionRef) -> Option<u32> {
    use auditline_model::eval::value::SessionOrigin;
    let is_handed = |session: &SessionValue| matches!(session.origin, SessionOrigin::Dependency(Symbol::Function(function)) if function == by);
    let mut written = None;
    for (ordinal, event) in unit.numbered() {
        match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit, .. } if is_handed(session) => return None,
            EventKind::Add { session, .. } | EventKind::Delete { session, .. } if is_handed(session) => {
                written = written.or(Some(ordinal));
            }
            EventKind::Write { row, .. } if row.session.as_deref().is_some_and(is_handed) => {
                written = written.or(Some(ordinal));
            }
            EventKind::Execute(query)
                if query.session.as_deref().is_some_and(is_handed)
                    && query.kind != auditline_model::eval::value::QueryKind::Text
                    && query.kind != auditline_model::eval::value::QueryKind::Select =>
            {
                written = written.or(Some(ordinal));
            }
            _ => {}
        }
    }
    written
}
