//! Functions and their parameters.

use text_size::TextRange;

use super::super::ir::{Block, ExprId, Function, FunctionIndex, Param, ParamKind, StmtKind};
use super::kind::Kind;
use super::{Frame, Lowerer};
use crate::Name;

/// What a function or class is called, and which of the two it is.
struct Head {
    is_class: bool,
    name: Name,
}

/// What stands in a `def` line and its decorators.
pub(super) struct Header {
    pub(super) is_async: bool,
    pub(super) decorators: Vec<ExprId>,
    params: Vec<Param>,
    returns: Option<ExprId>,
    pub(super) name: TextRange,
    pub(super) def: (u32, u32),
    pub(super) body: Block,
    /// Where the last token outside the body ends.
    pub(super) end: u32,
}

impl Header {
    pub(super) fn new(start: u32) -> Self {
        Self {
            is_async: false,
            decorators: Vec::new(),
            params: Vec::new(),
            returns: None,
            name: TextRange::empty(0.into()),
            def: (start, start),
            body: Block::new(),
            end: start,
        }
    }
}

impl<'t> Lowerer<'t> {
    /// Lowers the definition under the cursor, decorators included.
    pub(super) fn definition(&mut self, kind: Kind) {
        let Some(head) = self.head(kind) else {
            let (start, end) = (self.start(), self.end());
            return self.broken(start, end);
        };
        let path = self.path(&head.name);
        if head.is_class {
            self.class(kind, head.name, path);
        } else if !self.reuse_function(path) {
            self.function(kind, head.name, path);
        }
    }

    fn head(&mut self, kind: Kind) -> Option<Head> {
        let mut found = None;
        if kind == Kind::DecoratedDefinition {
            self.children(|this, kind| {
                if matches!(kind, Kind::FunctionDefinition | Kind::ClassDefinition) {
                    found = this.head(kind);
                }
            });
            return found;
        }
        let mut name = None;
        self.children_until(|this, kind| {
            if kind == Kind::Identifier {
                name = Some(this.name());
            }
            name.is_some()
        });
        let name = name.filter(|name| !name.is_empty())?;
        Some(Head { is_class: kind == Kind::ClassDefinition, name })
    }

    /// Enters a new body of code.
    pub(super) fn enter(&mut self, frame: Frame) -> Frame {
        std::mem::replace(&mut self.frame, frame)
    }

    /// Leaves it again.
    pub(super) fn leave(&mut self, outer: Frame) -> Frame {
        let inner = std::mem::replace(&mut self.frame, outer);
        self.frame.any_errors |= inner.any_errors || inner.has_errors;
        inner
    }

    fn function(&mut self, kind: Kind, name: Name, path: Name) {
        let start = self.start();
        let tree_errors = self.node.has_error();
        let index = FunctionIndex(self.functions.len() as u32);
        let (class, outer) = (self.frame.class, self.frame.outer);
        self.functions.push(None);
        self.function_starts.push(start.into());
        let exprs = self.scratch.exprs.len();
        let above = self.enter(Frame {
            base: start,
            exprs,
            class: None,
            outer: Some(index),
            path: Some(path),
            lambdas: 0,
            is_generator: false,
            has_errors: tree_errors,
            any_errors: tree_errors,
        });
        let mut header = Header::new(start);
        self.header(kind, &mut header);
        let end = self.last_end.max(header.end);
        let def_range = self.relative(header.def.0, header.def.1);
        let range = self.relative(start, end);
        let code = self.cut_code(exprs, header.body);
        let frame = self.leave(above);
        let function = Function {
            name,
            path,
            class,
            outer,
            is_async: header.is_async,
            is_generator: frame.is_generator,
            has_errors: frame.has_errors || frame.any_errors || self.is_mended(start, end),
            decorators: header.decorators,
            params: header.params,
            returns: header.returns,
            name_range: header.name,
            range,
            def_range,
            code,
        };
        let function = self.share_function(function);
        self.functions[index.index()] = Some(function);
        self.add(start, end, StmtKind::Function(index));
    }

    fn header(&mut self, kind: Kind, header: &mut Header) {
        let mut named = false;
        let mut decorated = kind == Kind::DecoratedDefinition;
        self.children(|this, kind| match kind {
            Kind::Decorator => this.decorator(header),
            Kind::FunctionDefinition if decorated => {
                decorated = false;
                this.header(kind, header);
            }
            Kind::Block => header.body = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                match kind {
                    Kind::KeywordAsync => {
                        header.is_async = true;
                        header.def.0 = this.start();
                    }
                    Kind::KeywordDef => {
                        if !header.is_async {
                            header.def.0 = this.start();
                        }
                        header.def.1 = this.end();
                    }
                    Kind::Identifier if !named => {
                        named = true;
                        header.name = this.range();
                    }
                    Kind::Parameters => header.params = this.params(),
                    Kind::Type => header.returns = Some(this.type_expr(kind)),
                    _ => {}
                }
                header.end = this.end();
            }
        });
    }

    pub(super) fn decorator(&mut self, header: &mut Header) {
        let end = self.end();
        let id = self.only(end);
        header.decorators.push(id);
    }

    /// Lowers the parameters of a function or lambda.
    pub(super) fn params(&mut self) -> Vec<Param> {
        let mut params: Vec<Param> = Vec::new();
        let mut keyword_only = false;
        self.children(|this, kind| {
            match kind {
                Kind::PositionalSeparator => {
                    for param in &mut params {
                        if param.kind == ParamKind::Positional {
                            param.kind = ParamKind::PositionalOnly;
                        }
                    }
                    return;
                }
                Kind::KeywordSeparator => {
                    keyword_only = true;
                    return;
                }
                Kind::Error => {
                    this.frame.has_errors = true;
                    return;
                }
                _ => {}
            }
            if let Some(mut param) = this.param(kind) {
                match param.kind {
                    ParamKind::VarArgs => keyword_only = true,
                    ParamKind::Positional if keyword_only => param.kind = ParamKind::KeywordOnly,
                    _ => {}
                }
                params.push(param);
            }
        });
        params.shrink_to_fit();
        params
    }

    fn param(&mut self, kind: Kind) -> Option<Param> {
        let range = self.range();
        let mut param =
            Param { name: Name::new(""), kind: ParamKind::Positional, annotation: None, default: None, range };
        match kind {
            Kind::Identifier | Kind::ListSplatPattern | Kind::DictionarySplatPattern => {
                self.param_name(kind, &mut param);
            }
            Kind::TypedParameter | Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                let mut named = false;
                let mut equal = false;
                self.children(|this, kind| match kind {
                    Kind::Identifier | Kind::ListSplatPattern | Kind::DictionarySplatPattern if !named => {
                        named = true;
                        this.param_name(kind, &mut param);
                    }
                    Kind::Equal => equal = true,
                    Kind::Type if !equal => param.annotation = Some(this.type_expr(kind)),
                    _ if equal && kind.is_expression() => param.default = Some(this.expr(kind)),
                    Kind::Error => this.frame.has_errors = true,
                    _ => {}
                });
            }
            // Python 2's tuple parameters bind no name that a call can use.
            _ => return None,
        }
        if param.name.is_empty() {
            self.frame.has_errors = true;
            return None;
        }
        Some(param)
    }

    fn param_name(&mut self, kind: Kind, param: &mut Param) {
        if kind == Kind::Identifier {
            param.name = self.name();
            return;
        }
        param.kind = if kind == Kind::ListSplatPattern { ParamKind::VarArgs } else { ParamKind::KwArgs };
        self.children(|this, kind| {
            if kind == Kind::Identifier {
                param.name = this.name();
            }
        });
    }
}
