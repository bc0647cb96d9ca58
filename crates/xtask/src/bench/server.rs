//! The server under a person's typing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::corpus::{EDITED_FILE, HAZARDOUS_FUNCTION};
use super::lsp::{Arrived, Client, Delivery, uri};
use super::measure;
use super::report::{Latency, ServerFigures};

/// What is typed into a function, one character a change. On the way the line is broken Python.
const TYPED: &str = "    remark = (1, \"ok\")\n";

/// Starts a server, waits for what it finds, edits a file, and stops it.
pub(crate) fn measure(binary: &Path, root: &Path, delivery: Delivery, edits: usize) -> Result<ServerFigures> {
    let path = root.join(EDITED_FILE);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let start = Instant::now();
    let mut client = Client::start(binary, root)?;
    client.initialize(root, delivery)?;
    let mut document = Document::open(&mut client, &path, text, delivery)?;

    let mut answers = vec![document.answer(&mut client)?];
    let settled = document.settle(&mut client, &mut answers)?;
    let first = answers.first().context("no diagnostics")?.0 - start;
    let last = answers.last().context("no diagnostics")?.1;
    let complete = answers.iter().find(|(_, count)| *count == last).context("no diagnostics")?.0 - start;

    document.prove_that_answers_follow_edits(&mut client, last)?;
    let latencies = document.type_here_and_there(&mut client, edits)?;
    let (rss, peak) = measure::resident(client.pid())?;
    let figures = ServerFigures {
        workspace: String::new(),
        files: 0,
        delivery,
        lines: document.lines.len(),
        findings: last,
        first_ms: millis(first),
        complete_ms: millis(complete),
        idle_ms: millis(settled - start),
        latency: Latency::of(latencies),
        rss,
        peak_rss: peak,
    };
    client.stop()?;
    Ok(figures)
}

/// An open document, as lines with their ends.
struct Document {
    uri: String,
    version: i64,
    lines: Vec<String>,
    delivery: Delivery,
    /// The lines behind which a statement can be typed: heads of functions on one line.
    heads: Vec<usize>,
}

/// When an answer came, and how many diagnostics it held.
type Answer = (Instant, usize);

impl Document {
    fn open(client: &mut Client, path: &Path, text: String, delivery: Delivery) -> Result<Self> {
        let uri = uri(path);
        let document = json!({ "uri": uri, "languageId": "python", "version": 1, "text": text });
        client.notify("textDocument/didOpen", &json!({ "textDocument": document }))?;
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let is_head = |line: &str| line.trim_start_matches("async ").starts_with("def ") && line.ends_with(":\n");
        let heads = (0..lines.len()).filter(|index| is_head(&lines[*index])).collect::<Vec<_>>();
        if heads.is_empty() {
            bail!("{} holds no function to type into", path.display());
        }
        Ok(Self { uri, version: 1, lines, delivery, heads })
    }

    /// Sends one change and says when it was sent.
    fn change(
        &mut self,
        client: &mut Client,
        start: (usize, usize),
        end: (usize, usize),
        text: &str,
    ) -> Result<Instant> {
        self.version += 1;
        let position = |(line, character): (usize, usize)| json!({ "line": line, "character": character });
        let parameters = json!({
            "textDocument": { "uri": self.uri, "version": self.version },
            "contentChanges": [{ "range": { "start": position(start), "end": position(end) }, "text": text }],
        });
        let sent = Instant::now();
        client.notify("textDocument/didChange", &parameters)?;
        Ok(sent)
    }

