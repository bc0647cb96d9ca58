//! The lowered form of a Python file: what rules and queries see instead of the syntax tree.
//!
//! A [`Module`] is a tree of statements whose expressions live in arenas, one arena for each *code body*: the module
//! level, every class body and every function. Ranges inside a function are relative to the start of that function
//! (its first decorator, or `def`); ranges inside a class body to the start of the class; so moving a function changes
//! nothing in it. The module knows where each one starts ([`Module::function_starts`], [`Module::class_starts`]).

use std::sync::Arc;

use text_size::{TextRange, TextSize};

use crate::Name;

macro_rules! index {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a `usize`.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// An expression in the arena of its [`Code`].
    ExprId
);
index!(
    /// A function of a [`Module`], in source order; methods, nested functions included.
    FunctionIndex
);
index!(
    /// A class of a [`Module`], in source order; nested classes included.
    ClassIndex
);

/// One lowered Python file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Module {
    /// The statements at module level; ranges are absolute.
    pub code: Code,
    /// Every function, method and nested function. Lambdas are expressions, not functions.
    pub functions: Vec<Arc<Function>>,
    /// Where each function starts (its first decorator, or `async`/`def`), absolute.
    pub function_starts: Vec<TextSize>,
    /// Every class.
    pub classes: Vec<Arc<Class>>,
    /// Where each class starts (its first decorator, or `class`), absolute.
    pub class_starts: Vec<TextSize>,
    /// Comments that speak to a tool: `# noqa…`, `# auditline: …`, `# type: ignore…`. Absolute, in source order.
    pub pragmas: Vec<Pragma>,
    /// Absolute ranges of what could not be parsed. Empty for a correct file.
    pub errors: Vec<TextRange>,
}

/// A comment that addresses a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pragma {
    /// The whole comment, from `#` to the end of the line, absolute.
    pub range: TextRange,
    /// The comment's text, without `#` and surrounding blanks.
    pub text: Box<str>,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// A body of code with its arena of expressions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Code {
    /// The arena; [`ExprId`] indexes it.
    pub exprs: Vec<Expr>,
    /// The range of each expression, parallel to `exprs`.
    pub ranges: Vec<TextRange>,
    /// The statements.
    pub block: Block,
}

impl Code {
    /// The range of an expression, relative to the owner of this code.
    #[must_use]
    pub fn range(&self, id: ExprId) -> TextRange {
        self.ranges[id.index()]
    }
}

impl std::ops::Index<ExprId> for Code {
    type Output = Expr;

    fn index(&self, id: ExprId) -> &Expr {
        &self.exprs[id.index()]
    }
}

/// A sequence of statements.
pub type Block = Vec<Stmt>;

/// A function, method or nested function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its simple name.
    pub name: Name,
    /// Its path in the module: `Class.method`, `outer.inner`. A second definition of the same path is `path#2`, and so on.
    pub path: Name,
    /// The class in whose body it stands, if it is a method.
    pub class: Option<ClassIndex>,
    /// The function in whose body it stands, directly or through a class.
    pub outer: Option<FunctionIndex>,
    /// `async def`.
    pub is_async: bool,
    /// Whether its own body (not a nested one) contains `yield`.
    pub is_generator: bool,
    /// Whether something in it could not be parsed.
    pub has_errors: bool,
    /// The decorators, without `@`, in source order.
    pub decorators: Vec<ExprId>,
    /// The parameters, in source order.
    pub params: Vec<Param>,
    /// The return annotation.
    pub returns: Option<ExprId>,
    /// The range of its name in the `def` line, relative to the function.
    pub name_range: TextRange,
    /// The whole function, relative to itself: starts at 0, ends after its last statement.
    pub range: TextRange,
    /// The range of `def` or `async def`, relative to the function.
    pub def_range: TextRange,
    /// The body; the arena also holds decorators, defaults and annotations.
    pub code: Code,
}

impl Function {
    /// The parameter of that name, with its index.
    #[must_use]
    pub fn param(&self, name: Name) -> Option<(usize, &Param)> {
        self.params.iter().enumerate().find(|(_, param)| param.name == name)
    }

