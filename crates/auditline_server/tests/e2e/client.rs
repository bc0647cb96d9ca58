//! A language client for tests. It answers what a server asks, and keeps what nobody has looked at: a test that ends
//! with messages that it did not expect fails.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client says that it can.
pub(crate) fn capabilities() -> Value {
    json!({
        "general": { "positionEncodings": ["utf-16"] },
        "textDocument": {
            "publishDiagnostics": { "relatedInformation": true, "codeDescriptionSupport": true, "dataSupport": true },
            "codeAction": {
                "codeActionLiteralSupport": { "codeActionKind": { "valueSet": ["quickfix", "source"] } },
                "dataSupport": true,
                "resolveSupport": { "properties": ["edit"] },
                "isPreferredSupport": true,
            },
            "hover": { "contentFormat": ["markdown", "plaintext"] },
        },
        "workspace": {
            "applyEdit": true,
            "workspaceEdit": { "documentChanges": true, "changeAnnotationSupport": {} },
            "didChangeWatchedFiles": { "dynamicRegistration": true },
            "workspaceFolders": true,
        },
        "window": { "workDoneProgress": true },
    })
}

/// As [`capabilities`], of a client that pulls diagnostics.
pub(crate) fn pulling() -> Value {
    let mut capabilities = capabilities();
    capabilities["textDocument"]["diagnostic"] =
        json!({ "relatedInformation": true, "codeDescriptionSupport": true, "dataSupport": true });
    capabilities["workspace"]["diagnostics"] = json!({ "refreshSupport": true });
    capabilities
}

pub(crate) struct TestClient {
    output: WriteHalf<DuplexStream>,
    incoming: mpsc::UnboundedReceiver<Value>,
    aside: VecDeque<Value>,
    next_id: i64,
    server: JoinHandle<u8>,
    /// What the server asked of us, by method.
    pub(crate) asked: Vec<(String, Value)>,
    /// Our section of the settings, for who asks.
    pub(crate) settings: Value,
    /// What the server answered to `initialize`.
    pub(crate) server_capabilities: Value,
    /// Methods of notifications that the test does not look at.
    ignored: Vec<&'static str>,
    hung_up: bool,
}

impl TestClient {
    /// Starts a server without a word.
    pub(crate) fn start() -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (server_read, server_write) = tokio::io::split(theirs);
        let server = tokio::spawn(auditline_server::serve(server_read, server_write));
        let (input, output) = tokio::io::split(ours);
        let (sender, incoming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut input = BufReader::new(input);
            while let Some(message) = read(&mut input).await {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            output,
            incoming,
            aside: VecDeque::new(),
            next_id: 0,
            server,
            asked: Vec::new(),
            settings: Value::Null,
            server_capabilities: Value::Null,
            // Whether the index takes long enough to show its progress depends on the machine.
            ignored: vec!["$/progress", "window/logMessage", "window/workDoneProgress/create"],
            hung_up: false,
        }
    }

    /// Starts a server in a folder.
    pub(crate) async fn open(folder: &Path, capabilities: Value) -> Self {
        let mut client = Self::start();
        client
            .initialize(json!({
                "processId": null,
                "capabilities": capabilities,
                "workspaceFolders": [{ "uri": uri(folder), "name": "folder" }],
            }))
            .await;
        client
    }

    pub(crate) async fn initialize(&mut self, params: Value) {
        let answer = self.request("initialize", params).await.unwrap();
        self.server_capabilities = answer["capabilities"].clone();
        self.notify("initialized", json!({})).await;
    }

