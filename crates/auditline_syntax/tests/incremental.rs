//! An edit at a time, or all anew: the result is the same.

use auditline_source::{ContentChange, Encoding, Position, PositionRange, SourceText, apply_change};
use auditline_syntax::python::ir::Module;
use auditline_syntax::python::{Reparser, lower, parse};
use std::sync::Arc;

const TEXT: &str = "\
\"\"\"Doc.\"\"\"

from __future__ import annotations

import os  # noqa: F401
from app.db import (Session, get_db)

TABLE = {\"a\": [1, 2.5, (3,)], 'b': f\"x{TABLE['c']!r:>{10}}y\"}


@router.post(\"/orders/{id}\")
async def pay(id: int, db: Annotated[\"Session\", Depends(get_db)] = None, *, n: 'int' = 1) -> 'Order':
    '''Doc of pay.'''
    order = await db.get(Order, id)
    if order.status == \"new\" and not order.paid or n > 1:
        order.status = 'paid 😀'
    elif n is None:
        raise ValueError(f\"no {n}\") from None
    else:
        with open(\"x\") as f, lock:
            order.n += 1
    try:
        db.commit()
    except (A, B) as e:  # type: ignore
        db.rollback()
    finally:
        pass
    return order


class Order(Base, table=True):
    id: Mapped[int] = mapped_column(primary_key=True)

    def total(self) -> int:
        def inner(x): return [y for y in x if y]
        class Local:
            def method(self): yield self
        return sum(inner(self.items))

    class Meta:
        ordering = [\"id\"]

    @property
    def name(self): return self._name

    @name.setter
    def name(self, value): self._name = value


def last():\r
    match x:\r
        case Point(x=0) | None: pass\r
\tif tabs: return lambda a, *b: (a, b)\r
";

/// What is typed, pasted and deleted.
const PIECES: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    " ",
    "\n",
    "    ",
    "x",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    ":",
    ",",
    ".",
    "=",
    "#",
    "\n    ",
    "def f():\n    pass\n",
    "class K:\n    x = 1\n",
    "if a:\n    b\n",
    "db.commit()\n",
    "😀",
    "é",
    "\r\n",
    "\t",
    "@dec\n",
    "return ",
    "else:\n",
    "# noqa\n",
    "f'{",
    "async ",
    "lambda x: ",
    " and ",
    "\\\n",
    "pass\n",
    "    return 1\n",
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn drive(seed: u64, rounds: usize) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut text = TEXT.to_owned();
    let mut reparser = Reparser::default();
    let mut module = reparser.lower(&text, None);
    for round in 0..rounds {
        let source = SourceText::from(text.as_str());
        let lines = source.line_index().line_count() as usize;
        let start = Position::new(random.below(lines) as u32, random.below(60) as u32);
        let end = match random.below(4) {
            0 => Position::new(start.line, start.character + random.below(8) as u32),
            1 => Position::new(start.line + random.below(3) as u32, random.below(40) as u32),
            _ => start,
        };
        let piece = PIECES[random.below(PIECES.len())].to_owned();
        let change = ContentChange { range: Some(PositionRange::new(start, end)), text: piece };
        let (next, _) = apply_change(&text, &change, Encoding::Utf16);
        let stepped = reparser.lower(&next, Some((&text, &module)));
        let fresh = lower(&next, &parse(&next, None));
        assert!(stepped == fresh, "seed {seed}, round {round}: {change:?} in {text:?}");
        (text, module) = (next, stepped);
        // A person comes back to what parses.
        if round % 12 == 11 {
            let typed = std::mem::replace(&mut text, TEXT.to_owned());
            module = reparser.lower(&text, Some((&typed, &module)));
            assert!(module == lower(&text, &parse(&text, None)));
        }
    }
}

#[test]
fn random_edits_give_what_a_fresh_start_gives() {
    for seed in 1..20 {
        drive(seed, 48);
    }
}

fn shared(before: &Module, after: &Module) -> Vec<bool> {
    let same = |a: &Arc<_>| before.functions.iter().any(|b| Arc::ptr_eq(a, b));
    after.functions.iter().map(same).collect()
}

#[test]
fn functions_that_only_move_are_shared() {
    let before = lower(TEXT, &parse(TEXT, None));
    let moved = TEXT.replacen("TABLE =", "# A line more.\nTABLE =", 1);
    let after = Reparser::default().lower(&moved, Some((TEXT, &before)));
    assert!(shared(&before, &after).into_iter().all(|same| same));
    assert_eq!(after, lower(&moved, &parse(&moved, None)));
    assert!(after.classes.iter().zip(&before.classes).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn only_the_edited_function_is_new() {
    let before = lower(TEXT, &parse(TEXT, None));
    let edited = TEXT.replace("db.commit()", "db.flush()");
    let after = Reparser::default().lower(&edited, Some((TEXT, &before)));
    let new: Vec<&str> = shared(&before, &after)
        .into_iter()
        .zip(&after.functions)
        .filter(|(same, _)| !same)
        .map(|(_, function)| function.path.as_str())
        .collect();
    assert_eq!(new, ["pay"]);
}

#[test]
fn nested_definitions_keep_their_numbers() {
    let before = lower(TEXT, &parse(TEXT, None));
    // One more function in front: what names others by number is lowered anew, the rest is shared.
    let edited = TEXT.replacen("@router", "def first(): pass\n\n\n@router", 1);
    let after = Reparser::default().lower(&edited, Some((TEXT, &before)));
    assert_eq!(after, lower(&edited, &parse(&edited, None)));
    let same = shared(&before, &after);
    assert!(same[1], "pay holds no other definition");
}
