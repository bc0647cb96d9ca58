//! Parsing with tree-sitter.

use std::cell::RefCell;

use auditline_source::{ByteEdit, Point};
use tree_sitter::{InputEdit, Parser};

/// The syntax tree of a Python text. Cloning is cheap: clones share their nodes.
#[derive(Debug, Clone)]
pub struct Tree(tree_sitter::Tree);

impl Tree {
    /// Tells the tree what happened to its text, so that [`parse`] can re-use what has not changed. Several edits of
    /// one change come in their order.
    pub fn edit(&mut self, edit: &ByteEdit) {
        let point = |point: Point| tree_sitter::Point { row: point.row as usize, column: point.column as usize };
        self.0.edit(&InputEdit {
            start_byte: edit.start.into(),
            old_end_byte: edit.old_end.into(),
            new_end_byte: edit.new_end.into(),
            start_position: point(edit.start_point),
            old_end_position: point(edit.old_end_point),
            new_end_position: point(edit.new_end_point),
        });
    }

    /// The root node.
    pub(crate) fn root(&self) -> tree_sitter::Node<'_> {
        self.0.root_node()
    }

    /// Whether something in the text could not be parsed.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.root_node().has_error()
    }

    /// The tree as an S-expression, for looking at.
    #[must_use]
    pub fn to_sexp(&self) -> String {
        self.0.root_node().to_sexp()
    }
}

thread_local! {
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// Parses `text`. With `old`, the tree of an earlier text that has been told every edit since ([`Tree::edit`]), only
/// what has changed is parsed again.
///
/// # Panics
/// If the grammar does not fit the tree-sitter library with which this was built: a fault of the build, not of the
/// text.
#[must_use]
pub fn parse(text: &str, old: Option<&Tree>) -> Tree {
    // A parser stays with its thread: making one costs more than parsing a small file.
    PARSER.with_borrow_mut(|slot| {
        let parser = slot.get_or_insert_with(|| {
            let mut parser = Parser::new();
            if let Err(error) = parser.set_language(&tree_sitter_python::LANGUAGE.into()) {
                panic!("the Python grammar does not fit tree-sitter: {error}");
            }
            parser
        });
        // Without a time limit or a cancellation flag a parser with a language always ends with a tree.
        match parser.parse(text, old.map(|tree| &tree.0)) {
            Some(tree) => Tree(tree),
            None => panic!("tree-sitter gave up without being asked to"),
        }
    })
}
