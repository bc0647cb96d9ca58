//! `server`: what the command line adds to the server is that it starts it, and hands on how it ended.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::sandbox::Sandbox;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#;
const SHUTDOWN: &str = r#"{"jsonrpc":"2.0","id":2,"method":"shutdown"}"#;
const EXIT: &str = r#"{"jsonrpc":"2.0","method":"exit"}"#;

/// Starts the server, says each message after the answer to the one before it, then `exit`; returns the answers and
/// the exit code.
fn talk(arguments: &[&str], requests: &[&str]) -> (Vec<String>, i32) {
    let sandbox = Sandbox::new(&[]);
    let mut command = sandbox.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut say = |message: &str| {
        write!(input, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
        input.flush().unwrap();
    };
    let mut answers = Vec::new();
    for request in requests {
        say(request);
        answers.push(read(&mut output));
    }
    say(EXIT);
    // Standard input stays open: the server ends by itself.
    let code = child.wait().unwrap().code().unwrap();
    (answers, code)
}

fn read(output: &mut impl BufRead) -> String {
    let mut length = 0;
    loop {
        let mut header = String::new();
        output.read_line(&mut header).unwrap();
        match header.trim().strip_prefix("Content-Length: ") {
            Some(value) => length = value.parse().unwrap(),
            None if header.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn the_server_speaks_on_standard_output_and_ends_when_it_is_told() {
    for arguments in [&["server"][..], &["server", "--stdio"]] {
        let (answers, code) = talk(arguments, &[INITIALIZE, SHUTDOWN]);
        assert!(answers[0].contains("\"capabilities\""), "{answers:?}");
        assert!(answers[1].contains("\"result\":null"), "{answers:?}");
        assert_eq!(code, 0);
    }
}

#[test]
fn exit_without_shutdown_is_a_failure() {
    let (_, code) = talk(&["server"], &[INITIALIZE]);
    assert_eq!(code, 1);
}
