//! AUD208: an object that is to be the only one is made where it is missing, and two callers can find it missing.

use auditline_model::classes::{BaseTarget, class_info, method, mro};
use auditline_model::eval::libraries::reaches_out;
use auditline_model::eval::value::{InstanceValue, Value};
use auditline_model::lazy::{Lazy, lazy_objects, remembers};
use auditline_model::owner::callers;
use auditline_model::unit::unit_of;
use auditline_model::{Db, FunctionRef, classes, entry, head};

use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::{rows, served};

mod fix;
mod threads;

/// How many calls lie between the start of the application and what it is taken to have called.
const DEPTH: u32 = 4;

/// AUD208.
pub const HAZARD: Hazard = Hazard {
    code: "AUD208",
    name: "unguarded-lazy-singleton",
    family: Family::Races,
    severity: Severity::Information,
    summary: "A global object is made where it is missing, without a lock: two callers can make two",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) || classes::is_cached(db, of) {
        return;
    }
    let lazies = lazy_objects(db, of);
    let Some(body) = head(db, of).filter(|_| !lazies.is_empty()) else { return };
    // What the start of the application has called already finds its object.
    if entry::is_startup(db, of) || starts(db, of, DEPTH) {
        return;
    }
    for lazy in lazies {
        let Some(severity) = weight(db, &lazy.made) else { continue };
        let meeting = if body.is_async {
            (lazy.awaits && served::is_served(db, of)).then_some(Evidence {
                place: Place::InFunction(of, lazy.assignment),
                message: "another request runs while this one awaits".to_owned(),
            })
        } else {
            threads::runs_in_threads(db, of).map(|threaded| Evidence {
                place: Place::Function(threaded),
                message: format!(
                    "`{}` is a plain function: the framework calls it in several threads",
                    classes::simple(threaded.path)
                ),
            })
        };
        if let Some(meeting) = meeting {
            findings.push(finding(of, &lazy, body.is_async, severity, meeting));
        }
    }
}

/// Whether the start of the application calls a function, also through others.
fn starts(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of).iter().any(|site| {
        let caller = site.function;
        let begins = entry::is_startup(db, caller) && !entry::is_command(db, caller);
        caller != of && !entry::is_test(db, caller.file) && (begins || starts(db, caller, depth))
    })
}

fn finding(of: FunctionRef, lazy: &Lazy, is_async: bool, severity: Severity, meeting: Evidence) -> Finding {
    let name = lazy.written;
    let who = if is_async { "requests" } else { "threads" };
    let actor = if is_async { "Request" } else { "Thread" };
    Finding {
        hazard: &HAZARD,
        severity,
        message: format!(
            "`{name}` is made where it is missing, without a lock: two {who} can both find none and make two"
        ),
        place: Place::InFunction(of, lazy.assignment),
        symbol: symbol(of.path),
        evidence: vec![
            Evidence { place: lazy.holder.place(), message: "it is kept here for the whole process".to_owned() },
            meeting,
        ],
        story: Some(Story {
            actors: vec![format!("{actor} A"), format!("{actor} B")],
            steps: vec![
                (0, format!("finds no `{name}`")),
                (1, format!("finds no `{name}` either")),
                (0, "makes one, and works with it".to_owned()),
                (1, "makes another, and puts it in the place of the first".to_owned()),
            ],
            outcome: format!("There are two; what `{actor} A` did with the first is lost to everybody else."),
        }),
        fixes: fix::fixes(of, lazy, is_async),
    }
}

/// How much it matters that there are two; `None` where nobody would notice.
fn weight(db: &dyn Db, made: &Value) -> Option<Severity> {
    match made {
        // That a session is kept at all is another hazard, and a lock around its making does not cure it.
        Value::Engine => Some(Severity::Warning),
        Value::Made(path) if is_client(path) => {
            Some(if connects(path) { Severity::Warning } else { Severity::Information })
        }
        Value::Instance(instance) => {
            if holds_connection(db, instance) {
                Some(Severity::Warning)
            } else {
                remembers(db, instance.class).then_some(Severity::Information)
            }
        }
        _ => None,
    }
}

/// Whether a call of another library makes something that holds connections, and not what came over one.
fn is_client(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let makes = last.starts_with(char::is_uppercase)
        || last.split('_').any(|word| matches!(word, "pool" | "client" | "connect" | "connection" | "from"));
    makes && (reaches_out(path) || connects(path))
}

/// Whether it is a client of a database: its connections are counted by the server.
fn connects(path: &str) -> bool {
    matches!(
        path.split('.').next(),
        Some(
            "aiomysql"
                | "aiopg"
                | "asyncpg"
                | "motor"
                | "mysql"
                | "neo4j"
                | "psycopg"
                | "psycopg2"
                | "psycopg_pool"
                | "pymongo"
                | "pymysql"
                | "redis"
                | "valkey"
        )
    )
}

fn holds_connection(db: &dyn Db, instance: &InstanceValue) -> bool {
    let is_one = mro(db, instance.class)
        .iter()
        .filter_map(|class| class_info(db, *class))
        .any(|info| info.bases.iter().any(|base| matches!(&base.target, BaseTarget::External(path) if connects(path))));
    let constructor = method(db, instance.class, Name::new("__init__"));
    let keeps = constructor.is_some_and(|constructor| keeps_connection(db, constructor, ()));
    is_one
        || keeps
        || instance.arguments.iter().any(|(_, value)| match value {
            Value::Session(_) | Value::Engine => true,
            Value::Made(path) => connects(path) && is_client(path),
            _ => false,
        })
}

/// Whether a constructor keeps something that holds connections: `self.queue = redis.Redis()`.
#[salsa::tracked(returns(copy))]
fn keeps_connection(db: &dyn Db, constructor: FunctionRef, _key: ()) -> bool {
    unit_of(db, constructor).self_attributes.iter().any(|(_, value)| match value {
        Value::Engine => true,
        Value::Made(path) => connects(path) && is_client(path),
        _ => false,
    })
}
