//! What queries let go of is computed again, and nothing else comes of it.

use auditline_model::RootDatabase;

use crate::view::{findings, view};
use crate::workspace::{BACKEND, Edited, root};

/// The server lets go of lowered files between two edits. What was evicted is verified
/// without its value first, when something that depends on it is asked for, and its value is needed later.
#[test]
fn what_was_evicted_comes_back() {
    let mut edited = Edited::new(RootDatabase::new(&[root()], &[]), &BACKEND);
    edited.db.remember_at_most(10);
    // More functions than are remembered.
    for index in 0..1200 {
        let path: &'static str = Box::leak(format!("jobs/job_{index}.py").into_boxed_str());
        let text = format!(
            "from app.services import withdraw\n\n\ndef one_{index}(db):\n    withdraw(db, 1, 1)\n\n\n\
             def two_{index}(db):\n    one_{index}(db)\n\n\ndef three_{index}(db):\n    two_{index}(db)\n\n\n\
             def four_{index}(db):\n    three_{index}(db)\n"
        );
        edited.write_closed(path, &text);
    }
    let first = view(&edited.db);
    assert!(findings(&first) > 0);
    edited.db.forget();
    assert!(view(&edited.db) == first, "evicted within a revision");

    let text = edited.text("app/models.py").to_owned();
    for round in 0..3 {
        edited.write_open("app/models.py", &format!("{text}{}", "\n".repeat(round)));
        assert!(view(&edited.db) == first, "round {round}");
        edited.db.forget();
    }
}