    /// The diagnostics of the current version.
    fn answer(&mut self, client: &mut Client) -> Result<Answer> {
        match self.delivery {
            Delivery::Push => {
                let (uri, version) = (self.uri.clone(), self.version);
                let arrived = client.wait(|message| {
                    message["method"] == "textDocument/publishDiagnostics"
                        && message["params"]["uri"] == uri.as_str()
                        && message["params"]["version"] == version
                })?;
                pushed(&arrived)
            }
            Delivery::Pull => loop {
                let parameters = json!({ "textDocument": { "uri": self.uri } });
                let arrived = client.request("textDocument/diagnostic", &parameters)?;
                // ContentModified and ServerCancelled ask for another try.
                if matches!(arrived.message["error"]["code"].as_i64(), Some(-32801 | -32802)) {
                    continue;
                }
                let items = arrived.message["result"]["items"].as_array();
                let count = items.map(Vec::len).with_context(|| format!("no diagnostics: {}", arrived.message))?;
                return Ok((arrived.at, count));
            },
        }
    }

    /// Waits until the server rests, and adds what it said of the document meanwhile.
    fn settle(&mut self, client: &mut Client, answers: &mut Vec<Answer>) -> Result<Instant> {
        const REST: Duration = Duration::from_millis(500);
        let mut busy = Instant::now();
        let mut ticks = measure::ticks(client.pid())?;
        let mut refreshes = client.refreshes;
        while busy.elapsed() < REST {
            if let Some(arrived) = client.receive(Duration::from_millis(50))?
                && arrived.message["method"] == "textDocument/publishDiagnostics"
                && arrived.message["params"]["uri"] == self.uri.as_str()
            {
                answers.push(pushed(&arrived)?);
            }
            if self.delivery == Delivery::Pull && client.refreshes > refreshes {
                refreshes = client.refreshes;
                answers.push(self.answer(client)?);
            }
            let now = measure::ticks(client.pid())?;
            if now > ticks + 1 {
                (busy, ticks) = (Instant::now(), now);
            }
        }
        client.take_aside();
        Ok(busy)
    }

    /// A hazardous function comes and goes, and its finding with it: what is timed below are true answers.
    fn prove_that_answers_follow_edits(&mut self, client: &mut Client, findings: usize) -> Result<()> {
        let (end, lines) = (self.lines.len(), HAZARDOUS_FUNCTION.lines().count());
        self.change(client, (end, 0), (end, 0), HAZARDOUS_FUNCTION)?;
        let (_, with) = self.answer(client)?;
        self.change(client, (end, 0), (end + lines, 0), "")?;
        let (_, without) = self.answer(client)?;
        if with <= findings || without != findings {
            bail!("{findings} findings became {with} with a hazard more, and {without} without it again");
        }
        Ok(())
    }

    /// Types a line into one function after the other and takes it back; returns how long each answer took.
    fn type_here_and_there(&mut self, client: &mut Client, edits: usize) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(edits);
        let mut round = 0;
        while latencies.len() < edits {
            // Steps through the functions by a number that shares no factor with most lengths.
            let line = self.heads[(round * 37) % self.heads.len()] + 1;
            round += 1;
            for (column, character) in TYPED.chars().enumerate() {
                let sent = self.change(client, (line, column), (line, column), character.encode_utf8(&mut [0; 4]))?;
                latencies.push(self.answer(client)?.0 - sent);
                // A person pauses between two keys; what the server does in the pause is not on the clock.
                std::thread::sleep(Duration::from_millis(15));
            }
            let sent = self.change(client, (line, 0), (line + 1, 0), "")?;
            latencies.push(self.answer(client)?.0 - sent);
            client.take_aside();
        }
        latencies.truncate(edits);
        Ok(latencies)
    }
}

fn pushed(arrived: &Arrived) -> Result<Answer> {
    let items = arrived.message["params"]["diagnostics"].as_array();
    Ok((arrived.at, items.map(Vec::len).with_context(|| format!("no diagnostics: {}", arrived.message))?))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typed_line_is_a_whole_statement() {
        assert!(TYPED.starts_with("    ") && TYPED.ends_with('\n') && TYPED.lines().count() == 1);
        assert!(HAZARDOUS_FUNCTION.ends_with('\n'));
    }
}
