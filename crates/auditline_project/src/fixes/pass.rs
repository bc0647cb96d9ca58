//! One pass: which fixes go together, and what comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditline_hazards::edit::syntax_errors;
use auditline_hazards::{Family, Safety};
use auditline_model::parsed;
use auditline_source::{FileKind, FilePath, SourceText, TextEdit, TextRange, apply_edits};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Module;
use rustc_hash::FxHashSet;

use super::reach::{function_at, reach, touch};
use super::{FixRejection, Key};
use crate::project::Project;
use crate::report::Report;
use crate::resolved::ResolvedFinding;

/// A fix that may be applied in this pass.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) key: Key,
    pub(super) family: Family,
    pub(super) title: String,
    edits: Vec<(FilePath, Vec<TextEdit>)>,
    /// The files among them that do not exist yet.
    created: Vec<FilePath>,
}

/// A function, by its file and its path there.
pub(super) type Place = (FilePath, Name);

impl Candidate {
    /// The outermost functions that it changes, in the texts as they are.
    pub(super) fn places(&self, project: &Project) -> FxHashSet<Place> {
        let edits = self.edits.iter().flat_map(|(path, edits)| edits.iter().map(|edit| (*path, edit.range)));
        edits.filter_map(|(path, range)| place(project, path, range)).collect()
    }
}

#[cfg(test)]
impl Candidate {
    pub(super) fn without_edits(key: Key) -> Self {
        Self { key, family: Family::Races, title: String::new(), edits: Vec::new(), created: Vec::new() }
    }
}

/// The best allowed fix of each finding, without those that touch one that was chosen before; those have their turn
/// in a later pass.
pub(super) fn choose(
    report: &Report,
    allowed: Safety,
    is_blocked: impl Fn(&ResolvedFinding, &str) -> bool,
    is_inside: impl Fn(FilePath) -> bool,
    reach_of: impl Fn(FilePath, &[TextEdit]) -> Vec<TextRange>,
) -> Vec<Candidate> {
    let mut taken: BTreeMap<FilePath, Vec<TextRange>> = BTreeMap::new();
    let mut chosen = Vec::new();
    let mut filled: Vec<FilePath> = Vec::new();
    for finding in &report.findings {
        let fix = finding
            .fixes
            .iter()
            .find(|fix| (fix.safety == Safety::Safe || allowed == Safety::Unsafe) && !is_blocked(finding, &fix.title));
        let Some((fix, edits)) = fix.and_then(|fix| Some((fix, fix.edits.as_ref()?))) else { continue };
        let created: Vec<FilePath> = edits.iter().filter(|file| file.create).map(|file| file.path).collect();
        let edits: Vec<_> = edits.iter().map(|file| (file.path, file.text_edits())).collect();
        // A file that is made beside others may depend on which they are, as a revision does on the last one.
        let directories: Vec<FilePath> = created.iter().filter_map(|path| path.parent()).collect();
        if directories.iter().any(|directory| filled.contains(directory)) {
            continue;
        }
        let reached: Vec<_> = edits.iter().map(|(path, edits)| (*path, reach_of(*path, edits))).collect();
        let free = reached.iter().all(|(path, reached)| {
            let others = taken.get(path).map(Vec::as_slice).unwrap_or_default();
            is_inside(*path) && reached.iter().all(|range| others.iter().all(|other| !touch(*range, *other)))
        });
        if !free {
            continue;
        }
        filled.extend(directories);
        for (path, reached) in reached {
            taken.entry(path).or_default().extend(reached);
        }
        chosen.push(Candidate {
            key: Key::of(finding),
            family: finding.family,
            title: fix.title.clone(),
            edits,
            created,
        });
    }
    chosen
}

/// What edits of a file of the project lay hands on.
pub(super) fn reach_in(project: &Project, path: FilePath, edits: &[TextEdit]) -> Vec<TextRange> {
    let nothing = Module::default();
    let module = project.db().file(path).map(|file| parsed(project.db(), file));
    reach(module.as_ref().map_or(&nothing, |parsed| &parsed.module), edits)
}

/// The outermost function around a range of a file of the project.
pub(super) fn place(project: &Project, path: FilePath, range: TextRange) -> Option<Place> {
    let file = project.db().file(path)?;
    Some((path, function_at(&parsed(project.db(), file).module, range)?))
}

type Texts = BTreeMap<FilePath, Arc<SourceText>>;

/// Applies the candidates together. Where the result is not sound, one after the other, so that the one at fault is
/// found; the others are applied nevertheless.
pub(super) fn combine(
    project: &Project,
    candidates: Vec<Candidate>,
) -> (Vec<Candidate>, Vec<(Candidate, FixRejection)>, Texts) {
    let all: Vec<&Candidate> = candidates.iter().collect();
    if let Ok(texts) = apply(project, &all) {
        return (candidates, Vec::new(), texts);
    }
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    let mut texts = Texts::new();
    for candidate in candidates {
        let attempt: Vec<&Candidate> = accepted.iter().chain([&candidate]).collect();
        match apply(project, &attempt) {
            Ok(new) => {
                texts = new;
                accepted.push(candidate);
            }
            Err(reason) => rejected.push((candidate, reason)),
        }
    }
    (accepted, rejected, texts)
}

