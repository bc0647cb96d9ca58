//! Which fixes go together.

use auditline_source::{TextEdit, TextRange};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Module;

/// The parts of a file in which other edits would meddle with these: each edit, and within one function all that lies
/// between its first and its last. Between them may stand lines that a fix leaves as they are, because the text in them
/// is not code, while it moves all around them.
#[must_use]
pub fn reach(module: &Module, edits: &[TextEdit]) -> Vec<TextRange> {
    let mut whole: Vec<(usize, TextRange)> = Vec::new();
    let mut reach = Vec::new();
    for edit in edits {
        match outermost_function(module, edit.range) {
            Some(function) => match whole.iter_mut().find(|(other, _)| *other == function) {
                Some((_, range)) => *range = range.cover(edit.range),
                None => whole.push((function, edit.range)),
            },
            None => reach.push(edit.range),
        }
    }
    reach.extend(whole.into_iter().map(|(_, range)| range));
    reach
}

/// Whether two ranges overlap or touch.
#[must_use]
pub fn touch(one: TextRange, other: TextRange) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

/// The path of the outermost function around the range.
pub(super) fn function_at(module: &Module, range: TextRange) -> Option<Name> {
    outermost_function(module, range).map(|function| module.functions[function].path)
}

/// The function in no other one that holds the range.
fn outermost_function(module: &Module, range: TextRange) -> Option<usize> {
    let mut functions = module.functions.iter().zip(&module.function_starts);
    functions.position(|(function, start)| function.outer.is_none() && (function.range + *start).contains_range(range))
}

#[cfg(test)]
mod tests {
    use auditline_syntax::python;

    use super::*;

    const CODE: &str = "import a\n\ndef f():\n    one()\n    two()\n    three()\n\ndef g():\n    four()\n";

    fn at(word: &str) -> TextEdit {
        let start = u32::try_from(CODE.find(word).unwrap()).unwrap();
        TextEdit::insert(start.into(), "    ")
    }

    fn reached(edits: &[TextEdit]) -> Vec<&'static str> {
        let module = python::lower(CODE, &python::parse(CODE, None));
        reach(&module, edits)
            .into_iter()
            .map(|range| &CODE[usize::from(range.start())..usize::from(range.end())])
            .collect()
    }

    #[test]
    fn within_a_function_everything_between_the_edits_belongs_to_them() {
        assert_eq!(reached(&[at("import"), at("one"), at("three"), at("four")]), ["", "one()\n    two()\n    ", ""]);
        assert_eq!(reached(&[]), [""; 0]);
    }
}
