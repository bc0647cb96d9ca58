//! Functions that are handed to a helper which calls them and returns what they give: `get_or_404(find_item, key)`.

use std::sync::Arc;

use auditline_syntax::python::ir::{ArgKind, Block, Code, Expr, ExprId, Function, ParamKind, StmtKind};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{Db, FunctionRef, function};
use crate::eval::value::{ArgName, Value};
use crate::eval::{Bound, Evaluator};
use crate::symbols::Symbol;
use crate::unit::FrameKind;

use super::Arguments;

/// How many helpers may hand a function on to one another.
const MAX_DEPTH: u32 = 3;

/// A call of a parameter, whose result a function returns.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Forwarded {
    /// The parameter that is called.
    callable: u32,
    /// What it is called with: parameters of the function; nothing for anything else.
    arguments: Vec<(ArgName, Option<u32>)>,
    /// The parameter of which all positions are handed on: `*args`.
    rest: Option<u32>,
    /// Whether the other keywords are handed on: `**kwargs`.
    keywords: bool,
}

impl Evaluator<'_> {
    /// What a helper returns that calls a function which it is handed, as if this function called it; `None` where it does
    /// something else, or where it cannot be told what it is handed.
    pub(super) fn forwarded(
        &mut self,
        callee: FunctionRef,
        filled: &[Option<Bound>],
        shift: u32,
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<Bound> {
        let is_callable = |bound: &Bound| matches!(bound.value, Value::Symbol(Symbol::Function(_)) | Value::Method(..));
        if self.forwards >= MAX_DEPTH || !filled.iter().flatten().any(is_callable) {
            return None;
        }
        let forwarded = forwarded(self.db, callee, ())?;
        let handed = filled.get(forwarded.callable as usize)?.as_ref()?.value.clone();
        let (function, receiver, object) = match &handed {
            Value::Symbol(Symbol::Function(function)) => (*function, None, Value::Unknown),
            Value::Method(object, name) => {
                let class = match &**object {
                    Value::SelfObject => self.receiver?,
                    Value::Instance(instance) => instance.class,
                    Value::Row(row) => row.model?,
                    Value::Symbol(Symbol::Class(class)) => *class,
                    _ => return None,
                };
                (classes::method(self.db, class, *name)?, Some(class), (**object).clone())
            }
            _ => return None,
        };
        let passed = forwarded.passed(self.db, callee, filled, shift, arguments);
        self.forwards += 1;
        let frame = self.push_frame(FrameKind::Handed);
        let result = self.call_function(function, receiver, &object, &passed, range);
        self.pop_frame(frame);
        self.forwards -= 1;
        Some(result)
    }
}

impl Forwarded {
    /// The arguments with which the function is called that is handed in, said in terms of who calls the helper.
    fn passed(
        &self,
        db: &dyn Db,
        callee: FunctionRef,
        filled: &[Option<Bound>],
        shift: u32,
        arguments: &Arguments,
    ) -> Arguments {
        let params = function(db, callee).map(|body| body.params.clone()).unwrap_or_default();
        let mut list = Vec::new();
        let mut keys = Vec::new();
        let mut next = 0;
        let mut add = |name: ArgName, bound: Bound, given: Option<ArgName>| {
            list.push((name, bound));
            let key = given.and_then(|given| arguments.keys.iter().find(|(own, _)| *own == given));
            keys.extend(key.map(|(_, key)| (name, key.clone())));
        };
        for (name, param) in &self.arguments {
            next += u32::from(matches!(name, ArgName::Position(_)));
            let Some(param) = param else {
                add(*name, Bound::unknown(), None);
                continue;
            };
            let by_name = params.get(*param as usize).map(|param| ArgName::Keyword(param.name));
            let by_name = by_name.filter(|name| arguments.list.iter().any(|(own, _)| own == name));
            let given = by_name.or_else(|| param.checked_sub(shift).map(ArgName::Position));
            let bound = filled.get(*param as usize).cloned().flatten().unwrap_or_else(Bound::unknown);
            add(*name, bound, given);
        }
        let from = self.rest.and_then(|rest| rest.checked_sub(shift));
        for (name, bound) in &arguments.list {
            match *name {
                ArgName::Position(position) if from.is_some_and(|from| position >= from) => {
                    add(ArgName::Position(next), bound.clone(), Some(*name));
                    next += 1;
                }
                ArgName::Keyword(own) if self.keywords && !params.iter().any(|param| param.name == own) => {
                    add(*name, bound.clone(), Some(*name));
                }
                ArgName::Position(_) | ArgName::Keyword(_) => {}
            }
        }
        Arguments { list, open: arguments.open, keys }
    }
}

