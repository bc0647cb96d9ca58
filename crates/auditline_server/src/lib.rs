//! The language server.

mod actions;
mod backend;
mod client;
mod diagnostics;
mod documents;
mod engine;
mod hover;
mod ingress;
mod orphan;
mod progress;
mod watcher;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp::{LspService, Server};

use crate::backend::Backend;
use crate::engine::Engine;
use crate::ingress::{Ending, Ingress};

/// How many requests are under way at once. They only wait for the engine, so that this costs nothing; a small number would let
/// slow requests keep others out.
const CONCURRENCY: usize = 256;

/// `exit` came after `shutdown`.
const ORDERLY: u8 = 0;
/// `exit` came without `shutdown`, or the client is gone.
const DISORDERLY: u8 = 1;
/// The server could not start.
const COULD_NOT: u8 = 2;

/// Serves an editor on standard input and output until it says `exit` or is gone.
///
/// The exit code is 0 after `shutdown` and `exit`, and 1 otherwise (LSP 3.17, "Exit Notification").
#[must_use]
pub fn run_stdio() -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the server cannot start: {error}");
            return COULD_NOT;
        }
    };
    let code = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout()));
    // Standard input is read by a thread that cannot be interrupted.
    runtime.shutdown_background();
    code
}

/// Serves a client on a pair of streams until it says `exit` or is gone.
pub async fn serve(input: impl AsyncRead + Unpin, output: impl AsyncWrite + Unpin + Send + 'static) -> u8 {
    let engine = match Engine::start() {
        Ok(engine) => engine,
        Err(error) => {
            tracing::error!("the server cannot start: {error}");
            return COULD_NOT;
        }
    };
    let (service, socket) = LspService::new(|client| Backend::new(client, engine));
    let ending = Arc::new(Ending::default());
    let ingress = Ingress::new(service, Arc::clone(&ending));
    let server = Server::new(input, output, socket).concurrency_level(CONCURRENCY);
    tokio::select! {
        () = server.serve(ingress) => {}
        () = async {
            ending.exit.notified().await;
            // What stands in the output is still written.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        } => {}
    }
    if ending.is_orderly() { ORDERLY } else { DISORDERLY }
}
