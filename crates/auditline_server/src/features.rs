//! What the client can do, and what we say that we can.

use auditline_source::Encoding;
use serde_json::Value;
use tower_lsp::ls_types::{
    CodeActionKind, CodeActionOptions, CodeLensOptions, CompletionOptions, DiagnosticOptions,
    DiagnosticServerCapabilities, ExecuteCommandOptions, HoverProviderCapability, InitializeResult, OneOf,
    PositionEncodingKind, ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};

use crate::actions::{COMMANDS, FIX_ALL};

/// What the client can do. It is read from the bare JSON: a value that some table of the protocol does not know must
/// not keep an editor from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Features {
    /// What columns count.
    pub(crate) encoding: Encoding,
    /// The client says what its columns count. Some that do not say it take UTF-16 for Unicode characters (ALE 3.3),
    /// which differ behind a character outside of the basic plane.
    pub(crate) names_encodings: bool,
    /// The client asks for diagnostics; they are never published to it.
    pub(crate) pull: bool,
    pub(crate) related_information: bool,
    pub(crate) code_description: bool,
    /// The client greys out what is not needed.
    pub(crate) unnecessary_tag: bool,
    /// The client can be asked to look at lenses again.
    pub(crate) lens_refresh: bool,
    /// The client can be asked to look at inlay hints again.
    pub(crate) hint_refresh: bool,
    /// The documentation of a completion is Markdown.
    pub(crate) completion_markdown: bool,
    /// The client keeps the data of a diagnostic.
    pub(crate) diagnostic_data: bool,
    /// The client knows code actions, not only commands.
    pub(crate) action_literals: bool,
    /// The client asks for the edit of an action when it is chosen.
    pub(crate) resolve_edit: bool,
    /// The client knows which version of a document an edit is made for.
    pub(crate) document_changes: bool,
    /// The client makes files that an edit wants.
    pub(crate) creates_files: bool,
    /// The client shows a document when it is asked to.
    pub(crate) shows_documents: bool,
    /// The client asks the user before it applies an edit that wants it.
    pub(crate) annotations: bool,
    /// The client applies edits that we send by ourselves.
    pub(crate) apply_edit: bool,
    /// Hovers are Markdown.
    pub(crate) markdown: bool,
    /// The client watches files for us.
    pub(crate) watches_files: bool,
    /// We may ask the client for our section of its settings.
    pub(crate) configuration: bool,
    /// The client shows progress.
    pub(crate) progress: bool,
    /// The client shows the message and the evidence of a finding above the hover by itself.
    pub(crate) message_in_hover: bool,
    /// The client shows how far the workspaces are, see [`crate::status`].
    pub(crate) status: bool,
}

impl Features {
    /// Reads the capabilities of the client.
    pub(crate) fn of(capabilities: &Value) -> Self {
        let at = |path: &str| capabilities.pointer(path);
        let is = |path: &str| at(path).and_then(Value::as_bool).unwrap_or(false);
        let has = |path: &str| at(path).is_some_and(|value| !value.is_null());
        let lists = |path: &str, wanted: &str| {
            at(path).and_then(Value::as_array).is_some_and(|items| items.iter().any(|item| item == wanted))
        };
        let offered = |name: &str| lists("/general/positionEncodings", name);
        let encoding = if offered("utf-8") {
            Encoding::Utf8
        } else if offered("utf-32") {
            Encoding::Utf32
        } else {
            Encoding::Utf16
        };
        let format_of = |path: &str| {
            let formats = at(path).and_then(Value::as_array);
            formats.into_iter().flatten().find_map(|format| match format.as_str() {
                Some("markdown") => Some(true),
                Some("plaintext") => Some(false),
                _ => None,
            })
        };
        // A finding may come and go with an edit of another file. A client that cannot be asked to pull again would
        // go on showing what is no longer so; to such a client findings are published.
        let pull = has("/textDocument/diagnostic") && is("/workspace/diagnostics/refreshSupport");
        let diagnostics = if pull && has("/textDocument/diagnostic/relatedInformation") {
            "/textDocument/diagnostic"
        } else {
            "/textDocument/publishDiagnostics"
        };
        let document_changes = is("/workspace/workspaceEdit/documentChanges");
        Self {
            encoding,
            names_encodings: has("/general/positionEncodings"),
            pull,
            related_information: is(&format!("{diagnostics}/relatedInformation")),
            code_description: is(&format!("{diagnostics}/codeDescriptionSupport")),
            unnecessary_tag: at(&format!("{diagnostics}/tagSupport/valueSet"))
                .and_then(Value::as_array)
                .is_some_and(|tags| tags.iter().any(|tag| *tag == 1)),
            lens_refresh: is("/workspace/codeLens/refreshSupport"),
            hint_refresh: is("/workspace/inlayHint/refreshSupport"),
            completion_markdown: format_of("/textDocument/completion/completionItem/documentationFormat")
                .unwrap_or(false),
            diagnostic_data: is(&format!("{diagnostics}/dataSupport")),
            action_literals: has("/textDocument/codeAction/codeActionLiteralSupport"),
            // What is resolved is found again by the data of the action.
            resolve_edit: lists("/textDocument/codeAction/resolveSupport/properties", "edit"),
            document_changes,
            // Neovim 0.11 says this alone, and takes such edits.
            creates_files: lists("/workspace/workspaceEdit/resourceOperations", "create"),
            shows_documents: is("/window/showDocument/support"),
            annotations: document_changes && has("/workspace/workspaceEdit/changeAnnotationSupport"),
            apply_edit: is("/workspace/applyEdit"),
            markdown: format_of("/textDocument/hover/contentFormat").unwrap_or(true),
            watches_files: is("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            configuration: is("/workspace/configuration"),
            progress: is("/window/workDoneProgress"),
            message_in_hover: is("/experimental/auditline/messageInHover"),
            status: is("/experimental/auditline/status"),
        }
    }

    /// What we say that we can, to this client.
    pub(crate) fn answer(&self) -> InitializeResult {
        let encoding = match self.encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        };
        let diagnostics = DiagnosticOptions {
            identifier: Some("auditline".to_owned()),
            inter_file_dependencies: true,
            workspace_diagnostics: true,
            ..DiagnosticOptions::default()
        };
        let capabilities = ServerCapabilities {
            position_encoding: Some(encoding),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                ..TextDocumentSyncOptions::default()
            })),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(["[", ",", "\""].map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(false) }),
            inlay_hint_provider: Some(OneOf::Left(true)),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            code_action_provider: Some(
                CodeActionOptions {
                    code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::new(FIX_ALL)]),
                    resolve_provider: Some(self.resolve_edit),
                    ..CodeActionOptions::default()
                }
                .into(),
            ),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(|command| (*command).to_owned()).collect(),
                ..ExecuteCommandOptions::default()
            }),
            diagnostic_provider: self.pull.then_some(DiagnosticServerCapabilities::Options(diagnostics)),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                ..WorkspaceServerCapabilities::default()
            }),
            ..ServerCapabilities::default()
        };
        InitializeResult {
            capabilities,
            server_info: Some(ServerInfo {
                name: "auditline".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        }
    }
}
