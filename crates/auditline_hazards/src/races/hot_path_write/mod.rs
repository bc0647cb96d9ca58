//! AUD209: what most routes share commits a write on each request.

use auditline_model::entry::{Routes, is_middleware, routes_through};
use auditline_model::owner::users_of_dependency;
use auditline_model::unit::unit_of;
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::rows;

mod steady;

use steady::{Steady, What, steady_write};

/// How many routes must go through it.
const LEAST: usize = 3;
/// How many make it hot, whatever share of all they are.
const MANY: usize = 10;
/// How many are named.
const NAMED: usize = 3;

/// AUD209.
pub const HAZARD: Hazard = Hazard {
    code: "AUD209",
    name: "hot-path-write",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A dependency that most routes share commits a write on each request",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) || entry::is_endpoint(db, of) {
        return;
    }
    let Some(written) = steady_write(db, of, ()) else { return };
    // What a dependency depends on is reported by itself.
    let Routes { routes, of: all } = routes_through(db, of);
    if routes.len() < LEAST || routes.len() < MANY && routes.len() * 2 <= all {
        return;
    }
    let kind = if is_middleware(db, of) { "middleware" } else { "dependency" };
    let name = classes::simple(of.path);
    let what = said(&written);
    let unit = unit_of(db, of);
    let Some(event) = unit.events.get(written.at as usize) else { return };
    let mut evidence = Vec::new();
    if written.by.0 != of {
        evidence.push(Evidence {
            place: Place::Event(written.by.0, written.by.1),
            message: format!("`{}` writes", classes::simple(written.by.0.path)),
        });
    }
    for route in routes.iter().take(NAMED) {
        let how = if users_of_dependency(db, of).contains(route) { "depends on it" } else { "goes through it" };
        evidence.push(Evidence {
            place: Place::Function(*route),
            message: format!("the route `{}` {how}", classes::simple(route.path)),
        });
    }
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!(
            "The {kind} `{name}` {what} and commits on each request: {} of {all} routes go through it, those that only read too",
            routes.len()
        ),
        place: Place::InFunction(of, event.statement),
        symbol: symbol(of.path),
        evidence,
        story: Some(story(&written, name)),
        fixes: Vec::new(),
    });
}

fn model_of(written: &Steady) -> &'static str {
    written.model.map_or("a row", |class| classes::simple(class.path))
}

fn said(written: &Steady) -> String {
    let model = model_of(written);
    match (written.what, written.model) {
        (What::Column(column), _) => format!("writes `{model}.{column}`"),
        (What::Update, Some(_)) => format!("updates `{model}`"),
        (What::Update, None) => "executes an UPDATE".to_owned(),
        (What::Row, Some(_)) => format!("adds a `{model}`"),
        (What::Row, None) => "executes an INSERT".to_owned(),
    }
}

fn story(written: &Steady, name: &str) -> Story {
    let actors = vec!["Request A".to_owned(), "Request B".to_owned()];
    if written.what == What::Row {
        return Story {
            actors,
            steps: vec![
                (0, format!("`{name}`: {}, commits", said(written))),
                (1, format!("`{name}`: {}, commits", said(written))),
                (0, "only reads what it was asked for".to_owned()),
                (1, "only reads what it was asked for".to_owned()),
            ],
            outcome: "Every request waits for the disk twice over, and the table grows with the traffic.".to_owned(),
        };
    }
    Story {
        actors,
        steps: vec![
            (0, format!("`{name}`: {}: the row is locked until the commit", said(written))),
            (1, format!("`{name}`: waits for that lock, with a connection of the pool in its hands")),
            (0, "commits, and only reads what it was asked for".to_owned()),
            (1, "goes on".to_owned()),
        ],
        outcome: "Requests of one user queue behind one row, and a request that only reads waits for the disk."
            .to_owned(),
    }
}
