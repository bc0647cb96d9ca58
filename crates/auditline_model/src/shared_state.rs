//! State that a process keeps for itself: containers that module-level variables and shared objects hold, and the functions
//! that change them and look into them.

use std::sync::Arc;

use auditline_syntax::python::ir::{Code, Expr, ExprId, Function, Stmt, StmtKind};
use auditline_syntax::python::{statement_expressions, walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, parsed};
use crate::eval::own_class;
use crate::names::{Scope, canonical, files_mentioning, resolve};
use crate::symbols::Symbol;

/// A container that starts empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Container {
    /// What holds it.
    pub holder: Keeper,
    /// How it is written where it is used: `_sessions`, `self.active`.
    pub written: Name,
    /// Whether it forgets by itself what it has held for a time.
    pub expires: bool,
}

/// What holds a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keeper {
    /// A module-level variable.
    Global(VariableRef),
    /// An attribute that the constructor of a class sets; the range of the assignment, relative to the constructor.
    Attribute(ClassRef, Name, TextRange),
}

/// What a function does with a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateUse {
    /// The function.
    pub function: FunctionRef,
    /// Whether it changes it.
    pub changes: bool,
    /// Whether it puts something there, and does not only take away.
    pub fills: bool,
    /// Whether what it puts there depends on what stood there: a count goes up, a list grows.
    pub accumulates: bool,
    /// Whether it looks into it.
    pub looks: bool,
    /// Whether it goes through all that is in it, or in an entry, and changes nothing: it meets what others have left.
    pub walks: bool,
}

/// Methods that change a container in place and say nothing of what is in it.
const CHANGES: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "move_to_end",
    "put",
    "put_nowait",
    "remove",
    "update",
];

/// Methods that take something out, and give it.
const TAKES: &[&str] = &["get_nowait", "pop", "popitem", "popleft", "setdefault"];

/// Those of either that put nothing there.
const REMOVES: &[&str] = &["clear", "discard", "get_nowait", "pop", "popitem", "popleft", "remove"];

/// Methods through which what is in a container is reached.
const REACHES: &[&str] = &["get", "setdefault"];

/// The containers that start empty in a file: of module-level variables, and of attributes that constructors set.
#[salsa::tracked(returns(clone))]
pub fn containers(db: &dyn Db, file: SourceFile) -> Arc<Vec<Container>> {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let mut found = Vec::new();
    let scope = Scope::Module(file);
    bindings(&module.code, &mut |target, value, _| {
        if let Expr::Name(name) = &module.code[target]
            && let Some(expires) = empty_container(db, scope, &module.code, value)
        {
            let holder = Keeper::Global(VariableRef { file, name: *name });
            found.push(Container { holder, written: *name, expires });
        }
    });
    for function in module.functions.iter().filter(|function| function.name == "__init__") {
        let of = FunctionRef { file, path: function.path };
        let (Some(class), Some(own)) = (own_class(db, of), function.params.first()) else { continue };
        bindings(&function.code, &mut |target, value, range| {
            if let Expr::Attribute { value: object, attr } = &function.code[target]
                && matches!(&function.code[*object], Expr::Name(name) if *name == own.name)
                && let Some(expires) = empty_container(db, Scope::Function(of), &function.code, value)
            {
                let written = Name::new(&format!("{}.{attr}", own.name));
                found.push(Container { holder: Keeper::Attribute(class, *attr, range), written, expires });
            }
        });
    }
    // A name that is bound twice is found once.
    let mut seen = Vec::new();
    found.retain(|container: &Container| {
        let known = (container.written, std::mem::discriminant(&container.holder), class_of(container.holder));
        let is_new = !seen.contains(&known);
        seen.push(known);
        is_new
    });
    Arc::new(found)
}

fn class_of(keeper: Keeper) -> Option<ClassRef> {
    match keeper {
        Keeper::Global(_) => None,
        Keeper::Attribute(class, ..) => Some(class),
    }
}

