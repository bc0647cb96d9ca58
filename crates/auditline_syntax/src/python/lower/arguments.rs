//! Calls and their arguments.

use super::super::ir::{Arg, ArgKind, Expr, ExprId};
use super::Lowerer;
use super::kind::Kind;
use crate::Name;

impl Lowerer<'_> {
    pub(super) fn call(&mut self, start: u32) -> Expr {
        let mut func = None;
        let mark = self.scratch.args.len();
        self.children_until(|this, kind| {
            match kind {
                Kind::ArgumentList => this.children(|this, kind| this.argument(kind)),
                // `f(x for x in y)`: the generator brings the parentheses.
                Kind::GeneratorExpression if func.is_some() => this.argument(kind),
                _ if func.is_none() && kind.is_expression() => {
                    func = Some(this.expr(kind));
                    return false;
                }
                _ => return false,
            }
            true
        });
        let func = func.unwrap_or_else(|| self.absent(start));
        Expr::Call { func, args: self.scratch.args.drain(mark..).collect() }
    }

    fn argument(&mut self, kind: Kind) {
        if !kind.is_expression() && !matches!(kind, Kind::KeywordArgument | Kind::Error) {
            return;
        }
        let range = self.range();
        let end = self.end();
        let (kind, value) = match kind {
            Kind::KeywordArgument => {
                let (name, value) = self.keyword();
                (ArgKind::Keyword(name), value)
            }
            Kind::ListSplat => (ArgKind::Starred, self.only(end)),
            Kind::DictionarySplat => (ArgKind::DoubleStarred, self.only(end)),
            Kind::Error => match self.unparsed() {
                Some(id) => (ArgKind::Positional, id),
                None => return,
            },
            _ if kind.is_expression() => {
                let value = self.expr(kind);
                // `f((*x))`: parentheses around a splat.
                match self.scratch.exprs[self.frame.exprs + value.index()] {
                    Expr::Starred(inner) => (ArgKind::Starred, inner),
                    _ => (ArgKind::Positional, value),
                }
            }
            _ => return,
        };
        self.scratch.args.push(Arg { kind, value, range });
    }

    /// `name=value`.
    pub(super) fn keyword(&mut self) -> (Name, ExprId) {
        let mut name = None;
        let mut value = None;
        let mut equal = false;
        self.children_until(|this, kind| {
            match kind {
                Kind::Equal => equal = true,
                Kind::Identifier if !equal => name = Some(this.name()),
                _ if equal && kind.is_expression() => value = Some(this.expr(kind)),
                _ => {}
            }
            value.is_some()
        });
        let end = self.end();
        let value = value.unwrap_or_else(|| self.absent(end));
        (name.unwrap_or_else(|| Name::new("")), value)
    }
}
