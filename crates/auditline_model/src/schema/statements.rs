//! The statements of a revision, one after another.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Block, Code, Expr, ExprId, If, Stmt, StmtKind, Try};
use rustc_hash::FxHashMap;

use crate::db::{Db, VariableRef};
use crate::names::Scope;
use crate::place::Place;

use super::state::Schema;
use super::value::Value;

/// How many statements and loop turns a history may take.
pub(super) const MAX_STEPS: u32 = 400_000;
/// How deep functions may call one another.
pub(super) const MAX_DEPTH: u32 = 8;
/// How many turns of a loop are gone.
const MAX_TURNS: usize = 300;

/// The replay of a history.
pub(super) struct Run<'db> {
    pub(super) db: &'db dyn Db,
    pub(super) schema: Schema,
    pub(super) steps: u32,
    pub(super) depth: u32,
    /// Values of variables at module level.
    pub(super) globals: FxHashMap<VariableRef, Value>,
}

/// A function or module while it runs.
pub(super) struct Frame<'a> {
    pub(super) scope: Scope,
    pub(super) code: &'a Code,
    pub(super) vars: FxHashMap<Name, Value>,
    /// What the schema was where the function may have ended before its last line.
    pub(super) ended: Vec<Schema>,
}

impl Frame<'_> {
    pub(super) fn place(&self, expr: ExprId) -> Place {
        let range = self.code.range(expr);
        match self.scope {
            Scope::Function(owner) => Place::InFunction(owner, range),
            scope => Place::File(scope.file(), range),
        }
    }
}

/// How a block ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
    Raise,
}

impl Run<'_> {
    pub(super) fn block(&mut self, frame: &mut Frame<'_>, block: &Block) -> Flow {
        for stmt in block {
            let flow = self.statement(frame, stmt);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn statement(&mut self, frame: &mut Frame<'_>, stmt: &Stmt) -> Flow {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.schema.cloud();
            return Flow::Raise;
        }
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                self.eval(frame, *expr);
            }
            StmtKind::Assign { targets, value } => {
                let value = self.eval(frame, *value);
                for target in targets {
                    bind(frame, *target, &value);
                }
            }
            StmtKind::AnnAssign { target, value: Some(value), .. } => {
                let value = self.eval(frame, *value);
                bind(frame, *target, &value);
            }
            StmtKind::AugAssign { target, op, value } => {
                let new = self.eval(frame, *value);
                let old = self.eval(frame, *target);
                let value = if *op == BinaryOp::Add { super::expressions::sum(old, new) } else { Value::Unknown };
                bind(frame, *target, &value);
            }
            StmtKind::Return(value) => {
                return Flow::Return(value.map_or(Value::None, |value| self.eval(frame, value)));
            }
            StmtKind::Raise { .. } => return Flow::Raise,
            StmtKind::Break => return Flow::Break,
            StmtKind::Continue => return Flow::Continue,
            StmtKind::If(branch) => return self.branch(frame, branch),
            StmtKind::For { target, iter, body, orelse, .. } => return self.each(frame, *target, *iter, body, orelse),
            StmtKind::While { test, body, .. } => {
                self.eval(frame, *test);
                return self.turn(frame, body);
            }
            StmtKind::With { items, body, .. } => {
                for item in items {
                    let value = self.eval(frame, item.context);
                    if let Some(target) = item.target {
                        bind(frame, target, &value);
                    }
                }
                return self.block(frame, body);
            }
            StmtKind::Try(guarded) => return self.guarded(frame, guarded),
            StmtKind::Match { subject, cases } => {
                self.eval(frame, *subject);
                let blocks: Vec<&Block> = cases.iter().map(|case| &case.body).collect();
                return self.one_of(frame, &blocks, true);
            }
            StmtKind::Function(_) => {}
            StmtKind::Broken => self.schema.cloud(),
            _ => {}
        }
        Flow::Next
    }

    fn guarded(&mut self, frame: &mut Frame<'_>, guarded: &Try) -> Flow {
        // A step that fails ends the migration, or is made up for; what is replayed is the one that works.
        let mut flow = self.block(frame, &guarded.body);
        if flow == Flow::Next {
            flow = self.block(frame, &guarded.orelse);
        }
        if flow == Flow::Raise
            && let Some(handler) = guarded.handlers.first()
        {
            flow = self.block(frame, &handler.body);
        }
        match self.block(frame, &guarded.finally) {
            Flow::Next => flow,
            other => other,
        }
    }

    fn branch(&mut self, frame: &mut Frame<'_>, branch: &If) -> Flow {
        let test = self.eval(frame, branch.test);
        match test.truth() {
            Some(true) => self.block(frame, &branch.body),
            Some(false) => self.block(frame, &branch.orelse),
            // A step for a schema that looks so or so: it leads to the same end, and an end before it is not gone.
            None if test == Value::Inspected && branch.orelse.is_empty() => {
                let ends = branch.body.iter().any(|stmt| matches!(stmt.kind, StmtKind::Return(_) | StmtKind::Continue));
                if ends { Flow::Next } else { self.block(frame, &branch.body) }
            }
            None => self.one_of(frame, &[&branch.body, &branch.orelse], false),
        }
    }

    /// Goes each of several ways from here, and goes on with what they have in common.
    fn one_of(&mut self, frame: &mut Frame<'_>, blocks: &[&Block], or_none: bool) -> Flow {
        let before = (self.schema.clone(), frame.vars.clone());
        let mut ends = Vec::new();
        for block in blocks {
            let flow = self.block(frame, block);
            let schema = std::mem::replace(&mut self.schema, before.0.clone());
            let vars = std::mem::replace(&mut frame.vars, before.1.clone());
            ends.push((flow, schema, vars));
        }
        if or_none {
            ends.push((Flow::Next, before.0.clone(), before.1));
        }
        if ends.iter().any(|(flow, ..)| *flow != Flow::Raise) {
            ends.retain(|(flow, ..)| *flow != Flow::Raise);
        }
        // Where some ways go on and others end the function, the rest happens on the former only.
        let goes_on = |flow: &Flow| !matches!(flow, Flow::Return(_));
        if ends.iter().any(|(flow, ..)| goes_on(flow)) {
            for (_, schema, _) in ends.iter().filter(|(flow, ..)| !goes_on(flow)) {
                frame.ended.push(schema.clone());
            }
            ends.retain(|(flow, ..)| goes_on(flow));
        }
        let mut ends = ends.into_iter();
        let Some((mut flow, schema, vars)) = ends.next() else { return Flow::Next };
        self.schema = schema;
        frame.vars = vars;
        for (other, schema, vars) in ends {
            self.schema = self.schema.merge(&schema);
            frame.vars.retain(|name, _| vars.contains_key(name));
            for (name, value) in vars {
                if let Some(own) = frame.vars.get_mut(&name)
                    && *own != value
                {
                    *own = Value::Unknown;
                }
            }
            flow = match (flow, other) {
                (Flow::Return(one), Flow::Return(two)) => {
                    Flow::Return(if one == two { one } else { mixed(&one, &two) })
                }
                (one, two) if one == two => one,
                _ => Flow::Next,
            };
        }
        flow
    }

    fn each(&mut self, frame: &mut Frame<'_>, target: ExprId, iter: ExprId, body: &Block, orelse: &Block) -> Flow {
        let items = match self.eval(frame, iter) {
            Value::List(items) if items.len() <= MAX_TURNS => items,
            Value::Dict(entries) if entries.len() <= MAX_TURNS => entries.into_iter().map(|(key, _)| key).collect(),
            value => {
                bind(frame, target, if value == Value::Inspected { &Value::Inspected } else { &Value::Unknown });
                return self.turn(frame, body);
            }
        };
        for item in items {
            bind(frame, target, &item);
            match self.block(frame, body) {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Flow::Next,
                flow => return flow,
            }
        }
        self.block(frame, orelse)
    }

    /// A loop whose turns cannot be counted: none, or one that stands for all.
    fn turn(&mut self, frame: &mut Frame<'_>, body: &Block) -> Flow {
        match self.one_of(frame, &[body], true) {
            Flow::Return(value) => Flow::Return(value),
            _ => Flow::Next,
        }
    }
}

