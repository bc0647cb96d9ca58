//! The identifier and the file name of a new revision.

use std::hash::{Hash, Hasher};

use auditline_model::Db;
use auditline_model::db::Moment;
use auditline_model::migrations::{History, Revision};
use auditline_source::FilePath;
use rustc_hash::FxHasher;

/// A new revision: what it is called and where it stands.
pub(super) struct NewPlace {
    pub(super) id: String,
    pub(super) path: FilePath,
}

/// The place of a revision behind `head`; `None` where its name cannot be told.
pub(super) fn place(
    db: &dyn Db,
    history: &History,
    head: &Revision,
    message: &str,
    moment: Option<Moment>,
) -> Option<NewPlace> {
    let id = identifier(history, head, message);
    let template = template(db, history).unwrap_or_else(|| DEFAULT.to_owned());
    let name = filled(&template, &id, message, moment)?;
    let directory = head.file.path(db).parent()?;
    let path = directory.join(&format!("{name}.py"));
    (db.files().existing(db, path).is_none()).then_some(NewPlace { id, path })
}

/// The next number where the revisions are numbered; else 12 hexadecimal digits, as Alembic makes them, from what the
/// revision does and follows, so that the same fix has the same name.
fn identifier(history: &History, head: &Revision, message: &str) -> String {
    const MAX_DIGITS: usize = 6;
    let ids = || history.revisions.iter().map(|revision| revision.id.as_str());
    let width = head.id.len();
    let is_numbered = |id: &str| id.len() <= MAX_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit());
    if ids().all(is_numbered) {
        let last = ids().filter_map(|id| id.parse::<u32>().ok()).max().unwrap_or_default();
        return format!("{:0width$}", last + 1);
    }
    let mut salt = 0_u32;
    loop {
        let mut hasher = FxHasher::default();
        (head.id.as_str(), message, salt).hash(&mut hasher);
        let id = format!("{:012x}", hasher.finish() >> 16);
        if !ids().any(|known| known == id) {
            return id;
        }
        salt += 1;
    }
}

/// What Alembic takes where `file_template` is not set.
const DEFAULT: &str = "%(rev)s_%(slug)s";

/// The `file_template` of the `alembic.ini` that is nearest above the environment.
fn template(db: &dyn Db, history: &History) -> Option<String> {
    let ini = std::iter::once(history.environment)
        .chain(history.environment.ancestors())
        .find_map(|directory| db.files().existing(db, directory.join("alembic.ini")))?;
    let text = ini.content(db).text()?;
    let line =
        text.text().lines().find_map(|line| line.strip_prefix("file_template")?.trim_start().strip_prefix('='))?;
    // A percent sign stands twice in an ini file.
    Some(line.trim().replace("%%", "%"))
}

/// A template with what it asks for; `None` where it asks for something else, or for a time that is not known.
fn filled(template: &str, id: &str, message: &str, moment: Option<Moment>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("%(") {
        out.push_str(&rest[..at]);
        let (key, behind) = rest[at + 2..].split_once(')')?;
        let end = behind.find(|char: char| char.is_ascii_alphabetic())?;
        let (format, after) = behind.split_at(end + 1);
        match (key, format) {
            ("rev", "s") => out.push_str(id),
            ("slug", "s") => out.push_str(&slug(message)),
            (key, format) => out.push_str(&number(key, format, moment?)?),
        }
        rest = after;
    }
    out.push_str(rest);
    let is_plain = !out.is_empty() && !out.contains(['%', '/', '\\']);
    is_plain.then_some(out)
}

/// A part of the time: `%(month).2d`.
fn number(key: &str, format: &str, moment: Moment) -> Option<String> {
    let value = match key {
        "year" => u32::from(moment.year),
        "month" => moment.month.into(),
        "day" => moment.day.into(),
        "hour" => moment.hour.into(),
        "minute" => moment.minute.into(),
        "second" => moment.second.into(),
        _ => return None,
    };
    Some(match format {
        "d" | "s" => value.to_string(),
        ".2d" | "02d" => format!("{value:02}"),
        ".4d" | "04d" => format!("{value:04}"),
        _ => return None,
    })
}

/// The words of a message, joined and cut as Alembic does it.
fn slug(message: &str) -> String {
    const MAX_LENGTH: usize = 40;
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let words: Vec<&str> = message.split(|char| !is_word(char)).filter(|word| !word.is_empty()).collect();
    let slug = words.join("_").to_lowercase();
    if slug.chars().count() <= MAX_LENGTH {
        return slug;
    }
    let cut: String = slug.chars().take(MAX_LENGTH).collect();
    format!("{}_", cut.rsplit_once('_').map_or(cut.as_str(), |(head, _)| head))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Moment = Moment { year: 2026, month: 3, day: 9, hour: 7, minute: 5, second: 1 };

    #[test]
    fn templates_are_filled_as_alembic_does_it() {
        let name = |template: &str| filled(template, "ab12", "add locale, note to users", Some(MOMENT));
        assert_eq!(name(DEFAULT).as_deref(), Some("ab12_add_locale_note_to_users"));
        assert_eq!(
            name("%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d-%(rev)s_%(slug)s").as_deref(),
            Some("2026_03_09_0705-ab12_add_locale_note_to_users")
        );
        assert_eq!(name("%(year)d/%(rev)s"), None, "a directory of its own");
        assert_eq!(name("%(epoch)s_%(rev)s"), None);
        assert_eq!(filled("%(year)d_%(rev)s", "ab12", "m", None), None, "a time that is not known");
        assert_eq!(filled("V%(rev)s", "ab12", "m", None).as_deref(), Some("Vab12"));
    }

    #[test]
    fn slugs_are_cut_at_a_word() {
        // What `alembic revision -m` makes of this message.
        assert_eq!(slug("add preferred_language, marketing_consent to customers"), "add_preferred_language_marketing_");
    }
}
