//! The terminal, or what stands in its place.

use std::io::{self, BufWriter, IsTerminal, Write};

use auditline_report::{Style, visible};

use crate::NOTHING_FOUND;
use crate::args::Color;
use crate::error::Error;

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// How standard output looks.
    pub(crate) style: Style,
    /// Whether somebody watches standard error.
    pub(crate) is_watched: bool,
    colour_errors: bool,
}

impl Terminal {
    pub(crate) fn new(color: Color) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let width = match terminal_size::terminal_size() {
            Some((terminal_size::Width(width), _)) if out => usize::from(width).max(40),
            _ => Style::default().width,
        };
        let style = Style { colour: is_coloured(color, out, &variable), width };
        Self { style, is_watched: err, colour_errors: is_coloured(color, err, &variable) }
    }

    /// Prints to standard output through a buffer.
    pub(crate) fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, Error> {
        let mut out = BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            // A reader that goes away, as `head` does, has seen what it wanted.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(NOTHING_FOUND),
        }
    }

    pub(crate) fn error(&self, message: &str) {
        self.say("error", "31", message);
    }

    pub(crate) fn warning(&self, message: &str) {
        self.say("warning", "33", message);
    }

    pub(crate) fn note(&self, message: &str) {
        self.say("note", "36", message);
    }

    fn say(&self, word: &str, colour: &str, message: &str) {
        let word = if self.colour_errors { format!("\u{1b}[1;{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
        let message = message.lines().map(visible).collect::<Vec<_>>().join("\n");
        // There is nobody left to tell if standard error cannot be written.
        let _ = writeln!(io::stderr().lock(), "{word}: {message}");
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// <https://no-color.org> and <https://bixense.com/clicolors>; what the user says on the command line goes first.
fn is_coloured(color: Color, is_terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if variable("NO_COLOR").is_some() => false,
        Color::Auto if variable("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto => {
            let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
            let is_off = variable("CLICOLOR").is_some_and(|value| value == "0");
            is_terminal && !is_dumb && !is_off
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_conventions() {
        let judge = |color, is_terminal, variables: &[(&str, &str)]| {
            let find =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            is_coloured(color, is_terminal, &find)
        };
        assert!(judge(Color::Auto, true, &[]));
        assert!(!judge(Color::Auto, false, &[]));
        assert!(!judge(Color::Auto, true, &[("NO_COLOR", "1")]));
        assert!(!judge(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(!judge(Color::Auto, true, &[("CLICOLOR", "0")]));
        assert!(judge(Color::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!judge(Color::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!judge(Color::Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(judge(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!judge(Color::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
