//! The functions that a dependency serves.

use std::sync::Arc;

use auditline_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::classes;
use crate::db::{Db, FunctionRef, SourceFile, parsed};
use crate::names::{files_mentioning, files_mentioning_both};

/// Dependencies, each with the functions that it serves.
type Served = FxHashMap<FunctionRef, Vec<FunctionRef>>;

/// The functions that a dependency serves, through their parameters.
pub fn users_of_dependency(db: &dyn Db, of: FunctionRef) -> Arc<[FunctionRef]> {
    users_of_dependency_query(db, of, ())
}

#[salsa::tracked(returns(clone))]
fn users_of_dependency_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[FunctionRef]> {
    let by_name = served_by_name(db, named(of), ());
    by_name.get(&of).map(|users| users.as_slice().into()).unwrap_or_default()
}

/// The name by which a dependency is known where it is used: that of the class, where its objects are called.
fn named(of: FunctionRef) -> Name {
    match of.path.as_str().strip_suffix(".__call__") {
        Some(class) => Name::new(class.rsplit('.').next().unwrap_or(class)),
        None => Name::new(classes::simple(of.path)),
    }
}

/// The dependencies of that name. Of a common name there are many, in many files that mention it: they are looked through
/// once for all of them.
#[salsa::tracked(returns(clone))]
fn served_by_name(db: &dyn Db, name: Name, _key: ()) -> Arc<Served> {
    let mut files: Vec<SourceFile> = files_mentioning(db, &name).to_vec();
    let mut seen: FxHashSet<SourceFile> = files.iter().copied().collect();
    for file in files_mentioning_both(db, "Annotated", &name) {
        for (callee, alias) in classes::dependency_aliases(db, file).iter() {
            if name == named(*callee) {
                files.extend(files_mentioning(db, alias).iter().copied().filter(|file| seen.insert(*file)));
            }
        }
    }
    let mut served = Served::default();
    for file in files {
        for (callee, users) in dependencies_in(db, file).iter() {
            if name == named(*callee) {
                served.entry(*callee).or_default().extend(users);
            }
        }
    }
    Arc::new(served)
}

/// The dependencies of a file's functions, each with the functions that it serves. A query of its own, because the files that
/// mention a common name are asked for each function of that name.
#[salsa::tracked(returns(clone))]
fn dependencies_in(db: &dyn Db, file: SourceFile) -> Arc<Served> {
    let mut dependencies: Served = FxHashMap::default();
    for function in &parsed(db, file).module.functions {
        let user = FunctionRef { file, path: function.path };
        for index in 0..function.params.len() {
            if let Some(crate::eval::Depended::On(crate::symbols::Symbol::Function(callee))) =
                crate::eval::dependency_of_param(db, user, index)
            {
                let users = dependencies.entry(callee).or_default();
                if users.last() != Some(&user) {
                    users.push(user);
                }
            }
        }
    }
    Arc::new(dependencies)
}
