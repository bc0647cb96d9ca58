//! Objects that a function makes when it is first called, and keeps in a module-level variable or on a class:
//! `if _client is None: _client = make()`, `if not Manager._instance: Manager._instance = Manager()`.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, Code, CompareOp, Expr, ExprId, Stmt, StmtKind, UnaryOp};
use auditline_syntax::python::{dotted, walk, walk_statement_expressions};
use auditline_syntax::{Name, TextRange};

use crate::db::{ClassRef, Db, FunctionRef, VariableRef, function};
use crate::eval::libraries::{Known, known, names_lock};
use crate::eval::value::{InstanceOrigin, InstanceValue, Value};
use crate::eval::{own_class, variable};
use crate::names::{canonical, resolve_global, resolve_in};
use crate::place::Place;
use crate::symbols::Symbol;
use crate::unit::unit_of;

/// An object that is made where a variable holds none, with no lock around the look and the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lazy {
    /// What keeps it.
    pub holder: Holder,
    /// How the holder is written in the function: `_client`, `Manager._instance`, `cls._instance`.
    pub written: Name,
    /// What is made.
    pub made: Value,
    /// The statement that looks whether there is one, relative to the function.
    pub check: TextRange,
    /// The assignment, relative to the function.
    pub assignment: TextRange,
    /// Whether something is awaited between the look and the assignment.
    pub awaits: bool,
}

/// What keeps an object for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A module-level variable.
    Global(VariableRef),
    /// An attribute of a class.
    Class(ClassRef, Name),
}

impl Holder {
    /// The name of the variable or attribute.
    #[must_use]
    pub fn name(self) -> Name {
        match self {
            Self::Global(variable) => variable.name,
            Self::Class(_, name) => name,
        }
    }

    /// Where it is bound first.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Self::Global(variable) => Place::Variable(variable),
            Self::Class(class, name) => Place::Attribute(class, name),
        }
    }
}

/// The objects that a function makes when they are missing, without a lock.
#[must_use]
pub fn lazy_objects(db: &dyn Db, of: FunctionRef) -> Vec<Lazy> {
    let Some(body) = function(db, of) else { return Vec::new() };
    let mut globals = Vec::new();
    auditline_syntax::python::walk_statements(&body.code.block, &mut |stmt| {
        if let StmtKind::Global(names) = &stmt.kind {
            globals.extend(names.iter().copied());
        }
    });
    let own = own_class(db, of);
    if globals.is_empty() && own.is_none() {
        return Vec::new();
    }
    let mut search = Search { db, of, code: &body.code, globals, own, found: Vec::new() };
    search.block(&body.code.block);
    let found = std::mem::take(&mut search.found);
    found
        .into_iter()
        .filter_map(|found| {
            let made = search.made(&found)?;
            let holder = match found.target {
                Target::Global(name) => match resolve_global(db, of.file, name) {
                    Symbol::Variable(variable) => Holder::Global(variable),
                    _ => return None,
                },
                Target::Class(class, name) => Holder::Class(class, name),
            };
            let Found { written, check, assignment, awaits, .. } = found;
            Some(Lazy { holder, written, made, check, assignment, awaits })
        })
        .collect()
}

/// What a function looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Global(Name),
    Class(ClassRef, Name),
}

struct Found {
    target: Target,
    written: Name,
    check: TextRange,
    assignment: TextRange,
    value: ExprId,
    awaits: bool,
}

struct Search<'a> {
    db: &'a dyn Db,
    of: FunctionRef,
    code: &'a Code,
    globals: Vec<Name>,
    /// The class of the method.
    own: Option<ClassRef>,
    found: Vec<Found>,
}

