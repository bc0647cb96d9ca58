//! A text that is edited again and again.

use super::ir::Module;
use super::lower::lower_pieces;
use super::pieces::{Piece, parse_pieces};

/// Lowers the states of one text, each from what is known of those before: only the pieces that have changed are parsed
/// again.
#[derive(Debug, Default)]
pub struct Reparser {
    pieces: Vec<Piece>,
}

impl Reparser {
    /// Lowers a state of the text. Functions that stand unchanged in `previous`, an earlier state with what it was lowered
    /// to, are shared with it, wherever they have moved. The result is the one that [`lower`](super::lower()) gives.
    #[must_use]
    pub fn lower(&mut self, text: &str, previous: Option<(&str, &Module)>) -> Module {
        self.pieces = parse_pieces(text, std::mem::take(&mut self.pieces));
        lower_pieces(text, &self.pieces, previous)
    }
}
