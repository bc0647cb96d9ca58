//! Generated files that have nothing to do with a database.

use super::backend::pascal;
use super::rng::Rng;
use super::template::{Values, split};
use super::words::{Words, words};

static WORDS: Words = words!(
    "alert anchor batch beacon bucket cache channel chart cluster column cursor digest edge feature field \
    filter frame gauge graph grid header histogram image index kernel label layer layout ledger lens margin \
    marker matrix metric node option outline packet palette panel patch pixel point prompt query range region \
    sample schedule scope segment signal slice slot snapshot span stream symbol template theme threshold \
    timeline token topic trace vector vertex window zone"
);

const HEAD: &str = "import asyncio\nimport logging\nimport math\nimport re\nfrom collections import Counter, deque\n\
    from collections.abc import Iterable, Iterator, Sequence\nfrom dataclasses import dataclass\n\
    from functools import lru_cache\nfrom typing import Any, TypeVar\n\nT = TypeVar(\"T\")\n\
    logger = logging.getLogger(__name__)\n";

/// A module of helpers; its name is `name`.
pub(crate) fn module(name: &str, rng: &mut Rng) -> String {
    let mut text = format!("\"\"\"Helpers for {}.\"\"\"\n\n{HEAD}", name.replace('_', " "));
    append(&mut text, include_str!("templates/plain.txt"), 3, 10, rng);
    text
}

/// A test of helpers.
pub(crate) fn test(rng: &mut Rng) -> String {
    let mut text = "import pytest\n\nfrom helpers import Window, parse, render\n".to_owned();
    append(&mut text, include_str!("templates/test.txt"), 2, 4, rng);
    text
}

/// The name of the `index`-th plain module of a folder.
pub(crate) fn name(index: usize) -> String {
    format!("{}_{}", WORDS[index % WORDS.len()], WORDS[(index / WORDS.len() * 7 + 3) % WORDS.len()])
}

fn append(text: &mut String, templates: &'static str, low: usize, high: usize, rng: &mut Rng) {
    let templates = split(templates);
    let count = rng.between(low, high);
    // A large module goes through the templates more than once, with other words.
    let rounds = if rng.below(12) == 0 { rng.between(2, 6) } else { 1 };
    for _ in 0..rounds {
        for template in rng.sample(&templates, count) {
            let words = rng.sample(&WORDS, 2);
            let mut values = Values::default();
            values
                .set("noun", words[0])
                .set("noun2", words[1])
                .set("Noun", pascal(words[0]))
                .set("Noun2", pascal(words[1]))
                .set("NOUN", words[0].to_uppercase())
                .set("NOUN2", words[1].to_uppercase())
                .set("n", rng.between(10, 100).to_string())
                .set("n2", rng.between(11, 90).to_string())
                .set("base", rng.pick(&["10", "16", "8"]))
                .set("digit", rng.between(1, 6).to_string());
            text.push_str("\n\n");
            text.push_str(&values.fill(template));
        }
    }
}
