//! Calls of Python's own functions.

use auditline_syntax::python::ir::{Arg, Code};
use auditline_syntax::{Name, TextRange};

use crate::eval::conditions::first_row;
use crate::eval::value::{CountSource, Sources, Tells, Value};
use crate::eval::{Bound, Evaluator};
use crate::symbols::Symbol;
use crate::unit::{EventKind, LoadForm};

/// Builtins that compute with their arguments.
const COMPUTING: &[&str] = &[
    "abs",
    "all",
    "any",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "format",
    "frozenset",
    "len",
    "map",
    "max",
    "min",
    "pow",
    "range",
    "repr",
    "round",
    "sum",
    "zip",
];

/// Those that take the items of what they are handed.
const ITERATING: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "filter",
    "frozenset",
    "iter",
    "list",
    "map",
    "max",
    "min",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

impl Evaluator<'_> {
    pub(super) fn builtin(&mut self, code: &Code, name: Name, args: &[Arg], range: TextRange) -> Bound {
        let mut arguments = self.arguments(code, args);
        if ITERATING.contains(&name.as_str())
            && let Some((_, first)) = arguments.list.first_mut()
        {
            *first = self.executed_by_iterating(std::mem::take(first), LoadForm::Elsewhere, range);
        }
        match (name.as_str(), arguments.position(0).map(|bound| bound.value.clone())) {
            ("next" | "iter" | "list" | "sorted" | "reversed" | "tuple" | "set" | "frozenset", Some(first)) => {
                let value = match (name.as_str(), first) {
                    ("next", Value::Many(inner)) => *inner,
                    ("next", Value::Context(context)) => self.pulled(&context, range),
                    (_, value @ (Value::Many(_) | Value::Context(_))) => value,
                    (_, Value::Executed(query, true)) => Value::Many(Box::new(self.row_from(&query, None, true))),
                    _ => Value::Unknown,
                };
                let keys = arguments.position(0).filter(|_| name != "next").and_then(|first| self.keys_in(first));
                Bound { value, from: arguments.computed().holding(keys) }
            }
            ("anext", Some(Value::Context(context))) => Bound::of(self.pulled(&context, range)),
            ("setattr", Some(object)) => self.set_by_name(code, &object, args, &arguments),
            ("getattr", Some(Value::Row(row))) => match self.read_by_name(code, &row, args, range) {
                Some(read) => read,
                None => Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } },
            },
            ("dict", Some(entries @ Value::Dict(_))) => Bound { value: entries, from: arguments.computed() },
            ("bool", Some(_)) => {
                let given = arguments.position(0).cloned().unwrap_or_default();
                let said = self.truth(&given);
                self.said(given.from, &said)
            }
            ("str" | "int" | "bool" | "float", _) => {
                Bound { value: Value::Unknown, from: arguments.position(0).cloned().unwrap_or_default().from }
            }
            ("len" | "sum", Some(_)) => {
                let mut from = Sources { other: true, ..arguments.computed() };
                if let Some(first) = arguments.position(0) {
                    from = from.with(&self.counted(first));
                }
                Bound { value: Value::Unknown, from }
            }
            (name, _) if COMPUTING.contains(&name) => {
                Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.computed() } }
            }
            _ => Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } },
        }
    }

    /// What brought the rows whose number or sum is taken: `len(rows)`, `sum(row.size for row in rows)`, `len(team.members)`.
    fn counted(&self, of: &Bound) -> Sources {
        let mut from = Sources::default();
        let listed = match &of.value {
            Value::Many(inner) | Value::Keyed(inner, _) => first_row(inner).map(|row| row.id),
            _ => None,
        };
        for id in listed.into_iter().chain(of.from.fields.iter().map(|field| field.row)) {
            let many = self.unit.events.get(id as usize).is_some_and(|event| match &event.kind {
                EventKind::Load { query, many, .. } => *many && query.entities,
                EventKind::Follow { .. } => listed == Some(id),
                _ => false,
            });
            let count = CountSource { load: id, falls: false, tells: Tells::Number };
            if many && !from.counts.contains(&count) {
                from.counts.push(count);
            }
        }
        from
    }
}

/// Whether a callee is one of Python's own functions that pass on what they are given, or compute from it. What a name
/// means that does not resolve is taken for the same.
pub(super) fn is_builtin(callee: &Value, name: Name) -> bool {
    const PASSING: &[&str] = &[
        "anext",
        "bool",
        "float",
        "frozenset",
        "getattr",
        "int",
        "iter",
        "len",
        "list",
        "next",
        "reversed",
        "set",
        "setattr",
        "sorted",
        "str",
        "sum",
        "tuple",
    ];
    match callee {
        Value::Unknown | Value::Symbol(Symbol::Unknown) => true,
        Value::Symbol(Symbol::External(path)) => path
            .strip_prefix("builtins.")
            .is_some_and(|own| name == own && (PASSING.contains(&own) || COMPUTING.contains(&own))),
        _ => false,
    }
}
