//! Errors that are raised because a lookup has found nothing, and what is known where they were caught.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId};
use smallvec::SmallVec;

use crate::classes;
use crate::symbols::Symbol;
use crate::unit::{Condition, EventKind, FrameId, Refusal, Subject, Test, TryId};

use super::answers::missed_around;
use super::{Evaluator, Flow};

impl Evaluator<'_> {
    /// Notes what a `raise` raises.
    pub(super) fn refusal(&mut self, code: &Code, exception: Option<ExprId>) {
        let Some(exception) = exception else { return };
        let class = match &code[exception] {
            Expr::Call { func, .. } => *func,
            _ => exception,
        };
        let names = match self.symbol(code, class) {
            Symbol::Class(class) => {
                let own =
                    classes::mro(self.db, class).iter().map(|base| classes::simple(base.path)).collect::<Vec<_>>();
                let external = classes::external_bases(self.db, class);
                let bases = external.iter().map(|base| last(base)).filter(|base| !is_root(base));
                own.into_iter().chain(bases).map(Name::new).collect()
            }
            Symbol::External(path) => vec![Name::new(last(&path))],
            _ => auditline_syntax::python::dotted(code, class).map(|path| Name::new(last(&path))).into_iter().collect(),
        };
        let missed = missed_around(&self.unit, self.frame).into_iter().find(|(_, limit)| !limit).map(|(load, _)| load);
        self.unit.refusals.push(Refusal { names, frame: self.frame, missed });
    }

    /// The loads that have brought nothing where one of these is caught that is raised in a block.
    pub(super) fn missed_where(&self, guarded: FrameId, catches: &[Name]) -> Vec<u32> {
        let is_inside = |frame: FrameId| self.unit.ancestors(frame).any(|(around, _)| around == guarded);
        let caught = self
            .unit
            .refusals
            .iter()
            .filter(|refusal| refusal.names.iter().any(|name| catches.contains(name)) && is_inside(refusal.frame));
        caught.filter_map(|refusal| refusal.missed).collect()
    }

    /// What holds behind a `try` whose block always leaves, where only the handler goes on that runs where a lookup has found
    /// nothing: `try: find(label); raise Conflict` / `except NotFound: pass`.
    pub(super) fn left_missing(&mut self, of: TryId, flows: &[Flow]) -> Option<(u32, Vec<Condition>)> {
        let (guarded, handlers) = flows.split_first()?;
        let mut falling = (0u32..).zip(handlers).filter(|(_, flow)| **flow == Flow::Falls);
        let ((index, _), None) = (falling.next()?, falling.next()) else { return None };
        if *guarded == Flow::Falls {
            return None;
        }
        let at = self.next_ordinal().saturating_sub(1);
        let missed = self.unit.missed_loads(of, index).into_iter().map(|load| {
            let is_row = matches!(self.unit.events.get(load as usize).map(|event| &event.kind),
                Some(EventKind::Load { row: Some(row), .. }) if *row == load);
            let subject = if is_row { Subject::Row { row: load } } else { Subject::Count { load } };
            Condition { subject, test: Test::Present, holds: false, at, constant: None, against: SmallVec::new() }
        });
        let missed: Vec<Condition> = missed.collect();
        if missed.is_empty() {
            return None;
        }
        let split = if *guarded == Flow::Raises { self.refused_otherwise(&missed) } else { self.new_split() };
        Some((split, missed))
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Whether a class stands for errors of every kind.
fn is_root(name: &str) -> bool {
    matches!(name, "BaseException" | "Exception" | "object")
}
