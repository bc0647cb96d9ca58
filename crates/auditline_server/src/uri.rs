//! Addresses of documents and paths of files.

use std::str::FromStr;

use auditline_source::FilePath;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tower_lsp::ls_types::Uri;

/// What stands as it is in the path of an address.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where documents stand that are on no disk. No file system has it: a name cannot hold a NUL.
const NOWHERE: &str = "/\0untitled";

/// The path of a `file:` address.
pub(crate) fn file_path(uri: &str) -> Option<FilePath> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/')?),
        None => ("", rest),
    };
    let path = percent_decode_str(path).decode_utf8().ok()?;
    if path.contains('\0') {
        return None;
    }
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.into_owned() };
    match host {
        "" | "localhost" => FilePath::from_str(&without_slash_before_drive(&path)),
        host if cfg!(windows) => FilePath::from_str(&format!("//{host}{path}")),
        _ => None,
    }
}

/// `/c:/x` is `C:/x`: a drive, whose letter may be written either way.
fn without_slash_before_drive(path: &str) -> String {
    match path.as_bytes() {
        [b'/', drive, b':', b'/', ..] if drive.is_ascii_alphabetic() => {
            format!("{}{}", drive.to_ascii_uppercase() as char, &path[2..])
        }
        _ => path.to_owned(),
    }
}

/// The path under which a document is kept that is on no disk, by its address and its language. `None` for documents
/// of other programs, such as the old side of a comparison.
pub(crate) fn nowhere(uri: &str, language: &str) -> Option<FilePath> {
    let (scheme, _) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("untitled") {
        return None;
    }
    let name = match language {
        "python" => "untitled.py",
        "dockerfile" | "containerfile" => "Dockerfile",
        "sql" => "untitled.sql",
        _ => "untitled",
    };
    // The address is unique, and so is its encoded form, which is one part of a path.
    let folder = utf8_percent_encode(uri, NON_ALPHANUMERIC);
    FilePath::from_str(&format!("{NOWHERE}/{folder}/{name}"))
}

/// Whether a path is that of a document on no disk.
pub(crate) fn is_nowhere(path: FilePath) -> bool {
    path.as_str().starts_with(NOWHERE)
}

/// The address of a file, written as editors write it.
pub(crate) fn uri_text(path: FilePath) -> String {
    let text = path.as_str();
    let slash = if text.starts_with('/') { "" } else { "/" };
    format!("file://{slash}{}", utf8_percent_encode(text, PATH))
}

/// The address as the protocol's type. What is no address as it stands is encoded until it is one.
pub(crate) fn parse(text: &str) -> Option<Uri> {
    Uri::from_str(text).ok().or_else(|| {
        const REPAIR: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'/')
            .remove(b':')
            .remove(b'%')
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~')
            .remove(b'?')
            .remove(b'#')
            .remove(b'&')
            .remove(b'=');
        Uri::from_str(&utf8_percent_encode(text, REPAIR).to_string()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str) -> Option<&'static str> {
        file_path(uri).map(FilePath::as_str)
    }

    #[test]
    fn addresses_are_decoded() {
        assert_eq!(path("file:///srv/app/main.py"), Some("/srv/app/main.py"));
        assert_eq!(path("file:///srv/a%20b/%C3%A9%F0%9D%92%B3.py"), Some("/srv/a b/é𝒳.py"));
        assert_eq!(path("file:///srv/a%23b/c%3Fd.py"), Some("/srv/a#b/c?d.py"));
        assert_eq!(path("FILE://localhost/srv/x.py"), Some("/srv/x.py"));
        assert_eq!(path("file:/srv/x.py"), Some("/srv/x.py"));
    }

    #[test]
    fn drives_are_one_however_they_are_written() {
        for uri in ["file:///c%3A/Users/x.py", "file:///C:/Users/x.py", "file:///c:/Users/x.py"] {
            assert_eq!(path(uri), Some("C:/Users/x.py"), "{uri}");
        }
        assert_eq!(uri_text(FilePath::from_str("C:/Users/x.py").unwrap()), "file:///C%3A/Users/x.py");
    }

    #[test]
    fn what_is_no_file_has_no_path() {
        for uri in ["untitled:Untitled-1", "git:/srv/x.py", "file://host/share/x.py", "file:", "nonsense", "file://x"] {
            assert_eq!(path(uri), None, "{uri}");
        }
        assert_eq!(path("file:///a%00b.py"), None);
        assert_eq!(path("file:///a%FFb.py"), None);
    }

    #[test]
    fn there_and_back() {
        for text in ["/srv/app/main.py", "/a b/é𝒳#?%.py", "/srv/[x](y).py"] {
            let file = FilePath::from_str(text).unwrap();
            let uri = uri_text(file);
            assert!(Uri::from_str(&uri).is_ok(), "{uri}");
            assert_eq!(file_path(&uri), Some(file));
        }
    }

    #[test]
    fn documents_on_no_disk_are_kept_apart() {
        let one = nowhere("untitled:Untitled-1", "python").unwrap();
        let other = nowhere("untitled:Untitled-2", "python").unwrap();
        assert_ne!(one.parent(), other.parent());
        assert!(is_nowhere(one));
        assert_eq!(one.file_name(), "untitled.py");
        assert_eq!(nowhere("git:/srv/x.py", "python"), None);
    }

    #[test]
    fn careless_addresses_are_repaired() {
        assert_eq!(parse("file:///a b/é.py").unwrap().as_str(), "file:///a%20b/%C3%A9.py");
        assert_eq!(parse("file:///a%20b.py").unwrap().as_str(), "file:///a%20b.py");
    }
}
