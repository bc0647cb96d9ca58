//! Calls: of operations, of functions of the workspace, of what makes texts, lists and declarations.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Expr, ExprId, ParamKind};
use auditline_syntax::python::{Call, chain};

use crate::classes::{Detached, DetachedArg, detach};
use crate::db::{FunctionRef, function};
use crate::names::canonical;
use crate::symbols::Symbol;

use super::expressions::{opaque, written};
use super::statements::{Flow, Frame, MAX_DEPTH, Run};
use super::value::{HOLE, Value};

/// The arguments of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Value>,
    pub(super) keywords: Vec<(Name, Value)>,
    /// Whether there may be more.
    pub(super) is_open: bool,
}

impl Args {
    /// The argument of that name, or the positional one at `n`.
    pub(super) fn get(&self, n: usize, name: &str) -> Option<&Value> {
        self.keyword(name).or_else(|| self.positional.get(n))
    }

    pub(super) fn keyword(&self, name: &str) -> Option<&Value> {
        self.keywords.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn detached(&self) -> Vec<DetachedArg> {
        let positional =
            self.positional.iter().map(|value| DetachedArg { kind: ArgKind::Positional, value: value.detached() });
        let keywords = self
            .keywords
            .iter()
            .map(|(name, value)| DetachedArg { kind: ArgKind::Keyword(*name), value: value.detached() });
        let rest = self.is_open.then_some(DetachedArg { kind: ArgKind::Starred, value: Detached::Other });
        positional.chain(keywords).chain(rest).collect()
    }
}

impl Run<'_> {
    pub(super) fn call(&mut self, frame: &mut Frame<'_>, expr: ExprId) -> Value {
        let Some(call) = Call::of(frame.code, expr) else { return Value::Unknown };
        self.steps += 1;
        let head = chain(frame.code, call.func);
        let is_local = head.as_ref().is_none_or(|parts| frame.vars.contains_key(&parts[0]));
        if let Some((object, method)) = call.method(frame.code) {
            let object_is_path = head.is_some() && !is_local;
            let target = if object_is_path { Value::Unknown } else { self.eval(frame, object) };
            let args = self.arguments(frame, &call);
            if object_is_path {
                return self.call_path(frame, expr, call.func, object, method, &args);
            }
            if let Expr::Name(name) = &frame.code[object]
                && let Some(changed) = changed_in_place(&target, method, &args)
            {
                frame.vars.insert(*name, changed);
                return Value::None;
            }
            return self.call_method(frame, expr, &target, method, &args);
        }
        let target = self.eval(frame, call.func);
        let args = self.arguments(frame, &call);
        self.call_value(frame, &target, &args)
    }

    fn arguments(&mut self, frame: &mut Frame<'_>, call: &Call<'_>) -> Args {
        let mut found = Args::default();
        for arg in call.args {
            let value = self.eval(frame, arg.value);
            match (arg.kind, value) {
                (ArgKind::Positional, value) => found.positional.push(value),
                (ArgKind::Keyword(name), value) => found.keywords.push((name, value)),
                (ArgKind::Starred, Value::List(items)) => found.positional.extend(items),
                (ArgKind::DoubleStarred, Value::Dict(entries)) => {
                    for (key, value) in entries {
                        match key.name() {
                            Some(name) => found.keywords.push((name, value)),
                            None => found.is_open = true,
                        }
                    }
                }
                _ => found.is_open = true,
            }
        }
        found
    }

    /// `a.b.c(…)` where `a` is no local variable.
    fn call_path(
        &mut self,
        frame: &mut Frame<'_>,
        expr: ExprId,
        func: ExprId,
        object: ExprId,
        method: Name,
        args: &Args,
    ) -> Value {
        let detached = detach(self.db, frame.scope, frame.code, func);
        match detached.symbol() {
            Symbol::Function(_) | Symbol::Class(_) => {}
            Symbol::External(path) => {
                let path = canonical(path);
                let is_operation = path.starts_with("alembic.op.") || path.starts_with("alembic.context.");
                if !is_operation {
                    return self.call_value(frame, &Value::Declared(detached), args);
                }
            }
            _ => {}
        }
        if let Symbol::Function(function) = detached.symbol() {
            return self.call_function(frame, function, args);
        }
        if matches!(detached.symbol(), Symbol::Class(_)) {
            return self.call_value(frame, &Value::Declared(detached), args);
        }
        let target = self.eval(frame, object);
        self.call_method(frame, expr, &target, method, args)
    }

