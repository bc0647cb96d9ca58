//! What the functions of a file call and assign, by name: what is asked of a file before the units of its functions.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Block, Expr, ExprId, Function, StmtKind};
use auditline_syntax::python::walk_statements;
use rustc_hash::FxHashMap;

use crate::db::{Db, FunctionRef, SourceFile, parsed};
use crate::eval::libraries;

/// Names with the functions in which they occur: sorted by name, then as the functions stand in the file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Occurrences(Box<[(Name, Name)]>);

impl Occurrences {
    fn new(mut pairs: Vec<(Name, Name)>) -> Self {
        // A stable sort leaves the functions of a name in their order; those of one function stand side by side.
        pairs.sort_by_key(|(name, _)| *name);
        pairs.dedup();
        Self(pairs.into())
    }

    fn of(&self, name: &str) -> impl Iterator<Item = Name> {
        let start = self.0.partition_point(|(other, _)| other.as_str() < name);
        self.0[start..].iter().take_while(move |(other, _)| *other == *name).map(|(_, function)| *function)
    }
}

/// What the functions of one file call and assign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Uses {
    calls: Occurrences,
    assignments: Occurrences,
}

/// A query of its own: workspace-wide questions look at every file that mentions a word, and an edit in one of them is
/// nothing to them as long as its functions call and assign the same names.
#[salsa::tracked(returns(clone))]
fn uses_in(db: &dyn Db, file: SourceFile) -> Arc<Uses> {
    let (mut calls, mut assignments) = (Vec::new(), Vec::new());
    let parsed = parsed(db, file);
    let mut renamed = Renamed::default();
    imported_under_other_names(&parsed.module.code.block, &mut renamed);
    for function in &parsed.module.functions {
        imported_under_other_names(&function.code.block, &mut renamed);
    }
    for function in &parsed.module.functions {
        for name in called_names(function) {
            calls.push((name, function.path));
            calls.extend(renamed.get(&name).into_iter().flatten().map(|own| (*own, function.path)));
        }
        assigned_attributes(function, |name| assignments.push((name, function.path)));
    }
    Arc::new(Uses { calls: Occurrences::new(calls), assignments: Occurrences::new(assignments) })
}

/// Names behind `as`, with those that what they stand for has in its own module.
type Renamed = FxHashMap<Name, Vec<Name>>;

fn imported_under_other_names(block: &Block, into: &mut Renamed) {
    walk_statements(block, &mut |stmt| {
        let StmtKind::ImportFrom(import) = &stmt.kind else { return };
        for imported in &import.names {
            if let Some(alias) = imported.alias.filter(|alias| *alias != imported.name) {
                let own = into.entry(alias).or_default();
                if !own.contains(&imported.name) {
                    own.push(imported.name);
                }
            }
        }
    });
}

/// The functions of a file in which something of that name is called: `name()`, `object.name()`, also under another name
/// that its import gives it, where it is handed to a thread, or as `async_to_sync(name)()`.
#[must_use]
pub fn functions_calling(db: &dyn Db, file: SourceFile, name: &str) -> Vec<FunctionRef> {
    uses_in(db, file).calls.of(name).map(|path| FunctionRef { file, path }).collect()
}

/// The functions of a file in which an attribute of that name may be assigned: `object.name = …`, `{"name": …}` that is kept or
/// handed on, `setattr(object, "name", …)`,
/// `update(…).values(name=…)`.
#[must_use]
pub fn functions_assigning(db: &dyn Db, file: SourceFile, attribute: &str) -> Vec<FunctionRef> {
    uses_in(db, file).assignments.of(attribute).map(|path| FunctionRef { file, path }).collect()
}

fn called_names(function: &Function) -> impl Iterator<Item = Name> {
    let code = &function.code;
    let name_of = |expr: ExprId| match &code[expr] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => Some(*name),
        _ => None,
    };
    code.exprs
        .iter()
        .flat_map(move |expr| {
            let Expr::Call { func, args } = expr else { return [None, None] };
            let name = name_of(*func);
            let handed = name.and_then(|name| libraries::calls_later(&name)).and_then(|at| args.get(at));
            [name, handed.and_then(|arg| name_of(arg.value))]
        })
        .flatten()
}

fn assigned_attributes(function: &Function, mut found: impl FnMut(Name)) {
    for expr in &function.code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let sets = matches!(&function.code[*func], Expr::Name(name) if *name == "setattr");
        let updates = matches!(&function.code[*func], Expr::Attribute { attr, .. } if *attr == "values");
        for arg in args {
            if let ArgKind::Keyword(name) = arg.kind
                && updates
            {
                found(name);
            }
            match &function.code[arg.value] {
                Expr::Str(name) if sets => found(Name::new(name)),
                Expr::Dict(entries) => named_entries(function, entries, &mut found),
                _ => {}
            }
        }
    }
    walk_statements(&function.code.block, &mut |stmt| {
        let targets: &[_] = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets,
            StmtKind::AugAssign { target, .. } | StmtKind::AnnAssign { target, .. } => std::slice::from_ref(target),
            _ => return,
        };
        for target in targets {
            match &function.code[*target] {
                Expr::Attribute { attr, .. } => found(*attr),
                Expr::Subscript { index, .. } => {
                    if let Expr::Str(name) = &function.code[*index] {
                        found(Name::new(name));
                    }
                }
                _ => {}
            }
        }
        let value = match &stmt.kind {
            StmtKind::Assign { value, .. } => Some(*value),
            StmtKind::AnnAssign { value, .. } => *value,
            _ => None,
        };
        if let Some(Expr::Dict(entries)) = value.map(|value| &function.code[value]) {
            named_entries(function, entries, &mut found);
        }
    });
}

fn named_entries(function: &Function, entries: &[(Option<ExprId>, ExprId)], found: &mut impl FnMut(Name)) {
    for (key, _) in entries {
        match key.map(|key| &function.code[key]) {
            Some(Expr::Str(name)) => found(Name::new(name)),
            Some(Expr::Attribute { attr, .. }) => found(*attr),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use auditline_syntax::Name;

    use super::Occurrences;

    #[test]
    fn functions_come_in_their_order_and_once() {
        let pair = |name: &str, function: &str| (Name::new(name), Name::new(function));
        let occurrences = Occurrences::new(vec![
            pair("save", "z"),
            pair("load", "z"),
            pair("save", "z"),
            pair("save", "a"),
            pair("saved", "a"),
        ]);
        let of = |name| occurrences.of(name).map(Name::as_str).collect::<Vec<_>>();
        assert_eq!(of("save"), ["z", "a"]);
        assert_eq!(of("load"), ["z"]);
        assert_eq!(of("sav"), [""; 0]);
        assert_eq!(of("saved"), ["a"]);
    }
}
