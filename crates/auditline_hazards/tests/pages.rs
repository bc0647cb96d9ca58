//! Every example of every page is what it says: marked lines are reported and no others, look-alikes are silent, and
//! fixes give the fixed block byte for byte.

mod workspace;

use auditline_hazards::page::{Example, Fixed, Page, parse};
use auditline_hazards::{CATALOGUE, Hazard, Severity};
use workspace::{Reported, Shape, Workspace};

/// What went wrong, over all pages, so that one run shows everything.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn add(&mut self, hazard: &Hazard, example: &Example, shape: Shape, what: &str) {
        let example = format!("{} line {}, `{}`", hazard.code, example.line, example.title);
        // One shape tells enough, unless the others differ from it.
        if shape != Shape::AsWritten && self.0.iter().any(|known| known.contains(&format!("{example} (AsWritten)"))) {
            return;
        }
        let place = format!("{example} ({shape:?})");
        self.0.push(format!("── {place}\n{what}"));
    }

    fn end(self) {
        assert!(self.0.is_empty(), "{} failures\n\n{}", self.0.len(), self.0.join("\n\n"));
    }
}

/// The pages that can be read; the others are for [`the_catalogue_is_in_order_and_its_pages_are_whole`] to tell.
fn pages() -> Vec<(&'static Hazard, Page)> {
    CATALOGUE.iter().filter_map(|hazard| Some((*hazard, parse(hazard.page).ok()?))).collect()
}

