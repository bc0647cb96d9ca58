//! The arguments of a call.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Arg, ArgKind, ComprehensionKind, Expr, ExprId};

use super::layout::{breaks, indent, is_first, line_end, line_start, next_line};
use super::lex::{TokenKind, lex};
use super::{Scope, offset, range};

/// A call with the places of its brackets and arguments, absolute.
struct Brackets<'a> {
    args: &'a [Arg],
    open: usize,
    close: usize,
}

impl<'a> Brackets<'a> {
    fn of(scope: Scope<'a>, call: ExprId) -> Option<Self> {
        let Expr::Call { func, args } = &scope.code[call] else { return None };
        let text = scope.document.text();
        let (_, end) = scope.span(scope.code.range(call));
        let (_, func_end) = scope.span(scope.code.range(*func));
        let close = end.checked_sub(1).filter(|at| text.as_bytes().get(*at) == Some(&b')'))?;
        // Between the function and its bracket may stand the closing brackets around the function.
        let first = args.first().map_or(close, |arg| scope.span(arg.range).0);
        let open = lex(text, func_end, first).into_iter().rfind(|token| token.kind == TokenKind::Open)?.start;
        // A generator without brackets of its own would need some beside another argument.
        let bare = args.first().is_some_and(|arg| {
            matches!(scope.code[arg.value], Expr::Comprehension { kind: ComprehensionKind::Generator, .. })
                && scope.span(arg.range).0 <= open
        });
        (!bare).then_some(Self { args, open, close })
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.args.iter().position(|arg| matches!(arg.kind, ArgKind::Keyword(own) if own == *name))
    }

    /// Where the comma behind an argument stands.
    fn comma(&self, scope: Scope<'_>, at: usize) -> Option<usize> {
        let from = scope.span(self.args[at].range).1;
        let to = self.args.get(at + 1).map_or(self.close, |next| scope.span(next.range).0);
        let tokens = lex(scope.document.text(), from, to);
        tokens.iter().find(|token| token.kind == TokenKind::Comma && token.depth == 0).map(|token| token.start)
    }
}

/// Adds `name=value` behind the arguments of a call, in the way that they are written; a keyword of that name gets
/// the value instead.
#[must_use]
pub fn add_keyword(scope: Scope<'_>, call: ExprId, name: &str, value: &str) -> Option<Vec<TextEdit>> {
    let brackets = Brackets::of(scope, call)?;
    let text = scope.document.text();
    let eol = scope.document.line_end();
    if let Some(at) = brackets.find(name) {
        let edit = TextEdit::replace(scope.absolute(scope.code.range(brackets.args[at].value)), value);
        return scope.document.checked(vec![edit]);
    }
    let written = format!("{name}={value}");
    let Some(last) = brackets.args.len().checked_sub(1) else {
        return scope.document.checked(vec![TextEdit::insert(offset(brackets.close), written)]);
    };
    let (start, end) = scope.span(brackets.args[last].range);
    let comma = brackets.comma(scope, last);
    let alone = is_first(text, start) && is_first(text, brackets.close) && breaks(text, end, brackets.close);
    if alone && (comma.is_some() || last > 0) {
        let behind = comma.map_or(end, |comma| comma + 1);
        if !matches!(text[behind..line_end(text, behind)].trim_start().bytes().next(), None | Some(b'#')) {
            return None;
        }
        let at = line_end(text, behind);
        let trailing = if comma.is_some() { "," } else { "" };
        let mut edits = vec![TextEdit::insert(offset(at), format!("{eol}{}{written}{trailing}", indent(text, start)))];
        if comma.is_none() {
            edits.insert(0, TextEdit::insert(offset(end), ","));
        }
        return scope.document.checked(edits);
    }
    scope.document.checked(vec![TextEdit::insert(offset(end), format!(", {written}"))])
}

/// Removes a keyword from a call, with its comma; one that stands on lines of its own goes with them.
#[must_use]
pub fn remove_keyword(scope: Scope<'_>, call: ExprId, name: &str) -> Option<Vec<TextEdit>> {
    let brackets = Brackets::of(scope, call)?;
    let text = scope.document.text();
    let at = brackets.find(name)?;
    let (start, end) = scope.span(brackets.args[at].range);
    let comma = brackets.comma(scope, at);
    let stop = comma.map_or(end, |comma| comma + 1);
    let comments = |from: usize, to: usize| text[from..to].contains('#');
    let rest = text[stop..line_end(text, stop)].trim_start();
    let own_lines = is_first(text, start) && (rest.is_empty() || rest.starts_with('#'));
    let removed = if brackets.args.len() == 1 && !comments(brackets.open, start) && !comments(stop, brackets.close) {
        range(brackets.open + 1, brackets.close)
    } else if own_lines {
        range(line_start(text, start), next_line(text, stop))
    } else if let Some(next) = brackets.args.get(at + 1).map(|next| scope.span(next.range).0)
        && !comments(stop, next)
        && (!breaks(text, stop, next) || at == 0)
    {
        range(start, next)
    } else {
        let before = at.checked_sub(1)?;
        let (_, before_end) = scope.span(brackets.args[before].range);
        let before_comma = brackets.comma(scope, before)?;
        match comma {
            Some(comma) if at + 1 < brackets.args.len() => range(before_comma + 1, comma + 1),
            _ if comments(before_end, start) => return None,
            _ => range(before_end, end),
        }
    };
    scope.document.checked(vec![TextEdit::delete(removed)])
}

/// Removes the keyword argument that stands at a range.
#[must_use]
pub fn remove_argument(scope: Scope<'_>, argument: TextRange) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let (call, name) = code.exprs.iter().zip(0..).find_map(|(expr, index)| match expr {
        Expr::Call { args, .. } => args.iter().find_map(|arg| match arg.kind {
            ArgKind::Keyword(name) if arg.range == argument => Some((ExprId(index), name)),
            _ => None,
        }),
        _ => None,
    })?;
    remove_keyword(scope, call, &name)
}

/// Gives a keyword of a call another name.
#[must_use]
pub fn rename_keyword(scope: Scope<'_>, call: ExprId, name: &str, new: &str) -> Option<Vec<TextEdit>> {
    let brackets = Brackets::of(scope, call)?;
    if brackets.find(new).is_some() {
        return None;
    }
    let (start, _) = scope.span(brackets.args[brackets.find(name)?].range);
    if !scope.document.text()[start..].starts_with(name) {
        return None;
    }
    scope.document.checked(vec![TextEdit::replace(range(start, start + name.len()), new)])
}
