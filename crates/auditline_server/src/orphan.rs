//! A server whose editor has died ends by itself.

use std::time::Duration;

/// How often the editor's process is looked for.
const INTERVAL: Duration = Duration::from_secs(5);

/// Ends this process once the editor's is gone. Only where the system shows processes as directories; elsewhere the end of
/// the input tells.
pub(crate) fn watch(process: Option<u32>) {
    let Some(process) = process else { return };
    let path = std::path::PathBuf::from(format!("/proc/{process}"));
    if !path.exists() {
        return;
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if !path.exists() {
                tracing::warn!("the editor is gone");
                std::process::exit(1);
            }
        }
    });
}
