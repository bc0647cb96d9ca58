//! Whether edits leave the top-level statements that they touch whole, without parsing the rest of the file.

use auditline_source::{TextEdit, apply_edits};
use auditline_syntax::python::ir::Module;
use auditline_syntax::{TextRange, TextSize};

/// Whether every top-level statement that the edits touch is still code without an error when it stands alone.
///
/// A file is the sequence of its top-level statements, so then the whole file is without an error too. `false` says nothing:
/// the file has errors already, or a piece cannot be judged alone.
pub(super) fn stay_whole(text: &str, module: &Module, edits: &[TextEdit]) -> bool {
    if !module.errors.is_empty() {
        return false;
    }
    let line_start = |at: TextSize| {
        let before = text.get(..usize::from(at)).unwrap_or_default();
        before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1)
    };
    let starts: Vec<usize> = module.code.block.iter().map(|stmt| line_start(stmt.range.start())).collect();
    if !starts.is_sorted() {
        return false;
    }
    let mut pieces: Vec<(usize, usize, Vec<&TextEdit>)> = Vec::new();
    for edit in edits {
        let (first, last) = (usize::from(edit.range.start()), usize::from(edit.range.end()));
        let from = starts.iter().rfind(|start| **start <= first).copied().unwrap_or(0);
        let to = starts.iter().find(|start| **start > last).copied().unwrap_or(text.len());
        match pieces.last_mut() {
            Some((_, end, own)) if from < *end => {
                *end = to.max(*end);
                own.push(edit);
            }
            _ => pieces.push((from, to, vec![edit])),
        }
    }
    pieces.iter().all(|(from, to, edits)| {
        let (Some(piece), Ok(shift)) = (text.get(*from..*to), TextSize::try_from(*from)) else { return false };
        let moved = edits.iter().map(|edit| {
            let range = TextRange::new(edit.range.start() - shift, edit.range.end() - shift);
            TextEdit::replace(range, edit.text.clone())
        });
        let Ok(new) = apply_edits(piece, &moved.collect::<Vec<_>>()) else { return false };
        !auditline_syntax::python::parse(&new, None).has_errors()
    })
}

#[cfg(test)]
mod tests {
    use auditline_source::TextEdit;
    use auditline_syntax::{TextRange, TextSize, python};

    use super::stay_whole;

    const TEXT: &str =
        "import os\n\n\n@route\ndef one(a):\n    return a\n\n\ndef two():\n    return one(\n        os,\n    )\n";

    fn judge(text: &str, edits: &[(&str, &str)]) -> bool {
        let module = python::lower(text, &python::parse(text, None));
        let edits: Vec<TextEdit> = edits
            .iter()
            .map(|(old, new)| {
                let start = TextSize::try_from(text.find(old).unwrap()).unwrap();
                TextEdit::replace(TextRange::at(start, TextSize::try_from(old.len()).unwrap()), (*new).to_owned())
            })
            .collect();
        stay_whole(text, &module, &edits)
    }

    #[test]
    fn what_stays_code_is_taken() {
        assert!(judge(TEXT, &[("return a", "return a + 1")]));
        assert!(judge(TEXT, &[("import os", "import os\nimport sys"), ("        os,", "        sys,")]));
        assert!(judge(TEXT, &[("    )\n", "    )\n\n\nthree = 3\n")]));
    }

    #[test]
    fn what_breaks_is_not() {
        assert!(!judge(TEXT, &[("return a", "return (a")]));
        assert!(!judge(TEXT, &[("return a", "return a a")]));
        assert!(!judge(TEXT, &[("    )\n", "    )\n\"\"\"\n")]));
        assert!(!judge(TEXT, &[("import os", "import os\nimport sys"), ("        os,", "        os os,")]));
    }

    #[test]
    fn files_with_errors_are_not_judged_in_pieces() {
        assert!(!judge("x = (\n\n\ndef one():\n    return 1\n", &[("return 1", "return 2")]));
    }
}
