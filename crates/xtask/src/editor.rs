//! Running the tests of an editor.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::deadline;

/// Runs a script that tests an editor (or something else that stands outside of cargo), shows what it says, and fails
/// unless its closing line counts passed tests and no failed ones.
pub(crate) fn run(editor: &str, script: &mut Command) -> Result<()> {
    let mut watched = deadline::spawn(script.stdout(Stdio::piped()))?;
    let mut closing = None;
    if let Some(stdout) = watched.child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.with_context(|| format!("the output of the tests in {editor} is not text"))?;
            writeln!(std::io::stdout(), "{line}")?;
            closing = counts(&line).or(closing);
        }
    }
    let status = watched.child.wait()?;
    match closing {
        _ if !status.success() => bail!("the tests in {editor} failed ({status})"),
        None => bail!("the tests in {editor} never said how many passed"),
        Some((0, _)) => bail!("no test ran in {editor}"),
        Some((_, 0)) => Ok(()),
        Some((_, failed)) => bail!("{failed} tests failed in {editor}"),
    }
}

/// The numbers of a closing line `N passed, N failed`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.trim().split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn reads_the_closing_line() {
        assert_eq!(counts("20 passed, 0 failed"), Some((20, 0)));
        assert_eq!(counts("  3 passed, 12 failed "), Some((3, 12)));
        assert_eq!(counts("ok 3 passed, 0 failed"), None);
        assert_eq!(counts("test result: ok. 3 passed; 0 failed"), None);
    }
}
