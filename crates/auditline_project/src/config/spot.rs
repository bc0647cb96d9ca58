//! What stands at a place of a configuration file. The text may be half typed, so it is read here by its tokens, from
//! the top to the place, and not parsed as a whole.

use auditline_source::{FilePath, SourceText, TextRange, TextSize};

/// What stands, or is being typed, at a place of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSpot {
    /// What belongs there.
    pub kind: ConfigSpotKind,
    /// The word there, without quotes.
    pub range: TextRange,
    /// Whether it stands in quotes already.
    pub quoted: bool,
}

/// What belongs at a place of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSpotKind {
    /// A key of the configuration.
    Key,
    /// A hazard in a list.
    Hazard,
    /// A hazard that is given another severity.
    HazardKey,
    /// A severity.
    Severity,
}

/// What stands at that offset of the configuration file at `path`, if it is a place of ours.
#[must_use]
pub fn config_spot(path: FilePath, text: &SourceText, offset: TextSize) -> Option<ConfigSpot> {
    let mut scanner =
        Scanner { text: text.text(), at: 0, target: usize::from(offset), header: Vec::new(), found: None };
    scanner.document();
    let Found { path: keys, is_key, start, end, quoted } = scanner.found?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let keys = match path.file_name() {
        "pyproject.toml" => keys.strip_prefix(&["tool", "auditline"])?,
        _ => &keys,
    };
    let kind = match (keys, is_key) {
        ([], true) => ConfigSpotKind::Key,
        (["severity"], true) => ConfigSpotKind::HazardKey,
        (["select" | "ignore"] | ["per-file-ignores", _], false) => ConfigSpotKind::Hazard,
        (["severity", _], false) => ConfigSpotKind::Severity,
        _ => return None,
    };
    let size = |at: usize| TextSize::try_from(at).unwrap_or_default();
    Some(ConfigSpot { kind, range: TextRange::new(size(start), size(end)), quoted })
}

