//! The requests that the library's router hands out.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tower_lsp::LanguageServer;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    CodeAction, CodeActionParams, CodeActionResponse, CodeLens, CodeLensParams, CompletionParams, CompletionResponse,
    DocumentDiagnosticParams, DocumentDiagnosticReportResult, ExecuteCommandParams, Hover, HoverParams,
    InitializeParams, InitializeResult, InlayHint, InlayHintParams, LSPAny, TextDocumentIdentifier,
    WorkspaceDiagnosticParams, WorkspaceDiagnosticReportResult, error_codes,
};

use crate::pool::Lane;
use crate::shared::{Shared, Unanswered};
use crate::{actions, catalogue, codes, diagnostics, hover, margin, report};

/// The request for [`Handlers::view_file_text`].
pub(crate) const VIEW_FILE_TEXT: &str = "auditline/viewFileText";

/// The server, as the library sees it. Notifications never reach it: see [`crate::ingress`].
pub(crate) struct Handlers {
    shared: Arc<Shared>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ViewFileText {
    text_document: TextDocumentIdentifier,
}

impl Handlers {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The text of a document as the server has it; for looking into what an editor and the server disagree about.
    pub(crate) async fn view_file_text(&self, params: ViewFileText) -> Result<Option<String>> {
        let Some(path) = self.shared.path_of(params.text_document.uri.as_str()) else { return Ok(None) };
        let text = self.shared.read(Lane::Urgent, path, move |snapshot| {
            let open = snapshot.documents.get(&path).map(|open| Arc::clone(&open.text));
            open.or_else(|| snapshot.text(path)).map(|text| text.text().to_owned())
        });
        Ok(text.await?.flatten())
    }
}

impl Handlers {
    pub(crate) async fn hazards(&self) -> Result<Vec<catalogue::Entry>> {
        Ok(catalogue::hazards())
    }

    pub(crate) async fn explain(&self, params: catalogue::Explain) -> Result<catalogue::Explanation> {
        catalogue::explain(&params)
    }

    pub(crate) async fn report(&self) -> Result<Vec<report::Page>> {
        report::pages(&self.shared).await
    }
}

impl LanguageServer for Handlers {
    async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
        Ok(self.shared.features().answer())
    }

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        let Some(path) = self.shared.open_path_of(place.text_document.uri.as_str()) else { return Ok(None) };
        self.shared.catch_up().await;
        let speech = self.shared.speech();
        let read =
            self.shared.read_document(path, move |snapshot| hover::hover(&speech, snapshot, path, place.position));
        Ok(read.await?.flatten())
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let place = params.text_document_position;
        let Some(path) = self.shared.open_path_of(place.text_document.uri.as_str()) else { return Ok(None) };
        let speech = self.shared.speech();
        let read = self.shared.read_document(path, move |snapshot| {
            codes::completion(&speech, snapshot, path, place.position).map(CompletionResponse::Array)
        });
        Ok(read.await?.flatten())
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        let Some(path) = self.shared.open_path_of(params.text_document.uri.as_str()) else { return Ok(None) };
        Ok(Some(margin::lenses(&self.shared, path).await?))
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        let Some(path) = self.shared.open_path_of(params.text_document.uri.as_str()) else { return Ok(None) };
        Ok(Some(margin::hints(&self.shared, path, params.range).await?))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        Ok(Some(actions::actions(&self.shared, params).await?))
    }

    async fn code_action_resolve(&self, action: CodeAction) -> Result<CodeAction> {
        actions::resolve(&self.shared, action).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        actions::execute(&self.shared, params).await
    }

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        diagnostics::document(&self.shared, params).await.map(Into::into).map_err(ask_again)
    }

    async fn workspace_diagnostic(&self, params: WorkspaceDiagnosticParams) -> Result<WorkspaceDiagnosticReportResult> {
        diagnostics::workspace(&self.shared, params).await.map(Into::into).map_err(ask_again)
    }
}

/// A client that asked for diagnostics in vain is to ask again.
fn ask_again(reason: Unanswered) -> Error {
    match reason {
        Unanswered::Failed => Error::internal_error(),
        Unanswered::Modified | Unanswered::Cancelled => Error {
            data: Some(json!({ "retriggerRequest": true })),
            ..Error::new(ErrorCode::ServerError(error_codes::SERVER_CANCELLED))
        },
    }
}