#[test]
fn the_catalogue_is_in_order_and_its_pages_are_whole() {
    let mut failures = Vec::new();
    let mut last = "";
    let mut names = std::collections::HashSet::new();
    for hazard in CATALOGUE {
        if let Err(error) = parse(hazard.page) {
            failures.push(format!("the page of {}: {error}", hazard.code));
        }
    }
    for (hazard, page) in pages() {
        let mut wrong = |what: String| failures.push(format!("{}: {what}", hazard.code));
        if hazard.code <= last {
            wrong(format!("stands behind {last} or twice"));
        }
        last = hazard.code;
        if !names.insert(hazard.name) {
            wrong(format!("another hazard is called `{}`", hazard.name));
        }
        if (page.code.as_str(), page.name.as_str()) != (hazard.code, hazard.name) {
            wrong(format!("its page is titled `{} {}`", page.code, page.name));
        }
        if page.hazardous.len() < 3 || page.silent.len() < 3 {
            wrong(format!("{} hazardous and {} silent examples", page.hazardous.len(), page.silent.len()));
        }
        for (section, text) in [("Story", &page.story), ("Fix", &page.fix), ("Seen when run", &page.seen)] {
            if text.len() < 40 {
                wrong(format!("the section `{section}` says nothing"));
            }
        }
        if hazard.summary.ends_with('.') || hazard.summary.contains('\n') {
            wrong("its summary is one line without a full stop".to_owned());
        }
        for example in &page.hazardous {
            let marked = example.files.iter().flat_map(|file| &file.expected).any(|one| one.code == hazard.code);
            if !marked {
                wrong(format!("`{}` marks no finding", example.title));
            }
        }
        for example in &page.silent {
            if example.files.iter().any(|file| file.expected.iter().any(|one| one.code == hazard.code)) {
                wrong(format!("`{}` is to be silent and marks a finding", example.title));
            }
        }
        let plain = page.render_plain(hazard);
        let docs = page.render_docs(hazard);
        for text in [&plain, &docs] {
            if text.contains("finding:") || !text.contains(hazard.name) {
                wrong("its rendering keeps markers or lacks its name".to_owned());
            }
        }
        let mut words = plain.lines().filter(|line| !line.starts_with("    "));
        if words.any(|line| line.contains("```") || line.contains("**")) {
            wrong("its plain rendering keeps Markdown".to_owned());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn marked_lines_are_reported_and_no_others() {
    let mut failures = Failures::default();
    for (hazard, page) in pages() {
        for example in &page.hazardous {
            for shape in Shape::ALL {
                let workspace = Workspace::of(example, shape);
                for message in differences(hazard, example, &workspace.check(hazard)) {
                    failures.add(hazard, example, shape, &message);
                }
            }
        }
    }
    failures.end();
}

#[test]
fn look_alikes_are_silent() {
    let mut failures = Failures::default();
    for (hazard, page) in pages() {
        for example in &page.silent {
            for shape in Shape::ALL {
                let reported = Workspace::of(example, shape).check(hazard);
                for one in reported.iter().filter(|one| one.code == hazard.code) {
                    failures.add(hazard, example, shape, &format!("reported: {one}"));
                }
                for one in reported.iter().filter(|one| one.code != hazard.code && shape == Shape::AsWritten) {
                    println!("{} `{}` also has {one}", hazard.code, example.title);
                }
            }
        }
    }
    failures.end();
}

#[test]
fn fixes_give_the_fixed_block() {
    let mut failures = Failures::default();
    for (hazard, page) in pages() {
        for example in &page.hazardous {
            for fixed in &example.fixed {
                for shape in Shape::ALL {
                    if let Err(message) = try_fix(hazard, example, fixed, shape) {
                        failures.add(hazard, example, shape, &message);
                    }
                }
            }
        }
    }
    failures.end();
}

#[test]
fn no_fix_is_offered_where_the_page_says_so() {
    let mut failures = Failures::default();
    for (hazard, page) in pages() {
        for example in page.hazardous.iter().filter(|example| example.no_fix.is_some()) {
            for one in Workspace::of(example, Shape::AsWritten).check(hazard) {
                if one.code == hazard.code && !one.fixes.is_empty() {
                    failures.add(hazard, example, Shape::AsWritten, &format!("{one}\n{:?}", one.fixes));
                }
            }
        }
    }
    failures.end();
}

/// What the findings of an example are, against what it marks.
fn differences(hazard: &Hazard, example: &Example, reported: &[Reported]) -> Vec<String> {
    let mut messages = Vec::new();
    let codes: Vec<&str> = std::iter::once(hazard.code)
        .chain(example.files.iter().flat_map(|file| file.expected.iter().map(|one| one.code.as_str())))
        .collect();
    let mut open: Vec<&Reported> = reported.iter().filter(|one| codes.contains(&one.code)).collect();
    for file in &example.files {
        for expected in &file.expected {
            let at = open.iter().position(|one| {
                one.path == file.path
                    && one.line == expected.line
                    && one.code == expected.code
                    && expected.severity.is_none_or(|severity| one.severity == severity)
                    && expected.message.as_ref().is_none_or(|part| one.message.contains(part.as_str()))
            });
            match at {
                Some(at) => {
                    let one = open.swap_remove(at);
                    if one.evidence.is_empty() {
                        messages.push(format!("no evidence: {one}"));
                    }
                    if let Some(wrong) = one.wrong_message() {
                        messages.push(format!("{wrong}: {one}"));
                    }
                }
                None => messages.push(format!(
                    "not reported: {}:{} {} {} {}",
                    file.path,
                    expected.line,
                    expected.code,
                    expected.severity.map_or("", Severity::as_str),
                    expected.message.as_deref().unwrap_or_default()
                )),
            }
        }
    }
    messages.extend(open.iter().map(|one| format!("reported, and not marked: {one}")));
    messages
}

/// Applies the fix to each finding that offers it, one after the other.
fn try_fix(hazard: &Hazard, example: &Example, fixed: &Fixed, shape: Shape) -> Result<(), String> {
    let mut workspace = Workspace::of(example, shape);
    let wanted = fixed.fix.as_deref();
    let mut rounds = 0;
    while workspace.apply_first(hazard, wanted)? {
        rounds += 1;
        if rounds > 20 {
            return Err(format!("the fix never ends; the files are now\n{}", workspace.show()));
        }
    }
    if rounds == 0 {
        let offered = workspace.check(hazard);
        let offered: Vec<String> = offered.iter().map(|one| format!("{one}: {:?}", one.fixes)).collect();
        return Err(format!("no such fix is offered: {wanted:?} among\n{}", offered.join("\n")));
    }
    for (path, text) in fixed.files.iter().filter(|(path, _)| example.files.iter().all(|file| file.path != *path)) {
        // A new file takes line ends and indentation from those beside it, not their first bytes.
        let expected = if shape == Shape::Astral { text.clone() } else { shape.apply(text, "py") };
        let actual = workspace.text(path);
        if expected != actual {
            return Err(format!("the new `{path}`\n{}\n{}", workspace::diff(&expected, &actual), workspace.show()));
        }
    }
    for file in &example.files {
        let expected = fixed.files.iter().find(|(path, _)| *path == file.path).map_or(&file.text, |(_, text)| text);
        let expected = shape.apply(expected, &file.language);
        let actual = workspace.text(&file.path);
        if expected != actual {
            return Err(format!(
                "`{}` differs from the fixed block\n{}",
                file.path,
                workspace::diff(&expected, &actual)
            ));
        }
    }
    if let Some(one) = workspace.check(hazard).iter().find(|one| one.code == hazard.code) {
        return Err(format!("the fix leaves a finding: {one}"));
    }
    workspace.parses()
}

#[test]
fn a_page_that_breaks_the_contract_is_refused_with_its_line() {
    let page = |hazardous: &str| {
        format!(
            "# AUD999 some-name\n\nHead.\n\n## Story\nS.\n\n## Hazardous\n{hazardous}\n## Silent\n\n## Fix\nF.\n\n## Seen when run\nR.\n"
        )
    };
    let message = |text: &str| parse(text).map(|_| ()).unwrap_err().to_string();
    assert!(parse(&page("### One\n```py path=a.py\nx = 1  # finding: AUD999 \"words\"\n```\n")).is_ok());
    assert_eq!(message("no title\n"), "line 1: a page starts with its title: `# AUD000 some-name`");
    assert_eq!(message("# AUD999\n"), "line 1: the title is a code and a name: `# AUD000 some-name`");
    assert_eq!(message("# AUD999 a\n\nHead.\n\n## Fix\n"), "line 5: here stands `## Fix`, and `## Story` is expected");
    assert_eq!(message(&page("### One\n```py path=a.py\n")), "line 10: this fence is never closed");
    assert_eq!(message(&page("### One\nNothing.\n")), "line 9: the example `One` has no file");
    assert_eq!(
        message(&page("### One\n```py path=a.py\nx = 1  # finding: nonsense\n```\n")),
        "line 11: this marker cannot be read: `# finding: AUD000 \"words\"`"
    );
    assert_eq!(
        message(&page("### One\n```py path=a.py\nx\n```\n#### Fixed\n```py path=b.py\n```\n")),
        "line 14: the example has no file `b.py` that a fix could change"
    );
    assert_eq!(
        message(&page("### One\n```py path=a.py colour=red\n```\n")),
        "line 10: a fence knows `path`, `fix`, `create` and `repeat`, not `colour`"
    );
}

#[test]
fn markers_go_and_lines_are_counted_without_them() {
    let text = "# AUD999 some-name\n\nHead\nparagraph.\n\n## Story\nS.\n\n## Hazardous\n```py path=shared.py\nshared = 1\n```\n\n### One\nWords.\n```py path=a.py\na = 1\nb = 2  # finding: AUD999 warning \"b\" # finding: AUD998\n```\n```dockerfile path=Dockerfile\nFROM x\n# finding-below: AUD999\nCOPY y z\n```\n#### Fixed\n```py path=a.py fix=\"Do it\"\na = 1\n```\n\n## Silent\n\n## Fix\nF.\n\n## Seen when run\nR.\n";
    let page = parse(text).unwrap();
    assert_eq!(page.summary(), "Head\nparagraph.");
    let example = &page.hazardous[0];
    assert_eq!((example.prose.as_str(), example.line), ("Words.", 14));
    let paths: Vec<&str> = example.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["shared.py", "a.py", "Dockerfile"]);
    assert_eq!(example.files[1].text, "a = 1\nb = 2\n");
    assert_eq!(example.files[2].text, "FROM x\nCOPY y z\n");
    let expected: Vec<(u32, &str, Option<&str>)> = example
        .files
        .iter()
        .flat_map(|file| &file.expected)
        .map(|one| (one.line, one.code.as_str(), one.message.as_deref()))
        .collect();
    assert_eq!(expected, [(2, "AUD999", Some("b")), (2, "AUD998", None), (2, "AUD999", None)]);
    assert_eq!(example.files[1].expected[0].severity, Some(Severity::Warning));
    assert_eq!(example.fixed[0].fix.as_deref(), Some("Do it"));
    assert_eq!(example.fixed[0].files, [("a.py".to_owned(), "a = 1\n".to_owned())]);
}