    pub(crate) fn ignore(&mut self, method: &'static str) {
        self.ignored.push(method);
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_raw(frame(message).as_bytes()).await;
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.output.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Sends a request; returns its id.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// Waits for the answer to a request: its result, or its error.
    pub(crate) async fn answer(&mut self, id: i64) -> Result<Value, Value> {
        let message = self.wait(|message| message["id"] == id && message.get("method").is_none()).await;
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].clone()),
        }
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        self.answer(id).await
    }

    /// Waits for a message; others are kept.
    pub(crate) async fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.aside.iter().position(&wanted) {
            return self.aside.remove(index).unwrap();
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let message = match tokio::time::timeout_at(deadline, self.incoming.recv()).await {
                Ok(Some(message)) => message,
                Ok(None) => panic!("the server ended; kept: {:?}", self.aside),
                Err(_) => panic!("no such message in {PATIENCE:?}; kept: {:?}", self.aside),
            };
            if let Some(message) = self.serve(message).await {
                if wanted(&message) {
                    return message;
                }
                self.aside.push_back(message);
            }
        }
    }

    /// Answers a request of the server; hands back anything else.
    async fn serve(&mut self, message: Value) -> Option<Value> {
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else { return Some(message) };
        let result = match method {
            "client/registerCapability"
            | "window/workDoneProgress/create"
            | "workspace/diagnostic/refresh"
            | "workspace/codeLens/refresh"
            | "workspace/inlayHint/refresh" => Value::Null,
            "workspace/applyEdit" => json!({ "applied": true }),
            "window/showDocument" => json!({ "success": true }),
            "workspace/configuration" => json!([self.settings]),
            other => panic!("the server asks for `{other}`"),
        };
        self.asked.push((method.to_owned(), message["params"].clone()));
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        if !self.hung_up {
            self.send(&answer).await;
        }
        None
    }

    /// Takes in what comes within that time.
    pub(crate) async fn listen(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        while let Ok(Some(message)) = tokio::time::timeout_at(deadline, self.incoming.recv()).await {
            if let Some(message) = self.serve(message).await {
                self.aside.push_back(message);
            }
        }
    }

    /// Pulls until a document has findings of exactly these codes.
    pub(crate) async fn pull_until(&mut self, path: &Path, expected: &[&str]) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = codes(&self.pull(path).await);
            if found == expected {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {found:?} after {PATIENCE:?}, not {expected:?}");
            self.listen(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the server has asked for something that often.
    pub(crate) async fn wait_until_asked(&mut self, method: &str, times: usize) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.times_asked(method) < times {
            assert!(tokio::time::Instant::now() < deadline, "the server does not ask for `{method}`");
            self.listen(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn times_asked(&self, method: &str) -> usize {
        self.asked.iter().filter(|(asked, _)| asked == method).count()
    }

    pub(crate) async fn did_open(&mut self, path: &Path, text: &str) {
        self.did_open_as(&uri(path), "python", text).await;
    }

    pub(crate) async fn did_open_as(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
    }

    /// Opens a file with what it holds.
    pub(crate) async fn open_file(&mut self, path: &Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        self.did_open(path, &text).await;
        text
    }

    pub(crate) async fn did_change(&mut self, path: &Path, version: i64, changes: Value) {
        let params = json!({ "textDocument": { "uri": uri(path), "version": version }, "contentChanges": changes });
        self.notify("textDocument/didChange", params).await;
    }

    /// Replaces the whole text.
    pub(crate) async fn replace(&mut self, path: &Path, version: i64, text: &str) {
        self.did_change(path, version, json!([{ "text": text }])).await;
    }

    pub(crate) async fn did_close(&mut self, path: &Path) {
        self.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri(path) } })).await;
    }

    pub(crate) async fn files_changed(&mut self, changes: &[(&Path, u32)]) {
        let changes: Vec<Value> =
            changes.iter().map(|(path, kind)| json!({ "uri": uri(path), "type": kind })).collect();
        self.notify("workspace/didChangeWatchedFiles", json!({ "changes": changes })).await;
    }

    /// Waits for what is published of a file in a version.
    pub(crate) async fn published(&mut self, path: &Path, version: Option<i64>) -> Vec<Value> {
        let uri = uri(path);
        let message = self
            .wait(|message| {
                message["method"] == "textDocument/publishDiagnostics"
                    && message["params"]["uri"] == *uri
                    && message["params"]["version"].as_i64() == version
            })
            .await;
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Pulls the diagnostics of a file.
    pub(crate) async fn pull(&mut self, path: &Path) -> Vec<Value> {
        let report = self.pull_report(path, None).await;
        assert_eq!(report["kind"], "full");
        report["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn pull_report(&mut self, path: &Path, previous: Option<&str>) -> Value {
        let params = json!({ "textDocument": { "uri": uri(path) }, "previousResultId": previous });
        self.request("textDocument/diagnostic", params).await.unwrap()
    }

    /// The text of a document as the server has it.
    pub(crate) async fn view(&mut self, path: &Path) -> String {
        let params = json!({ "textDocument": { "uri": uri(path) } });
        let text = self.request("auditline/viewFileText", params).await.unwrap();
        text.as_str().unwrap_or_else(|| panic!("{} is not known", path.display())).to_owned()
    }

    pub(crate) async fn hover(&mut self, path: &Path, line: usize, character: usize) -> Value {
        let params = json!({
            "textDocument": { "uri": uri(path) },
            "position": { "line": line, "character": character },
        });
        self.request("textDocument/hover", params).await.unwrap()
    }

    /// The actions at a place.
    pub(crate) async fn actions(
        &mut self,
        path: &Path,
        line: usize,
        character: usize,
        only: Option<&[&str]>,
    ) -> Vec<Value> {
        let place = json!({ "line": line, "character": character });
        let mut context = json!({ "diagnostics": [] });
        if let Some(only) = only {
            context["only"] = json!(only);
        }
        let params = json!({
            "textDocument": { "uri": uri(path) },
            "range": { "start": place, "end": place },
            "context": context,
        });
        self.request("textDocument/codeAction", params).await.unwrap().as_array().unwrap().clone()
    }

    /// Ends the session as the protocol wants it, and checks that nothing was left unsaid.
    pub(crate) async fn finish(mut self) {
        assert_eq!(self.request("shutdown", Value::Null).await, Ok(Value::Null));
        self.notify("exit", Value::Null).await;
        assert_eq!(self.code().await, 0);
        // What the server asked on its way out is no surprise, and nobody waits for the answer.
        self.hung_up = true;
        while let Ok(message) = self.incoming.try_recv() {
            if let Some(message) = self.serve(message).await {
                self.aside.push_back(message);
            }
        }
        let ignored = &self.ignored;
        self.aside.retain(|message| !ignored.iter().any(|method| message["method"] == *method));
        assert!(self.aside.is_empty(), "messages that nobody expected: {:#?}", self.aside);
    }

    /// Waits for the end of the server.
    pub(crate) async fn code(&mut self) -> u8 {
        tokio::time::timeout(PATIENCE, &mut self.server).await.expect("the server does not end").unwrap()
    }

    /// Closes the client's end of the stream.
    pub(crate) async fn hang_up(&mut self) {
        self.hung_up = true;
        self.output.shutdown().await.unwrap();
    }
}

pub(crate) fn frame(message: &Value) -> String {
    let body = message.to_string();
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

async fn read<R: tokio::io::AsyncBufRead + Unpin>(input: &mut R) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => {
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).await.ok()?;
    Some(serde_json::from_slice(&body).expect("the server writes JSON"))
}

/// The address of a file, as most editors write it.
pub(crate) fn uri(path: &Path) -> String {
    let text = path.to_str().unwrap();
    let mut out = String::from("file://");
    for byte in text.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The codes of diagnostics, sorted.
pub(crate) fn codes(diagnostics: &[Value]) -> Vec<String> {
    let mut codes: Vec<String> =
        diagnostics.iter().map(|diagnostic| diagnostic["code"].as_str().unwrap_or("-").to_owned()).collect();
    codes.sort();
    codes
}

/// A copy of the shop, in a folder that goes with it.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shop"), folder.path());
        Self { folder }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    pub(crate) fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The line and the UTF-16 column at which `needle` first stands in `text`.
pub(crate) fn find(text: &str, needle: &str) -> (usize, usize) {
    let offset = text.find(needle).unwrap_or_else(|| panic!("{needle:?} is not there"));
    let line = text[..offset].matches('\n').count();
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    (line, text[start..offset].encode_utf16().count())
}

/// Applies the edits of a workspace edit to the text of one document.
pub(crate) fn apply(edit: &Value, path: &Path, text: &str) -> String {
    let uri = uri(path);
    let edits: Vec<Value> = match edit.get("documentChanges") {
        Some(changes) => changes
            .as_array()
            .unwrap()
            .iter()
            .filter(|change| change["textDocument"]["uri"] == *uri)
            .flat_map(|change| change["edits"].as_array().unwrap().clone())
            .collect(),
        None => edit["changes"][&uri].as_array().cloned().unwrap_or_default(),
    };
    let offset = |position: &Value| {
        let (line, character) = (position["line"].as_u64().unwrap(), position["character"].as_u64().unwrap());
        let start: usize = text.split_inclusive('\n').take(line as usize).map(str::len).sum();
        let mut units = 0;
        let mut at = start;
        for char in text[start..].chars() {
            if units >= character {
                break;
            }
            units += char.len_utf16() as u64;
            at += char.len_utf8();
        }
        at
    };
    let mut edits: Vec<(usize, usize, String)> = edits
        .iter()
        .map(|edit| {
            let range = &edit["range"];
            (offset(&range["start"]), offset(&range["end"]), edit["newText"].as_str().unwrap().to_owned())
        })
        .collect();
    edits.sort_by_key(|(start, end, _)| (*start, *end));
    let mut out = String::new();
    let mut done = 0;
    for (start, end, new) in edits {
        out.push_str(&text[done..start]);
        out.push_str(&new);
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

impl TestClient {
    /// Takes the oldest notification of that method that nobody has looked at.
    pub(crate) fn forget_one(&mut self, method: &str, into: &mut Vec<Value>) -> bool {
        let Some(index) = self.aside.iter().position(|message| message["method"] == method) else { return false };
        into.extend(self.aside.remove(index).map(|message| message["params"].clone()));
        true
    }
}
