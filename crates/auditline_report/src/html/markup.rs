//! Text as HTML.

/// Text that may stand anywhere in a page, also in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Nothing of the project may steer what shows the page.
            control if control.is_control() && control != '\t' && control != '\n' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// The little Markdown of messages and stories: code spans and emphasis.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            out.push_str("<code>");
            out.push_str(&escape(part));
            out.push_str("</code>");
        } else {
            out.push_str(&emphasis(&escape(part)));
        }
    }
    out
}

fn emphasis(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('*') {
        match after.split_once('*') {
            Some((inside, behind)) if !inside.is_empty() && !inside.starts_with(' ') && !inside.ends_with(' ') => {
                out.push_str(&format!("{before}<em>{inside}</em>"));
                rest = behind;
            }
            _ => {
                out.push_str(before);
                out.push('*');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The address of a file with a line, as browsers and editors understand it.
pub(super) fn address(path: &str, line: u32) -> String {
    let mut out = String::from("file://");
    if !path.starts_with('/') {
        out.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b':' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.push_str(&format!("#L{line}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_project_becomes_markup() {
        assert_eq!(escape("<a href=\"x\">&'\u{1b}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}");
        assert_eq!(inline("`<b>` is *v*, 2 * 3 * 4"), "<code>&lt;b&gt;</code> is <em>v</em>, 2 * 3 * 4");
        assert_eq!(address("/a b/ü\"'.py", 3), "file:///a%20b/%C3%BC%22%27.py#L3");
    }
}
