//! Paths as they are shown.

use auditline_source::FilePath;

/// The path as it is written when seen from the directory `from`: relative, with `/`, upwards with `..` where need be.
#[must_use]
pub fn relative(from: FilePath, path: FilePath) -> String {
    if let Some(below) = path.relative_to(from) {
        return if below.is_empty() { ".".to_owned() } else { below.to_owned() };
    }
    let (base, target): (Vec<&str>, Vec<&str>) = (from.parts().collect(), path.parts().collect());
    let common = base.iter().zip(&target).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", base.len() - common);
    up.chain(target[common..].iter().copied()).collect::<Vec<_>>().join("/")
}

/// The path of something that was skipped, whose name need not be UTF-8 and was made so.
#[must_use]
pub fn relative_text(from: FilePath, path: &str) -> String {
    FilePath::from_str(path).map_or_else(|| path.to_owned(), |path| relative(from, path))
}

/// Text from the analysed project for a terminal or a log: control characters are replaced, so that a file's name
/// cannot move the cursor or colour the screen.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        let at = |text: &str| FilePath::from_str(text).unwrap();
        assert_eq!(relative(at("/a/b"), at("/a/b/c/d.py")), "c/d.py");
        assert_eq!(relative(at("/a/b"), at("/a/c/d.py")), "../c/d.py");
        assert_eq!(relative(at("/a/b"), at("/x.py")), "../../x.py");
        assert_eq!(relative(at("/a/b"), at("/a/bc/x.py")), "../bc/x.py");
        assert_eq!(relative(at("/a/b"), at("/a/b")), ".");
        assert_eq!(relative(at("/"), at("/x.py")), "x.py");
    }
}
