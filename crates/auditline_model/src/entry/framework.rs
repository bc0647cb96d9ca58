//! Which FastAPI the project asks for, as far as it decides when what stands behind a dependency's `yield` runs.

use auditline_source::FileKind;

use crate::db::{Db, Settings};

/// When FastAPI runs what stands behind the `yield` of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyEnd {
    /// When the endpoint has returned, before the answer is sent: 0.106 to 0.117.
    BeforeAnswer,
    /// When the answer has been sent and its background tasks have run: before 0.106, and since 0.118.
    AfterAnswer,
    /// The project does not say which version it runs with.
    Unknown,
}

/// When FastAPI ends the dependencies of the project's requests, by the versions that its requirements allow.
///
/// Seen when run: 0.115.12 closed the session before a background task and a stream used it, 0.165.0 behind them.
#[must_use]
pub fn dependency_end(db: &dyn Db) -> DependencyEnd {
    dependency_end_query(db, Settings::get(db))
}

#[salsa::tracked(returns(copy))]
fn dependency_end_query(db: &dyn Db, _key: Settings) -> DependencyEnd {
    let mut result = DependencyEnd::Unknown;
    for kind in [FileKind::PyProject, FileKind::Requirements] {
        for file in db.files().of_kind(db, kind).files(db).iter() {
            let Some(text) = file.content(db).text().cloned() else { continue };
            for line in text.text().lines() {
                let end = match requirement(line).map(minors) {
                    Some((Some(low), Some(high))) if low >= 106 && high <= 117 => DependencyEnd::BeforeAnswer,
                    Some((Some(low), _)) if low >= 118 => DependencyEnd::AfterAnswer,
                    Some((_, Some(high))) if high < 106 => DependencyEnd::AfterAnswer,
                    _ => continue,
                };
                match result {
                    DependencyEnd::Unknown => result = end,
                    before if before != end => return DependencyEnd::Unknown,
                    _ => {}
                }
            }
        }
    }
    result
}

/// The version specifier of a line that requires FastAPI: `fastapi[all]==0.115.0`, `"fastapi>=0.110,<0.116",`,
/// `fastapi = "^0.115.6"`.
fn requirement(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches(['"', '\'']);
    let head = line.get(..7).filter(|head| head.eq_ignore_ascii_case("fastapi"))?;
    let mut rest = &line[head.len()..];
    if rest.starts_with(['-', '_']) || rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    if rest.starts_with('[') {
        rest = &rest[rest.find(']')? + 1..];
    }
    Some(rest.split(['#', ';']).next().unwrap_or(rest))
}

/// The lowest and the highest minor version of 0.x that a specifier allows, where it bounds them.
fn minors(specifier: &str) -> (Option<u32>, Option<u32>) {
    let (mut low, mut high) = (None, None);
    for part in specifier.split([',', '"', '\'']) {
        let part = part.trim().trim_start_matches("= ").trim_start();
        let digits = part.trim_start_matches(['=', '<', '>', '~', '^', '!', ' ']);
        let operator = part[..part.len() - digits.len()].trim();
        let mut numbers = digits.split('.');
        if numbers.next() != Some("0") {
            continue;
        }
        let Some(minor) = numbers.next().and_then(|minor| minor.trim().parse::<u32>().ok()) else { continue };
        match operator {
            "==" | "===" | "^" | "" => (low, high) = (Some(minor), Some(minor)),
            // `~=0.115` allows every later minor version, `~=0.115.0` none; Poetry's `~` neither.
            "~=" if numbers.next().is_none() => low = Some(minor),
            "~=" | "~" => (low, high) = (Some(minor), Some(minor)),
            ">=" | ">" => low = Some(minor),
            "<" => {
                high = Some(if numbers.next().is_some_and(|patch| patch.trim() != "0") {
                    minor
                } else {
                    minor.saturating_sub(1)
                })
            }
            "<=" => high = Some(minor),
            _ => {}
        }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::{minors, requirement};

    #[test]
    fn versions_are_read_in_the_forms_in_which_projects_write_them() {
        let of = |line: &str| requirement(line).map(minors);
        assert_eq!(of("fastapi[all]==0.123.3"), Some((Some(123), Some(123))));
        assert_eq!(of("    \"fastapi ==0.115.4\","), Some((Some(115), Some(115))));
        assert_eq!(of("fastapi = \"^0.115.6\""), Some((Some(115), Some(115))));
        assert_eq!(of("\"fastapi[standard]>=0.110,<0.116\","), Some((Some(110), Some(115))));
        assert_eq!(of("fastapi>=0.139.0,<1.0.0"), Some((Some(139), None)));
        assert_eq!(of("fastapi"), Some((None, None)));
        assert_eq!(of("fastapi-users==12.0.0"), None);
    }
}
