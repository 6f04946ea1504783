//! The connection to the master. Owned: its stages, when to try again, silence, heartbeats, and which session is the newest.
//! Absent: what is said over it.

use std::time::Duration;

use meros_types::{IdSource, SessionId, Time};

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, GOOD_SESSION, HEARTBEAT_MIN, SILENCE_MAX, SUBSCRIBE_WAIT};

#[derive(Debug)]
pub(crate) struct Link {
    stage: Stage,
    /// Failures since the last good session.
    failures: u32,
    /// The newest session there was; a master whose sessions are older has been replaced.
    newest: Option<SessionId>,
    random: IdSource,
}

#[derive(Debug)]
enum Stage {
    Down { retry: Time },
    Connecting { give_up: Time },
    Subscribing { give_up: Time },
    Up(Up),
    Over,
}

#[derive(Debug)]
struct Up {
    session: SessionId,
    heartbeat: Duration,
    since: Time,
    heard: Time,
    sent: Time,
}

impl Up {
    fn silent_at(&self) -> Time {
        self.heard.after(SILENCE_MAX.max(self.heartbeat * 3))
    }

    fn heartbeat_at(&self) -> Time {
        self.sent.after(self.heartbeat)
    }
}

/// What the passing of time asks of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    GiveUp(&'static str),
}

impl Link {
    pub(crate) fn new(seed: u64) -> Self {
        let stage = Stage::Down { retry: Time::default() };
        Self { stage, failures: 0, newest: None, random: IdSource::seeded(seed) }
    }

    /// The session that is open.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match &self.stage {
            Stage::Up(up) => Some(up.session),
            _ => None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether the shell has a connection open, or is opening one.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Connecting { .. } | Stage::Subscribing { .. } | Stage::Up(_))
    }

    pub(crate) fn is_subscribing(&self) -> bool {
        matches!(self.stage, Stage::Subscribing { .. })
    }

    /// What is due, if anything.
    pub(crate) fn step(&mut self, now: Time) -> Option<Step> {
        match &self.stage {
            Stage::Down { retry } if *retry <= now => {
                self.stage = Stage::Connecting { give_up: now.after(SUBSCRIBE_WAIT) };
                Some(Step::Connect)
            }
            Stage::Connecting { give_up } if *give_up <= now => Some(Step::GiveUp("there was no connection in time")),
            Stage::Subscribing { give_up } if *give_up <= now => Some(Step::GiveUp("the subscription was not answered in time")),
            Stage::Up(up) if up.silent_at() <= now => Some(Step::GiveUp("nothing was heard for too long")),
            _ => None,
        }
    }

    /// The connection is open. Says whether one was being opened.
    pub(crate) fn connected(&mut self, now: Time) -> bool {
        let expected = matches!(self.stage, Stage::Connecting { .. });
        if expected {
            self.stage = Stage::Subscribing { give_up: now.after(SUBSCRIBE_WAIT) };
        }
        expected
    }

    /// The master has opened `session`. Says whether it is a newer one than all before.
    pub(crate) fn subscribed(&mut self, session: SessionId, heartbeat: Duration, now: Time) -> bool {
        if self.newest.is_some_and(|newest| session <= newest) {
            return false;
        }
        self.newest = Some(session);
        let heartbeat = heartbeat.max(HEARTBEAT_MIN);
        self.stage = Stage::Up(Up { session, heartbeat, since: now, heard: now, sent: now });
        true
    }

    /// Something came over `session`. Says whether that is the open one.
    pub(crate) fn heard(&mut self, session: SessionId, now: Time) -> bool {
        match &mut self.stage {
            Stage::Up(up) if up.session == session => {
                up.heard = now;
                true
            }
            _ => false,
        }
    }

    /// Something was sent over the open session.
    pub(crate) fn sent(&mut self, now: Time) {
        if let Stage::Up(up) = &mut self.stage {
            up.sent = now;
        }
    }

    pub(crate) fn heartbeat_is_due(&self, now: Time) -> bool {
        matches!(&self.stage, Stage::Up(up) if up.heartbeat_at() <= now)
    }

    /// The connection is gone: the next attempt comes after a wait, which is returned.
    pub(crate) fn lost(&mut self, now: Time) -> Duration {
        if matches!(&self.stage, Stage::Up(up) if now.since(up.since) >= GOOD_SESSION) {
            self.failures = 0;
        }
        let longest = BACKOFF_FIRST.saturating_mul(1 << self.failures.min(16)).min(BACKOFF_MAX);
        self.failures += 1;
        // Half of it is random, so that the frameworks of a master that returns don't come all at once.
        let half = longest.as_nanos() as u64 / 2;
        let wait = Duration::from_nanos(half + self.random.next_u64() % (half + 1));
        self.stage = Stage::Down { retry: now.after(wait) };
        wait
    }

    /// How often in a row there was no good session.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn end(&mut self) {
        self.stage = Stage::Over;
    }

    /// When [`Link::step`] or a heartbeat is due.
    pub(crate) fn wakeup(&self) -> Option<Time> {
        match &self.stage {
            Stage::Down { retry } => Some(*retry),
            Stage::Connecting { give_up } | Stage::Subscribing { give_up } => Some(*give_up),
            Stage::Up(up) => Some(up.silent_at().min(up.heartbeat_at())),
            Stage::Over => None,
        }
    }

    pub(crate) fn check(&self) {
        if let Stage::Up(up) = &self.stage {
            assert_eq!(self.newest, Some(up.session), "the open session is the newest");
        }
    }
}
