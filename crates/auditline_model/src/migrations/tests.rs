use super::{Fault, histories};
use crate::fixture::fixture;

fn revision(id: &str, down: &str) -> String {
    format!("revision = \"{id}\"\ndown_revision = {down}\n\n\ndef upgrade():\n    pass\n")
}

/// The histories of revision files: the identifiers in order, and the faults.
fn read(files: &[(&str, String)]) -> Vec<(Vec<&'static str>, Vec<Fault>)> {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let db = fixture(&files);
    let found = histories(&db);
    found
        .iter()
        .map(|history| (history.revisions.iter().map(|one| one.id.as_str()).collect(), history.faults.clone()))
        .collect()
}

#[test]
fn revisions_run_in_the_order_of_their_graph() {
    let found = read(&[
        ("alembic/env.py", String::new()),
        ("alembic/versions/1_c.py", revision("c", "('a', 'b')")),
        ("alembic/versions/2_a.py", revision("a", "'root'")),
        ("alembic/versions/3_b.py", revision("b", "'root'")),
        ("alembic/versions/4_root.py", revision("root", "None")),
    ]);
    let [(order, faults)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((order.first(), order.last(), order.len()), (Some(&"root"), Some(&"c"), 4));
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn heads_missing_revisions_and_circles_are_faults() {
    let found = read(&[
        ("one/env.py", String::new()),
        ("one/versions/a.py", revision("a", "None")),
        ("one/versions/b.py", revision("b", "'a'")),
        ("one/versions/c.py", revision("c", "'a'")),
        ("two/env.py", String::new()),
        ("two/versions/a.py", revision("a", "'gone'")),
        ("three/env.py", String::new()),
        ("three/versions/a.py", revision("a", "None")),
        ("three/versions/b.py", revision("b", "'c'")),
        ("three/versions/c.py", revision("c", "'b'")),
    ]);
    let faults: Vec<&Fault> = found.iter().flat_map(|(_, faults)| faults).collect();
    assert!(
        matches!(
            faults[..],
            [Fault::Heads(one), Fault::Cycle(three), Fault::Missing { depends: false, .. }]
                if one.len() == 2 && three.len() == 2
        ),
        "{faults:?}"
    );
}

#[test]
fn directories_that_do_not_hang_together_are_histories_of_their_own() {
    let found = read(&[
        ("db/env.py", String::new()),
        ("db/versions/sqlite/a.py", revision("a", "None")),
        ("db/versions/sqlite/b.py", revision("b", "'a'")),
        ("db/versions/postgresql/x.py", revision("x", "None")),
        ("db/versions/2024/old.py", revision("old", "None")),
        ("db/versions/2025/new.py", revision("new", "'old'")),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|(_, faults)| faults.is_empty()), "{found:?}");
}

#[test]
fn a_revision_may_be_named_like_a_test() {
    let found = read(&[
        ("db/versions/1_test.py", revision("a", "None")),
        ("db/versions/2.py", revision("b", "'a'")),
        ("tests/db/versions/3.py", revision("c", "'gone'")),
    ]);
    assert_eq!(found, [(vec!["a", "b"], Vec::new())]);
}

#[test]
fn a_draft_beside_the_versions_is_no_revision() {
    let found = read(&[
        ("db/env.py", String::new()),
        ("db/versions/1.py", revision("a", "None")),
        ("db/versions_sqlite/1.py", revision("s", "None")),
        ("db/temp/2.py", revision("draft", "'...'")),
    ]);
    assert_eq!(found, [(vec!["a"], Vec::new()), (vec!["s"], Vec::new())]);
    let found = read(&[("db/env.py", String::new()), ("db/steps/1.py", revision("a", "None"))]);
    assert_eq!(found, [(vec!["a"], Vec::new())]);
}