    /// The function as it would be with an empty body: what stands before the body keeps its expressions and their ids.
    #[must_use]
    pub fn head(&self) -> Self {
        let of_params = self.params.iter().flat_map(|param| [param.annotation, param.default]).flatten();
        let roots = self.decorators.iter().copied().chain(of_params).chain(self.returns);
        let mut end = 0;
        for root in roots {
            super::walk_expression(&self.code, root, &mut |id| end = end.max(id.index() + 1));
        }
        let code = Code {
            exprs: self.code.exprs[..end].to_vec(),
            ranges: self.code.ranges[..end].to_vec(),
            block: Block::new(),
        };
        Self {
            params: self.params.clone(),
            decorators: self.decorators.clone(),
            has_errors: false,
            range: TextRange::up_to(self.def_range.end()),
            code,
            ..*self
        }
    }
}

/// A parameter of a function or lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name, without `*`.
    pub name: Name,
    /// How it is passed.
    pub kind: ParamKind,
    /// Its annotation. A string annotation is parsed: the expression is what the string says.
    pub annotation: Option<ExprId>,
    /// Its default.
    pub default: Option<ExprId>,
    /// The whole parameter.
    pub range: TextRange,
}

/// How an argument reaches a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// Before a `/`.
    PositionalOnly,
    /// By position or by keyword.
    Positional,
    /// `*args`.
    VarArgs,
    /// After a `*`.
    KeywordOnly,
    /// `**kwargs`.
    KwArgs,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its simple name.
    pub name: Name,
    /// Its path in the module, with the rules of [`Function::path`].
    pub path: Name,
    /// The class in whose body it stands.
    pub class: Option<ClassIndex>,
    /// The function in whose body it stands, directly or through a class.
    pub outer: Option<FunctionIndex>,
    /// Whether something in its body (methods excluded) could not be parsed.
    pub has_errors: bool,
    /// The decorators, without `@`.
    pub decorators: Vec<ExprId>,
    /// The positional bases; a starred base is `Expr::Starred`.
    pub bases: Vec<ExprId>,
    /// Keyword arguments of the class statement: `table=True`, `metaclass=Meta`.
    pub keywords: Vec<(Name, ExprId)>,
    /// The type parameters of `class C[T]`.
    pub type_params: Vec<Name>,
    /// The range of its name, relative to the class.
    pub name_range: TextRange,
    /// The whole class, relative to itself.
    pub range: TextRange,
    /// The class body; ranges relative to the class. Methods are `StmtKind::Function`.
    pub code: Code,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stmt {
    /// From its first character to its last, without the line end; relative to the owner of the code.
    pub range: TextRange,
    /// What it is.
    pub kind: StmtKind,
}

/// The kinds of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StmtKind {
    /// An expression for its effect (also a docstring).
    Expr(ExprId),
    /// `a = b = value`; targets from left to right.
    Assign {
        /// What is assigned to: names, attributes, subscripts, tuples.
        targets: Vec<ExprId>,
        /// The value.
        value: ExprId,
    },
    /// `target: annotation = value`.
    AnnAssign {
        /// The target.
        target: ExprId,
        /// The annotation; a string annotation is parsed.
        annotation: ExprId,
        /// The value.
        value: Option<ExprId>,
    },
    /// `target op= value`.
    AugAssign {
        /// The target.
        target: ExprId,
        /// The operator.
        op: BinaryOp,
        /// The value.
        value: ExprId,
    },
    /// `return`.
    Return(Option<ExprId>),
    /// `raise exception from cause`.
    Raise {
        /// The exception; `None` re-raises.
        exception: Option<ExprId>,
        /// What stands behind `from`.
        cause: Option<ExprId>,
    },
    /// `del a, b`.
    Delete(Vec<ExprId>),
    /// `assert test, message`.
    Assert {
        /// The test.
        test: ExprId,
        /// The message.
        message: Option<ExprId>,
    },
    /// `pass`.
    Pass,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `global a, b`.
    Global(Vec<Name>),
    /// `nonlocal a, b`.
    Nonlocal(Vec<Name>),
    /// `import …`.
    Import(Vec<ImportedModule>),
    /// `from … import …`.
    ImportFrom(ImportFrom),
    /// `if`; an `elif` is an `If` alone in `orelse`, with [`If::is_elif`].
    If(If),
    /// `while`.
    While {
        /// The test.
        test: ExprId,
        /// The body.
        body: Block,
        /// The `else` block.
        orelse: Block,
    },
    /// `for`, `async for`.
    For {
        /// `async for`.
        is_async: bool,
        /// The loop variable.
        target: ExprId,
        /// What is iterated.
        iter: ExprId,
        /// The body.
        body: Block,
        /// The `else` block.
        orelse: Block,
    },
    /// `with`, `async with`.
    With {
        /// `async with`.
        is_async: bool,
        /// The items.
        items: Vec<WithItem>,
        /// The body.
        body: Block,
    },
    /// `try`.
    Try(Try),
    /// `match`.
    Match {
        /// The subject.
        subject: ExprId,
        /// The cases.
        cases: Vec<Case>,
    },
    /// `def`, `async def`.
    Function(FunctionIndex),
    /// `class`.
    Class(ClassIndex),
    /// `type X = …` (PEP 695).
    TypeAlias {
        /// The name.
        name: Name,
        /// The value.
        value: ExprId,
    },
    /// What could not be parsed.
    Broken,
}

