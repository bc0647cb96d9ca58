//! Chats: functions that a bot's framework calls for what a person writes or taps.

use crate::db::{Db, FunctionRef, head};
use crate::names;
use crate::symbols::Symbol;

/// Libraries by which bots are written.
const LIBRARIES: &[&str] = &["aiogram", "discord", "pyrogram", "telebot", "telegram", "telethon"];

/// Whether a function takes what a person has written to a bot, or which of its buttons he has tapped:
/// `async def save(message: types.Message)`.
#[must_use]
pub fn is_chat_handler(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.params.iter().filter_map(|param| param.annotation).any(|annotation| {
        match names::resolve_in(db, of, &body.code, annotation) {
            Symbol::External(path) => {
                let mut parts = path.split('.');
                parts.next().is_some_and(|library| LIBRARIES.contains(&library))
                    && matches!(
                        parts.next_back(),
                        Some("Message" | "CallbackQuery" | "Update" | "Interaction" | "InlineQuery")
                    )
            }
            _ => false,
        }
    })
}
