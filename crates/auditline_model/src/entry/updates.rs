//! What bots do with the updates of their users: messages, buttons that are pressed, commands.
//!
//! aiogram handles each update in a task of its own (`Dispatcher.start_polling(handle_as_tasks=True)` is the default,
//! <https://docs.aiogram.dev/en/latest/dispatcher/dispatcher.html>), discord.py each event, and Slack's Bolt each request: two of one user
//! meet. python-telegram-bot takes one after the other unless it is told otherwise (`concurrent_updates`,
//! <https://docs.python-telegram-bot.org/en/stable/telegram.ext.applicationbuilder.html>), so that its handlers are not among them.

use std::sync::Arc;

use auditline_syntax::python::ir::{Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;
use rustc_hash::FxHashSet;

use crate::db::{Db, FunctionRef, Settings, SourceFile, head, parsed};
use crate::names::{Scope, files_mentioning, resolve};
use crate::symbols::Symbol;

/// The observers of aiogram's routers.
const AIOGRAM: &[&str] = &[
    "message",
    "edited_message",
    "business_message",
    "channel_post",
    "callback_query",
    "inline_query",
    "chosen_inline_result",
    "pre_checkout_query",
    "shipping_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "message_reaction",
    "poll_answer",
];
/// How discord.py and its forks register functions.
const DISCORD: &[&str] = &["command", "hybrid_command", "slash_command", "event", "listener", "context_menu"];
/// How Slack's Bolt does.
const SLACK: &[&str] = &["event", "message", "command", "action", "shortcut", "view", "options"];

/// The libraries, with the words by which they register.
const LIBRARIES: &[(&str, &[&str])] =
    &[("aiogram", AIOGRAM), ("discord", DISCORD), ("nextcord", DISCORD), ("disnake", DISCORD), ("slack_bolt", SLACK)];

/// Whether a function handles the updates of a bot: `@router.message(…)`, `dispatcher.message.register(handler, …)`.
#[must_use]
pub fn is_update_handler(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let decorated = !body.decorators.is_empty() && {
        let words: Vec<&str> = words_of(db, of.file).collect();
        body.decorators.iter().any(|decorator| {
            let target = match &body.code[*decorator] {
                Expr::Call { func, .. } => *func,
                _ => *decorator,
            };
            matches!(&body.code[target], Expr::Attribute { attr, .. } if words.contains(&attr.as_str()))
        })
    };
    decorated || all(db, Settings::get(db)).contains(&of)
}

/// The words by which the libraries that a file uses register functions.
fn words_of(db: &dyn Db, file: SourceFile) -> impl Iterator<Item = &'static str> {
    LIBRARIES
        .iter()
        .filter(move |(library, _)| files_mentioning(db, library).contains(&file) && imports(db, file, library))
        .flat_map(|(_, words)| words.iter().copied())
}

/// Whether a file imports something of a library: to mention it, a variable's name is enough.
fn imports(db: &dyn Db, file: SourceFile, library: &str) -> bool {
    let is_it = |path: &str| path.split('.').next() == Some(library);
    let mut found = false;
    walk_statements(&parsed(db, file).module.code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Import(names) => found |= names.iter().any(|import| is_it(&import.path)),
        StmtKind::ImportFrom(import) => {
            found |= import.level == 0 && import.module.as_ref().is_some_and(|path| is_it(path))
        }
        _ => {}
    });
    found
}

/// Those that calls register. Asked once for the workspace: few files do it.
#[salsa::tracked(returns(clone))]
fn all(db: &dyn Db, _settings: Settings) -> Arc<FxHashSet<FunctionRef>> {
    let files = files_mentioning(db, "aiogram");
    let serving = files.iter().filter(|file| !super::is_test(db, **file));
    Arc::new(serving.flat_map(|file| said(db, *file).to_vec()).collect())
}

/// A query of its own: an edit in one file reads no other again.
#[salsa::tracked(returns(clone))]
fn said(db: &dyn Db, file: SourceFile) -> Arc<[FunctionRef]> {
    let module = &parsed(db, file).module;
    let mut found = Vec::new();
    say(db, Scope::Module(file), &module.code, &mut found);
    for function in &module.functions {
        let of = FunctionRef { file, path: function.path };
        say(db, Scope::Function(of), &function.code, &mut found);
    }
    found.into()
}

/// `dispatcher.callback_query.register(handler, F.data == "buy")`
fn say(db: &dyn Db, scope: Scope, code: &Code, found: &mut Vec<FunctionRef>) {
    let is_observer = |expr: ExprId| match &code[expr] {
        Expr::Attribute { attr, .. } => AIOGRAM.contains(&attr.as_str()),
        _ => false,
    };
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let Expr::Attribute { value, attr } = &code[*func] else { continue };
        if *attr == "register"
            && is_observer(*value)
            && let Some(first) = args.first()
            && let Symbol::Function(handler) = resolve(db, scope, code, first.value)
        {
            found.push(handler);
        }
    }
}
