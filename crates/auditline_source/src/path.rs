//! Paths of files.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ustr::Ustr;

/// The absolute path of a file or directory: UTF-8, separated by `/`, without `.` and `..`, without a `/` at its end
/// (but for the root). Interned: copying and comparing for equality cost one machine word. The order is that of the
/// text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilePath(Ustr);

impl FilePath {
    /// The path, made normal; `None` if it is not absolute or not UTF-8. The file system is not asked: symbolic links
    /// stay as they are.
    #[must_use]
    pub fn new(path: &Path) -> Option<Self> {
        let text = path.to_str()?;
        if cfg!(windows) { Self::from_str(&text.replace('\\', "/")) } else { Self::from_str(text) }
    }

    /// The path written as `text`, made normal; `None` if it is not absolute.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // The trait wants an error type; absence says it all.
    pub fn from_str(text: &str) -> Option<Self> {
        let root = root_len(text)?;
        Some(Self(Ustr::from(&normalise(&text[..root], text[root..].split('/')))))
    }

    /// The text of the path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.as_str()
    }

    /// The path for the file system.
    #[must_use]
    pub fn as_path(self) -> &'static Path {
        Path::new(self.as_str())
    }

    /// The directory in which it stands; `None` for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let text = self.as_str();
        let root = root_len(text)?;
        if text.len() == root {
            return None;
        }
        let end = text.rfind('/')?.max(root);
        Some(Self(Ustr::from(if end == root { &text[..root] } else { &text[..end] })))
    }

    /// The path that `relative` names when seen from this directory. `.` and `..` are resolved; an absolute path is
    /// itself. Leaving the root at the top stays at the root.
    #[must_use]
    pub fn join(self, relative: &str) -> Self {
        if let Some(absolute) = Self::from_str(relative) {
            return absolute;
        }
        let text = self.as_str();
        let root = root_len(text).unwrap_or(0);
        Self(Ustr::from(&normalise(&text[..root], text[root..].split('/').chain(relative.split('/')))))
    }

    /// The last part; empty for the root.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        let text = self.as_str();
        text.rfind('/').map_or(text, |at| &text[at + 1..])
    }

    /// The last part without its extension. `.env` is all stem.
    #[must_use]
    pub fn stem(self) -> &'static str {
        let name = self.file_name();
        match name.rfind('.') {
            None | Some(0) => name,
            Some(at) => &name[..at],
        }
    }

    /// What stands behind the last dot of the last part, if it is not the first character.
    #[must_use]
    pub fn extension(self) -> Option<&'static str> {
        let name = self.file_name();
        match name.rfind('.') {
            None | Some(0) => None,
            Some(at) => Some(&name[at + 1..]),
        }
    }

    /// Whether this is `base` or stands below it.
    #[must_use]
    pub fn starts_with(self, base: Self) -> bool {
        self.relative_to(base).is_some()
    }

    /// The way from `base` to this path: empty if they are the same, `None` if this is not below `base`.
    #[must_use]
    pub fn relative_to(self, base: Self) -> Option<&'static str> {
        let rest = self.as_str().strip_prefix(base.as_str())?;
        if rest.is_empty() || base.as_str().ends_with('/') { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The directories above it, the nearest first.
    pub fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |path| path.parent())
    }

    /// The parts behind the root.
    pub fn parts(self) -> impl DoubleEndedIterator<Item = &'static str> {
        let text = self.as_str();
        text[root_len(text).unwrap_or(0)..].split('/').filter(|part| !part.is_empty())
    }
}

/// The length of the root of an absolute path: `/`, or `C:/` on systems with drives.
fn root_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes {
        [b'/', b'/', ..] if cfg!(windows) => Some(2),
        [b'/', ..] => Some(1),
        [drive, b':', b'/', ..] if drive.is_ascii_alphabetic() => Some(3),
        _ => None,
    }
}

fn normalise<'a>(root: &str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::from(root);
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                let end = out[root.len()..].rfind('/').map_or(root.len(), |at| root.len() + at);
                out.truncate(end);
            }
            _ => {
                if out.len() > root.len() {
                    out.push('/');
                }
                out.push_str(part);
            }
        }
    }
    out
}

impl PartialOrd for FilePath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FilePath {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_str(&text).ok_or_else(|| serde::de::Error::custom("not an absolute path"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::from_str(text).unwrap()
    }

    #[test]
    fn paths_are_made_normal() {
        assert_eq!(path("/a/./b//../c/").as_str(), "/a/c");
        assert_eq!(path("/..").as_str(), "/");
        assert_eq!(path("C:/x/../y").as_str(), "C:/y");
        assert_eq!(path("/a/b"), path("/a/x/../b"));
        assert_eq!(FilePath::from_str("a/b"), None);
        assert_eq!(FilePath::new(Path::new("")), None);
    }

    #[test]
    fn parents_end_at_the_root() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(path("/")));
        assert_eq!(path("/").parent(), None);
        assert_eq!(path("C:/a").parent(), Some(path("C:/")));
        assert_eq!(path("/a/b/c").ancestors().count(), 3);
    }

    #[test]
    fn joining_resolves_dots() {
        assert_eq!(path("/a/b").join("../c/./d.py"), path("/a/c/d.py"));
        assert_eq!(path("/a").join("../../../x"), path("/x"));
        assert_eq!(path("/").join("x"), path("/x"));
        assert_eq!(path("/a").join("/etc"), path("/etc"));
        assert_eq!(path("/a").join(""), path("/a"));
    }

    #[test]
    fn parts_of_the_name() {
        let file = path("/srv/app/models.test.py");
        assert_eq!((file.file_name(), file.stem(), file.extension()), ("models.test.py", "models.test", Some("py")));
        let hidden = path("/srv/.env");
        assert_eq!((hidden.file_name(), hidden.stem(), hidden.extension()), (".env", ".env", None));
        assert_eq!(path("/").file_name(), "");
    }

    #[test]
    fn a_sibling_with_a_longer_name_is_not_below() {
        assert!(path("/a/b/c").starts_with(path("/a/b")));
        assert!(!path("/a/bc").starts_with(path("/a/b")));
        assert_eq!(path("/a/b/c").relative_to(path("/a")), Some("b/c"));
        assert_eq!(path("/a").relative_to(path("/")), Some("a"));
        assert_eq!(path("/a").relative_to(path("/a")), Some(""));
    }
}
