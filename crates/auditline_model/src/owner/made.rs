//! Who makes the objects of a class.

use crate::classes;
use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::names::files_mentioning;

use super::constructions;

/// Whether the objects of a class and of its subclasses are made, and only by tests and commands: what they hold ends with a
/// process. A class that anything else names is made by that, as far as can be told.
#[must_use]
pub fn is_made_aside(db: &dyn Db, class: ClassRef) -> bool {
    made_aside_query(db, class, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn made_aside_query(db: &dyn Db, class: ClassRef, _key: ()) -> bool {
    let mut family = vec![class];
    let mut made = false;
    let mut next = 0;
    while let Some(class) = family.get(next).copied() {
        next += 1;
        for file in files_mentioning(db, classes::simple(class.path)).iter().copied() {
            if crate::entry::is_by_hand(db, file) {
                made = true;
                continue;
            }
            let subclasses: Vec<ClassRef> = own_subclasses(db, file, class);
            let sites = constructions(db, class);
            let mut here = sites.iter().filter(|site| site.function.file == file).peekable();
            // What names the class, and neither makes it nor inherits from it, may hand it to whoever makes it.
            if file != class.file && subclasses.is_empty() && here.peek().is_none() {
                return false;
            }
            for site in here {
                if !crate::entry::is_command(db, site.function) {
                    return false;
                }
                made = true;
            }
            for subclass in subclasses {
                if !family.contains(&subclass) {
                    family.push(subclass);
                }
            }
        }
    }
    made
}

/// The classes of a file that inherit from a class.
fn own_subclasses(db: &dyn Db, file: SourceFile, class: ClassRef) -> Vec<ClassRef> {
    let parsed = parsed(db, file);
    let own = parsed.module.classes.iter().map(|other| ClassRef { file, path: other.path });
    own.filter(|other| *other != class && classes::mro(db, *other).contains(&class)).collect()
}
