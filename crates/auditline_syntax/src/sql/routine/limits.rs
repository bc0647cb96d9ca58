//! Counts by which a function refuses.

use text_size::{TextRange, TextSize};

use super::body::{Node, parse};
use super::lex::{Kind, Token, lex};
use super::{Bound, Key, Limit, qualified};
use crate::Name;
use crate::sql::TableName;

/// The counts of a body by which it refuses and before which it locks nothing; `offset` is the body's place in the text.
pub(super) fn limits(body: &str, offset: TextSize) -> Vec<Limit> {
    let tokens = lex(body);
    let (declared, nodes) = parse(&tokens);
    let mut walk = Walk { offset, locked: false, counts: Vec::new(), found: Vec::new() };
    walk.nodes(&declared, false);
    walk.nodes(&nodes, true);
    walk.found
}

/// A count of rows.
#[derive(Debug, Clone)]
struct Count {
    tables: Vec<TableName>,
    keys: Vec<Key>,
    range: TextRange,
    statement: Option<TextSize>,
}

struct Walk {
    offset: TextSize,
    locked: bool,
    /// Variables that hold a count.
    counts: Vec<(Name, Count)>,
    found: Vec<Limit>,
}

impl Walk {
    /// The statements of a block; `lockable` says that a statement may be put between them.
    fn nodes(&mut self, nodes: &[Node<'_>], lockable: bool) {
        for (at, node) in nodes.iter().enumerate() {
            match node {
                Node::Simple(tokens) => self.simple(tokens, lockable),
                Node::Inner(inner) => self.nodes(inner, lockable),
                Node::If { start, arms, orelse } => {
                    let mut refused = Vec::new();
                    for (number, (condition, inner)) in arms.iter().enumerate() {
                        self.locked |= takes_lock(condition);
                        let statement = (number == 0 && lockable).then(|| self.position(*start)).flatten();
                        let decided = self.decided(condition, statement);
                        self.refuse(&decided, raise(inner));
                        self.nodes(inner, lockable);
                        refused.extend(decided.into_iter().map(|(count, bound)| (count, bound.negated())));
                    }
                    self.nodes(orelse, lockable);
                    // `IF n < 3 THEN RETURN NEW; END IF; RAISE …`
                    let returns = |inner: &Vec<Node<'_>>| inner.last().is_some_and(|last| begins(last, "return"));
                    let rest = if arms.iter().all(|(_, inner)| returns(inner)) { &nodes[at + 1..] } else { &[] };
                    let otherwise = raise(orelse).or_else(|| raise(&rest[..rest.len().min(1)]));
                    self.refuse(&refused, otherwise);
                }
            }
        }
    }

    fn simple(&mut self, tokens: &[Token<'_>], lockable: bool) {
        self.locked |= takes_lock(tokens);
        let Some(first) = tokens.first() else { return };
        let targets = targets(tokens);
        if targets.is_empty() || self.locked {
            return;
        }
        let statement = lockable.then(|| self.position(first.start)).flatten();
        // `number := number + 1` counts as well.
        let derived = || {
            let source = tokens.iter().skip(2).filter(|token| token.kind == Kind::Word);
            source.filter_map(Token::name).find_map(|name| self.held(name))
        };
        let count = self.count(tokens, statement).or_else(derived);
        self.counts.retain(|(name, _)| !targets.contains(name));
        if let Some(count) = count {
            self.counts.extend(targets.into_iter().map(|target| (target, count.clone())));
        }
    }

    fn held(&self, name: Name) -> Option<Count> {
        self.counts.iter().find(|(own, _)| *own == name).map(|(_, count)| count.clone())
    }

    /// The counts that a condition compares.
    fn decided(&self, condition: &[Token<'_>], statement: Option<TextSize>) -> Vec<(Count, Bound)> {
        let mut found = Vec::new();
        for (at, token) in condition.iter().enumerate() {
            if token.is("select") && !self.locked {
                let end = closing(condition, at);
                let inner = &condition[at..end];
                if let (Some(count), Some(bound)) = (self.count(inner, statement), bound(condition, at, end)) {
                    found.push((count, bound));
                }
            } else if let Some(count) = token.name().and_then(|name| self.held(name))
                && let Some(bound) = bound(condition, at, at + 1)
            {
                found.push((count, bound));
            }
        }
        found
    }

    fn refuse(&mut self, decided: &[(Count, Bound)], raise: Option<&[Token<'_>]>) {
        let Some(raise) = raise.and_then(|raise| self.range(raise)) else { return };
        for (count, bound) in decided {
            if self.found.iter().all(|known| known.count != count.range) {
                self.found.push(Limit {
                    tables: count.tables.clone(),
                    keys: count.keys.clone(),
                    bound: *bound,
                    count: count.range,
                    statement: count.statement,
                    raise,
                });
            }
        }
    }

    /// The count or sum of rows that a statement or a bracket asks for.
    fn count(&self, tokens: &[Token<'_>], statement: Option<TextSize>) -> Option<Count> {
        let counts = |two: &[Token<'_>]| (two[0].is("count") || two[0].is("sum")) && two[1].is_mark("(");
        let from = tokens.iter().position(|token| token.is("from"))?;
        tokens[..from].windows(2).position(counts)?;
        let begin = tokens[..from].iter().rposition(|token| token.is("select")).unwrap_or_default();
        let end = closing(tokens, begin);
        let query = &tokens[from.min(end)..end];
        if query.iter().any(|token| ["group", "union", "limit", "having"].iter().any(|word| token.is(word))) {
            return None;
        }
        Some(Count { tables: tables(query), keys: keys(query), range: self.range(&tokens[begin..end])?, statement })
    }

    fn range(&self, tokens: &[Token<'_>]) -> Option<TextRange> {
        let start = self.position(tokens.first()?.start)?;
        let end = self.position(tokens.last()?.end())?;
        Some(TextRange::new(start, end))
    }

    fn position(&self, at: usize) -> Option<TextSize> {
        Some(self.offset + TextSize::try_from(at).ok()?)
    }
}

/// The end of the bracket in which the token stands.
fn closing(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_u32;
    for (offset, token) in tokens[at..].iter().enumerate() {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            let Some(outer) = depth.checked_sub(1) else { return at + offset };
            depth = outer;
        }
    }
    tokens.len()
}

/// The variables that a statement assigns: `n := …`, `SELECT … INTO n, m`.
fn targets(tokens: &[Token<'_>]) -> Vec<Name> {
    let is_assignment = |token: &Token<'_>| token.is_mark(":=") || token.is_mark("=") || token.is("default");
    let first = tokens.first().and_then(Token::name);
    if tokens.get(1).is_some_and(is_assignment) {
        return first.into_iter().collect();
    }
    // `total integer := (…)`, where it is declared.
    let is_query = tokens.first().is_some_and(|token| token.is("select") || token.is("with"));
    if !is_query {
        let assigns = tokens.iter().take(8).any(|token| token.is_mark(":=") || token.is("default"));
        return first.filter(|_| assigns).into_iter().collect();
    }
    let Some(into) = tokens.iter().position(|token| token.is("into")) else { return Vec::new() };
    let rest = tokens[into + 1..].iter().filter(|token| !token.is("strict"));
    let mut targets = Vec::new();
    for (at, token) in rest.enumerate() {
        match token.name() {
            Some(name) if at % 2 == 0 => targets.push(name),
            _ if token.is_mark(",") && at % 2 == 1 => {}
            _ => break,
        }
    }
    targets
}

/// The tables behind `FROM` and `JOIN`.
fn tables(query: &[Token<'_>]) -> Vec<TableName> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < query.len() {
        let is_from = query[at].is("from") || query[at].is("join");
        at += 1;
        if is_from {
            at += usize::from(query.get(at).is_some_and(|token| token.is("only")));
            found.extend(qualified(&query[at.min(query.len())..]).map(|(name, _)| name));
        }
    }
    found
}

/// The conditions `column = NEW.field` that all hold.
fn keys(query: &[Token<'_>]) -> Vec<Key> {
    let Some(start) = query.iter().position(|token| token.is("where")) else { return Vec::new() };
    let conditions = &query[start + 1..];
    let negates = conditions.windows(2).any(|two| two[0].is("not") && two[1].is_mark("("));
    if negates || conditions.iter().any(|token| token.is("or") || token.is("select")) {
        return Vec::new();
    }
    let field = |tokens: &[Token<'_>]| -> Option<(Name, bool)> {
        let [row, dot, field] = tokens.get(..3)? else { return None };
        (dot.is_mark(".") && (row.is("new") || row.is("old"))).then_some((field.name()?, row.is("old")))
    };
    let mut found = Vec::new();
    for (at, token) in conditions.iter().enumerate() {
        if !token.is_mark("=") {
            continue;
        }
        let before = &conditions[..at];
        let behind = &conditions[at + 1..];
        let key = if let Some((field, old)) = field(behind) {
            let ends = behind.get(3).is_none_or(|next| next.is("and") || next.is("into") || next.is_mark(")"));
            before.last().and_then(Token::name).filter(|_| ends).map(|column| Key { column, field, old })
        } else if let Some((field, old)) = before.len().checked_sub(3).and_then(|from| field(&before[from..])) {
            let column = qualified(behind).map(|(column, _)| column.name);
            column.map(|column| Key { column, field, old })
        } else {
            None
        };
        found.extend(key);
    }
    found
}

/// When the condition holds: the comparison in which the tokens `start..end` stand.
fn bound(condition: &[Token<'_>], start: usize, end: usize) -> Option<Bound> {
    let divides = |token: &&Token<'_>| ["and", "or", "not"].iter().any(|word| token.is(word));
    let from = condition[..start].iter().rposition(|token| divides(&token)).map_or(0, |at| at + 1);
    let to = condition[end..].iter().position(|token| divides(&token)).map_or(condition.len(), |at| end + at);
    let is_comparison = |token: &Token<'_>| {
        token.kind == Kind::Mark && matches!(token.text, ">" | ">=" | "<" | "<=" | "=" | "<>" | "!=")
    };
    let behind = condition[end..to].iter().position(is_comparison).map(|at| end + at);
    let before = condition[from..start].iter().rposition(is_comparison).map(|at| from + at);
    let (at, left) = behind.map(|at| (at, true)).or(before.map(|at| (at, false)))?;
    let is_zero = condition[from..to].iter().any(|token| token.text == "0");
    let mut bound = match (condition[at].text, left) {
        (">" | ">=", true) | ("<" | "<=", false) => Bound::Above,
        ("<" | "<=", true) | (">" | ">=", false) => Bound::Below,
        ("=", _) if is_zero => Bound::Below,
        ("=", _) => Bound::Above,
        _ if is_zero => Bound::Above,
        _ => Bound::Other,
    };
    // `NOT (n < 3)`, `allowed - n <= 0`
    let is_negated = from > 0 && condition[from - 1].is("not");
    let is_taken =
        condition[from..start].iter().rfind(|token| !token.is_mark("(")).is_some_and(|token| token.is_mark("-"));
    if is_negated != is_taken {
        bound = bound.negated();
    }
    Some(bound)
}

/// The statement among these that raises an error.
fn raise<'a>(nodes: &[Node<'a>]) -> Option<&'a [Token<'a>]> {
    nodes.iter().find_map(|node| match node {
        Node::Simple(tokens) => {
            const OTHERS: [&str; 5] = ["debug", "log", "info", "notice", "warning"];
            let is_error = tokens.first().is_some_and(|first| first.is("raise"))
                && tokens.get(1).is_none_or(|level| !OTHERS.iter().any(|other| level.is(other)));
            is_error.then_some(*tokens)
        }
        Node::If { .. } | Node::Inner(_) => None,
    })
}

fn begins(node: &Node<'_>, word: &str) -> bool {
    matches!(node, Node::Simple(tokens) if tokens.first().is_some_and(|first| first.is(word)))
}

/// Whether a statement locks something, or calls what may: a row, a table, an advisory lock, another function.
fn takes_lock(tokens: &[Token<'_>]) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let locks_rows = (0..tokens.len()).any(|at| is(at, "for") && (is(at + 1, "update") || is(at + 1, "no")));
    let changes = ["update", "insert", "delete", "lock", "execute", "call"].iter().any(|word| is(0, word));
    let advisory =
        tokens.iter().any(|token| token.kind == Kind::Word && token.text.to_ascii_lowercase().contains("advisory"));
    locks_rows || changes || advisory || calls_another(tokens)
}

/// Whether a statement calls a function for what it does: `PERFORM lock_team(NEW.team_id)`.
fn calls_another(tokens: &[Token<'_>]) -> bool {
    const HARMLESS: [&str; 5] = ["pg_notify", "set_config", "pg_sleep", "count", "sum"];
    let is_perform = tokens.first().is_some_and(|first| first.is("perform"));
    let from = tokens.iter().any(|token| token.is("from"));
    is_perform && !from && !tokens.get(1).is_some_and(|name| HARMLESS.iter().any(|own| name.is(own)))
}
