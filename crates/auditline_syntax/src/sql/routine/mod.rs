//! Triggers, and the functions in PL/pgSQL that they execute, as far as these count rows and refuse to go on.

mod body;
mod lex;
mod limits;
#[cfg(test)]
mod tests;

use text_size::{TextRange, TextSize};

use super::TableName;
use crate::Name;
use lex::{Kind, Token, lex};

/// A statement about triggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routine {
    /// `CREATE FUNCTION … RETURNS trigger … LANGUAGE plpgsql`.
    CreateFunction(TriggerFunction),
    /// `DROP FUNCTION`, or one that is made in another way.
    DropFunction(TableName),
    /// `CREATE TRIGGER`.
    CreateTrigger(Trigger),
    /// `DROP TRIGGER`: its name and table.
    DropTrigger(Name, TableName),
}

/// A function that triggers execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerFunction {
    /// Its name.
    pub name: TableName,
    /// The counts by which it refuses, without a lock before them.
    pub limits: Vec<Limit>,
}

/// A count of rows that decides whether a change is refused. Ranges are those of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The tables whose rows are counted.
    pub tables: Vec<TableName>,
    /// The conditions that the counted rows meet: `column = NEW.field`. None where they are more than that they all hold.
    pub keys: Vec<Key>,
    /// When it refuses.
    pub bound: Bound,
    /// The count: from its `SELECT` to the end.
    pub count: TextRange,
    /// The start of the statement before which a lock can be taken; none where the count is no statement of a block.
    pub statement: Option<TextSize>,
    /// The `RAISE`.
    pub raise: TextRange,
}

/// A condition `column = NEW.field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The column of the counted rows.
    pub column: Name,
    /// The field of the changed row.
    pub field: Name,
    /// Whether it is that of `OLD`.
    pub old: bool,
}

/// When a count is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// When there are too many.
    Above,
    /// When there are too few.
    Below,
    /// When there are not as many as there should be.
    Other,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// The table whose changes it watches.
    pub table: TableName,
    /// The function that it executes.
    pub function: TableName,
    /// Whether it comes before the change.
    pub before: bool,
    /// Whether it watches `INSERT`.
    pub insert: bool,
    /// Whether it watches `UPDATE`.
    pub update: bool,
    /// Whether it watches `DELETE`.
    pub delete: bool,
}

impl Bound {
    fn negated(self) -> Self {
        match self {
            Self::Above => Self::Below,
            Self::Below => Self::Above,
            Self::Other => Self::Other,
        }
    }
}

/// What a statement does to triggers and their functions; `offset` is its place in the text.
pub(super) fn routine(statement: &str, offset: TextSize) -> Option<Routine> {
    if !may_matter(statement) {
        return None;
    }
    let tokens = lex(statement);
    let mut words = Words { tokens: &tokens, at: 0 };
    if words.skip("drop") {
        return dropped(&mut words);
    }
    if !words.skip("create") {
        return None;
    }
    if words.skip("or") {
        words.skip("replace");
    }
    words.skip("constraint");
    if words.skip("trigger") {
        return trigger(&mut words).map(Routine::CreateTrigger);
    }
    if words.skip("function") || words.skip("procedure") {
        let name = words.qualified()?;
        return Some(match body_of(&tokens[words.at..]) {
            Some((body, start)) => {
                let start = offset + TextSize::try_from(start).ok()?;
                Routine::CreateFunction(TriggerFunction { name, limits: limits::limits(body, start) })
            }
            None => Routine::DropFunction(name),
        });
    }
    None
}

/// Whether its first words are those of such a statement; the others are not cut into words.
fn may_matter(statement: &str) -> bool {
    const KINDS: &[&str] = &["function", "procedure", "routine", "trigger", "constraint"];
    let mut words = statement.split_whitespace();
    let creates = words.next().is_some_and(|verb| ["create", "drop"].iter().any(|own| verb.eq_ignore_ascii_case(own)));
    let kind = words.find(|word| !word.eq_ignore_ascii_case("or") && !word.eq_ignore_ascii_case("replace"));
    creates && kind.is_some_and(|kind| KINDS.iter().any(|own| kind.eq_ignore_ascii_case(own)))
}

fn dropped(words: &mut Words<'_>) -> Option<Routine> {
    let of_function = words.skip("function") || words.skip("routine");
    let of_trigger = !of_function && words.skip("trigger");
    if words.skip("if") {
        words.skip("exists");
    }
    if of_function {
        return words.qualified().map(Routine::DropFunction);
    }
    if !of_trigger {
        return None;
    }
    let name = words.next()?.name()?;
    words.skip("on").then(|| words.qualified()).flatten().map(|table| Routine::DropTrigger(name, table))
}

fn trigger(words: &mut Words<'_>) -> Option<Trigger> {
    let name = words.next()?.name()?;
    let (mut before, mut insert, mut update, mut delete) = (false, false, false, false);
    let table = loop {
        let token = words.next()?;
        before |= token.is("before");
        insert |= token.is("insert");
        update |= token.is("update");
        delete |= token.is("delete");
        if token.is("on") {
            break words.qualified()?;
        }
    };
    while !words.next()?.is("execute") {}
    if !words.skip("function") && !words.skip("procedure") {
        return None;
    }
    Some(Trigger { name, table, function: words.qualified()?, before, insert, update, delete })
}

/// The text between the dollars of a function that returns `trigger` and is written in PL/pgSQL, and its offset.
fn body_of<'a>(tokens: &[Token<'a>]) -> Option<(&'a str, usize)> {
    let pair = |one: &str, other: &str| tokens.windows(2).any(|two| two[0].is(one) && two[1].is(other));
    let speaks = |token: &Token<'_>| token.text.trim_matches(['\'', '"']).eq_ignore_ascii_case("plpgsql");
    let language = tokens.windows(2).any(|two| two[0].is("language") && speaks(&two[1]));
    if !pair("returns", "trigger") || !language {
        return None;
    }
    let body = tokens.windows(2).find(|two| two[0].is("as") && two[1].kind == Kind::Text)?[1];
    let open = 1 + body.text.strip_prefix('$')?.find('$')? + 1;
    let close = body.text.len().checked_sub(open)?;
    Some((body.text.get(open..close)?, body.start + open))
}

/// Tokens, read one after another.
struct Words<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied()?;
        self.at += 1;
        Some(token)
    }

    /// Passes over a keyword if it stands here.
    fn skip(&mut self, word: &str) -> bool {
        let is = self.tokens.get(self.at).is_some_and(|token| token.is(word));
        self.at += usize::from(is);
        is
    }

    /// `name`, `schema.name`.
    fn qualified(&mut self) -> Option<TableName> {
        let (name, behind) = qualified(&self.tokens[self.at..])?;
        self.at += behind;
        Some(name)
    }
}

/// The name at the beginning of tokens, and how many they are.
fn qualified(tokens: &[Token<'_>]) -> Option<(TableName, usize)> {
    let first = tokens.first()?.name()?;
    if tokens.get(1).is_some_and(|dot| dot.is_mark(".")) {
        let name = tokens.get(2)?.name()?;
        return Some((TableName { schema: Some(first).filter(|schema| *schema != "public"), name }, 3));
    }
    Some((TableName { schema: None, name: first }, 1))
}
