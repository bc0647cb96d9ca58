//! The smallest client that can ask a server for diagnostics.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next_id: u64,
}

impl Client {
    /// A server that pulls diagnostics in a folder, with columns in Unicode characters.
    pub(crate) fn start(program: &str, folder: &Path) -> Self {
        let mut child = Command::new(program)
            .arg("server")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, stdin, stdout, next_id: 0 };
        let initialized = client.request(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": uri(folder),
                "workspaceFolders": [{ "uri": uri(folder), "name": "test" }],
                "capabilities": {
                    "general": { "positionEncodings": ["utf-32"] },
                    "textDocument": { "diagnostic": { "dynamicRegistration": false } },
                },
            }),
        );
        assert_eq!(initialized["result"]["capabilities"]["positionEncoding"], "utf-32", "{initialized}");
        client.notify("initialized", json!({}));
        client
    }

    /// Opens a document and asks for its diagnostics.
    pub(crate) fn diagnostics(&mut self, path: &Path, text: &str) -> Vec<Value> {
        let language = if path.extension().is_some_and(|extension| extension == "py") { "python" } else { "plaintext" };
        let document = json!({ "uri": uri(path), "languageId": language, "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
        loop {
            let answer = self.request("textDocument/diagnostic", json!({ "textDocument": { "uri": uri(path) } }));
            // ContentModified and ServerCancelled: the server asks to be asked again.
            if matches!(answer["error"]["code"].as_i64(), Some(-32801 | -32802)) {
                continue;
            }
            return answer["result"]["items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        }
    }

    pub(crate) fn stop(mut self) {
        self.request("shutdown", Value::Null);
        self.notify("exit", Value::Null);
        assert!(self.child.wait().unwrap().success());
    }

    fn request(&mut self, method: &str, parameters: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        loop {
            let message = self.receive();
            if message["method"].is_null() && message["id"] == id {
                return message;
            }
            if !message["id"].is_null() && !message["method"].is_null() {
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
            }
        }
    }

    fn notify(&mut self, method: &str, parameters: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.stdin.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the server ended");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stdout.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ended already, unless the test failed on the way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}