/// The assignments of a body: target, value, range of the statement.
fn bindings(code: &Code, visit: &mut impl FnMut(ExprId, ExprId, TextRange)) {
    walk_statements(&code.block, &mut |stmt| {
        if let Some((targets, value)) = stmt.kind.assignment() {
            targets.iter().for_each(|target| visit(*target, value, stmt.range));
        }
    });
}

/// `{}`, `[]`, `dict()`, `defaultdict(list)`, `deque(maxlen=100)`, `asyncio.Queue()`; and whether it forgets by itself.
fn empty_container(db: &dyn Db, scope: Scope, code: &Code, value: ExprId) -> Option<bool> {
    match &code[value] {
        Expr::Dict(entries) => entries.is_empty().then_some(false),
        Expr::List(items) => items.is_empty().then_some(false),
        Expr::Call { func, args } => {
            let path = match resolve(db, scope, code, *func) {
                Symbol::External(path) => canonical(path),
                _ => return None,
            };
            let last = path.rsplit('.').next().unwrap_or_default();
            let is_container = match path.split('.').next() {
                Some("builtins") => args.is_empty() && matches!(last, "dict" | "list" | "set"),
                Some("collections") => matches!(last, "defaultdict" | "deque" | "OrderedDict" | "Counter"),
                Some("asyncio" | "queue") => last.ends_with("Queue"),
                Some("cachetools") => last.ends_with("Cache"),
                _ => false,
            };
            is_container.then_some(matches!(last, "TTLCache" | "TLRUCache"))
        }
        _ => None,
    }
}

/// The functions that use a module-level container, as they stand in the workspace; without tests.
#[must_use]
pub fn uses_of_global(db: &dyn Db, variable: VariableRef) -> Vec<StateUse> {
    files_mentioning(db, &variable.name)
        .iter()
        .filter(|file| !crate::entry::is_test(db, **file))
        .flat_map(|file| uses_in(db, *file, variable.name).to_vec())
        .filter(|(of, _)| *of == variable)
        .map(|(_, used)| used)
        .collect()
}

/// The uses of module-level variables of that name, or of attributes of modules, in a file.
#[salsa::tracked(returns(clone))]
fn uses_in(db: &dyn Db, file: SourceFile, name: Name) -> Arc<Vec<(VariableRef, StateUse)>> {
    let mut found = Vec::new();
    for function in &parsed(db, file).module.functions {
        let named = function.code.exprs.iter().any(|expr| match expr {
            Expr::Name(own) => *own == name,
            Expr::Attribute { attr, .. } => *attr == name,
            _ => false,
        });
        if !named {
            continue;
        }
        let of = FunctionRef { file, path: function.path };
        let mut variable = None;
        let is_it = |expr: ExprId| {
            let written = match &function.code[expr] {
                Expr::Name(own) => *own == name,
                Expr::Attribute { attr, .. } => *attr == name,
                _ => false,
            };
            written.then(|| resolve_shared(db, of, function, expr)).flatten()
        };
        let mut is_own = |expr: ExprId| {
            let resolved = is_it(expr);
            variable = variable.or(resolved);
            resolved.is_some()
        };
        let used = used(of, function, &mut is_own);
        if let (Some(variable), Some(used)) = (variable, used) {
            found.push((variable, used));
        }
    }
    Arc::new(found)
}

/// The module-level variable that an expression means in a function; also one that the function binds by `global`.
fn resolve_shared(db: &dyn Db, of: FunctionRef, function: &Function, expr: ExprId) -> Option<VariableRef> {
    if let Expr::Name(name) = &function.code[expr] {
        let mut is_global = false;
        walk_statements(&function.code.block, &mut |stmt| {
            is_global |= matches!(&stmt.kind, StmtKind::Global(names) if names.contains(name));
        });
        if is_global {
            return Some(VariableRef { file: of.file, name: *name });
        }
    }
    match resolve(db, Scope::Function(of), &function.code, expr) {
        Symbol::Variable(variable) => Some(variable),
        _ => None,
    }
}