impl StmtKind {
    /// The targets and the value of an assignment, with an annotation or without.
    #[must_use]
    pub fn assignment(&self) -> Option<(&[ExprId], ExprId)> {
        match self {
            Self::Assign { targets, value } => Some((targets, *value)),
            Self::AnnAssign { target, value: Some(value), .. } => Some((std::slice::from_ref(target), *value)),
            _ => None,
        }
    }
}

/// An `if` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct If {
    /// The test.
    pub test: ExprId,
    /// The body.
    pub body: Block,
    /// The `else` block; an `elif` is a single `If` in it.
    pub orelse: Block,
    /// Whether it is written `elif`.
    pub is_elif: bool,
}

/// A `try` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// The guarded block.
    pub body: Block,
    /// The handlers.
    pub handlers: Vec<Handler>,
    /// The `else` block.
    pub orelse: Block,
    /// The `finally` block.
    pub finally: Block,
}

/// An `except` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// What it catches, one entry for each exception of a tuple (PEP 758's form without parentheses included).
    /// Empty for a bare `except:`.
    pub exceptions: Vec<ExprId>,
    /// The bound name.
    pub name: Option<Name>,
    /// The body.
    pub body: Block,
    /// The whole clause.
    pub range: TextRange,
}

/// An item of a `with` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithItem {
    /// The context manager.
    pub context: ExprId,
    /// What stands behind `as`.
    pub target: Option<ExprId>,
}

/// A `case` clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The pattern. Literals and dotted names are expressions as written, alternatives are `Binary` with `BitOr`,
    /// class patterns are calls, captures are names, `_` is the name `_`, the rest is `Opaque`.
    pub pattern: ExprId,
    /// The guard.
    pub guard: Option<ExprId>,
    /// The body.
    pub body: Block,
}

/// A module named in an `import` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedModule {
    /// The dotted path.
    pub path: Name,
    /// The name behind `as`.
    pub alias: Option<Name>,
    /// The range of the path.
    pub range: TextRange,
}

/// A `from … import …` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFrom {
    /// The number of leading dots.
    pub level: u32,
    /// The dotted path behind the dots; `None` for `from . import x`.
    pub module: Option<Name>,
    /// The imported names; empty where `star`.
    pub names: Vec<ImportedName>,
    /// `from m import *`.
    pub star: bool,
}

/// A name in a `from` import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedName {
    /// The name in the other module.
    pub name: Name,
    /// The name behind `as`.
    pub alias: Option<Name>,
    /// The range of `name`.
    pub range: TextRange,
}

