//! The words of a text.

/// Whether a byte belongs to a word: letters, digits, `_`, and every byte of a character outside ASCII.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80..);
        byte += 1;
    }
    table
};

/// Calls `found` for each word of `text` that could be an identifier, those in strings and comments included. A word
/// that starts with a digit is none. One pass over the bytes, no parsing: this feeds the index of words of a whole
/// workspace.
pub fn words<'a>(text: &'a str, mut found: impl FnMut(&'a str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        while at < bytes.len() && !WORD[usize::from(bytes[at])] {
            at += 1;
        }
        if at == bytes.len() {
            return;
        }
        let start = at;
        while at < bytes.len() && WORD[usize::from(bytes[at])] {
            at += 1;
        }
        // A word starts and ends beside ASCII, so the slice is on character boundaries.
        if !bytes[start].is_ascii_digit()
            && let Some(word) = text.get(start..at)
        {
            found(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    fn all(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        words(text, |word| out.push(word));
        out
    }

    #[test]
    fn words_of_code_strings_and_comments() {
        assert_eq!(all("a_1 = b.c2(\"d e\") # f"), ["a_1", "b", "c2", "d", "e", "f"]);
        assert_eq!(all("größe+naïve"), ["größe", "naïve"]);
        assert_eq!(all("1x 0xff 12"), Vec::<&str>::new());
        assert_eq!(all(""), Vec::<&str>::new());
        assert_eq!(all("end"), ["end"]);
    }
}
