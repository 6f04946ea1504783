//! What happens to a session and what it asks for: closed enums, the whole contract between core and shell.

use std::fmt;

use meros_types::{FromFramework, ToFramework};

use crate::{Context, SessionError, StateChange};

/// What the rest of the program wants done with the scheduler, between two events.
pub type Calling<S> = Box<dyn FnOnce(&mut S, &mut Context) + Send>;

/// What happened.
pub enum Event<S> {
    /// The connection that [`Effect::Connect`] asked for is open. The session subscribes.
    Connected,
    /// The connection is gone, or could not be made. Reported once per [`Effect::Connect`], unless [`Effect::Disconnect`]
    /// came first; nothing of a connection may be handed in after its end.
    Disconnected(Disconnection),
    /// The master said something over the open connection.
    Received(ToFramework),
    /// The rest of the program has a question or a request. Dropped unheard when the session is over.
    Called(Calling<S>),
    /// The transaction that [`Effect::Commit`] asked for is stored, so that it outlives this process. A shell without a store
    /// says so at once.
    Committed {
        /// The one that was asked for.
        seq: u64,
    },
    /// The transaction that [`Effect::Commit`] asked for failed; whether it is stored is not known. The session is over.
    CommitFailed {
        /// Why, for people.
        reason: String,
    },
    /// The moment that [`crate::Host::wakeup`] named has come, or passed. The first one starts the session.
    TimePassed,
}

impl<S> fmt::Debug for Event<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected => f.write_str("Connected"),
            Event::Disconnected(why) => f.debug_tuple("Disconnected").field(why).finish(),
            Event::Received(message) => f.debug_tuple("Received").field(message).finish(),
            Event::Called(_) => f.write_str("Called(..)"),
            Event::Committed { seq } => f.debug_struct("Committed").field("seq", seq).finish(),
            Event::CommitFailed { reason } => f.debug_struct("CommitFailed").field("reason", reason).finish(),
            Event::TimePassed => f.write_str("TimePassed"),
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnection {
    /// It could not be made, or it broke. Another attempt may succeed, so that the session tries again.
    Lost(String),
    /// The other side won't have this scheduler (a wrong token, not a Meros master). The session is over.
    Refused(String),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection to the master. At most one is open or being opened at any time.
    Connect,
    /// Send this over the open connection, after all that was sent before.
    Send(FromFramework),
    /// Close the connection, or give up opening it, when all that was sent before has left.
    Disconnect,
    /// Store these changes as one transaction, and say [`Event::Committed`] when they outlive the process. What rests on them is
    /// sent only then. At most one is asked for at any time; what changes meanwhile comes with the next.
    Commit {
        /// Rises by one each.
        seq: u64,
        /// What has changed since the one before; never nothing.
        changes: Vec<StateChange>,
    },
    /// The session is over; there are no effects after this one. A transaction asked for just before it is to be stored all the
    /// same.
    Finished(Result<(), SessionError>),
}
