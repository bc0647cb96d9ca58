//! `with`: what it binds, and what ends with it.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Function, StmtKind, WithItem};
use auditline_syntax::python::{walk_block_expressions, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::db::FunctionRef;
use crate::unit::{Enclosing, EventKind, FrameId, FrameKind, LockScope, SessionAction, When};

use super::statements::contains_break;
use super::value::{ContextValue, Leaving, SessionOrigin, SessionValue, TransactionKind, Value};
use super::{Bound, Evaluator, Flow};

impl Evaluator<'_> {
    pub(super) fn with(&mut self, code: &Code, is_async: bool, items: &[WithItem], body: &Block) -> Flow {
        let mut frames = Vec::new();
        for item in items {
            let before = self.next_ordinal();
            let context = self.expr(code, item.context);
            let range = code.range(item.context);
            if is_async {
                self.event(EventKind::Await, range);
            }
            let (value, kind) = match begun_by_helper(code, &context.value, item.target, body) {
                Some(begun) => {
                    let kind = TransactionKind::Helper { commits: true, heals: true };
                    (Value::Session(Arc::clone(&begun)), FrameKind::WithTransaction(begun, kind))
                }
                None => self.enter(&context, range),
            };
            let swallows = matches!(kind, FrameKind::WithSuppress);
            if kind == FrameKind::WithLock {
                self.ends_with_block(before);
            }
            let frame = self.push_frame(kind);
            if let Value::Instance(instance) = &context.value {
                self.unit.entered.push((frame, Arc::clone(instance)));
            }
            let guarded = swallows.then(|| {
                let id = self.new_try();
                (id, self.push_frame(FrameKind::Try(id)), item.context)
            });
            let leaving = match &context.value {
                Value::Context(context) => Some((Arc::clone(context), self.enclose(context), range)),
                _ => None,
            };
            frames.push((frame, guarded, leaving));
            if let Some(target) = item.target {
                let bound = Bound { value, from: context.from };
                self.assign(code, target, &bound, None);
            }
        }
        let mut flow = self.block(body);
        for (frame, guarded, leaving) in frames.into_iter().rev() {
            if let Some((context, scopes, range)) = leaving {
                scopes.into_iter().rev().for_each(|scope| self.pop_frame(scope));
                if flow != Flow::Raises {
                    self.leave(&context, range);
                }
            }
            if let Some((id, body, context)) = guarded {
                self.pop_frame(body);
                // It is a handler with nothing in it.
                let handler = self.push_frame(FrameKind::Handler(id, 0));
                self.pop_frame(handler);
                let info = self.suppressed(code, context, handler);
                self.unit.tries[id.0 as usize].handlers.push(info);
                // What stands behind it runs where something was swallowed, however the block ends otherwise.
                flow = Flow::Falls;
            }
            self.pop_frame(frame);
        }
        flow
    }

    /// Opens the frames of what a context manager does with sessions of this function around its block.
    fn enclose(&mut self, context: &ContextValue) -> Vec<FrameId> {
        let mut frames = Vec::new();
        for leaving in &context.leaving {
            let session = || Arc::clone(&leaving.session);
            if leaving.closes {
                frames.push(self.push_frame(FrameKind::WithSession(session())));
            }
            let (commits, heals) = (leaving.commits == Some(true), leaving.heals);
            if commits || heals {
                let kind = TransactionKind::Helper { commits, heals };
                frames.push(self.push_frame(FrameKind::WithTransaction(session(), kind)));
            }
            if leaving.is_savepoint {
                frames.push(self.push_frame(FrameKind::WithTransaction(session(), TransactionKind::Savepoint)));
            }
        }
        frames
    }

    /// What a context manager may do with sessions of this function when its block is left normally.
    fn leave(&mut self, context: &ContextValue, range: TextRange) {
        for leaving in &context.leaving {
            if leaving.commits.is_none() {
                let commit = EventKind::Session {
                    session: Arc::clone(&leaving.session),
                    action: SessionAction::Commit,
                    by: Some(context.function),
                    maybe: true,
                };
                self.event(commit, range);
            }
        }
    }

    /// What leaving the block of a context manager does with sessions of this function.
    pub(super) fn leaving(
        &mut self,
        encloses: &[Enclosing],
        body: &Function,
        (callee, object): (FunctionRef, &Value),
        filled: &[Option<Bound>],
        open: bool,
    ) -> Vec<Leaving> {
        let mut found = Vec::new();
        for enclosing in encloses {
            let Some(session) = self.operated(&enclosing.session, callee, object, filled) else { continue };
            let happens = |when: Option<When>| match when {
                None => Some(false),
                Some(When::Always) => Some(true),
                Some(When::Maybe) => None,
                Some(When::IfParam(index, wanted)) => {
                    self.flag_in_call(body, filled, index, open).map(|truth| truth == wanted)
                }
                Some(When::UnlessParam(index, leaves)) => {
                    self.flag_in_call(body, filled, index, open).map(|truth| truth != leaves)
                }
            };
            // Where the session was given, it is not the one to be closed.
            let is_own = matches!(enclosing.session.origin, SessionOrigin::GivenOrOwn(_));
            found.push(Leaving {
                commits: happens(enclosing.commits),
                heals: enclosing.heals,
                closes: !is_own && happens(enclosing.closes) == Some(true),
                is_savepoint: enclosing.is_savepoint,
                session,
            });
        }
        found
    }

    /// The same of a context manager that a callee has made, in terms of this function.
    pub(super) fn leaving_of(
        &mut self,
        leaving: &[Leaving],
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Vec<Leaving> {
        let mut found = Vec::new();
        for one in leaving {
            if let Some(session) = self.operated(&one.session, callee, object, filled) {
                found.push(Leaving { session, ..one.clone() });
            }
        }
        found
    }

    /// What a generator or context manager hands out.
    fn opened_by(&mut self, context: &ContextValue, origin: SessionOrigin, range: TextRange) -> Value {
        let value = match &context.yields {
            Value::Session(session) => {
                Value::Session(Arc::new(SessionValue { origin, id: self.next_ordinal(), ..(**session).clone() }))
            }
            other => other.clone(),
        };
        if let Value::Session(session) = &value {
            self.event(EventKind::Open(Arc::clone(session)), range);
        }
        value
    }

    /// What a generator hands to a loop: `async for session in sessions():`. Where the loop is left, what stands behind the
    /// `yield` does not run.
    pub(super) fn handed_out(&mut self, context: &ContextValue, body: &Block, range: TextRange) -> Bound {
        let mut leaves = contains_break(body);
        walk_statements(body, &mut |stmt| leaves |= matches!(stmt.kind, StmtKind::Return(_)));
        let origin = if leaves { SessionOrigin::Unknown } else { SessionOrigin::Context(context.function) };
        Bound::of(self.opened_by(context, origin, range))
    }

    /// What is locked from that event on is released when the block is left: `with redis.lock("stock"):`.
    fn ends_with_block(&mut self, from: u32) {
        for event in self.unit.events.iter_mut().skip(from as usize) {
            if let EventKind::ExternalLock(scope @ LockScope::Open) = &mut event.kind {
                *scope = LockScope::Block;
            }
        }
    }

    /// What `with value as x` binds, and the frame of its body.
    fn enter(&mut self, context: &Bound, range: TextRange) -> (Value, FrameKind) {
        match &context.value {
            Value::Session(session) => {
                let scoped = match &session.origin {
                    SessionOrigin::Opened(factory) => {
                        Arc::new(SessionValue { origin: SessionOrigin::Scoped(*factory), ..(**session).clone() })
                    }
                    _ => Arc::clone(session),
                };
                (Value::Session(Arc::clone(&scoped)), FrameKind::WithSession(scoped))
            }
            Value::BegunSession(session) => (
                Value::Session(Arc::clone(session)),
                FrameKind::WithTransaction(Arc::clone(session), TransactionKind::Begin),
            ),
            Value::Transaction(session, kind) => {
                match kind {
                    TransactionKind::Begin => self.session_event(session, SessionAction::Begin, range),
                    TransactionKind::Savepoint => self.session_event(session, SessionAction::Savepoint, range),
                    TransactionKind::Helper { .. } => {}
                }
                (Value::Unknown, FrameKind::WithTransaction(Arc::clone(session), *kind))
            }
            Value::Lent(session) => (Value::Session(Arc::clone(session)), FrameKind::With),
            Value::Context(context) if context.given => (context.yields.clone(), FrameKind::With),
            Value::Context(context) => {
                let value = self.opened_by(context, SessionOrigin::Context(context.function), range);
                let kind = if super::libraries::names_lock(&context.function.path) {
                    FrameKind::WithLock
                } else {
                    FrameKind::With
                };
                (value, kind)
            }
            Value::Instance(instance) => {
                if super::libraries::names_lock(&instance.class.path) {
                    return (context.value.clone(), FrameKind::WithLock);
                }
                let value = self.entered_instance(instance, range);
                let kind = if self.is_apart(instance, &value) { FrameKind::WithApart } else { FrameKind::With };
                (value, kind)
            }
            Value::Made(name) => match super::libraries::known(name) {
                Some(super::libraries::Known::Suppress) => (Value::Unknown, FrameKind::WithSuppress),
                _ if super::libraries::names_lock(name) => {
                    self.event(EventKind::ExternalLock(LockScope::Block), range);
                    (Value::Unknown, FrameKind::WithLock)
                }
                _ if super::libraries::is_apart(name) => (context.value.clone(), FrameKind::WithApart),
                _ => (context.value.clone(), FrameKind::With),
            },
            Value::Attribute(_, name) | Value::Method(_, name) if super::libraries::names_lock(name) => {
                self.event(EventKind::ExternalLock(LockScope::Block), range);
                (Value::Unknown, FrameKind::WithLock)
            }
            // `with request.app.state.maker() as db`: what it gives is told by what is done with it, and is another one each time.
            Value::Attribute(..) => {
                let given = Value::Attribute(Box::new(Value::Unknown), Name::new(&self.next_ordinal().to_string()));
                (given, FrameKind::With)
            }
            _ => (Value::Unknown, FrameKind::With),
        }
    }
}

/// The session that leaving the block commits: where only an annotation tells of what gives it, and the block commits nothing
/// itself. Otherwise what it writes would be lost each time.
fn begun_by_helper(code: &Code, given: &Value, target: Option<ExprId>, body: &Block) -> Option<Arc<SessionValue>> {
    let Value::Session(session) = given else { return None };
    let mut origin = &session.origin;
    while let SessionOrigin::Returned(_, inner) = origin {
        origin = inner;
    }
    let SessionOrigin::Opened(factory) = origin else { return None };
    let Expr::Name(name) = &code[target?] else { return None };
    let mut commits = false;
    walk_block_expressions(code, body, &mut |expr| {
        commits |= matches!(&code[expr], Expr::Attribute { value, attr }
            if *attr == "commit" && matches!(&code[*value], Expr::Name(own) if *own == *name));
    });
    (factory.opaque && !commits)
        .then(|| Arc::new(SessionValue { origin: SessionOrigin::Begun(*factory), ..(**session).clone() }))
}
