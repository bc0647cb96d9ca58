//! What could not be parsed.

use text_size::{TextRange, TextSize};

use super::super::mend::Mended;
use super::Lowerer;
use super::kind::Kind;

impl Lowerer<'_> {
    /// Lowers the statements that stand in an error node. The parser, when it is lost, swallows whole functions that
    /// follow; they are in there, unharmed. What stands between them is broken.
    pub(super) fn broken_statements(&mut self) {
        let mut rubbish: Option<(u32, u32)> = None;
        self.unparsed_statements(&mut rubbish);
        self.flush(&mut rubbish);
        self.frame.has_errors = true;
    }

    fn unparsed_statements(&mut self, rubbish: &mut Option<(u32, u32)>) {
        let leaf = self.node.child_count() == 0;
        if leaf {
            return self.spoil(rubbish);
        }
        self.children(|this, kind| {
            if kind.is_statement() {
                this.flush(rubbish);
                this.statement(kind);
            } else if matches!(kind, Kind::Block | Kind::Error | Kind::Module) && this.blocks < super::MAX_BLOCK_DEPTH {
                this.blocks += 1;
                this.unparsed_statements(rubbish);
                this.blocks -= 1;
            } else if kind != Kind::Comment {
                this.spoil(rubbish);
            }
        });
    }

    fn spoil(&self, rubbish: &mut Option<(u32, u32)>) {
        let (start, end) = (self.start(), self.end());
        if start < end {
            *rubbish = Some((rubbish.map_or(start, |(first, _)| first), end));
        }
    }

    fn flush(&mut self, rubbish: &mut Option<(u32, u32)>) {
        if let Some((start, end)) = rubbish.take() {
            self.broken(start, end);
        }
    }
}

impl Lowerer<'_> {
    /// The ranges of what could not be parsed, in source order: error nodes, what Python refuses though the grammar
    /// reads it, and lines in which something is missing, up to where it is missing.
    pub(super) fn errors(&mut self) -> Vec<TextRange> {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by_key(|range| (range.start(), range.end()));
        errors.dedup();
        errors
    }

    /// Notes what could not be parsed in the piece under the cursor.
    pub(super) fn errors_of_piece(&mut self) {
        for place in self.mended.into_iter().flat_map(Mended::places) {
            let place = place + TextSize::new(self.origin);
            let before = &self.text[..place.into()];
            let line = before.rfind('\n').map_or(0, |at| at + 1);
            let blank = before[line..].len() - before[line..].trim_start().len();
            self.errors.push(TextRange::new(((line + blank) as u32).into(), place));
        }
        if self.node.has_error() {
            self.unparsed_ranges();
        }
    }

    fn unparsed_ranges(&mut self) {
        let mut cursor = self.node.walk();
        loop {
            let node = cursor.node();
            if node.is_error() || node.is_missing() {
                let (start, end) = (self.original(node.start_byte()), self.original(node.end_byte()));
                self.errors.push(TextRange::new(start.into(), end.into()));
            } else if node.has_error() && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }
}
