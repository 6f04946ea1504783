//! How a session comes to its end: because the scheduler, the master or a limit says so.

use meros_types::{SessionEnd, SessionEndKind, Time};

use super::Host;
use crate::context::End;
use crate::limits::{TEARDOWN_WAIT, WAITING_MAX};
use crate::{Effect, Scheduler, SessionError};

/// The framework is being torn down; the scheduler hears nothing more.
#[derive(Debug)]
pub(super) struct Closing {
    /// When to give up waiting for the master's word.
    pub(super) until: Time,
    /// Whether it matters to the scheduler that the master has heard it.
    explicit: bool,
}

impl<S: Scheduler> Host<S> {
    /// Whether no callback may be made any more.
    pub(super) fn is_ending(&self) -> bool {
        self.closing.is_some() || self.cx.wishes.end.is_some() || self.is_sealed_for_good()
    }

    /// What makes it impossible to go on.
    pub(super) fn failure(&mut self) -> Option<SessionError> {
        if self.outbox.answers() > WAITING_MAX {
            self.cx.fail(SessionError::LimitExceeded { what: "answers waiting for its state to be stored", limit: WAITING_MAX });
        }
        match self.cx.wishes.end.take_if(|end| matches!(end, End::Fail(_))) {
            Some(End::Fail(error)) => Some(error),
            _ => None,
        }
    }

    /// Begins the end that was asked for. Returns the result when there is nothing to wait for.
    pub(super) fn begin_end(&mut self, end: End) -> Option<Result<(), SessionError>> {
        let explicit = match end {
            End::Fail(error) => return Some(Err(error)),
            End::Stop if self.identity.key.is_some() => return Some(Ok(())),
            End::Stop => false,
            End::Teardown => true,
        };
        // What the master has never heard of needs no ending, unless an earlier process registered it.
        if self.registered.is_none() && !(explicit && self.identity.key.is_some()) {
            return Some(Ok(()));
        }
        self.outbox.teardown = self.link.session().is_some();
        self.closing = Some(Closing { until: self.cx.now.mono.after(TEARDOWN_WAIT), explicit });
        None
    }

    /// Ends the wait for a teardown that is not confirmed.
    pub(super) fn close_if_late(&mut self, effects: &mut Vec<Effect>) {
        let Some(closing) = &self.closing else { return };
        if closing.until <= self.cx.now.mono {
            // Without a key the master ends the framework by itself soon, so that nothing is wrong.
            let result = if closing.explicit { Err(SessionError::NotTornDown) } else { Ok(()) };
            self.finish(result, effects);
        }
    }

    /// The master says that the session is over.
    pub(super) fn on_ended(&mut self, end: SessionEnd, effects: &mut Vec<Effect>) {
        if self.closing.is_some() && self.registered.is_some() && end.kind == SessionEndKind::Removed {
            // Its next process registers as a new framework, and has what the scheduler saved itself. Whoever was never
            // registered here may have asked the master of another cluster, and must not forget anything for that.
            self.forget_framework(effects);
        }
        // A framework that the master doesn't know, or knows no more, is as torn down as can be.
        let as_asked = self.closing.is_some() && end.kind != SessionEndKind::Fenced;
        let result = if as_asked { Ok(()) } else { Err(SessionError::Ended { kind: end.kind, message: end.message }) };
        self.finish(result, effects);
    }

    pub(super) fn finish(&mut self, result: Result<(), SessionError>, effects: &mut Vec<Effect>) {
        if self.link.is_connected() {
            effects.push(Effect::Disconnect);
        }
        self.link.end();
        self.cx.session = None;
        effects.push(Effect::Finished(result));
    }
}
