//! Abstract classes, and the class whose objects are meant where a type names one.

use auditline_syntax::Name;

use super::info::{BaseTarget, ClassInfo, MethodInfo, MethodKind, class_info};
use super::{Detached, mro, simple};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, head, parsed};
use crate::names::files_mentioning;
use crate::symbols::Symbol;

/// The class whose objects a type that names `class` promises: `class` itself, or, where it is abstract (a `Protocol`, or an
/// `ABC` with abstract methods), the only class of the project that implements it. Of several, those that only tests name stand
/// in for it.
///
/// A `Protocol` is implemented by what inherits from it or, where nothing does, by what has all its methods, of which one alone
/// would say too little
/// (<https://typing.python.org/en/latest/spec/protocol.html>).
#[must_use]
pub fn implementation(db: &dyn Db, class: ClassRef) -> ClassRef {
    implementation_at(db, class.file, class.path).unwrap_or(class)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn implementation_at(db: &dyn Db, file: SourceFile, path: Name) -> Option<ClassRef> {
    let class = ClassRef { file, path };
    let info = class_info(db, class)?;
    let is_protocol = is_protocol(&info);
    if !is_protocol && !is_abstract(&info) {
        return None;
    }
    let mut found = subclasses(db, class);
    if found.is_empty() && is_protocol {
        found = alike(db, class, &info);
    }
    if found.len() > 1 {
        found.retain(|class| !stands_in(db, *class));
    }
    match found[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn is_protocol(info: &ClassInfo) -> bool {
    info.bases.iter().any(|base| matches!(base.target, BaseTarget::External(path) if path == "typing.Protocol"))
}

/// Whether it has an abstract method of its own.
fn is_abstract(info: &ClassInfo) -> bool {
    info.methods.iter().any(|method| {
        method.decorators.iter().any(|decorator| {
            matches!(decorator, Detached::Path { symbol: Symbol::External(path), .. }
                if simple(*path).starts_with("abstract"))
        })
    })
}

/// The classes that inherit from it and are not abstract themselves, but those of tests.
pub(crate) fn subclasses(db: &dyn Db, class: ClassRef) -> Vec<ClassRef> {
    let mut family = vec![class];
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(class) = family.get(next).copied() {
        next += 1;
        for file in files_mentioning(db, simple(class.path)).iter() {
            if crate::entry::is_test(db, *file) {
                continue;
            }
            for other in &parsed(db, *file).module.classes {
                let other = ClassRef { file: *file, path: other.path };
                let Some(info) = class_info(db, other) else { continue };
                let inherits =
                    info.bases.iter().any(|base| matches!(base.target, BaseTarget::Class(base) if base == class));
                if !inherits || family.contains(&other) {
                    continue;
                }
                family.push(other);
                if !is_abstract(&info) && !is_protocol(&info) {
                    found.push(other);
                }
            }
        }
    }
    found
}

/// The classes that have all the methods of a protocol, but those of tests.
fn alike(db: &dyn Db, class: ClassRef, info: &ClassInfo) -> Vec<ClassRef> {
    let own =
        || info.methods.iter().filter(|method| method.kind == MethodKind::Instance && !method.name.starts_with("__"));
    if own().nth(1).is_none() {
        return Vec::new();
    }
    // The longest name is mentioned in the fewest files.
    let Some(rarest) = own().map(|method| method.name).max_by_key(|name| name.len()) else { return Vec::new() };
    let mut found = Vec::new();
    for file in files_mentioning(db, rarest.as_str()).iter() {
        if crate::entry::is_test(db, *file) {
            continue;
        }
        for other in &parsed(db, *file).module.classes {
            let other = ClassRef { file: *file, path: other.path };
            let Some(theirs) = class_info(db, other).filter(|_| other != class) else { continue };
            let inherited = mro(db, other);
            // Called in the same way: with as many arguments, and awaited or not.
            let has = |wanted: &MethodInfo| {
                inherited.iter().any(|ancestor| {
                    class_info(db, *ancestor).is_some_and(|info| {
                        info.method(wanted.name).is_some_and(|own| {
                            own.is_async == wanted.is_async
                                && params(db, ancestor.file, own.path) == params(db, class.file, wanted.path)
                        })
                    })
                })
            };
            if theirs.method(rarest).is_some() && !is_protocol(&theirs) && !is_abstract(&theirs) && own().all(has) {
                found.push(other);
            }
        }
    }
    found
}

/// How many parameters a method has.
fn params(db: &dyn Db, file: SourceFile, path: Name) -> Option<usize> {
    head(db, FunctionRef { file, path }).map(|body| body.params.len())
}

/// Whether only tests name the class, besides where it stands and what hands its name on.
fn stands_in(db: &dyn Db, class: ClassRef) -> bool {
    let (mut by_tests, mut by_others) = (false, false);
    for file in files_mentioning(db, simple(class.path)).iter() {
        let is_test = crate::entry::is_test(db, *file);
        by_tests |= is_test;
        by_others |= !is_test && *file != class.file && file.path(db).stem() != "__init__";
    }
    by_tests && !by_others
}