struct Found {
    /// The keys on the way to it.
    path: Vec<String>,
    is_key: bool,
    start: usize,
    end: usize,
    quoted: bool,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    target: usize,
    header: Vec<String>,
    found: Option<Found>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Nothing behind the place matters.
    fn is_done(&self) -> bool {
        self.found.is_some() || self.at > self.target || self.at >= self.text.len()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Blanks, line ends and comments.
    fn gap(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'#') => self.skip_line(),
                _ => return,
            }
        }
    }

    fn document(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        loop {
            let before = self.at;
            self.line();
            if self.is_done() {
                break;
            }
            if self.at == before {
                self.at += 1;
            }
        }
        // An empty line at the place is where a key may be typed.
        if self.found.is_none() {
            let before = self.text.get(..self.target).unwrap_or_default();
            if before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty()) {
                let header = self.header.clone();
                self.note(&header, true, self.target, self.target, false);
            }
        }
    }

    /// A header, or a key with its value.
    fn line(&mut self) {
        loop {
            match self.peek() {
                Some(b'#') => self.skip_line(),
                Some(b' ' | b'\t' | b'\r' | b'\n') if self.at < self.target => self.at += 1,
                _ => break,
            }
        }
        if self.is_done() {
            return;
        }
        if self.peek() == Some(b'[') {
            while self.peek() == Some(b'[') {
                self.at += 1;
            }
            let mut header = Vec::new();
            self.keys(&mut header, false);
            self.header = header;
            self.skip_line();
            return;
        }
        let mut path = self.header.clone();
        self.assignment(&mut path);
        // A list that was not closed ends where the next line starts.
        let before = self.text.get(..self.at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
        if !self.is_done() && !before.trim().is_empty() {
            self.skip_line();
        }
    }

    fn assignment(&mut self, path: &mut Vec<String>) {
        self.keys(path, true);
        self.blanks();
        if self.peek() == Some(b'=') {
            self.at += 1;
            self.value(path);
        }
    }

    /// `a.b."c"`; pushes what it reads.
    fn keys(&mut self, path: &mut Vec<String>, note: bool) {
        loop {
            self.blanks();
            let start = self.at;
            let (word, from, to, quoted) = match self.peek() {
                Some(b'"' | b'\'') => {
                    let (from, to) = self.string();
                    (self.text[from..to].to_owned(), from, to, true)
                }
                _ => {
                    let is_bare = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_');
                    let length = self.rest().find(|char| !is_bare(char)).unwrap_or(self.rest().len());
                    self.at += length;
                    (self.text[start..self.at].to_owned(), start, self.at, false)
                }
            };
            if note && (from..=to).contains(&self.target) {
                let above = path.clone();
                self.note(&above, true, from, to, quoted);
            }
            path.push(word);
            self.blanks();
            if self.peek() != Some(b'.') {
                return;
            }
            self.at += 1;
        }
    }

    fn value(&mut self, path: &mut Vec<String>) {
        self.blanks();
        match self.peek() {
            Some(b'[') => self.array(path),
            Some(b'{') => self.inline_table(path),
            Some(b'"' | b'\'') => {
                let (from, to) = self.string();
                if (from..=to).contains(&self.target) {
                    self.note(path, false, from, to, true);
                }
            }
            _ => {
                let start = self.at;
                let ends = |char: char| matches!(char, ',' | ']' | '}' | '#' | '\n' | '\r' | ' ' | '\t');
                self.at += self.rest().find(ends).unwrap_or(self.rest().len());
                if (start..=self.at).contains(&self.target) {
                    self.note(path, false, start, self.at, false);
                }
            }
        }
    }

    fn array(&mut self, path: &mut Vec<String>) {
        self.at += 1;
        loop {
            let before = self.at;
            self.gap();
            if before <= self.target && self.target < self.at && !self.text[before..self.target].contains('#') {
                self.note(path, false, self.target, self.target, false);
            }
            // A list that was not closed ends where the next line begins like one.
            if self.is_done() || self.starts_a_line() {
                return;
            }
            match self.peek() {
                Some(b']') => {
                    if self.at == self.target {
                        self.note(path, false, self.at, self.at, false);
                    }
                    self.at += 1;
                    return;
                }
                Some(b',') => self.at += 1,
                _ => {
                    self.value(path);
                    if self.at == before {
                        return;
                    }
                }
            }
        }
    }

    fn starts_a_line(&self) -> bool {
        let line = self.rest().lines().next().unwrap_or_default();
        let head = line.split_once('=').map_or("", |(head, _)| head).trim();
        let is_key = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
        (!head.is_empty() && head.chars().all(is_key)) || (line.starts_with('[') && !line.contains(['"', '\'']))
    }

    fn inline_table(&mut self, path: &[String]) {
        self.at += 1;
        loop {
            let before = self.at;
            self.blanks();
            if self.is_done() {
                return;
            }
            match self.peek() {
                Some(b'}') => {
                    if self.at == self.target {
                        self.note(path, true, self.at, self.at, false);
                    }
                    self.at += 1;
                    return;
                }
                Some(b',') => self.at += 1,
                Some(b'\n' | b'\r') | None => return,
                _ => {
                    let mut inner = path.to_vec();
                    self.assignment(&mut inner);
                    if self.at == before {
                        return;
                    }
                }
            }
        }
    }

    /// A string; where its content starts and ends. One that is not closed ends with its line.
    fn string(&mut self) -> (usize, usize) {
        let quote = self.peek().unwrap_or_default();
        let triple = [quote; 3];
        if self.rest().as_bytes().starts_with(&triple) {
            let from = self.at + 3;
            let rest = self.text.get(from..).unwrap_or_default();
            let end = std::str::from_utf8(&triple).ok().and_then(|triple| rest.find(triple)).unwrap_or(rest.len());
            self.at = (from + end + 3).min(self.text.len());
            return (from, from + end);
        }
        let from = self.at + 1;
        self.at = from;
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' => return (from, self.at),
                b'\\' if quote == b'"' => self.at = (self.at + 2).min(self.text.len()),
                _ if byte == quote => {
                    self.at += 1;
                    return (from, self.at - 1);
                }
                _ => self.at += 1,
            }
            // Never between the bytes of a letter.
            while !self.text.is_char_boundary(self.at) {
                self.at += 1;
            }
        }
        (from, self.at)
    }

    fn note(&mut self, path: &[String], is_key: bool, start: usize, end: usize, quoted: bool) {
        if self.found.is_none() {
            self.found = Some(Found { path: path.to_vec(), is_key, start, end, quoted });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands at the bar.
    fn spot(file: &str, marked: &str) -> Option<(ConfigSpotKind, String, bool)> {
        let offset = TextSize::try_from(marked.find('|').unwrap()).unwrap();
        let text = SourceText::from(marked.replace('|', ""));
        let path = FilePath::from_str(&format!("/p/{file}")).unwrap();
        let spot = config_spot(path, &text, offset)?;
        Some((spot.kind, text.slice(spot.range).to_owned(), spot.quoted))
    }

    fn own(marked: &str) -> Option<(ConfigSpotKind, String, bool)> {
        spot("auditline.toml", marked)
    }

    fn some(kind: ConfigSpotKind, word: &str, quoted: bool) -> Option<(ConfigSpotKind, String, bool)> {
        Some((kind, word.to_owned(), quoted))
    }

    #[test]
    fn hazards_stand_in_lists() {
        use ConfigSpotKind::Hazard;
        assert_eq!(own("select = [\"AUD2|\"]"), some(Hazard, "AUD2", true));
        assert_eq!(own("# é\nignore = [\n  'AUD1', # \"one\"\n  'A|UD2',\n]\n"), some(Hazard, "AUD2", true));
        assert_eq!(own("select = [\"|"), some(Hazard, "", true));
        assert_eq!(own("select = [|]"), some(Hazard, "", false));
        assert_eq!(own("select = [\"AUD1\", |\n"), some(Hazard, "", false));
        assert_eq!(own("select = [\"AUD1\", AUD|]"), some(Hazard, "AUD", false));
        assert_eq!(own("select = [\"AUD1\"\nignore = [\"|\"]"), some(Hazard, "", true));
        assert_eq!(own("[per-file-ignores]\n\"a/*.py\" = [\"|\"]"), some(Hazard, "", true));
        assert_eq!(own("per-file-ignores = { \"a=[\" = [\"AUD3|\"] }"), some(Hazard, "AUD3", true));
    }

    #[test]
    fn keys_and_severities_have_their_places() {
        use ConfigSpotKind::{HazardKey, Key, Severity};
        assert_eq!(own("sel|"), some(Key, "sel", false));
        assert_eq!(own("select = []\n|\n[severity]\n"), some(Key, "", false));
        assert_eq!(own("[severity]\nAUD2|"), some(HazardKey, "AUD2", false));
        assert_eq!(own("[severity]\n|"), some(HazardKey, "", false));
        assert_eq!(own("[severity]\nAUD201 = \"er|ror\""), some(Severity, "error", true));
        assert_eq!(own("severity.AUD201 = |"), some(Severity, "", false));
    }

    #[test]
    fn only_our_table_of_a_pyproject_counts() {
        let with = |marked: &str| spot("pyproject.toml", marked);
        assert_eq!(with("[tool.auditline]\nselect = [\"AUD|\"]"), some(ConfigSpotKind::Hazard, "AUD", true));
        assert_eq!(with("[tool]\nauditline.ignore = [\"|\"]"), some(ConfigSpotKind::Hazard, "", true));
        assert_eq!(with("[tool.auditline.severity]\nA|"), some(ConfigSpotKind::HazardKey, "A", false));
        assert_eq!(with("[tool.ruff]\nselect = [\"E|\"]"), None);
        assert_eq!(with("select = [\"E|\"]"), None);
    }

    #[test]
    fn elsewhere_is_nothing() {
        for text in [
            "exclude = [\"|\"]",
            "# select = [\"|\"]",
            "select = [\"AUD1\"] |",
            "select = [ # |\n]",
            "[sel|ect]",
            "x = \"\"\"\nselect = [\"|\n\"\"\"",
            "include-tests = tr|ue",
        ] {
            assert_eq!(own(text), None, "{text}");
        }
    }

    #[test]
    fn no_text_stops_it() {
        let text = "é=[\"\\\u{e9}[severity].'=,{}]\n\t#\r|";
        let letters: Vec<char> = text.chars().collect();
        let path = FilePath::from_str("/p/auditline.toml").unwrap();
        for seed in 0..4_000_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut made = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                made.push(letters[(state >> 33) as usize % letters.len()]);
            }
            let source = SourceText::from(made.clone());
            for (at, _) in made.char_indices() {
                let spot = config_spot(path, &source, TextSize::try_from(at).unwrap());
                assert!(spot.is_none_or(|spot| spot.range.end() <= source.len()), "{made:?}");
            }
        }
    }
}
