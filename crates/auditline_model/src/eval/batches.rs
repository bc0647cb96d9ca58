//! Batches: loops over what a function was handed, and whether they keep an account of what becomes of the items.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Stmt, StmtKind};
use auditline_syntax::python::{walk_block_expressions, walk_statements};
use rustc_hash::FxHashSet;

use crate::unit::{Batch, FrameId};

use super::Evaluator;
use super::calls::MUTATORS;
use super::value::Value;

/// Functions that give the items of what they get.
const PASSING: &[&str] = &[
    "DictReader",
    "StringIO",
    "batched",
    "dict",
    "enumerate",
    "list",
    "loads",
    "reader",
    "reversed",
    "set",
    "sorted",
    "tuple",
    "zip",
];

/// Methods that give what is in their object.
const OPENING: &[&str] =
    &["body", "decode", "dict", "form", "get", "items", "json", "model_dump", "read", "split", "splitlines", "values"];

/// How many variables lie between a parameter and the loop.
const DEPTH: u32 = 4;

impl Evaluator<'_> {
    /// Records a loop whose items the function was handed.
    pub(super) fn batch(&mut self, code: &Code, frame: FrameId, iter: ExprId, body: &Block) {
        let Some(items) = self.handed_in(code, iter, DEPTH) else { return };
        let accounted = self.keeps_account(code, body);
        self.unit.batches.push(Batch { frame, items, accounted });
    }

    /// The parameter that an expression takes its content from.
    fn handed_in(&self, code: &Code, expr: ExprId, depth: u32) -> Option<Name> {
        match &code[expr] {
            Expr::Name(name) => self.handed_variable(code, *name, depth),
            Expr::Attribute { value, .. } | Expr::Subscript { value, .. } | Expr::Await(value) => {
                self.handed_in(code, *value, depth)
            }
            Expr::Call { func, args } => match &code[*func] {
                Expr::Attribute { value, attr } if OPENING.contains(&attr.as_str()) => {
                    self.handed_in(code, *value, depth)
                }
                Expr::Attribute { attr: name, .. } | Expr::Name(name) if PASSING.contains(&name.as_str()) => {
                    args.iter().find_map(|arg| self.handed_in(code, arg.value, depth))
                }
                _ => None,
            },
            Expr::BoolOp { values, .. } => values.first().and_then(|first| self.handed_in(code, *first, depth)),
            _ => None,
        }
    }

    fn handed_variable(&self, code: &Code, name: Name, depth: u32) -> Option<Name> {
        let is_param = self.function.params.iter().any(|param| param.name == name);
        if is_param {
            // A session, a service and rows are no list of things to do.
            let held = self.environment.get(&name).map(|bound| &bound.value);
            return match held {
                Some(Value::Unknown | Value::Param(_) | Value::Constant) | None => Some(name),
                Some(Value::Instance(_)) => Some(name),
                Some(Value::Many(inner)) => (!matches!(**inner, Value::Row(_))).then_some(name),
                _ => None,
            };
        }
        let depth = depth.checked_sub(1)?;
        let mut assigned: Vec<ExprId> = Vec::new();
        walk_statements(&code.block, &mut |stmt| {
            if let StmtKind::Assign { targets, value } = &stmt.kind
                && targets.iter().any(|target| matches!(&code[*target], Expr::Name(other) if *other == name))
            {
                assigned.push(*value);
            }
        });
        match assigned[..] {
            [value] => self.handed_in(code, value, depth),
            _ => None,
        }
    }

    /// Whether the body changes something that is used outside of it: a counter, a list, a flag.
    fn keeps_account(&self, code: &Code, body: &Block) -> bool {
        let mut changed: FxHashSet<Name> = FxHashSet::default();
        let mut leaves = false;
        let mut root = |expr: ExprId| {
            let mut at = expr;
            loop {
                match &code[at] {
                    Expr::Attribute { value, .. } | Expr::Subscript { value, .. } => at = *value,
                    Expr::Name(name) => {
                        changed.insert(*name);
                        return;
                    }
                    _ => return,
                }
            }
        };
        walk_statements(body, &mut |stmt| match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().for_each(|target| root(*target)),
            StmtKind::AnnAssign { target, .. } | StmtKind::AugAssign { target, .. } => root(*target),
            StmtKind::Return(_) => leaves = true,
            _ => {}
        });
        walk_block_expressions(code, body, &mut |id| match &code[id] {
            Expr::Call { func, .. } => {
                if let Expr::Attribute { value, attr } = &code[*func]
                    && let Expr::Name(name) = &code[*value]
                    && MUTATORS.contains(&attr.as_str())
                    && self.environment.get(name).is_none_or(|bound| bound.value.session().is_none())
                {
                    changed.insert(*name);
                }
            }
            Expr::Named { target, .. } => {
                changed.insert(*target);
            }
            Expr::Yield(_) | Expr::YieldFrom(_) => leaves = true,
            _ => {}
        });
        leaves || changed.iter().any(|name| is_used_outside(code, body, *name))
    }
}

/// Whether a variable is used in a function outside of a block.
fn is_used_outside(code: &Code, block: &Block, name: Name) -> bool {
    let inside = |at: auditline_syntax::TextRange| block.iter().any(|stmt: &Stmt| stmt.range.contains_range(at));
    let mut used = false;
    walk_block_expressions(code, &code.block, &mut |id| {
        used |= matches!(&code[id], Expr::Name(other) if *other == name) && !inside(code.range(id));
    });
    used
}
