//! Invariant 12. The terms of masters and their sessions only rise, and the epochs of a framework never decrease: in the registry, in
//! the order of its commits, and in what subscriptions are told.

use std::collections::BTreeMap;

use meros_types::{AgentOrder, Epoch, FrameworkEvent, FrameworkId, SessionId, Subscribed, Term};

use super::Invariant;
use crate::failure::Violation;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "never_steps_back";

#[derive(Debug, Default)]
pub(super) struct NeverStepsBack {
    term: Term,
    /// The newest session of any peer.
    session: SessionId,
    granted: BTreeMap<FrameworkId, Epoch>,
    stored: BTreeMap<FrameworkId, Epoch>,
}

impl Invariant for NeverStepsBack {
    fn see(&mut self, _record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::MasterBegan(term) => {
                let before = std::mem::replace(&mut self.term, *term);
                if before < *term { Ok(()) } else { broken(format!("a master begins term {term} after term {before}")) }
            }
            Seen::MasterSent(_, Payload::ToAgent(message)) if matches!(message.order, AgentOrder::Registered(_)) => {
                self.open(message.session)
            }
            Seen::MasterSent(_, Payload::ToFramework(message)) => match &message.event {
                FrameworkEvent::Subscribed(subscribed) => self.subscribed(message.session, subscribed),
                _ => Ok(()),
            },
            Seen::RegistryCommitted(registry) => registry
                .frameworks
                .iter()
                .try_for_each(|framework| rises(&mut self.stored, framework.id, framework.epoch, "is stored with")),
            _ => Ok(()),
        }
    }
}

impl NeverStepsBack {
    fn subscribed(&mut self, session: SessionId, subscribed: &Subscribed) -> Result<(), Violation> {
        rises(&mut self.granted, subscribed.framework, subscribed.epoch, "is given")?;
        self.open(session)
    }

    fn open(&mut self, session: SessionId) -> Result<(), Violation> {
        let before = std::mem::replace(&mut self.session, session);
        if before < session { Ok(()) } else { broken(format!("session {session} is opened after session {before}")) }
    }
}

fn rises(epochs: &mut BTreeMap<FrameworkId, Epoch>, id: FrameworkId, epoch: Epoch, how: &str) -> Result<(), Violation> {
    let before = epochs.insert(id, epoch).unwrap_or_default();
    if before <= epoch { Ok(()) } else { broken(format!("framework {id} {how} epoch {epoch} after {before}")) }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
