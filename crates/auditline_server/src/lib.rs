//! The language server.
//!
//! ```text
//! client ──▶ transport ──▶ ingress ──┬─ edits, files, settings ──▶ keeper (one thread, writes) ──▶ workspaces
//!                                    └─ requests ──▶ handlers ──▶ pool (snapshots, reads) ──▶ outbox ──▶ client
//! ```
//!
//! What changes the state is taken in wire order by `ingress` and applied by one thread, the keeper. Whoever reads
//! works on a snapshot in the pool, never on the protocol's tasks; a write cancels readers, and they start again. A
//! request sees every change that came before it on the wire: it carries the number of the last one, and waits for it.

mod actions;
mod catalogue;
mod codes;
mod conversion;
mod diagnostics;
mod document;
mod features;
mod frame;
mod handlers;
mod hover;
mod ingress;
mod keeper;
mod margin;
mod orphan;
mod outbox;
mod pool;
mod progress;
mod report;
mod settings;
mod shared;
mod snapshot;
mod status;
mod transport;
mod uri;
mod watch;
mod workspace;

pub use transport::serve;

/// Serves an editor on standard input and output until it says `exit` or goes away; returns the code with which the
/// process is to end, see [`serve`].
#[must_use]
pub fn run_stdio() -> u8 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("auditline: the server could not be started: {error}");
            return transport::COULD_NOT;
        }
    };
    let code = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout()));
    // A read of standard input cannot be interrupted, and an editor may keep it open after `exit`.
    runtime.shutdown_background();
    code
}
