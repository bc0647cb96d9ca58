//! After any edits, the analysis says what a fresh analysis of the same texts says.
//!
//! `AUDITLINE_EDIT_STEPS` sets the number of edits, `AUDITLINE_EDIT_SEED` the edits themselves.

use auditline_model::RootDatabase;

use crate::rng::Rng;
use crate::view::{findings, view};
use crate::workspace::{BACKEND, Edited, root};

/// What is typed besides what stands in the files: words that matter, and ends that do not fit.
const TYPED: &[&str] = &[
    "    db.commit()\n",
    "    session.rollback()\n",
    "    return\n",
    "try:\n",
    "    raise ValueError\n",
    ", with_for_update=True",
    ".with_for_update()",
    "for_update=True",
    "commit=False",
    "async ",
    "await ",
    "  # auditline: ignore",
    "\n\ndef fresh(db):\n    db.commit()\n",
    "from app.services import *\n",
    "from .repository import OrderRepository as Repo\n",
    "(",
    ")",
    "\"\"\"",
    "[",
    ":",
    "\n",
    "    ",
    "é🙂",
    "@",
    "=",
    "#",
];

#[test]
fn random_edits_give_what_a_fresh_analysis_gives() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<usize>().unwrap());
    let steps = number("AUDITLINE_EDIT_STEPS").unwrap_or(150);
    let seed = number("AUDITLINE_EDIT_SEED").unwrap_or(1);
    let mut rng = Rng(seed as u64);
    let mut edited = Edited::new(RootDatabase::new(&[root()], &[]), &BACKEND);
    let mut last = view(&edited.db);
    let (mut changed, mut with_findings) = (0, 0);
    for step in 0..steps {
        let what = edit(&mut edited, &mut rng);
        // Now and then the results are not asked for between two edits, so that queries skip a revision.
        if rng.below(8) == 0 {
            continue;
        }
        let incremental = view(&edited.db);
        let fresh = view(&edited.fresh());
        if incremental != fresh {
            panic!("seed {seed}, step {step}, {what}\n{}", difference(&incremental, &fresh));
        }
        changed += usize::from(incremental != last);
        with_findings += usize::from(findings(&incremental) > 0);
        last = incremental;
    }
    // The test would prove nothing about code that no longer means anything.
    assert!(changed * 4 > steps, "only {changed} of {steps} edits changed a result");
    assert!(with_findings * 2 > steps, "only {with_findings} of {steps} steps had findings");
}

/// Makes one edit and says which.
fn edit(edited: &mut Edited, rng: &mut Rng) -> String {
    let (path, original) = *rng.pick(&BACKEND);
    if edited.texts[path].is_none() {
        edited.write_closed(path, original);
        return format!("{path} came back");
    }
    let text = edited.text(path).to_owned();
    let new = match rng.below(20) {
        0 => {
            edited.delete(path);
            return format!("{path} deleted");
        }
        1..=3 => original.to_owned(),
        4 => {
            edited.write_open(path, &text);
            return format!("{path} opened");
        }
        5 => {
            edited.write_closed(path, &text);
            return format!("{path} closed");
        }
        6..=9 => replace(&text, boundary(&text, rng), 0, rng.pick::<&str>(TYPED)),
        10..=11 => {
            let start = boundary(&text, rng);
            let length = rng.below(30);
            replace(&text, start, length, "")
        }
        12..=13 => without_a_line(&text, rng),
        14..=15 => with_lines_of(&text, edited.text(rng.pick(&BACKEND).0), rng),
        _ => with_another_word(&text, edited.text(rng.pick(&BACKEND).0), rng),
    };
    edited.write(path, &new);
    format!("{path} is now\n{new}")
}

/// An offset at which a character starts.
fn boundary(text: &str, rng: &mut Rng) -> usize {
    floor(text, rng.below(text.len() + 1))
}

fn floor(text: &str, mut offset: usize) -> usize {
    offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn replace(text: &str, start: usize, length: usize, inserted: &str) -> String {
    let end = floor(text, start + length).max(start);
    format!("{}{inserted}{}", &text[..start], &text[end..])
}

fn without_a_line(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if !lines.is_empty() {
        lines.remove(rng.below(lines.len()));
    }
    lines.concat()
}

/// A few lines of one text, put somewhere into another.
fn with_lines_of(text: &str, other: &str, rng: &mut Rng) -> String {
    let (mut lines, source): (Vec<&str>, Vec<&str>) =
        (text.split_inclusive('\n').collect(), other.split_inclusive('\n').collect());
    let start = rng.below(source.len());
    let end = (start + 1 + rng.below(6)).min(source.len());
    let at = rng.below(lines.len() + 1);
    lines.splice(at..at, source[start.min(end)..end].iter().copied());
    lines.concat()
}

/// One identifier replaced by one of another file: renames, other callees, other arguments.
fn with_another_word(text: &str, other: &str, rng: &mut Rng) -> String {
    let (here, there) = (words(text), words(other));
    if here.is_empty() || there.is_empty() {
        return text.to_owned();
    }
    let (start, word) = *rng.pick(&here);
    replace(text, start, word.len(), rng.pick(&there).1)
}

fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    text.split(|char| !is_word(char))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
        .collect()
}

/// The lines that only one of the two views has.
fn difference(incremental: &str, fresh: &str) -> String {
    let only = |one: &str, other: &str, name: &str| {
        let other: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line)).take(20);
        lines.map(|line| format!("{name}: {line}\n")).collect::<String>()
    };
    only(incremental, fresh, "incremental") + &only(fresh, incremental, "fresh")
}
