//! Classes.

use super::super::ir::{Class, ClassIndex, Expr, StmtKind};
use super::function::Header;
use super::kind::Kind;
use super::{Frame, Lowerer};
use crate::Name;

/// What stands in a class line besides a [`Header`].
#[derive(Default)]
struct Bases {
    positional: Vec<super::ExprId>,
    keywords: Vec<(Name, super::ExprId)>,
    type_params: Vec<Name>,
}

impl Lowerer<'_> {
    pub(super) fn class(&mut self, kind: Kind, name: Name, path: Name) {
        let start = self.start();
        let index = ClassIndex(self.classes.len() as u32);
        let (class, outer) = (self.frame.class, self.frame.outer);
        self.classes.push(None);
        self.class_starts.push(start.into());
        let exprs = self.scratch.exprs.len();
        let above = self.enter(Frame {
            base: start,
            exprs,
            class: Some(index),
            outer,
            path: Some(path),
            lambdas: 0,
            is_generator: false,
            has_errors: false,
            any_errors: false,
        });
        let mut header = Header::new(start);
        let mut bases = Bases::default();
        self.class_header(kind, &mut header, &mut bases);
        let end = self.last_end.max(header.end);
        let range = self.relative(start, end);
        let code = self.cut_code(exprs, header.body);
        let frame = self.leave(above);
        let class = Class {
            name,
            path,
            class,
            outer,
            has_errors: frame.has_errors || self.is_mended_outside_functions(start, end),
            decorators: header.decorators,
            bases: bases.positional,
            keywords: bases.keywords,
            type_params: bases.type_params,
            name_range: header.name,
            range,
            code,
        };
        let class = self.share_class(class);
        self.classes[index.index()] = Some(class);
        self.add(start, end, StmtKind::Class(index));
    }

    /// Whether something was put in between two absolute offsets, functions left out.
    fn is_mended_outside_functions(&self, start: u32, end: u32) -> bool {
        let Some(mended) = self.mended else { return false };
        let inside = |at: u32| {
            let last = self.function_starts.partition_point(|&function| u32::from(function) <= at);
            let first = self.function_starts.partition_point(|&function| u32::from(function) < start);
            // Nested functions end inside those around them: look at all that start before.
            (first..last).any(|function| {
                let range = self.functions[function].as_ref().map(|function| function.range);
                range.is_some_and(|range| at <= u32::from(self.function_starts[function] + range.end()))
            })
        };
        mended.places().map(|at| u32::from(at) + self.origin).any(|at| start <= at && at <= end && !inside(at))
    }

    fn class_header(&mut self, kind: Kind, header: &mut Header, bases: &mut Bases) {
        let mut named = false;
        let mut decorated = kind == Kind::DecoratedDefinition;
        self.children(|this, kind| match kind {
            Kind::Decorator => this.decorator(header),
            Kind::ClassDefinition if decorated => {
                decorated = false;
                this.class_header(kind, header, bases);
            }
            Kind::Block => header.body = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                match kind {
                    Kind::Identifier if !named => {
                        named = true;
                        header.name = this.range();
                    }
                    Kind::TypeParameter => this.children(|this, kind| {
                        if kind == Kind::Type {
                            bases.type_params.push(this.leading_name());
                        }
                    }),
                    Kind::ArgumentList => this.children(|this, kind| this.base(kind, bases)),
                    _ => {}
                }
                header.end = this.end();
            }
        });
    }

    fn base(&mut self, kind: Kind, bases: &mut Bases) {
        match kind {
            Kind::KeywordArgument => {
                let keyword = self.keyword();
                bases.keywords.push(keyword);
            }
            Kind::ListSplat => {
                let (range, end) = (self.range(), self.end());
                let inner = self.only(end);
                let id = self.push(Expr::Starred(inner), range);
                bases.positional.push(id);
            }
            Kind::DictionarySplat => {}
            Kind::Error => self.frame.has_errors = true,
            _ if kind.is_expression() => {
                let id = self.expr(kind);
                bases.positional.push(id);
            }
            _ => {}
        }
    }
}