impl Search<'_> {
    /// Looks for checks in a block and those inside of it; under a lock nothing is looked for.
    fn block(&mut self, block: &Block) {
        for (at, stmt) in block.iter().enumerate() {
            match &stmt.kind {
                StmtKind::With { items, .. } if items.iter().any(|item| self.is_lock(item.context)) => continue,
                StmtKind::If(branch) => {
                    if let Some((target, written, absent)) = self.looked_at(branch.test) {
                        let leaves = branch.body.last().is_some_and(|last| matches!(last.kind, StmtKind::Return(_)));
                        let rest = &block[at + 1..];
                        let making: Option<&[Stmt]> = match absent {
                            true => Some(&branch.body[..]),
                            false if leaves && branch.orelse.is_empty() => Some(rest),
                            false => None,
                        };
                        if let Some(making) = making
                            && let Some((assignment, value, awaits)) = self.assigned(making, target)
                        {
                            let check = stmt.range;
                            self.found.push(Found { target, written, check, assignment, value, awaits });
                            return;
                        }
                    }
                }
                _ => {}
            }
            walk::blocks(stmt, |inner| self.block(inner));
        }
    }

    /// The global or class attribute that an expression names, and how it is written.
    fn target(&self, expr: ExprId) -> Option<(Target, Name)> {
        match &self.code[expr] {
            Expr::Name(name) if self.globals.contains(name) => Some((Target::Global(*name), *name)),
            Expr::Attribute { value, attr } => {
                let Expr::Name(object) = &self.code[*value] else { return None };
                let class = match resolve_in(self.db, self.of, self.code, *value) {
                    Symbol::Class(class) => Some(class),
                    _ if *object == "cls" => self.own,
                    _ => None,
                };
                Some((Target::Class(class?, *attr), Name::new(&format!("{object}.{attr}"))))
            }
            _ => None,
        }
    }

    /// The holder that a test looks for, and whether the test holds where there is none.
    fn looked_at(&self, test: ExprId) -> Option<(Target, Name, bool)> {
        let found = |expr: ExprId, absent: bool| self.target(expr).map(|(target, written)| (target, written, absent));
        match &self.code[test] {
            Expr::Unary { op: UnaryOp::Not, operand } => found(*operand, true),
            Expr::Compare { left, rest } => match rest.as_slice() {
                [(op, right)] if matches!(self.code[*right], Expr::None) => match op {
                    CompareOp::Is | CompareOp::Eq => found(*left, true),
                    CompareOp::IsNot | CompareOp::NotEq => found(*left, false),
                    _ => None,
                },
                _ => None,
            },
            _ => found(test, false),
        }
    }

    /// The assignment of the holder in statements that run one after another, its value, and whether something is awaited
    /// before it is done; `None` where there is none, or a lock is taken first.
    fn assigned(&self, stmts: &[Stmt], target: Target) -> Option<(TextRange, ExprId, bool)> {
        let mut awaits = false;
        for stmt in stmts {
            let mut locks = false;
            if !matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_)) {
                walk_statement_expressions(self.code, stmt, &mut |expr| match &self.code[expr] {
                    Expr::Await(_) => awaits = true,
                    Expr::Call { func, .. } => {
                        locks |= matches!(&self.code[*func], Expr::Attribute { attr, .. } if *attr == "acquire");
                    }
                    _ => {}
                });
            }
            if locks {
                return None;
            }
            let is_own = |expr: ExprId| self.target(expr).is_some_and(|(own, _)| own == target);
            match &stmt.kind {
                StmtKind::Assign { targets, value } if targets.iter().any(|own| is_own(*own)) => {
                    return (!matches!(self.code[*value], Expr::None)).then_some((stmt.range, *value, awaits));
                }
                StmtKind::AnnAssign { target: own, value: Some(value), .. } if is_own(*own) => {
                    return Some((stmt.range, *value, awaits));
                }
                StmtKind::With { items, .. } if items.iter().any(|item| self.is_lock(item.context)) => return None,
                StmtKind::Try(attempt) => {
                    if let Some((range, value, inner)) = self.assigned(&attempt.body, target) {
                        return Some((range, value, awaits || inner));
                    }
                }
                StmtKind::With { is_async, body, .. } => {
                    awaits |= *is_async;
                    if let Some((range, value, inner)) = self.assigned(body, target) {
                        return Some((range, value, awaits || inner));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// What is made: what the unit says of a global, else what the call makes.
    fn made(&self, found: &Found) -> Option<Value> {
        if let Target::Global(name) = found.target {
            // The unit lists what is assigned in the order of the text; a reset to `None` makes nothing.
            let unit = unit_of(self.db, self.of);
            let known = unit.globals.iter().find(|(own, value)| *own == name && *value != Value::None);
            if let Some((_, value)) = known
                && *value != Value::Unknown
            {
                return Some(value.clone());
            }
        }
        self.called(found.value)
    }

    fn called(&self, value: ExprId) -> Option<Value> {
        let instance = |class| {
            Value::Instance(Arc::new(InstanceValue {
                class,
                arguments: Vec::new(),
                origin: InstanceOrigin::Constructed,
            }))
        };
        match &self.code[value] {
            Expr::Await(inner) => self.called(*inner),
            Expr::Call { func, .. } => match (&self.code[*func], resolve_in(self.db, self.of, self.code, *func)) {
                // `super().__new__(cls)`
                (Expr::Attribute { attr, .. }, _) if *attr == "__new__" => self.own.map(instance),
                (Expr::Name(name), _) if *name == "cls" => self.own.map(instance),
                (_, Symbol::Class(class)) => Some(instance(class)),
                (_, Symbol::Function(function)) => Some(unit_of(self.db, function).returns.clone()),
                (_, Symbol::External(path)) => Some(match known(&canonical(path)) {
                    Some(Known::EngineFunction) => Value::Engine,
                    _ => Value::Made(canonical(path)),
                }),
                _ => None,
            },
            // A variable that was filled before: `manager = Manager(); _manager = manager`.
            Expr::Name(name) => {
                let mut last = None;
                auditline_syntax::python::walk_statements(&self.code.block, &mut |stmt| {
                    if let StmtKind::Assign { targets, value } = &stmt.kind
                        && targets.iter().any(|target| matches!(&self.code[*target], Expr::Name(own) if own == name))
                        && matches!(self.code[*value], Expr::Call { .. } | Expr::Await(_))
                    {
                        last = Some(*value);
                    }
                });
                self.called(last?)
            }
            _ => None,
        }
    }

    /// Whether a `with` on the expression locks: it is named so, or holds a lock.
    fn is_lock(&self, context: ExprId) -> bool {
        let target = match &self.code[context] {
            Expr::Call { func, .. } => *func,
            _ => context,
        };
        let named = match &self.code[target] {
            Expr::Attribute { attr, .. } => names_lock(attr),
            _ => dotted(self.code, target).is_some_and(|path| names_lock(&path)),
        };
        named
            || self.is_held_lock(target)
            || match resolve_in(self.db, self.of, self.code, target) {
                Symbol::Variable(held) => {
                    matches!(variable(self.db, held), Value::Made(path) if known(&path) == Some(Known::LockClass))
                }
                _ => false,
            }
    }
}

impl Search<'_> {
    /// Whether an attribute of the class or of its object holds a lock.
    fn is_held_lock(&self, target: ExprId) -> bool {
        let Expr::Attribute { value, attr } = &self.code[target] else { return false };
        let class = match resolve_in(self.db, self.of, self.code, *value) {
            Symbol::Class(class) => Some(class),
            _ => match &self.code[*value] {
                Expr::Name(object) if is_first_param(self.db, self.of, *object) => self.own,
                _ => None,
            },
        };
        let held = class.map(|class| crate::eval::attribute(self.db, class, *attr));
        matches!(held, Some(Value::Made(path)) if known(&path) == Some(Known::LockClass))
    }
}

fn is_first_param(db: &dyn Db, of: FunctionRef, name: Name) -> bool {
    crate::db::head(db, of).is_some_and(|head| head.params.first().is_some_and(|param| param.name == name))
}

/// Whether objects of a class change after they were made: a method assigns an attribute of its own, or changes what one
/// holds. A second object does not know what the first was told.
///
/// A query of its own: it looks into the methods of another file, and only its answer must matter to a check.
#[must_use]
pub fn remembers(db: &dyn Db, class: ClassRef) -> bool {
    remembers_query(db, class, ())
}

#[salsa::tracked(returns(copy))]
fn remembers_query(db: &dyn Db, class: ClassRef, _key: ()) -> bool {
    let inner = format!("{}.", class.path);
    let parsed = crate::db::parsed(db, class.file);
    parsed.module.functions.iter().any(|method| {
        let own = method.params.first().map(|param| param.name);
        method.class.is_some()
            && method.path.starts_with(inner.as_str())
            && !method.name.starts_with("__")
            && own.is_some_and(|own| changes(&method.code, own))
    })
}

/// Whether code changes an attribute of that object.
fn changes(code: &Code, object: Name) -> bool {
    let attribute = |expr: ExprId| match &code[expr] {
        Expr::Attribute { value, .. } => matches!(&code[*value], Expr::Name(name) if *name == object),
        _ => false,
    };
    let target = |expr: ExprId| match &code[expr] {
        Expr::Subscript { value, .. } => attribute(*value),
        _ => attribute(expr),
    };
    let mut found = false;
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
        found |= match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().any(|own| target(*own)),
            StmtKind::AugAssign { target: own, .. } | StmtKind::AnnAssign { target: own, value: Some(_), .. } => {
                target(*own)
            }
            _ => false,
        };
        if !matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_)) {
            walk_statement_expressions(code, stmt, &mut |expr| {
                if let Expr::Call { func, .. } = &code[expr]
                    && let Expr::Attribute { value, attr } = &code[*func]
                {
                    found |= crate::eval::MUTATORS.contains(&attr.as_str()) && attribute(*value);
                }
            });
        }
    });
    found
}