    /// A call of what a name stands for.
    fn call_value(&mut self, frame: &mut Frame<'_>, target: &Value, args: &Args) -> Value {
        match target {
            Value::Function(function) => self.call_function(frame, *function, args),
            Value::Declared(func) => {
                let first = args.positional.first();
                let builtin = match func.symbol() {
                    Symbol::External(path) => canonical(path).as_str(),
                    _ => "",
                };
                if let Some(value) = made(builtin, args) {
                    return value;
                }
                match func.last_name().as_deref() {
                    Some("text" | "DDL" | "dedent" | "TextClause") if first.is_some() => {
                        first.cloned().unwrap_or(Value::Unknown)
                    }
                    Some("inspect" | "Inspector" | "from_engine") => Value::Inspector,
                    // A session or connection that is made around the one of the migration.
                    Some("Session" | "Connection") => Value::Bind,
                    _ => Value::Declared(Detached::Call { func: Box::new(func.clone()), args: args.detached() }),
                }
            }
            other => opaque(&[other]),
        }
    }

    pub(super) fn call_function(&mut self, frame: &Frame<'_>, of: FunctionRef, args: &Args) -> Value {
        if self.depth >= MAX_DEPTH {
            return Value::Unknown;
        }
        let is_handed = args
            .positional
            .iter()
            .chain(args.keywords.iter().map(|(_, value)| value))
            .any(|value| matches!(value, Value::Op | Value::Bind | Value::Batch(_) | Value::Inspector));
        if !is_handed && of.file != frame.scope.file() && !crate::entry::is_migration(self.db, of.file) {
            return Value::Unknown;
        }
        let Some(body) = function(self.db, of) else { return Value::Unknown };
        if body.is_generator && body.decorators.is_empty() || body.class.is_some() {
            return Value::Unknown;
        }
        let mut inner = Frame {
            scope: crate::names::Scope::Function(of),
            code: &body.code,
            vars: if body.outer.is_some() { frame.vars.clone() } else { Default::default() },
            ended: Vec::new(),
        };
        self.depth += 1;
        let mut positional = args.positional.iter();
        for param in &body.params {
            let value = match param.kind {
                ParamKind::VarArgs => Some(Value::List(positional.by_ref().cloned().collect())),
                ParamKind::KwArgs => Some(Value::Unknown),
                ParamKind::KeywordOnly => args.keyword(param.name.as_str()).cloned(),
                _ => args.keyword(param.name.as_str()).or_else(|| positional.next()).cloned(),
            };
            let value = match (value, param.default) {
                (Some(value), _) => value,
                (None, Some(default)) if !args.is_open => self.eval(&mut inner, default),
                _ => Value::Unknown,
            };
            inner.vars.insert(param.name, value);
        }
        let flow = self.block(&mut inner, &body.code.block);
        self.depth -= 1;
        for schema in std::mem::take(&mut inner.ended) {
            self.schema = self.schema.merge(&schema);
            // What it returned there may differ.
            if let Flow::Return(value) = &flow
                && !matches!(value, Value::Inspected | Value::None)
            {
                return Value::Unknown;
            }
        }
        match flow {
            Flow::Return(value) => value,
            _ if looks_at_schema(&body.code.exprs) => Value::Inspected,
            _ => Value::None,
        }
    }
}

/// Whether code asks the database what its schema is.
fn looks_at_schema(exprs: &[Expr]) -> bool {
    exprs.iter().any(|expr| matches!(expr, Expr::Str(text) if super::texts::asks_schema(text)))
}