/// The call of a parameter whose result a function returns, where that is all that comes back from it, and nothing stands
/// around the call that changes what it means: no loop, no `with`, no handler but for a row that is not found.
#[salsa::tracked(returns(clone))]
fn forwarded(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<Arc<Forwarded>> {
    let body = function(db, of)?;
    if body.is_generator {
        return None;
    }
    let mut found = Found::default();
    found.block(&body, &body.code.block)?;
    let call = found.call?;
    let is_it = |value: &ExprId| match &body.code[*value] {
        Expr::Name(name) => found.held == Some(*name),
        _ => called(&body.code, *value) == call,
    };
    if found.returns.is_empty() || !found.returns.iter().all(is_it) {
        return None;
    }
    let Expr::Call { func, args } = &body.code[call] else { return None };
    let index_of = |name: Name, kind: Option<ParamKind>| {
        let is_param = |param: &auditline_syntax::python::ir::Param| {
            param.name == name && kind.is_none_or(|kind| param.kind == kind)
        };
        body.params.iter().position(is_param).and_then(|index| u32::try_from(index).ok())
    };
    let Expr::Name(callable) = &body.code[*func] else { return None };
    let mut forwarded =
        Forwarded { callable: index_of(*callable, None)?, arguments: Vec::new(), rest: None, keywords: false };
    let mut position = 0;
    for arg in args {
        let named = match &body.code[arg.value] {
            Expr::Name(name) => Some(*name),
            _ => None,
        };
        match arg.kind {
            ArgKind::Positional => {
                let param = named.and_then(|name| index_of(name, None));
                forwarded.arguments.push((ArgName::Position(position), param));
                position += 1;
            }
            ArgKind::Keyword(name) => {
                let param = named.and_then(|name| index_of(name, None));
                forwarded.arguments.push((ArgName::Keyword(name), param));
            }
            ArgKind::Starred => forwarded.rest = Some(index_of(named?, Some(ParamKind::VarArgs))?),
            ArgKind::DoubleStarred => {
                index_of(named?, Some(ParamKind::KwArgs))?;
                forwarded.keywords = true;
            }
        }
    }
    Some(Arc::new(forwarded))
}

/// What is seen of a function's statements.
#[derive(Default)]
struct Found {
    /// The call of a parameter.
    call: Option<ExprId>,
    /// The variable that is bound to its result.
    held: Option<Name>,
    /// What is returned.
    returns: Vec<ExprId>,
}

impl Found {
    /// Reads a block; `None` where something stands in it that is not followed.
    fn block(&mut self, body: &Function, block: &Block) -> Option<()> {
        let code = &body.code;
        for stmt in block.iter() {
            match &stmt.kind {
                StmtKind::Assign { targets, value } => {
                    if self.reads(body, *value)? {
                        let [target] = targets[..] else { return None };
                        let Expr::Name(name) = &code[target] else { return None };
                        self.held = Some(*name);
                    } else if targets.iter().any(|target| match &code[*target] {
                        Expr::Name(name) => {
                            self.held == Some(*name) || body.params.iter().any(|param| param.name == *name)
                        }
                        _ => true,
                    }) {
                        return None;
                    }
                }
                StmtKind::Return(Some(value)) => {
                    self.reads(body, *value)?;
                    self.returns.push(*value);
                }
                StmtKind::If(branch) => {
                    self.block(body, &branch.body)?;
                    self.block(body, &branch.orelse)?;
                }
                StmtKind::Try(guarded) => {
                    let misses = guarded.handlers.iter().all(|handler| {
                        !handler.exceptions.is_empty() && handler.exceptions.iter().all(|caught| is_miss(code, *caught))
                    });
                    if !misses || !guarded.finally.is_empty() {
                        return None;
                    }
                    self.block(body, &guarded.body)?;
                    self.block(body, &guarded.orelse)?;
                    for handler in &guarded.handlers {
                        self.block(body, &handler.body)?;
                    }
                }
                StmtKind::Expr(_) | StmtKind::Raise { .. } | StmtKind::Pass => {}
                _ => return None,
            }
        }
        Some(())
    }

    /// Whether an expression is the call of a parameter; `None` for a second one.
    fn reads(&mut self, body: &Function, value: ExprId) -> Option<bool> {
        let call = called(&body.code, value);
        let Expr::Call { func, .. } = &body.code[call] else { return Some(false) };
        let is_param = |name: &Name| body.params.iter().any(|param| param.name == *name);
        if !matches!(&body.code[*func], Expr::Name(name) if is_param(name)) {
            return Some(false);
        }
        self.call.replace(call).is_none().then_some(true)
    }
}

/// The call that an expression awaits, or the expression itself.
fn called(code: &Code, value: ExprId) -> ExprId {
    match &code[value] {
        Expr::Await(inner) => *inner,
        _ => value,
    }
}

/// Whether an exception says that no row was found.
fn is_miss(code: &Code, caught: ExprId) -> bool {
    let (Expr::Name(name) | Expr::Attribute { attr: name, .. }) = &code[caught] else { return false };
    matches!(name.as_str(), "NoResultFound" | "NoResult" | "MultipleResultsFound")
}
