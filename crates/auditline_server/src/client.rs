//! What the client can do.

use auditline_source::Encoding;
use tower_lsp::ls_types::{InitializeParams, MarkupKind, PositionEncodingKind};

/// What the client said that it can do, as far as it matters here.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub(crate) struct Abilities {
    pub(crate) encoding: Encoding,
    pub(crate) pulls_diagnostics: bool,
    pub(crate) refreshes_diagnostics: bool,
    pub(crate) related_information: bool,
    pub(crate) code_description: bool,
    pub(crate) diagnostic_data: bool,
    pub(crate) action_literals: bool,
    pub(crate) resolves_edits: bool,
    pub(crate) prefers: bool,
    pub(crate) document_changes: bool,
    pub(crate) change_annotations: bool,
    pub(crate) markdown: bool,
    pub(crate) watches_files: bool,
    pub(crate) progress: bool,
}

impl Abilities {
    pub(crate) fn of(params: &InitializeParams) -> Self {
        let capabilities = &params.capabilities;
        let document = capabilities.text_document.as_ref();
        let workspace = capabilities.workspace.as_ref();
        let published = document.and_then(|document| document.publish_diagnostics.as_ref());
        let action = document.and_then(|document| document.code_action.as_ref());
        let edit = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
        let pulled = document.and_then(|document| document.diagnostic.as_ref());
        let markdown = document
            .and_then(|document| document.hover.as_ref())
            .and_then(|hover| hover.content_format.as_ref())
            .is_some_and(|formats| formats.contains(&MarkupKind::Markdown));
        Self {
            encoding: encoding(params),
            pulls_diagnostics: pulled.is_some(),
            refreshes_diagnostics: workspace
                .and_then(|workspace| workspace.diagnostics.as_ref())
                .and_then(|diagnostics| diagnostics.refresh_support)
                .unwrap_or(false),
            related_information: published.and_then(|published| published.related_information).unwrap_or(false),
            code_description: published.and_then(|published| published.code_description_support).unwrap_or(false),
            diagnostic_data: published.and_then(|published| published.data_support).unwrap_or(false),
            action_literals: action.is_some_and(|action| action.code_action_literal_support.is_some()),
            resolves_edits: action
                .and_then(|action| action.resolve_support.as_ref())
                .is_some_and(|resolve| resolve.properties.iter().any(|property| property == "edit"))
                && action.and_then(|action| action.data_support).unwrap_or(true),
            prefers: action.and_then(|action| action.is_preferred_support).unwrap_or(false),
            document_changes: edit.and_then(|edit| edit.document_changes).unwrap_or(false),
            change_annotations: edit.is_some_and(|edit| edit.change_annotation_support.is_some()),
            markdown,
            watches_files: workspace
                .and_then(|workspace| workspace.did_change_watched_files.as_ref())
                .and_then(|watched| watched.dynamic_registration)
                .unwrap_or(false),
            progress: capabilities.window.as_ref().and_then(|window| window.work_done_progress).unwrap_or(false),
        }
    }

    pub(crate) fn encoding_kind(&self) -> PositionEncodingKind {
        match self.encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }
}

/// UTF-8, then UTF-32, then UTF-16, which every client can.
fn encoding(params: &InitializeParams) -> Encoding {
    let offered = params
        .capabilities
        .general
        .as_ref()
        .and_then(|general| general.position_encodings.as_deref())
        .unwrap_or_default();
    if offered.contains(&PositionEncodingKind::UTF8) {
        Encoding::Utf8
    } else if offered.contains(&PositionEncodingKind::UTF32) {
        Encoding::Utf32
    } else {
        Encoding::Utf16
    }
}