fn apply(project: &Project, candidates: &[&Candidate]) -> Result<Texts, FixRejection> {
    let mut edits: BTreeMap<FilePath, Vec<TextEdit>> = BTreeMap::new();
    for (path, file_edits) in candidates.iter().flat_map(|candidate| &candidate.edits) {
        edits.entry(*path).or_default().extend(file_edits.iter().cloned());
    }
    let mut texts = Texts::new();
    for (path, edits) in edits {
        let is_new = candidates.iter().any(|candidate| candidate.created.contains(&path));
        let old = project.text(path);
        if is_new == old.is_some() {
            return Err(FixRejection::DoesNotFit);
        }
        let old = old.as_deref().map_or("", SourceText::text);
        let new = apply_edits(old, &edits).map_err(|_| FixRejection::DoesNotFit)?;
        if FileKind::of(path).is_python() && syntax_errors(&new) > syntax_errors(old) {
            return Err(FixRejection::DoesNotParse);
        }
        texts.insert(path, Arc::new(SourceText::from(new)));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use auditline_source::TextSize;

    use super::*;
    use crate::config::Config;
    use crate::project::Options;
    use crate::workspace::Workspace;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let directory = tempfile::TempDir::new().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let root = FilePath::new(&directory.path().canonicalize().unwrap()).unwrap();
        let workspace = Workspace::new(root, Config::default(), &[], &[]);
        (directory, Project::open(workspace, &Options::default(), &|_| {}).unwrap())
    }

    /// A candidate that writes texts at offsets of files.
    fn candidate(project: &Project, title: &str, edits: &[(&str, u32, u32, &str)]) -> Candidate {
        let root = project.workspace().root;
        let key = Key { code: "AUD201", path: root, symbol: String::new(), message: title.to_owned() };
        let edits = edits.iter().map(|(name, start, end, text)| {
            let range = TextRange::new(TextSize::new(*start), TextSize::new(*end));
            (root.join(name), vec![TextEdit::replace(range, *text)])
        });
        Candidate { key, family: Family::Races, title: title.to_owned(), edits: edits.collect(), created: Vec::new() }
    }

    fn outcome(
        project: &Project,
        candidates: Vec<Candidate>,
    ) -> (Vec<String>, Vec<(String, FixRejection)>, Vec<String>) {
        let (accepted, rejected, texts) = combine(project, candidates);
        (
            accepted.into_iter().map(|candidate| candidate.title).collect(),
            rejected.into_iter().map(|(candidate, reason)| (candidate.title, reason)).collect(),
            texts.values().map(|text| text.text().to_owned()).collect(),
        )
    }

    #[test]
    fn a_fix_that_breaks_the_code_is_found_among_others() {
        let (_directory, project) = project(&[("a.py", "a = 1\nb = 2\nc = 3\n")]);
        let candidates = vec![
            candidate(&project, "one", &[("a.py", 4, 5, "10")]),
            candidate(&project, "bad", &[("a.py", 10, 11, "((")]),
            candidate(&project, "far", &[("a.py", 90, 91, "x")]),
            candidate(&project, "two", &[("a.py", 16, 17, "30")]),
        ];
        let (accepted, rejected, texts) = outcome(&project, candidates);
        assert_eq!(accepted, ["one", "two"]);
        let expected = [("bad", FixRejection::DoesNotParse), ("far", FixRejection::DoesNotFit)];
        assert_eq!(rejected, expected.map(|(title, reason)| (title.to_owned(), reason)));
        assert_eq!(texts, ["a = 10\nb = 2\nc = 30\n"]);
    }

    #[test]
    fn a_fix_over_several_files_is_applied_in_all_or_in_none() {
        let (_directory, project) = project(&[("a.py", "a = 1\n"), ("b.py", "b = 1\n")]);
        let broken = candidate(&project, "bad", &[("a.py", 4, 5, "2"), ("b.py", 4, 5, ")")]);
        let (accepted, rejected, texts) = outcome(&project, vec![broken]);
        assert!(accepted.is_empty() && texts.is_empty());
        assert_eq!(rejected, [("bad".to_owned(), FixRejection::DoesNotParse)]);
        let sound = candidate(&project, "good", &[("a.py", 4, 5, "2"), ("b.py", 4, 5, "3")]);
        assert_eq!(outcome(&project, vec![sound]).2, ["a = 2\n", "b = 3\n"]);
    }

    #[test]
    fn a_file_that_exists_is_not_made() {
        let (_directory, project) = project(&[("a.py", "a = 1\n")]);
        let root = project.workspace().root;
        let made = |name: &str| {
            let mut fix = candidate(&project, name, &[(name, 0, 0, "b = 1\n")]);
            fix.created = vec![root.join(name)];
            fix
        };
        assert_eq!(outcome(&project, vec![made("b.py")]).2, ["b = 1\n"]);
        let expected = [("a.py".to_owned(), FixRejection::DoesNotFit)];
        assert_eq!(outcome(&project, vec![made("a.py")]).1, expected);
        let lost = candidate(&project, "lost", &[("c.py", 0, 0, "c = 1\n")]);
        assert_eq!(outcome(&project, vec![lost]).1, [("lost".to_owned(), FixRejection::DoesNotFit)]);
    }

    #[test]
    fn errors_that_were_there_before_do_not_count() {
        let (_directory, project) = project(&[("a.py", "def broken(:\n    pass\n\n\na = 1\n")]);
        let fix = candidate(&project, "good", &[("a.py", 28, 29, "2")]);
        assert_eq!(outcome(&project, vec![fix]).0, ["good"]);
    }
}
