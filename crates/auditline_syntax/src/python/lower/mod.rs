//! From the syntax tree to the lowered form.
//!
//! One pass with one cursor. Every method that lowers a node expects the cursor on it and leaves it there. Lists are
//! gathered on stacks that the whole pass shares, and cut off into vectors of the right size.

mod arguments;
mod broken;
mod class;
mod control;
mod expression;
mod function;
mod import;
mod kind;
mod number;
mod operator;
mod pattern;
mod pragma;
mod reuse;
mod statement;
mod string;
mod types;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use text_size::{TextRange, TextSize};
use tree_sitter::{Node, TreeCursor};

use self::kind::Kind;
use self::reuse::Previous;
use super::ir::{Arg, Class, ClassIndex, Code, Expr, ExprId, Function, FunctionIndex, Module, Stmt};
use super::mend::Mended;
use super::parse::Tree;
use super::pieces::{Piece, parse_pieces};
use crate::Name;

/// How deep expressions may nest; what is deeper becomes an empty [`Expr::Opaque`]. Hostile input must not overflow the
/// stack, here or in a walk over the result.
const MAX_EXPRESSION_DEPTH: u32 = 200;

/// How deep blocks may nest; what is deeper is [`super::ir::StmtKind::Broken`]. Python itself refuses more than 100
/// levels of indentation.
const MAX_BLOCK_DEPTH: u32 = 100;

/// Lowers a parsed text.
#[must_use]
pub fn lower(text: &str, tree: &Tree) -> Module {
    if tree.has_errors() {
        // What a tree with errors looks like depends on how it came about, and what is broken spreads in it.
        return lower_pieces(text, &parse_pieces(text, Vec::new()), None);
    }
    lower_pieces(text, &[Piece::all(text, tree)], None)
}

/// Lowers the pieces of a text.
pub(super) fn lower_pieces<'t>(text: &'t str, pieces: &'t [Piece], previous: Option<(&'t str, &'t Module)>) -> Module {
    let Some(first) = pieces.first() else { return Module::default() };
    let mut lowerer = Lowerer::new(text, first.tree.root(), Scratch::default(), 0);
    lowerer.previous = previous.map(|(text, module)| Previous::new(text, module));
    let mut pragmas = Vec::new();
    for piece in pieces {
        lowerer.enter_piece(piece);
        lowerer.statements();
        lowerer.errors_of_piece();
        pragma::pragmas(text, piece, &mut pragmas);
    }
    let block = lowerer.cut_statements(0);
    let code = lowerer.cut_code(0, block);
    let errors = lowerer.errors();
    let Lowerer { functions, function_starts, classes, class_starts, .. } = lowerer;
    Module {
        code,
        functions: functions.into_iter().flatten().collect(),
        function_starts,
        classes: classes.into_iter().flatten().collect(),
        class_starts,
        pragmas,
        errors,
    }
}

/// The stacks on which lists are gathered.
#[derive(Default)]
struct Scratch {
    exprs: Vec<Expr>,
    ranges: Vec<TextRange>,
    ids: Vec<ExprId>,
    args: Vec<Arg>,
    stmts: Vec<Stmt>,
}

/// The body of code that is being lowered.
struct Frame {
    /// Where its owner starts, absolute (modulo 2³² inside a string annotation, whose text starts at 0).
    base: u32,
    /// Where its arena starts on the stack.
    exprs: usize,
    /// The class whose body this is.
    class: Option<ClassIndex>,
    /// The innermost function around its statements.
    outer: Option<FunctionIndex>,
    /// The path of its owner.
    path: Option<Name>,
    /// How many lambdas are open: their `yield`s are their own.
    lambdas: u32,
    is_generator: bool,
    has_errors: bool,
    /// Whether something in a definition inside it could not be parsed.
    any_errors: bool,
}

struct Lowerer<'t> {
    text: &'t str,
    cursor: TreeCursor<'t>,
    /// The node under the cursor: asking the cursor for it is not free.
    node: Node<'t>,
    kinds: &'static [Kind],
    scratch: Scratch,
    frame: Frame,
    depth: u32,
    blocks: u32,
    /// Where the statement lowered last ends, absolute.
    last_end: u32,
    functions: Vec<Option<Arc<Function>>>,
    function_starts: Vec<TextSize>,
    classes: Vec<Option<Arc<Class>>>,
    class_starts: Vec<TextSize>,
    /// How many definitions there are of each path.
    paths: FxHashMap<Name, u32>,
    /// What stands behind an `as` inside the expression at hand.
    target: Option<ExprId>,
    /// What could not be parsed, and what the grammar reads and Python refuses, absolute.
    errors: Vec<TextRange>,
    previous: Option<Previous<'t>>,
    /// Where the tree starts in the text.
    origin: u32,
    /// How the offsets of the tree lead to those of its text, where that was mended.
    mended: Option<&'t Mended>,
}

