//! The arguments of a call.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr};

use crate::eval::value::{ArgName, Key, Part, Sources, Value};
use crate::eval::{Bound, Evaluator};

/// The arguments of a call, evaluated.
pub(crate) struct Arguments {
    pub(crate) list: Vec<(ArgName, Bound)>,
    /// Whether `*args` or `**kwargs` may fill any parameter.
    pub(crate) open: bool,
    /// What names the arguments.
    pub(crate) keys: Vec<(ArgName, Key)>,
}

impl Arguments {
    pub(crate) fn position(&self, index: u32) -> Option<&Bound> {
        self.list.iter().find(|(name, _)| *name == ArgName::Position(index)).map(|(_, bound)| bound)
    }

    pub(crate) fn keyword(&self, keyword: &str) -> Option<&Bound> {
        self.list
            .iter()
            .find(|(name, _)| matches!(name, ArgName::Keyword(name) if *name == keyword))
            .map(|(_, bound)| bound)
    }

    pub(crate) fn first(&self) -> Value {
        self.position(0).map(|bound| bound.value.clone()).unwrap_or_default()
    }

    pub(crate) fn values(&self) -> Vec<(ArgName, Value)> {
        self.list.iter().map(|(name, bound)| (*name, bound.value.held())).collect()
    }

    /// What the arguments were made from, for a call that computes with them.
    pub(in crate::eval) fn computed(&self) -> Sources {
        self.list.iter().fold(Sources::default(), |from, (_, bound)| from.with(&bound.from.clone().computed()))
    }

    /// What decides what `table.get(key)` gives.
    pub(in crate::eval) fn key_of(&self, method: Name) -> Sources {
        match self.position(0) {
            Some(key) if method == "get" => key.from.key(),
            _ => Sources::default(),
        }
    }

    /// What the arguments spell out.
    pub(super) fn spelled(&self) -> Vec<Part> {
        self.list.iter().flat_map(|(_, bound)| bound.from.parts.iter().copied()).collect()
    }

    /// What the arguments were made from, for a call that is not understood.
    pub(super) fn sources(&self) -> Sources {
        self.list.iter().fold(Sources::default(), |from, (_, bound)| from.with(&bound.from.clone().called()))
    }
}

impl Evaluator<'_> {
    pub(crate) fn arguments(&mut self, code: &Code, args: &[Arg]) -> Arguments {
        let mut list = Vec::with_capacity(args.len());
        let mut keys = Vec::new();
        let mut open = false;
        let mut position = 0;
        for arg in args {
            let bound = self.expr(code, arg.value);
            let name = match arg.kind {
                ArgKind::Positional => {
                    position += 1;
                    ArgName::Position(position - 1)
                }
                ArgKind::Keyword(name) => ArgName::Keyword(name),
                ArgKind::Starred | ArgKind::DoubleStarred => {
                    open = true;
                    if let (ArgKind::DoubleStarred, Expr::Name(name)) = (&arg.kind, &code[arg.value])
                        && self.is_keywords(*name)
                    {
                        // What only some paths put there may be something else here.
                        let certain =
                            |frame: crate::unit::FrameId| self.unit.ancestors(self.frame).any(|(id, _)| id == frame);
                        list.extend(self.added_keywords.iter().map(|(name, bound, frame)| {
                            let bound = if certain(*frame) { bound.clone() } else { Bound::unknown() };
                            (ArgName::Keyword(*name), bound)
                        }));
                    }
                    continue;
                }
            };
            keys.extend(self.key_of(code, &bound, arg.value).map(|key| (name, key)));
            list.push((name, bound));
        }
        Arguments { list, open, keys }
    }
}