fn mixed(one: &Value, two: &Value) -> Value {
    if *one == Value::Inspected || *two == Value::Inspected { Value::Inspected } else { Value::Unknown }
}

/// Assigns to a name or to several.
pub(super) fn bind(frame: &mut Frame<'_>, target: ExprId, value: &Value) {
    match &frame.code[target] {
        Expr::Name(name) => {
            frame.vars.insert(*name, value.clone());
        }
        Expr::Tuple(parts) | Expr::List(parts) => {
            let items = match value {
                Value::List(items) if items.len() == parts.len() => Some(items),
                _ => None,
            };
            for (at, part) in parts.iter().enumerate() {
                let part_value = match (items, value) {
                    (Some(items), _) => &items[at],
                    (None, Value::Inspected) => &Value::Inspected,
                    _ => &Value::Unknown,
                };
                bind(frame, *part, part_value);
            }
        }
        Expr::Subscript { value: holder, index } => {
            if let Expr::Name(name) = &frame.code[*holder] {
                let held = frame.vars.remove(name).unwrap_or(Value::Unknown);
                let index = match &frame.code[*index] {
                    Expr::Int(Some(at)) => Value::Int(*at),
                    Expr::Str(key) => Value::Text(key.to_string()),
                    _ => Value::Unknown,
                };
                frame.vars.insert(*name, put(held, &index, value));
            }
        }
        _ => {}
    }
}

/// A container after `held[index] = value`.
fn put(held: Value, index: &Value, value: &Value) -> Value {
    match (held, index) {
        (Value::List(mut items), Value::Int(at)) => {
            match usize::try_from(*at).ok().and_then(|at| items.get_mut(at)) {
                Some(item) => *item = value.clone(),
                None => return Value::Unknown,
            }
            Value::List(items)
        }
        (Value::Dict(mut entries), Value::Text(_)) => {
            entries.retain(|(key, _)| key != index);
            entries.push((index.clone(), value.clone()));
            Value::Dict(entries)
        }
        _ => Value::Unknown,
    }
}