impl<'t> Lowerer<'t> {
    fn new(text: &'t str, root: Node<'t>, scratch: Scratch, base: u32) -> Self {
        let frame = Frame {
            base,
            exprs: 0,
            class: None,
            outer: None,
            path: None,
            lambdas: 0,
            is_generator: false,
            has_errors: false,
            any_errors: false,
        };
        Self {
            text,
            cursor: root.walk(),
            node: root,
            kinds: kind::table(),
            scratch,
            frame,
            depth: 0,
            blocks: 0,
            last_end: 0,
            functions: Vec::new(),
            function_starts: Vec::new(),
            classes: Vec::new(),
            class_starts: Vec::new(),
            paths: FxHashMap::default(),
            target: None,
            errors: Vec::new(),
            previous: None,
            origin: 0,
            mended: None,
        }
    }

    /// Goes to the root of a piece of the text.
    fn enter_piece(&mut self, piece: &'t Piece) {
        self.node = piece.tree.root();
        self.cursor.reset(self.node);
        self.origin = piece.start;
        self.mended = piece.mended.as_ref();
    }

    // The node under the cursor.

    fn kind_of(&self, node: Node<'_>) -> Kind {
        self.kinds.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Error)
    }

    fn kind(&self) -> Kind {
        self.kind_of(self.node)
    }

    fn start(&self) -> u32 {
        self.original(self.node.start_byte())
    }

    fn end(&self) -> u32 {
        self.original(self.node.end_byte())
    }

    /// The offset in the text of an offset in the tree.
    fn original(&self, offset: usize) -> u32 {
        let offset = offset as u32;
        self.origin + self.mended.map_or(offset, |mended| mended.original(offset))
    }

    /// Whether something between two absolute offsets was put in.
    fn is_mended(&self, start: u32, end: u32) -> bool {
        self.mended.is_some_and(|mended| mended.touches(start - self.origin, end - self.origin))
    }

    /// The text between two absolute offsets.
    fn text_of(&self, start: u32, end: u32) -> &'t str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn slice(&self) -> &'t str {
        self.text_of(self.start(), self.end())
    }

    fn name(&self) -> Name {
        Name::new(self.slice())
    }

    /// The range between two absolute offsets, relative to the owner of the code.
    fn relative(&self, start: u32, end: u32) -> TextRange {
        let start = start.wrapping_sub(self.frame.base);
        let end = end.wrapping_sub(self.frame.base);
        TextRange::new(start.into(), end.max(start).into())
    }

    fn range(&self) -> TextRange {
        self.relative(self.start(), self.end())
    }

    // Moving the cursor.

    fn down(&mut self) -> bool {
        let moved = self.cursor.goto_first_child();
        if moved {
            self.node = self.cursor.node();
        }
        moved
    }

    fn next(&mut self) -> bool {
        let moved = self.cursor.goto_next_sibling();
        if moved {
            self.node = self.cursor.node();
        }
        moved
    }

    fn up(&mut self) {
        self.cursor.goto_parent();
        self.node = self.cursor.node();
    }

    /// Calls `visit` with the cursor on each child.
    fn children(&mut self, mut visit: impl FnMut(&mut Self, Kind)) {
        self.children_until(|this, kind| {
            visit(this, kind);
            false
        });
    }

    /// Calls `visit` with the cursor on each child until it says that it has seen enough.
    fn children_until(&mut self, mut visit: impl FnMut(&mut Self, Kind) -> bool) {
        let parent = self.node;
        if !self.down() {
            return;
        }
        let end = parent.end_byte();
        loop {
            let kind = self.kind();
            // The child that ends where its parent ends is the last, but for tokens that are not there. Finding that
            // out from the cursor costs more than going to the child did.
            if visit(self, kind) || self.node.end_byte() == end || !self.next() {
                break;
            }
        }
        self.cursor.goto_parent();
        self.node = parent;
    }

    // The stacks.

    fn push(&mut self, expr: Expr, range: TextRange) -> ExprId {
        let id = ExprId((self.scratch.exprs.len() - self.frame.exprs) as u32);
        self.scratch.exprs.push(expr);
        self.scratch.ranges.push(range);
        id
    }

    /// Stands for an expression that is not there.
    fn absent(&mut self, at: u32) -> ExprId {
        let range = self.relative(at, at);
        self.push(Expr::Opaque(Vec::new()), range)
    }

    fn range_of(&self, id: ExprId) -> TextRange {
        self.scratch.ranges[self.frame.exprs + id.index()]
    }

    fn cut_ids(&mut self, from: usize) -> Vec<ExprId> {
        self.scratch.ids.drain(from..).collect()
    }

    fn cut_code(&mut self, from: usize, block: Vec<Stmt>) -> Code {
        Code {
            exprs: self.scratch.exprs.drain(from..).collect(),
            ranges: self.scratch.ranges.drain(from..).collect(),
            block,
        }
    }

    /// The path of a definition called `name` in the body at hand: one more of its kind is `path#2`.
    fn path(&mut self, name: &str) -> Name {
        let path = match self.frame.path {
            Some(outer) => Name::new(&format!("{outer}.{name}")),
            None => Name::new(name),
        };
        let count = self.paths.entry(path).or_insert(0);
        *count += 1;
        if *count == 1 { path } else { Name::new(&format!("{path}#{count}")) }
    }
}
