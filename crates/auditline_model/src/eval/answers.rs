//! Yes and no: what the outcome of a test says of the rows that were looked for or counted, and what the answer of a function
//! says of them to its callers.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, FStringPart};
use smallvec::SmallVec;

use crate::db::ClassRef;
use crate::unit::{Answer, Condition, EventKind, FrameId, FrameKind, Subject, Test, Unit};

use super::conditions::truth_of_count;
use super::found::loaded;
use super::value::{CountSource, Sources, Spot, Tells, Value, listed_row};
use super::{Bound, Evaluator, Flow};

/// How a function answers at one `return`.
pub(super) struct Outcome {
    frame: FrameId,
    /// What is returned, as a whole.
    whole: Said,
    /// The parts of it that say something, each where it stands.
    parts: Vec<(Spot, Said)>,
    /// Whether there is nothing at all: `return None`.
    nothing: bool,
}

/// What is returned at one `return`, or a part of it.
#[derive(Clone, Default)]
struct Said {
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
    pub(super) fn outcome(&mut self, code: &Code, bound: &Bound, value: Option<ExprId>) {
        let truth = match bound.value {
            Value::Bool(truth) => Some(truth),
            Value::None => Some(false),
            _ => truth_of(code, value),
        };
        let said = self.truth(bound);
        let counts = said.iter().filter_map(|condition| self.counted_by(condition)).collect();
        let mut parts: Vec<(Spot, Said)> = Vec::new();
        for (spot, count) in &bound.from.within {
            let at = part_at(&mut parts, *spot);
            at.counts.extend(self.counted_by(&truth_of_count(count)));
        }
        for (spot, truth) in truths_within(code, value) {
            part_at(&mut parts, spot).truth = Some(truth);
        }
        let nothing = bound.value == Value::None;
        self.outcomes.push(Outcome { frame: self.frame, whole: Said { truth, counts }, parts, nothing });
    }

    /// Notes what the function's answers say. Of one that gives the rows themselves, these say it; the yes of one that changes
    /// something may mean that it has done so, except where it only counts the rows that it tells of.
    pub(super) fn answered(&mut self, end: Flow) {
        if self.function.is_generator || listed_row(&self.unit.returns).is_some() {
            return;
        }
        let mut spots: Vec<Option<Spot>> = vec![None];
        for (spot, _) in self.outcomes.iter().flat_map(|outcome| &outcome.parts) {
            if !spots.contains(&Some(*spot)) && !self.returns_row_at(*spot) {
                spots.push(Some(*spot));
            }
        }
        for spot in spots {
            let yes = self.meaning(spot, true);
            // One that comes to its end without a word says no.
            let no = if end == Flow::Falls { Vec::new() } else { self.meaning(spot, false) };
            let said = yes.into_iter().chain(no);
            let said: Vec<Answer> =
                said.filter(|one| !self.unit.changes || one.limit && !self.makes(self.model_of(one.load))).collect();
            self.unit.answers.extend(said);
        }
    }

    /// Whether the function, or what it calls, makes or deletes rows of a class, or changes some by a statement.
    fn makes(&self, class: Option<ClassRef>) -> bool {
        self.unit.events.iter().any(|event| match &event.kind {
            EventKind::Create(row) => row.model == class,
            EventKind::Delete { .. } => true,
            EventKind::Execute(query) => query.model == class,
            _ => false,
        })
    }

    /// Whether the function gives rows there.
    fn returns_row_at(&self, spot: Spot) -> bool {
        match (&self.unit.returns, spot) {
            (Value::Tuple(parts), Spot::At(index)) => parts.get(index).is_some_and(|part| listed_row(part).is_some()),
            _ => false,
        }
    }

    /// What is so wherever that answer is given.
    fn meaning(&self, spot: Option<Spot>, answer: bool) -> Vec<Answer> {
        let told = self.outcomes.iter().filter(|outcome| spot.is_none() || !outcome.nothing);
        let told = told.map(|outcome| (outcome.frame, outcome.said(spot)));
        let mut given = told.filter(|(_, said)| said.truth.is_none_or(|truth| truth == answer));
        let Some((frame, first)) = given.next() else { return Vec::new() };
        let mut meaning = self.none_at(frame, &first, answer);
        for (frame, other) in given {
            let other = self.none_at(frame, &other, answer);
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
                kept.push(Answer { spot, ..one });
            }
        }
        kept
    }

    /// The loads that have brought nothing, or few enough, where that answer is given at a `return`.
    fn none_at(&self, frame: FrameId, said: &Said, answer: bool) -> Vec<Answer> {
        let by_value = said.counts.iter().filter(|count| said.truth.is_none() && count.falls == answer);
        let by_value = by_value.map(|count| (count.load, count.tells == Tells::Limit));
        let around = missed_around(&self.unit, frame);
        by_value.chain(around).map(|(load, limit)| Answer { load, none: answer, limit, spot: None }).collect()
    }

    fn model_of(&self, load: u32) -> Option<ClassRef> {
        loaded(&self.unit, load).and_then(|query| query.model)
    }
}

impl Outcome {
    /// What it says as a whole, or by the part that stands there.
    fn said(&self, spot: Option<Spot>) -> Said {
        match spot {
            None => self.whole.clone(),
            Some(spot) => {
                self.parts.iter().find(|(at, _)| *at == spot).map(|(_, said)| said.clone()).unwrap_or_default()
            }
        }
    }
}

fn part_at(parts: &mut Vec<(Spot, Said)>, spot: Spot) -> &mut Said {
    let index = parts.iter().position(|(at, _)| *at == spot).unwrap_or_else(|| {
        parts.push((spot, Said::default()));
        parts.len() - 1
    });
    &mut parts[index].1
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

/// The parts of what is returned of which it is written whether they are a yes or a no: `return False, "too many"`,
/// `{"allowed": False}`, `Quota(allowed=False)`.
fn truths_within(code: &Code, value: Option<ExprId>) -> Vec<(Spot, bool)> {
    let part = |spot: Spot, value: ExprId| truth_of(code, Some(value)).map(|truth| (spot, truth));
    let Some(value) = value else { return Vec::new() };
    match &code[value] {
        Expr::Tuple(items) => {
            items.iter().enumerate().filter_map(|(index, item)| part(Spot::At(index), *item)).collect()
        }
        Expr::Dict(entries) => entries
            .iter()
            .filter_map(|(key, value)| match key.map(|key| &code[key]) {
                Some(Expr::Str(key)) => part(Spot::Named(Name::new(key)), *value),
                _ => None,
            })
            .collect(),
        Expr::Call { args, .. } => args
            .iter()
            .filter_map(|arg| match arg.kind {
                ArgKind::Keyword(name) => part(Spot::Named(name), arg.value),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether what is returned is something or nothing, as it is written.
fn truth_of(code: &Code, value: Option<ExprId>) -> Option<bool> {
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