/// The methods of a class that use an attribute of their object.
#[must_use]
pub fn uses_of_attribute(db: &dyn Db, class: ClassRef, attribute: Name) -> Vec<StateUse> {
    attribute_uses(db, class, attribute).to_vec()
}

#[salsa::tracked(returns(clone))]
fn attribute_uses(db: &dyn Db, class: ClassRef, attribute: Name) -> Arc<Vec<StateUse>> {
    let prefix = format!("{}.", class.path);
    let mut found = Vec::new();
    for function in &parsed(db, class.file).module.functions {
        let of = FunctionRef { file: class.file, path: function.path };
        let method = function.path.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.contains('.'));
        let Some(own) = function.params.first().filter(|_| method && function.name != "__init__") else { continue };
        let mut is_own = |expr: ExprId| match &function.code[expr] {
            Expr::Attribute { value, attr } => {
                *attr == attribute && matches!(&function.code[*value], Expr::Name(name) if *name == own.name)
            }
            _ => false,
        };
        found.extend(used(of, function, &mut is_own));
    }
    Arc::new(found)
}

/// What a function does with the container that those expressions mean.
fn used(of: FunctionRef, function: &Function, is_it: &mut impl FnMut(ExprId) -> bool) -> Option<StateUse> {
    let code = &function.code;
    let mut result =
        StateUse { function: of, changes: false, fills: false, accumulates: false, looks: false, walks: false };
    let mut any = false;
    let entries = entries_of(code, is_it);
    walk_statements(&code.block, &mut |stmt| {
        // The places in the statement where it is changed; each other place looks.
        let mut changed: Vec<ExprId> = Vec::new();
        let mut deep = false;
        let mut taken = false;
        changes(code, stmt, &entries, is_it, &mut |at, change| {
            changed.push(at);
            deep |= change == Change::Grows;
            taken |= change == Change::Takes;
            result.fills |= matches!(change, Change::Puts | Change::Grows);
        });
        let mut looks = false;
        statement_expressions(stmt, |root| {
            walk_expression(code, root, &mut |expr| {
                if is_it(expr) && !changed.contains(&expr) {
                    looks = true;
                }
            });
        });
        any |= looks || !changed.is_empty();
        result.changes |= !changed.is_empty();
        // To take away the oldest, `_seen.pop(next(iter(_seen)))`, counts nothing.
        let assigns = matches!(&stmt.kind, StmtKind::Assign { .. } | StmtKind::AugAssign { .. });
        result.accumulates |= deep || assigns && !changed.is_empty() && looks;
        result.looks |= looks || taken;
        if let StmtKind::For { iter, .. } = &stmt.kind {
            result.walks |= root(code, walked(code, *iter), &entries, is_it).is_some();
        }
    });
    result.walks &= !result.changes;
    any.then_some(result)
}

/// What a loop goes through: `sockets` of `list(sockets)`, `sockets.values()`, `sockets.copy()`.
fn walked(code: &Code, mut iter: ExprId) -> ExprId {
    while let Expr::Call { func, args } = &code[iter] {
        iter = match (&code[*func], &args[..]) {
            (Expr::Attribute { value, attr }, []) if matches!(attr.as_str(), "copy" | "items" | "keys" | "values") => {
                *value
            }
            (Expr::Name(name), [only]) if matches!(name.as_str(), "list" | "set" | "sorted" | "tuple") => only.value,
            _ => break,
        };
    }
    iter
}

/// The local names of what is in a container: `hits = _hits[host]`. A name that is bound to something else as well may be a
/// copy: `hits = [at for at in hits if at > since]`.
fn entries_of(code: &Code, is_it: &mut dyn FnMut(ExprId) -> bool) -> Vec<Name> {
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    walk_statements(&code.block, &mut |stmt| {
        let Some((targets, value)) = stmt.kind.assignment() else { return };
        let is_entry = targets.len() == 1 && root(code, value, &[], is_it).is_some_and(|(_, depth)| depth > 0);
        for target in targets {
            if let Expr::Name(name) = code[*target] {
                if is_entry { &mut entries } else { &mut others }.push(name);
            }
        }
    });
    entries.retain(|name| !others.contains(name));
    entries
}

