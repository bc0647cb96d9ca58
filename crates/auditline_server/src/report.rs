//! The audit report of the workspaces, for clients that show a page.

use std::sync::Arc;

use auditline_project::{FixDetail, Report};
use auditline_report::html;
use auditline_source::FilePath;
use serde::Serialize;
use tokio::task::JoinSet;
use tower_lsp::jsonrpc::{Error, Result};

use crate::diagnostics::reported_files;
use crate::pool::Lane;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::workspace::Workspace;

/// The request for [`pages`].
pub(crate) const REPORT: &str = "auditline/report";

/// So many files are one job.
const CHUNK: usize = 32;

/// The report of one workspace.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    name: String,
    html: String,
}

/// A page for each workspace that is a folder of the editor, with all findings, hints too: who asks for a report wants
/// to know everything.
pub(crate) async fn pages(shared: &Arc<Shared>) -> Result<Vec<Page>> {
    shared.catch_up().await;
    let mut pages = Vec::new();
    let workspaces = shared.workspaces();
    for workspace in workspaces.iter().filter(|workspace| workspace.reports_closed_files()) {
        let report = check(shared, workspace).await?;
        let name = workspace.root.file_name().to_owned();
        let mut html = Vec::new();
        html::write(&name, &report, workspace.root, &mut html).map_err(|_| Error::internal_error())?;
        pages.push(Page { name, html: String::from_utf8_lossy(&html).into_owned() });
    }
    Ok(pages)
}

async fn check(shared: &Arc<Shared>, workspace: &Arc<Workspace>) -> Result<Report> {
    let mut jobs = JoinSet::new();
    for chunk in reported_files(shared, workspace).await.chunks(CHUNK) {
        let (shared, workspace, chunk) = (Arc::clone(shared), Arc::clone(workspace), chunk.to_vec());
        jobs.spawn(async move {
            let job = move |snapshot: &Snapshot| part(snapshot, &chunk);
            shared.read_workspace(Lane::Background, &workspace, job).await
        });
    }
    let mut report = Report::default();
    while let Some(part) = jobs.join_next().await {
        let part = part.map_err(|_| Error::internal_error())?.map_err(Error::from)?;
        report.merge(part.ok_or_else(Error::content_modified)?);
    }
    Ok(report)
}

/// The report of some files.
fn part(snapshot: &Snapshot, files: &[FilePath]) -> Report {
    let mut report = Report::default();
    for path in files {
        let Some(file) = snapshot.report(*path, FixDetail::Titles) else { continue };
        report.stats.files_checked += 1;
        for finding in &file.findings {
            let places = finding.evidence.iter().map(|evidence| evidence.path).chain([finding.path]);
            report.texts.extend(places.filter_map(|path| Some((path, snapshot.text(path)?))));
        }
        report.findings.extend(file.findings);
    }
    report
}
