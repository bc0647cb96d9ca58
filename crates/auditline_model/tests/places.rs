//! Places follow the text around them; the tables behind the database keep what threads add.

#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use std::sync::Arc;

use auditline_model::fixture::{class, edit, file, fixture, function, path, root};
use auditline_model::names::files_mentioning;
use auditline_model::place::Place;
use auditline_model::{RootDatabase, VariableRef};
use auditline_source::SourceText;
use auditline_syntax::{Name, TextRange};

const TEXT: &str = "limit = 3\n\n@decorated\ndef outer():\n    def inner(): ...\n\nclass Thing(Base):\n    size: int = 1\n    def area(self): ...\n";

/// The text at a place.
fn text_at(db: &RootDatabase, place: Place) -> Option<String> {
    let (file, range) = place.resolve(db)?;
    Some(file.content(db).text()?.slice(range).to_owned())
}

#[test]
fn places_name_symbols_and_follow_them() {
    let mut db = fixture(&[("a.py", TEXT)]);
    for shifted in [TEXT.to_owned(), format!("# größer\nimport os\n\n{TEXT}")] {
        edit(&mut db, "a.py", &shifted);
        let text = |place: Place| text_at(&db, place).unwrap();
        let outer = function(&db, "a.py", "outer");
        let thing = class(&db, "a.py", "Thing");
        assert_eq!(text(Place::Function(outer)), "outer");
        assert_eq!(text(Place::Function(function(&db, "a.py", "outer.inner"))), "inner");
        assert_eq!(text(Place::Function(function(&db, "a.py", "Thing.area"))), "area");
        assert_eq!(text(Place::Class(thing)), "Thing");
        assert_eq!(text(Place::Attribute(thing, Name::new("size"))), "size: int = 1");
        assert_eq!(text(Place::Attribute(thing, Name::new("absent"))), "Thing");
        let limit = VariableRef { file: file(&db, "a.py"), name: Name::new("limit") };
        assert_eq!(text(Place::Variable(limit)), "limit = 3");
        assert_eq!(text(Place::InFunction(outer, TextRange::new(0.into(), 10.into()))), "@decorated");
        assert_eq!(text(Place::InClass(thing, TextRange::new(0.into(), 5.into()))), "class");
    }
    edit(&mut db, "a.py", "limit = 3\n");
    assert_eq!(text_at(&db, Place::Function(function(&db, "a.py", "outer"))), None);
    assert_eq!(text_at(&db, Place::Class(class(&db, "a.py", "Thing"))), None);
}

#[test]
fn files_may_be_added_from_several_threads() {
    let db = RootDatabase::new(&[root()], &[]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = db.clone();
            scope.spawn(move || {
                for at in 0..50 {
                    let text = format!("shared_word = {at}\n");
                    db.add_file(path(&format!("p{thread}/m{at}.py")), Arc::new(SourceText::from(text)));
                }
            });
        }
    });
    let paths: Vec<&str> = files_mentioning(&db, "shared_word").iter().map(|file| file.path(&db).as_str()).collect();
    assert_eq!(paths.len(), 200);
    assert!(paths.is_sorted(), "the order does not depend on the threads");
    assert_eq!(db.all_files().len(), 200);
    let entries = auditline_model::Db::files(&db).directory(&db, path("p2")).entries(&db).len();
    assert_eq!(entries, 50);
}
