//! A language client over standard streams, with a clock.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

/// How diagnostics reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// The client asks for them after each change.
    Pull,
    /// The server publishes them.
    Push,
}

/// A message and the moment when its last byte had been read.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) at: Instant,
    pub(crate) message: Value,
}

/// A running server and the client's end of its streams.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    incoming: Receiver<Arrived>,
    aside: VecDeque<Arrived>,
    next_id: i64,
    /// How often the server asked the client to pull again.
    pub(crate) refreshes: usize,
}

/// The longest that any answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

impl Client {
    pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .arg("server")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let stdin = child.stdin.take().context("the server has no standard input")?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let (sender, incoming) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            // The channel closes with the stream; the client sees that as an answer that never comes.
            while let Ok(Some(body)) = read_frame(&mut stdout) {
                let at = Instant::now();
                let Ok(message) = serde_json::from_slice(&body) else { break };
                if sender.send(Arrived { at, message }).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, stdin, incoming, aside: VecDeque::new(), next_id: 0, refreshes: 0 })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn initialize(&mut self, folder: &Path, delivery: Delivery) -> Result<()> {
        let mut text_document = json!({
            "synchronization": {},
            "publishDiagnostics": { "relatedInformation": true, "versionSupport": true, "codeDescriptionSupport": true },
        });
        let mut workspace = json!({ "workspaceFolders": true, "configuration": false });
        if delivery == Delivery::Pull {
            text_document["diagnostic"] = json!({ "dynamicRegistration": false, "relatedDocumentSupport": false });
            workspace["diagnostics"] = json!({ "refreshSupport": true });
        }
        let root = uri(folder);
        let parameters = json!({
            "processId": std::process::id(),
            "rootUri": root,
            "workspaceFolders": [{ "uri": root, "name": "bench" }],
            "capabilities": {
                "general": { "positionEncodings": ["utf-8", "utf-16"] },
                "window": { "workDoneProgress": true },
                "textDocument": text_document,
                "workspace": workspace,
            },
        });
        let answer = self.request("initialize", &parameters)?;
        if answer.message["result"]["capabilities"].is_null() {
            bail!("the server did not initialize: {}", answer.message);
        }
        self.notify("initialized", &json!({}))
    }

    pub(crate) fn notify(&mut self, method: &str, parameters: &Value) -> Result<()> {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }))
    }

    /// Sends a request and returns its id.
    pub(crate) fn send(&mut self, method: &str, parameters: &Value) -> Result<i64> {
        self.next_id += 1;
        self.write(&json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": parameters }))?;
        Ok(self.next_id)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn request(&mut self, method: &str, parameters: &Value) -> Result<Arrived> {
        let id = self.send(method, parameters)?;
        self.wait(|message| message["id"] == id && message["method"].is_null())
    }

    /// Waits for a message of the server; others are kept, requests of the server are answered.
    pub(crate) fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Arrived> {
        if let Some(index) = self.aside.iter().position(|arrived| wanted(&arrived.message)) {
            return self.aside.remove(index).context("a message was lost");
        }
        let deadline = Instant::now() + PATIENCE;
        while let Some(arrived) = self.receive(deadline.saturating_duration_since(Instant::now()))? {
            if wanted(&arrived.message) {
                return Ok(arrived);
            }
            self.aside.push_back(arrived);
        }
        bail!("no answer within {PATIENCE:?}")
    }

    /// The next message that is for the client, or nothing for that long.
    pub(crate) fn receive(&mut self, patience: Duration) -> Result<Option<Arrived>> {
        let deadline = Instant::now() + patience;
        loop {
            let arrived = match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(arrived) => arrived,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("the server ended"),
            };
            let (method, id) = (&arrived.message["method"], &arrived.message["id"]);
            if method.is_null() || id.is_null() {
                return Ok(Some(arrived));
            }
            if method == "workspace/diagnostic/refresh" {
                self.refreshes += 1;
            }
            let answer = json!({ "jsonrpc": "2.0", "id": id, "result": null });
            self.write(&answer)?;
        }
    }

    /// Forgets messages nobody waited for.
    pub(crate) fn take_aside(&mut self) -> VecDeque<Arrived> {
        std::mem::take(&mut self.aside)
    }

    /// Ends the server by the protocol.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.request("shutdown", &Value::Null)?;
        self.notify("exit", &Value::Null)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status} after `shutdown` and `exit`");
        }
        Ok(())
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        let body = serde_json::to_vec(message)?;
        let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        frame.extend_from_slice(&body);
        self.stdin.write_all(&frame).context("the server no longer reads")?;
        self.stdin.flush().context("the server no longer reads")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // After `stop` the process has ended, and neither call does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of a file. The folders of the benchmark hold no character that needs escaping but the space.
pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display().to_string().replace('%', "%25").replace(' ', "%20"))
}

/// The body of the next message; `None` at the end of the stream.
fn read_frame(stream: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => {
                if let Some(("Content-Length", value)) = line.split_once(": ") {
                    length = Some(value.parse()?);
                }
            }
        }
    }
    let mut body = vec![0; length.context("a message without its length")?];
    stream.read_exact(&mut body)?;
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_until_the_end() {
        let bytes = b"Content-Length: 2\r\n\r\n{}Content-Type: x\r\nContent-Length: 4\r\n\r\nnull";
        let mut stream = BufReader::new(&bytes[..]);
        assert_eq!(read_frame(&mut stream).unwrap().as_deref(), Some(&b"{}"[..]));
        assert_eq!(read_frame(&mut stream).unwrap().as_deref(), Some(&b"null"[..]));
        assert_eq!(read_frame(&mut stream).unwrap(), None);
    }

    #[test]
    fn escapes_addresses() {
        assert_eq!(uri(Path::new("/a b/50%.py")), "file:///a%20b/50%25.py");
    }
}