impl ImportedName {
    /// The name that this import binds.
    #[must_use]
    pub fn bound(&self) -> Name {
        self.alias.unwrap_or(self.name)
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A variable.
    Name(Name),
    /// `value.attr`.
    Attribute {
        /// The object.
        value: ExprId,
        /// The attribute; its range is the last `attr.len()` bytes of the expression.
        attr: Name,
    },
    /// `func(args)`.
    Call {
        /// What is called.
        func: ExprId,
        /// The arguments, in source order.
        args: Vec<Arg>,
    },
    /// `value[index]`; several indices are a `Tuple`.
    Subscript {
        /// The object.
        value: ExprId,
        /// The index.
        index: ExprId,
    },
    /// `lower:upper:step`.
    Slice(Vec<ExprId>),
    /// A string without holes, adjacent literals joined, escapes resolved.
    Str(Box<str>),
    /// A bytes literal; the content is not kept.
    Bytes,
    /// An f-string or t-string (or joined literals with one among them).
    FString(Vec<FStringPart>),
    /// An integer; `None` where it does not fit.
    Int(Option<i64>),
    /// A float or complex number.
    Float,
    /// `True`, `False`.
    Bool(bool),
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// `not x`, `-x`, …
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: ExprId,
    },
    /// `left op right`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left side.
        left: ExprId,
        /// The right side.
        right: ExprId,
    },
    /// `a and b and c`, `a or b`: a chain of one operator is one node.
    BoolOp {
        /// Whether it is `and`; otherwise `or`.
        is_and: bool,
        /// The operands.
        values: Vec<ExprId>,
    },
    /// `left op a op b`.
    Compare {
        /// The leftmost operand.
        left: ExprId,
        /// The operators, each with its right operand.
        rest: Vec<(CompareOp, ExprId)>,
    },
    /// `body if test else orelse`.
    Conditional {
        /// The test.
        test: ExprId,
        /// The value when it holds.
        body: ExprId,
        /// The value when it does not.
        orelse: ExprId,
    },
    /// `lambda params: body`.
    Lambda {
        /// The parameters.
        params: Vec<Param>,
        /// The body.
        body: ExprId,
    },
    /// `(a, b)` or `a, b`.
    Tuple(Vec<ExprId>),
    /// `[a, b]`.
    List(Vec<ExprId>),
    /// `{a, b}`.
    Set(Vec<ExprId>),
    /// `{k: v, **rest}`; a spread has no key.
    Dict(Vec<(Option<ExprId>, ExprId)>),
    /// A comprehension or generator expression.
    Comprehension {
        /// Which one.
        kind: ComprehensionKind,
        /// The element (a `Dict` with one entry for a dict comprehension).
        element: ExprId,
        /// The clauses.
        clauses: Vec<Clause>,
    },
    /// `await x`.
    Await(ExprId),
    /// `yield x`.
    Yield(Option<ExprId>),
    /// `yield from x`.
    YieldFrom(ExprId),
    /// `name := value`.
    Named {
        /// The target name.
        target: Name,
        /// The value.
        value: ExprId,
    },
    /// `*x` in a display or a target.
    Starred(ExprId),
    /// Anything else, with the expressions inside it.
    Opaque(Vec<ExprId>),
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// How it is written.
    pub kind: ArgKind,
    /// Its value.
    pub value: ExprId,
    /// The whole argument: `name=value` included.
    pub range: TextRange,
}

/// How an argument is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// `f(x)`.
    Positional,
    /// `f(*x)`.
    Starred,
    /// `f(name=x)`.
    Keyword(Name),
    /// `f(**x)`.
    DoubleStarred,
}

/// A part of an f-string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FStringPart {
    /// Text between holes, escapes resolved.
    Text(Box<str>),
    /// A hole.
    Hole(ExprId),
}

/// The kinds of comprehensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComprehensionKind {
    /// `[…]`.
    List,
    /// `{…}`.
    Set,
    /// `{k: v …}`.
    Dict,
    /// `(…)`.
    Generator,
}

/// `for target in iter if conditions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// `async for`.
    pub is_async: bool,
    /// The loop variable.
    pub target: ExprId,
    /// What is iterated.
    pub iter: ExprId,
    /// The conditions.
    pub conditions: Vec<ExprId>,
}

/// Unary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `~`.
    Invert,
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    MatMul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LeftShift,
    RightShift,
    BitOr,
    BitXor,
    BitAnd,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CompareOp {
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Is,
    IsNot,
    In,
    NotIn,
}
