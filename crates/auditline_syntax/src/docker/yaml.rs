//! YAML as far as compose and CI files need it: a tree with ranges.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use text_size::TextRange;

use super::lines::range;

/// A value with the place where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) range: TextRange,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// A scalar; `None` for a plain `null`, `~` or nothing at all.
    Scalar(Option<String>),
    Sequence(Vec<Arc<Node>>),
    /// The keys that are scalars, with their values.
    Mapping(Vec<(Arc<Node>, Arc<Node>)>),
}

impl Node {
    /// The text of a scalar.
    pub(super) fn str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => text.as_deref(),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> &[Arc<Node>] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    pub(super) fn entries(&self) -> &[(Arc<Node>, Arc<Node>)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, its own or one that is merged in with `<<`.
    pub(super) fn get(&self, key: &str) -> Option<&Arc<Node>> {
        self.get_within(key, MAX_MERGES)
    }

    fn get_within(&self, key: &str, depth: u32) -> Option<&Arc<Node>> {
        let own = self.entries().iter().find(|(name, _)| name.str() == Some(key)).map(|(_, value)| value);
        own.or_else(|| {
            let depth = depth.checked_sub(1)?;
            let (_, merged) = self.entries().iter().find(|(name, _)| name.str() == Some("<<"))?;
            match &merged.value {
                Value::Mapping(_) => merged.get_within(key, depth),
                Value::Sequence(items) => items.iter().find_map(|item| item.get_within(key, depth)),
                Value::Scalar(_) => None,
            }
        })
    }
}

/// How deep mappings may be merged into each other.
const MAX_MERGES: u32 = 8;
/// How deep values may be nested.
const MAX_DEPTH: usize = 64;

/// The first document of a text. Where the text breaks, what was read so far.
pub(super) fn parse(text: &str) -> Option<Arc<Node>> {
    let offsets = Offsets::new(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let Ok((event, span)) = event else { break };
        if !builder.event(event, offsets.range(span)) {
            break;
        }
    }
    builder.finish(text.len())
}

/// From characters, which the parser counts, to bytes.
struct Offsets {
    bytes: Option<Vec<usize>>,
    length: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        // A byte order mark is not handed to the parser.
        let skipped = text.strip_prefix('\u{feff}').map_or(0, |rest| text.len() - rest.len());
        let bytes = (!text.is_ascii()).then(|| text[skipped..].char_indices().map(|(at, _)| at + skipped).collect());
        Self { bytes, length: text.len() }
    }

    fn byte(&self, char: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(char).copied().unwrap_or(self.length),
            None => char.min(self.length),
        }
    }

    fn range(&self, span: Span) -> TextRange {
        let start = self.byte(span.start.index());
        range(start, self.byte(span.end.index()).max(start))
    }
}

#[derive(Debug)]
enum Open {
    Sequence(Vec<Arc<Node>>),
    Mapping { entries: Vec<(Arc<Node>, Arc<Node>)>, key: Option<Arc<Node>> },
}

#[derive(Default)]
struct Builder {
    /// What is being read, the outermost first: where it starts, its anchor, and what it holds.
    open: Vec<(TextRange, usize, Open)>,
    anchors: FxHashMap<usize, Arc<Node>>,
    root: Option<Arc<Node>>,
}

impl Builder {
    /// Takes one event; `false` once the document is complete or too deep.
    fn event(&mut self, event: Event<'_>, at: TextRange) -> bool {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = Value::Scalar((!is_null).then(|| text.into_owned()));
                self.add(Arc::new(Node { range: at, value }), anchor);
            }
            Event::SequenceStart(anchor, _) => self.open.push((at, anchor, Open::Sequence(Vec::new()))),
            Event::MappingStart(anchor, _) => {
                self.open.push((at, anchor, Open::Mapping { entries: Vec::new(), key: None }));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.unwrap_or_else(|| Arc::new(Node { range: at, value: Value::Scalar(None) }));
                self.add(node, 0);
            }
            Event::DocumentEnd | Event::StreamEnd => return false,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
        }
        self.open.len() <= MAX_DEPTH
    }

    fn close(&mut self, at: TextRange) {
        let Some((start, anchor, open)) = self.open.pop() else { return };
        let value = match open {
            Open::Sequence(items) => Value::Sequence(items),
            Open::Mapping { entries, .. } => Value::Mapping(entries),
        };
        self.add(Arc::new(Node { range: TextRange::new(start.start(), at.end().max(start.start())), value }), anchor);
    }

    fn add(&mut self, node: Arc<Node>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((_, _, Open::Sequence(items))) => items.push(node),
            Some((_, _, Open::Mapping { entries, key })) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
        }
    }

    fn finish(mut self, end: usize) -> Option<Arc<Node>> {
        while !self.open.is_empty() {
            self.close(range(end, end));
        }
        self.root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_bytes() {
        let text = "\u{feff}# äöü\r\na: 'ü'\r\nb:\r\n  - x\r\n  - |\r\n    one\r\n    two\r\n";
        let root = parse(text).unwrap();
        assert_eq!(&text[root.get("a").unwrap().range], "'ü'");
        let items = root.get("b").unwrap().items();
        assert_eq!(&text[items[0].range], "x");
        assert_eq!(items[1].str(), Some("one\ntwo\n"));
        assert!(text[items[1].range].contains("two"));
    }

    #[test]
    fn anchors_and_merges() {
        let root = parse("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz:\n  <<: [*x]\n").unwrap();
        let y = root.get("y").unwrap();
        assert_eq!(y.get("a").and_then(|node| node.str()), Some("1"));
        assert_eq!(y.get("b").and_then(|node| node.str()), Some("3"));
        assert_eq!(root.get("z").unwrap().get("b").and_then(|node| node.str()), Some("2"));
    }

    #[test]
    fn broken_text_keeps_what_stands_before() {
        let root = parse("services:\n  web:\n    build: ./web\n  api: [1, {\n  }}").unwrap();
        let build = root.get("services").and_then(|node| node.get("web")).and_then(|node| node.get("build"));
        assert_eq!(build.and_then(|node| node.str()), Some("./web"));
        assert!(parse("").is_none_or(|node| node.str().is_none()));
        let _too_deep = parse(&"[".repeat(100_000));
        let _too_deep = parse(&"- ".repeat(100_000));
        let _too_deep = parse(&"? ".repeat(50_000));
    }
}
