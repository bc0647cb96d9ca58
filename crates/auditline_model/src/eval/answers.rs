//! Yes and no: what the outcome of a test says of the rows that were looked for or counted, and what the answer of a function
//! says of them to its callers.

use auditline_syntax::python::ir::{Code, Expr, ExprId, FStringPart};
use smallvec::SmallVec;

use crate::unit::{Answer, Condition, FrameId, FrameKind, Subject, Test, Unit};

use super::found::loaded;
use super::value::{CountSource, Sources, Tells, Value, listed_row};
use super::{Bound, Evaluator, Flow};

/// How a function answers at one `return`.
pub(super) struct Outcome {
    frame: FrameId,
    /// Whether it is a yes, where that is written there.
    truth: Option<bool>,
    /// What the value tells of rows.
    counts: SmallVec<[CountSource; 1]>,
}

impl Evaluator<'_> {
    /// A value that is true where the conditions hold: `found is not None`, `count < limit`.
    pub(super) fn said(&self, from: Sources, conditions: &[Condition]) -> Bound {
        let counts = conditions.iter().filter_map(|condition| self.counted_by(condition)).collect();
        Bound { value: Value::Unknown, from: Sources { counts, ..from } }
    }

    /// What a condition tells of rows.
    fn counted_by(&self, condition: &Condition) -> Option<CountSource> {
        let (load, falls, tells) = match (&condition.subject, &condition.test) {
            (Subject::Row { row }, Test::Present) => (*row, !condition.holds, Tells::Any),
            (Subject::Count { load }, Test::Present) => (*load, !condition.holds, Tells::Any),
            (Subject::Count { load }, Test::Order) => (*load, condition.holds, Tells::Limit),
            _ => return None,
        };
        loaded(&self.unit, load).map(|_| CountSource { load, falls, tells })
    }

    /// Notes how the function answers at a `return`.
    pub(super) fn outcome(&mut self, bound: &Bound, written: Option<bool>) {
        let truth = match bound.value {
            Value::Bool(truth) => Some(truth),
            Value::None => Some(false),
            _ => written,
        };
        let said = self.truth(bound);
        let counts = said.iter().filter_map(|condition| self.counted_by(condition)).collect();
        self.outcomes.push(Outcome { frame: self.frame, truth, counts });
    }

    /// Notes what the function's answers say, where it changes nothing. Of one that gives the rows themselves, these say it.
    pub(super) fn answered(&mut self, end: Flow) {
        if self.unit.changes || self.function.is_generator || listed_row(&self.unit.returns).is_some() {
            return;
        }
        let yes = self.meaning(true);
        // One that comes to its end without a word says no.
        let no = if end == Flow::Falls { Vec::new() } else { self.meaning(false) };
        self.unit.answers.extend(yes.into_iter().chain(no));
    }

    /// What is so wherever that answer is given.
    fn meaning(&self, answer: bool) -> Vec<Answer> {
        let mut given = self.outcomes.iter().filter(|outcome| outcome.truth.is_none_or(|truth| truth == answer));
        let Some(first) = given.next() else { return Vec::new() };
        let mut meaning = self.none_at(first, answer);
        for outcome in given {
            let other = self.none_at(outcome, answer);
            meaning.retain(|one| {
                other
                    .iter()
                    .any(|other| other.limit == one.limit && self.model_of(other.load) == self.model_of(one.load))
            });
        }
        let mut kept: Vec<Answer> = Vec::new();
        for one in meaning {
            let is_known =
                |known: &Answer| known.limit == one.limit && self.model_of(known.load) == self.model_of(one.load);
            if !kept.iter().any(is_known) {
                kept.push(one);
            }
        }
        kept
    }

    /// The loads that have brought nothing, or few enough, where that answer is given at a `return`.
    fn none_at(&self, outcome: &Outcome, answer: bool) -> Vec<Answer> {
        let by_value = outcome.counts.iter().filter(|count| outcome.truth.is_none() && count.falls == answer);
        let by_value = by_value.map(|count| (count.load, count.tells == Tells::Limit));
        let around = missed_around(&self.unit, outcome.frame);
        by_value.chain(around).map(|(load, limit)| Answer { load, none: answer, limit }).collect()
    }

    fn model_of(&self, load: u32) -> Option<crate::db::ClassRef> {
        loaded(&self.unit, load).and_then(|query| query.model)
    }
}

/// The loads that have brought nothing, or few enough (`true`), where a frame is entered, the last one first.
pub(super) fn missed_around(unit: &Unit, frame: FrameId) -> Vec<(u32, bool)> {
    let mut missed = Vec::new();
    for (_, frame) in unit.ancestors(frame) {
        match &frame.kind {
            FrameKind::Branch { conditions, .. } => {
                missed.extend(conditions.iter().filter_map(|condition| match condition.subject {
                    Subject::Count { load } if condition.test == Test::Order && condition.holds => Some((load, true)),
                    _ => condition.missed().map(|load| (load, false)),
                }));
            }
            FrameKind::Handler(of, index) => {
                missed.extend(unit.missed_loads(*of, *index).into_iter().map(|load| (load, false)));
            }
            _ => {}
        }
    }
    missed
}

/// Whether what is returned is something or nothing, as it is written.
pub(super) fn truth_of(code: &Code, value: Option<ExprId>) -> Option<bool> {
    match &code[value?] {
        Expr::Bool(truth) => Some(*truth),
        Expr::None => Some(false),
        Expr::Str(text) => Some(!text.is_empty()),
        Expr::FString(parts) => parts.iter().any(|part| !matches!(part, FStringPart::Hole(_))).then_some(true),
        Expr::Tuple(items) | Expr::List(items) => Some(!items.is_empty()),
        Expr::Dict(entries) => Some(!entries.is_empty()),
        _ => None,
    }
}
