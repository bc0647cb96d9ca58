//! Codes of hazards where people write them: in comments that suppress findings, and in configurations.

use auditline_hazards::{CATALOGUE, Family, Hazard, Severity};
use auditline_model::parsed;
use auditline_project::config::{ConfigSpotKind, KEYS, config_spot};
use auditline_project::{Config, Selector, Suppressions, Typing, typing_at};
use auditline_source::{FileKind, FilePath, Position as SourcePosition, SourceText, TextRange, TextSize};
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, Hover, HoverContents, MarkupContent,
    MarkupKind, Position, TextEdit,
};

use crate::conversion::{Speech, range};
use crate::hover::page_of;
use crate::snapshot::Snapshot;

/// What can be written at a place of a document, where that is a place for codes.
pub(crate) fn completion(
    speech: &Speech,
    snapshot: &Snapshot,
    path: FilePath,
    position: Position,
) -> Option<Vec<CompletionItem>> {
    let text = snapshot.documents.get(&path)?.text.clone();
    let offset = text.offset(SourcePosition::new(position.line, position.character), speech.features.encoding);
    let mut list = List { speech, text: &text, range: TextRange::empty(offset), quote: "", items: Vec::new() };
    if Config::is_config_file(path) {
        let spot = config_spot(path, &text, offset)?;
        // What stands behind the cursor stays: the edit must end where the cursor is.
        list.range = TextRange::new(spot.range.start(), offset);
        if !spot.quoted && !matches!(spot.kind, ConfigSpotKind::Key | ConfigSpotKind::HazardKey) {
            list.quote = "\"";
        }
        match spot.kind {
            ConfigSpotKind::Key => KEYS.iter().for_each(|key| list.word(key, CompletionItemKind::PROPERTY)),
            ConfigSpotKind::Severity => [Severity::Error, Severity::Warning, Severity::Information, Severity::Hint]
                .iter()
                .for_each(|severity| list.word(severity.as_str(), CompletionItemKind::ENUM_MEMBER)),
            ConfigSpotKind::Hazard | ConfigSpotKind::HazardKey => list.hazards(&[]),
        }
    } else {
        let module = module_of(snapshot, path);
        let module = module.as_deref().map(|parsed| &parsed.module);
        match typing_at(FileKind::of(path), &text, module, offset)? {
            Typing::Verb { range } => {
                list.range = range;
                ["ignore", "ignore-file"].iter().for_each(|verb| list.word(verb, CompletionItemKind::KEYWORD));
            }
            Typing::Hazard { range, listed } => {
                list.range = range;
                list.hazards(&listed);
            }
        }
    }
    Some(list.items)
}

/// What a code at a place of a document means.
pub(crate) fn hover(speech: &Speech, snapshot: &Snapshot, path: FilePath, offset: TextSize) -> Option<Hover> {
    let text = snapshot.documents.get(&path)?.text.clone();
    let place = if Config::is_config_file(path) {
        let spot = config_spot(path, &text, offset)?;
        matches!(spot.kind, ConfigSpotKind::Hazard | ConfigSpotKind::HazardKey).then_some(spot.range)?
    } else {
        let module = module_of(snapshot, path);
        let module = module.as_deref().map(|parsed| &parsed.module);
        let suppressions = Suppressions::of(FileKind::of(path), &text, module);
        suppressions.word_at(offset).filter(|word| word.is_ours()).map(|word| word.range)?
    };
    let word = text.slice(place);
    let markdown = speech.features.markdown;
    let value = match Selector::parse(word) {
        Ok(Selector::Exact(code)) => {
            let hazard = auditline_hazards::find(code)?;
            if markdown { about(hazard) } else { about_plainly(hazard) }
        }
        Ok(selector) => several(&selector, markdown)?,
        Err(error) if !word.is_empty() => {
            let message = error.to_string();
            if markdown { message } else { message.replace('`', "") }
        }
        Err(_) => return None,
    };
    let kind = if markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    let contents = HoverContents::Markup(MarkupContent { kind, value });
    Some(Hover { contents, range: Some(range(&text, place, speech.features.encoding)) })
}