/// What the functions of Python make of what they are given.
fn made(builtin: &str, args: &Args) -> Option<Value> {
    let first = args.positional.first();
    Some(match (builtin, first) {
        ("builtins.str", Some(value @ (Value::Text(_) | Value::Int(_)))) => Value::Text(written(value)),
        ("builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.frozenset", Some(value)) => match value {
            Value::Dict(entries) => Value::List(entries.iter().map(|(key, _)| key.clone()).collect()),
            value => value.clone(),
        },
        ("builtins.list" | "builtins.tuple" | "builtins.set", None) => Value::List(Vec::new()),
        ("builtins.dict", None) if args.keywords.is_empty() => Value::Dict(Vec::new()),
        ("builtins.dict", Some(value)) => value.clone(),
        ("builtins.sorted", Some(value)) => value.clone(),
        ("builtins.reversed", Some(Value::List(items))) => Value::List(items.iter().rev().cloned().collect()),
        ("builtins.enumerate", Some(Value::List(items))) => {
            let numbered = (0..).zip(items).map(|(at, item)| Value::List(vec![Value::Int(at), item.clone()]));
            Value::List(numbered.collect())
        }
        ("builtins.zip", Some(Value::List(one))) => match args.positional.get(1) {
            Some(Value::List(two)) if args.positional.len() == 2 => {
                let pairs = one.iter().zip(two).map(|(one, two)| Value::List(vec![one.clone(), two.clone()]));
                Value::List(pairs.collect())
            }
            _ => Value::Unknown,
        },
        ("builtins.len", Some(Value::List(items))) => Value::Int(i64::try_from(items.len()).ok()?),
        ("builtins.any" | "builtins.all", Some(Value::List(items))) => {
            let is_any = builtin == "builtins.any";
            let truths: Option<Vec<bool>> = items.iter().map(Value::truth).collect();
            match truths {
                Some(truths) => Value::Bool(if is_any { truths.contains(&true) } else { !truths.contains(&false) }),
                None => opaque(&items.iter().collect::<Vec<_>>()),
            }
        }
        ("builtins.next" | "builtins.bool" | "builtins.len" | "builtins.any" | "builtins.all", Some(value)) => {
            match value {
                Value::List(items) if builtin == "builtins.next" => match (items.first(), args.positional.get(1)) {
                    (Some(item), _) => item.clone(),
                    (None, Some(default)) => default.clone(),
                    (None, None) => Value::Unknown,
                },
                value => match value.truth() {
                    Some(truth) if builtin == "builtins.bool" => Value::Bool(truth),
                    _ => opaque(&[value]),
                },
            }
        }
        ("builtins.print", _) => Value::None,
        _ => return None,
    })
}

/// What a list is after one of its methods changed it.
fn changed_in_place(target: &Value, method: Name, args: &Args) -> Option<Value> {
    let Value::List(items) = target else { return None };
    let mut items = items.clone();
    let first = args.positional.first();
    match (method.as_str(), first) {
        ("append" | "add", Some(item)) => items.push(item.clone()),
        ("extend" | "update", Some(Value::List(more))) => items.extend(more.iter().cloned()),
        ("remove" | "discard", Some(item)) if item.is_told() => items.retain(|own| own != item),
        ("reverse", None) => items.reverse(),
        ("sort", _) => {}
        ("append" | "add" | "extend" | "update" | "remove" | "discard" | "insert" | "pop" | "clear", _) => {
            return Some(Value::Unknown);
        }
        _ => return None,
    }
    Some(Value::List(items))
}

/// `"…%s…" % value`
pub(super) fn percent(text: &str, value: &Value) -> String {
    let single = [value.clone()];
    let mut values = match value {
        Value::List(items) => items.iter(),
        _ => single.iter(),
    };
    let mut found = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        found.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(tail) = tail.strip_prefix('%') {
            found.push('%');
            rest = tail;
        } else if let Some(tail) = tail.strip_prefix(['s', 'd', 'r']) {
            found.push_str(&values.next().map_or_else(|| HOLE.to_owned(), written));
            rest = tail;
        } else if let Some((name, tail)) = tail.strip_prefix('(').and_then(|tail| tail.split_once(")s")) {
            let named = match value {
                Value::Dict(entries) => entries.iter().find(|(key, _)| *key == Value::Text(name.to_owned())),
                _ => None,
            };
            found.push_str(&named.map_or_else(|| HOLE.to_owned(), |(_, value)| written(value)));
            rest = tail;
        } else {
            found.push('%');
            rest = tail;
        }
    }
    found + rest
}

/// `"…{}…{name}…".format(…)`
pub(super) fn formatted(text: &str, args: &Args) -> String {
    let mut found = String::new();
    let mut rest = text;
    let mut next = 0;
    while let Some(at) = rest.find(['{', '}']) {
        found.push_str(&rest[..at]);
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            found.push_str(&tail[..1]);
            rest = &tail[2..];
            continue;
        }
        let Some((hole, behind)) = tail[1..].split_once('}').filter(|_| tail.starts_with('{')) else {
            found.push_str(&tail[..1]);
            rest = &tail[1..];
            continue;
        };
        let value = if hole.is_empty() {
            next += 1;
            args.positional.get(next - 1)
        } else if let Ok(at) = hole.parse::<usize>() {
            args.positional.get(at)
        } else {
            args.keyword(hole)
        };
        found.push_str(&value.map_or_else(|| HOLE.to_owned(), written));
        rest = behind;
    }
    found + rest
}
