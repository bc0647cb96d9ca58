//! The statements of a block in PL/pgSQL.

use super::lex::Token;

/// How deep statements may nest.
const MAX_DEPTH: u32 = 40;

/// A statement.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// One without statements in it, without its semicolon; also the head of a loop, and declarations.
    Simple(&'a [Token<'a>]),
    /// `IF`, with the condition and the statements of each arm.
    If { start: usize, arms: Vec<(&'a [Token<'a>], Vec<Node<'a>>)>, orelse: Vec<Node<'a>> },
    /// A block, a loop, or an arm of `CASE`: what is in it may run or not.
    Inner(Vec<Node<'a>>),
}

/// The statements of a body: declarations first, each marked as such.
pub(super) fn parse<'a>(tokens: &'a [Token<'a>]) -> (Vec<Node<'a>>, Vec<Node<'a>>) {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let mut declared = Vec::new();
    if parser.skip("declare") {
        while parser.peek().is_some_and(|token| !token.is("begin")) {
            declared.extend(parser.simple().map(Node::Simple));
        }
    }
    parser.skip("begin");
    (declared, parser.statements())
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(is);
        is
    }

    /// The statements up to a word that ends or divides what they stand in.
    fn statements(&mut self) -> Vec<Node<'a>> {
        let mut nodes = Vec::new();
        self.depth += 1;
        while let Some(token) = self.peek()
            && !["end", "else", "elsif", "elseif", "when", "exception"].iter().any(|word| token.is(word))
            && self.depth < MAX_DEPTH
        {
            let before = self.at;
            nodes.extend(self.statement());
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        nodes
    }

    fn statement(&mut self) -> Option<Node<'a>> {
        let token = self.peek()?;
        if token.is("if") {
            return Some(self.branch());
        }
        if token.is("begin") || token.is("declare") {
            while self.peek().is_some_and(|token| !token.is("begin")) {
                self.at += 1;
            }
            self.at += 1;
            let mut inner = self.statements();
            if self.skip("exception") {
                while self.skip("when") {
                    self.condition("then");
                    inner.push(Node::Inner(self.statements()));
                }
            }
            self.end();
            return Some(Node::Inner(inner));
        }
        if token.is("case") {
            let mut inner = Vec::new();
            self.condition("when");
            loop {
                self.condition("then");
                inner.push(Node::Inner(self.statements()));
                if !self.skip("when") {
                    break;
                }
            }
            if self.skip("else") {
                inner.push(Node::Inner(self.statements()));
            }
            self.end();
            return Some(Node::Inner(inner));
        }
        if ["loop", "while", "for", "foreach"].iter().any(|word| token.is(word)) {
            let head = self.condition("loop");
            let mut inner = vec![Node::Simple(head)];
            inner.append(&mut self.statements());
            self.end();
            return Some(Node::Inner(inner));
        }
        self.simple().map(Node::Simple)
    }

    fn branch(&mut self) -> Node<'a> {
        let start = self.peek().map_or(0, |token| token.start);
        let mut arms = Vec::new();
        let mut orelse = Vec::new();
        self.at += 1;
        loop {
            let condition = self.condition("then");
            arms.push((condition, self.statements()));
            if !self.skip("elsif") && !self.skip("elseif") {
                break;
            }
        }
        if self.skip("else") {
            orelse = self.statements();
        }
        self.end();
        Node::If { start, arms, orelse }
    }

    /// The tokens up to a word, which is passed over; that of a `CASE` in between does not count.
    fn condition(&mut self, end: &str) -> &'a [Token<'a>] {
        let start = self.at;
        let mut cases = 0;
        while let Some(token) = self.peek() {
            if cases == 0 && token.is(end) {
                break;
            }
            if token.is("case") && self.at > start {
                cases += 1;
            } else if token.is("end") && cases > 0 {
                cases -= 1;
            }
            self.at += 1;
        }
        let found = &self.tokens[start..self.at];
        self.at = (self.at + 1).min(self.tokens.len());
        found
    }

    /// `END IF;`, `END LOOP label;`, `END;`
    fn end(&mut self) {
        if self.skip("end") {
            self.simple();
        }
    }

    /// The tokens up to a semicolon, which is passed over.
    fn simple(&mut self) -> Option<&'a [Token<'a>]> {
        let start = self.at;
        while self.peek().is_some_and(|token| !token.is_mark(";")) {
            self.at += 1;
        }
        let found = &self.tokens[start..self.at];
        self.at = (self.at + 1).min(self.tokens.len());
        (!found.is_empty()).then_some(found)
    }
}