fn module_of(snapshot: &Snapshot, path: FilePath) -> Option<std::sync::Arc<auditline_model::ParsedModule>> {
    let file = snapshot.file(path).filter(|file| file.kind(&snapshot.db).is_python())?;
    Some(parsed(&snapshot.db, file))
}

fn about(hazard: &Hazard) -> String {
    let (code, name, severity) = (hazard.code, hazard.name, hazard.severity.as_str());
    let what = page_of(code).map_or(hazard.summary, |page| page.summary());
    format!("**{code} {name}** · {severity}\n\n{what}\n\n[More about {code}]({})", hazard.url())
}

fn about_plainly(hazard: &Hazard) -> String {
    let (code, name, severity) = (hazard.code, hazard.name, hazard.severity.as_str());
    format!("{code} {name} ({severity})\n\n{}\n\n{}", hazard.summary.replace('`', ""), hazard.url())
}

/// The hazards that a beginning of a code means.
fn several(selector: &Selector, markdown: bool) -> Option<String> {
    let meant: Vec<&Hazard> = CATALOGUE.iter().copied().filter(|hazard| selector.matches(hazard)).collect();
    let families: Vec<Family> = meant.iter().map(|hazard| hazard.family).collect();
    let (first, last) = (families.first()?, families.last()?);
    let what = if first == last { format!("hazards of {}", first.as_str()) } else { "hazards".to_owned() };
    let head = format!("{selector}: {} {what}", meant.len());
    let line = |hazard: &&Hazard| match markdown {
        true => format!("- [{}]({}) {}: {}\n", hazard.code, hazard.url(), hazard.name, hazard.summary),
        false => format!("  {} {}: {}\n", hazard.code, hazard.name, hazard.summary.replace('`', "")),
    };
    let lines: String = meant.iter().map(line).collect();
    Some(if markdown { format!("**{head}**\n\n{lines}") } else { format!("{head}\n\n{lines}") })
}

/// The completions of one place.
struct List<'a> {
    speech: &'a Speech,
    text: &'a SourceText,
    /// What stands there already, up to the cursor.
    range: TextRange,
    /// What is written around a word.
    quote: &'static str,
    items: Vec<CompletionItem>,
}

impl List<'_> {
    /// Codes, then families, then names; without those that are listed already.
    fn hazards(&mut self, listed: &[String]) {
        let is_listed = |word: &str| listed.iter().any(|other| other.eq_ignore_ascii_case(word));
        let hazards = CATALOGUE.iter().filter(|hazard| !is_listed(hazard.code) && !is_listed(hazard.name));
        for hazard in hazards.clone() {
            self.push(hazard.code, CompletionItemKind::CONSTANT, hazard.name, Some(hazard), '0');
        }
        let mut families: Vec<Family> = CATALOGUE.iter().map(|hazard| hazard.family).collect();
        families.dedup();
        for family in families {
            let code =
                CATALOGUE.iter().find(|hazard| hazard.family == family).map(|hazard| &hazard.code[.."AUD2".len()]);
            if let Some(code) = code.filter(|code| !is_listed(code)) {
                self.push(code, CompletionItemKind::MODULE, &format!("all {}", family.as_str()), None, '1');
            }
        }
        for hazard in hazards {
            self.push(hazard.name, CompletionItemKind::CONSTANT, hazard.code, Some(hazard), '2');
        }
    }

    fn word(&mut self, word: &str, kind: CompletionItemKind) {
        self.push(word, kind, "", None, '0');
    }

    fn push(&mut self, word: &str, kind: CompletionItemKind, detail: &str, hazard: Option<&Hazard>, group: char) {
        let documentation = hazard.map(|hazard| match self.speech.features.completion_markdown {
            true => Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: about(hazard) }),
            false => Documentation::String(about_plainly(hazard)),
        });
        let new_text = format!("{0}{word}{0}", self.quote);
        let range = range(self.text, self.range, self.speech.features.encoding);
        self.items.push(CompletionItem {
            label: word.to_owned(),
            kind: Some(kind),
            detail: (!detail.is_empty()).then(|| detail.to_owned()),
            documentation,
            sort_text: Some(format!("{group}{word}")),
            filter_text: Some(word.to_owned()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
            ..CompletionItem::default()
        });
    }
}
