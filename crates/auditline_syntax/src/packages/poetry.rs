//! The version constraints of Poetry.

use pep440_rs::Version;

use super::{Marker, Versions};

/// The constraint as lists of specifiers in the words of PEP 440, of which one must hold.
fn alternatives(text: &str) -> Option<Vec<String>> {
    const MAX_LENGTH: usize = 500;
    if text.len() > MAX_LENGTH {
        return None;
    }
    text.split("||").flat_map(|part| part.split('|')).filter(|part| !part.trim().is_empty()).map(all).collect()
}

fn all(text: &str) -> Option<String> {
    // `>= 1.0` is one constraint, and blanks may stand for commas.
    let mut joined = String::new();
    for char in text.trim().chars() {
        if char == ' ' && joined.ends_with(['<', '>', '=', '!', '~', '^', ',']) {
            continue;
        }
        joined.push(if char == ' ' { ',' } else { char });
    }
    let parts: Option<Vec<String>> = joined.split(',').filter(|part| !part.is_empty()).map(one).collect();
    Some(parts?.join(","))
}

fn one(text: &str) -> Option<String> {
    if text == "*" {
        return Some(String::new());
    }
    if let Some(version) = text.strip_prefix('^') {
        return below(version, caret);
    }
    if text.starts_with("~=") {
        return Some(text.to_owned());
    }
    if let Some(version) = text.strip_prefix('~') {
        return below(version, |release| bumped(release, usize::from(release.len() > 1)));
    }
    if text.starts_with(['<', '>', '=', '!']) {
        let is_single = text.starts_with('=') && !text.starts_with("==");
        return Some(if is_single { format!("={text}") } else { text.to_owned() });
    }
    Some(format!("=={text}"))
}

/// `>=version,<next`.
fn below(version: &str, next: impl Fn(&[u64]) -> Option<Vec<u64>>) -> Option<String> {
    let version: Version = version.trim().parse().ok()?;
    let next: Vec<String> = next(version.release())?.iter().map(u64::to_string).collect();
    Some(format!(">={version},<{}", next.join(".")))
}

/// The first number that is not zero is the one that may not change.
fn caret(release: &[u64]) -> Option<Vec<u64>> {
    let at = release.iter().position(|number| *number != 0).unwrap_or(release.len().saturating_sub(1));
    bumped(release, at)
}

fn bumped(release: &[u64], at: usize) -> Option<Vec<u64>> {
    let mut next = release.get(..=at)?.to_vec();
    let last = next.last_mut()?;
    *last = last.checked_add(1)?;
    Some(next)
}

/// The versions that a constraint allows. `None` where it cannot be read.
pub(super) fn versions(text: &str) -> Option<Versions> {
    let mut all = alternatives(text)?.into_iter().map(|text| Versions::parse(&text));
    let first = all.next()??;
    all.try_fold(first, |sum, next| Some(sum.or(&next?)))
}

/// The environments whose Python meets a constraint.
pub(super) fn python(text: &str) -> Option<Marker> {
    let mut all = alternatives(text)?.into_iter().map(|text| Marker::python(&text));
    let first = all.next()??;
    all.try_fold(first, |sum, next| Some(sum.or(&next?)))
}
