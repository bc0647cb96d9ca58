//! A text that is edited again and again.

use auditline_source::ByteEdit;

use super::ir::Module;
use super::lower::lower_tree;
use super::mend::Mended;
use super::parse::{Tree, parse};

/// Lowers the states of one text, each from what is known of those before: only what has changed is parsed again.
///
/// It starts from the last tree without an error, not from the last tree: behind an error hardly a node of a tree can be
/// used again, and what a tree with errors looks like depends on how it came about. A tree without errors depends on its
/// text alone. A text that is being typed has such a tree as well, once what is missing in it is put in.
#[derive(Debug, Default)]
pub struct Reparser {
    /// The last text that had no error, or none after mending, and its tree.
    whole: Option<(String, Tree)>,
}

impl Reparser {
    /// Lowers a state of the text. Functions that stand unchanged in `previous`, an earlier state with what it was lowered
    /// to, are shared with it, wherever they have moved. The result is the one that [`lower`](super::lower()) gives.
    #[must_use]
    pub fn lower(&mut self, text: &str, previous: Option<(&str, &Module)>) -> Module {
        let tree = self.parse(text);
        if !tree.has_errors() {
            let module = lower_tree(text, tree.root(), None, previous);
            self.whole = Some((text.to_owned(), tree));
            return module;
        }
        let Some(mended) = Mended::new(text) else {
            return lower_tree(text, parse(text, None).root(), None, previous);
        };
        let tree = self.parse(&mended.text);
        if tree.has_errors() {
            return lower_tree(text, parse(&mended.text, None).root(), Some(&mended), previous);
        }
        let module = lower_tree(text, tree.root(), Some(&mended), previous);
        self.whole = Some((mended.text, tree));
        module
    }

    fn parse(&self, text: &str) -> Tree {
        let Some((before, tree)) = &self.whole else { return parse(text, None) };
        let mut tree = tree.clone();
        if let Some(edit) = ByteEdit::between(before, text) {
            tree.edit(&edit);
        }
        parse(text, Some(&tree))
    }
}