/// What a change does to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Something is put there, whatever stood there.
    Puts,
    /// What stands there decides what will: a count goes up, a list grows.
    Grows,
    /// Something is taken away.
    Removes,
    /// Something is taken away, and looked at.
    Takes,
}

/// The places where a statement changes a container.
fn changes(
    code: &Code,
    stmt: &Stmt,
    entries: &[Name],
    is_it: &mut impl FnMut(ExprId) -> bool,
    found: &mut impl FnMut(ExprId, Change),
) {
    let target = |target: ExprId, is_it: &mut dyn FnMut(ExprId) -> bool| -> Option<ExprId> {
        // To bind the name of an entry anew changes nothing.
        let (root, depth) = root(code, target, entries, is_it)?;
        (depth > 0 && root != target).then_some(root)
    };
    match &stmt.kind {
        StmtKind::Assign { targets, .. } => {
            for one in targets {
                if let Some(root) = target(*one, is_it) {
                    found(root, Change::Puts);
                }
            }
        }
        StmtKind::AugAssign { target: one, .. } => {
            if let Some(root) = target(*one, is_it) {
                found(root, Change::Grows);
            }
        }
        StmtKind::Delete(targets) => {
            for one in targets {
                if let Some(root) = target(*one, is_it) {
                    found(root, Change::Removes);
                }
            }
        }
        _ => {}
    }
    statement_expressions(stmt, |whole| {
        let mut called: Vec<ExprId> = Vec::new();
        walk_expression(code, whole, &mut |expr| {
            let method = match &code[expr] {
                Expr::Call { func, .. } => *func,
                // Handed to somebody who calls it: `task.add_done_callback(_tasks.discard)`.
                Expr::Attribute { .. } if !called.contains(&expr) => expr,
                _ => return,
            };
            let Expr::Attribute { value, attr } = &code[method] else { return };
            called.push(method);
            if !TAKES.contains(&attr.as_str()) && !CHANGES.contains(&attr.as_str()) {
                return;
            }
            if let Some((root, depth)) = root(code, *value, entries, is_it) {
                // `_sessions[key].append(value)` grows what stands there; `pop` only removes.
                let removes = REMOVES.contains(&attr.as_str());
                let is_asked = TAKES.contains(&attr.as_str()) && !is_statement(code, stmt, expr);
                found(
                    root,
                    match (removes, depth > 0) {
                        (true, _) if is_asked => Change::Takes,
                        (true, _) => Change::Removes,
                        (false, true) => Change::Grows,
                        (false, false) => Change::Puts,
                    },
                );
            }
        });
    });
}

/// Whether an expression is a statement of its own: what it gives is not looked at.
fn is_statement(code: &Code, stmt: &Stmt, expr: ExprId) -> bool {
    match &stmt.kind {
        StmtKind::Expr(whole) => *whole == expr || matches!(&code[*whole], Expr::Await(inner) if *inner == expr),
        _ => false,
    }
}

/// The container at the root of `_hits[key]`, `_hits.setdefault(key, [])[0]`, `_state.get(key).tries`, and how many steps
/// lead from it. The names of entries are one step away.
fn root(code: &Code, expr: ExprId, entries: &[Name], is_it: &mut dyn FnMut(ExprId) -> bool) -> Option<(ExprId, u32)> {
    let mut at = expr;
    let mut depth = 0;
    loop {
        if is_it(at) {
            return Some((at, depth));
        }
        if matches!(&code[at], Expr::Name(name) if entries.contains(name)) {
            return Some((at, depth + 1));
        }
        at = match &code[at] {
            Expr::Subscript { value, .. } | Expr::Attribute { value, .. } => *value,
            Expr::Call { func, .. } => match &code[*func] {
                Expr::Attribute { value, attr } if REACHES.contains(&attr.as_str()) => *value,
                _ => return None,
            },
            _ => return None,
        };
        depth += 1;
    }
}
