use super::{Bound, Routine, routine};
use text_size::TextSize;

fn function(body: &str) -> String {
    format!("CREATE OR REPLACE FUNCTION shop.check_limit() RETURNS trigger LANGUAGE plpgsql AS $fn$\n{body}\n$fn$")
}

/// The counts of a body: the count's text, when it refuses, its keys.
fn limits(body: &str) -> Vec<(String, Bound, Vec<String>)> {
    let text = function(body);
    let Some(Routine::CreateFunction(found)) = routine(&text, TextSize::new(0)) else { panic!("no function") };
    assert_eq!(
        (found.name.schema.as_deref().map(ToString::to_string), found.name.name.as_str()),
        (Some("shop".to_owned()), "check_limit")
    );
    found
        .limits
        .iter()
        .map(|limit| {
            assert!(text[limit.raise].starts_with("RAISE"));
            let keys = limit
                .keys
                .iter()
                .map(|key| format!("{}={}{}", key.column, if key.old { "old." } else { "" }, key.field));
            (text[limit.count].to_owned(), limit.bound, keys.collect())
        })
        .collect()
}

#[test]
fn a_count_in_a_variable_is_followed_to_the_error() {
    let found = limits(
        "DECLARE n int; BEGIN\n  SELECT count(*) INTO n FROM members m WHERE m.team_id = NEW.team_id AND active;\n  \
         n := n + 1;\n  IF n > 5 THEN RAISE NOTICE 'x'; RAISE EXCEPTION 'full'; END IF;\n  RETURN NEW;\nEND;",
    );
    let count = "SELECT count(*) INTO n FROM members m WHERE m.team_id = NEW.team_id AND active";
    assert_eq!(found, [(count.to_owned(), Bound::Above, vec!["team_id=team_id".to_owned()])]);
}

#[test]
fn the_direction_is_told_from_the_comparison() {
    let bound = |condition: &str| {
        let found = limits(&format!(
            "DECLARE n int; BEGIN n := (SELECT count(*) FROM m WHERE t = OLD.t); IF {condition} THEN RAISE EXCEPTION 'no'; END IF; END"
        ));
        found.first().map(|(_, bound, _)| *bound)
    };
    for (condition, expected) in [
        ("n >= 3", Bound::Above),
        ("3 <= n", Bound::Above),
        ("NEW.active AND n + 1 > quota", Bound::Above),
        ("quota - n <= 0", Bound::Above),
        ("NOT (n < 3)", Bound::Above),
        ("n = 0", Bound::Below),
        ("n <= 1", Bound::Below),
        ("n <> 1", Bound::Other),
        ("n != 0", Bound::Above),
    ] {
        assert_eq!(bound(condition), Some(expected), "{condition}");
    }
    assert_eq!(bound("NEW.active"), None);
}

#[test]
fn a_count_in_a_condition_and_an_error_behind_it_are_seen() {
    let found = limits(
        "BEGIN IF (SELECT count(*) FROM seats WHERE show_id = NEW.show_id) < 100 THEN RETURN NEW; END IF; RAISE EXCEPTION 'sold out'; END;",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, Bound::Above);
    let found = limits(
        "BEGIN IF (SELECT COALESCE(sum(size), 0) FROM f WHERE u = NEW.u) < 9 THEN RETURN NEW; ELSE RAISE 'full'; END IF; END;",
    );
    assert_eq!(found[0].1, Bound::Above);
}

#[test]
fn a_lock_before_the_count_is_enough() {
    let count = "SELECT count(*) INTO n FROM m WHERE t = NEW.t; IF n > 3 THEN RAISE EXCEPTION 'no'; END IF;";
    for lock in [
        "PERFORM 1 FROM teams WHERE id = NEW.t FOR UPDATE;",
        "SELECT quota INTO q FROM teams WHERE id = NEW.t FOR NO KEY UPDATE;",
        "PERFORM pg_advisory_xact_lock(NEW.t);",
        "LOCK TABLE m IN EXCLUSIVE MODE;",
        "PERFORM lock_team(NEW.t);",
        "UPDATE teams SET touched = now() WHERE id = NEW.t;",
        "IF TG_OP = 'INSERT' THEN PERFORM 1 FROM teams FOR UPDATE; END IF;",
    ] {
        assert!(limits(&format!("BEGIN {lock} {count} END;")).is_empty(), "{lock}");
        assert_eq!(limits(&format!("BEGIN {count} {lock} END;")).len(), 1, "{lock}");
    }
}

#[test]
fn triggers_and_what_goes_are_read() {
    let text = "CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE OF team_id ON public.members DEFERRABLE FOR EACH ROW EXECUTE PROCEDURE check_limit()";
    let Some(Routine::CreateTrigger(trigger)) = routine(text, TextSize::new(0)) else { panic!("no trigger") };
    assert_eq!((trigger.name.as_str(), trigger.table.name.as_str()), ("t", "members"));
    assert_eq!((trigger.before, trigger.insert, trigger.update, trigger.delete), (false, true, true, false));
    assert!(matches!(routine("DROP FUNCTION IF EXISTS f()", TextSize::new(0)), Some(Routine::DropFunction(_))));
    assert!(matches!(routine("drop trigger t on a.m", TextSize::new(0)), Some(Routine::DropTrigger(..))));
    assert!(routine("DROP TABLE t", TextSize::new(0)).is_none());
    assert!(routine("CREATE FUNCTION", TextSize::new(0)).is_none());
}
