//! Invariant 6. An agent acts on no launch of a term, session or epoch below the highest that it has seen.

use std::collections::BTreeMap;

use meros_types::{AgentOrder, Epoch, FrameworkId, LaunchId, SessionId};

use super::Invariant;
use crate::failure::Violation;
use crate::truth::{Record, Seen};

const NAME: &str = "obeys_the_newest";

#[derive(Debug, Default)]
pub(super) struct ObeysTheNewest {
    /// Per machine, the newest session that its agent was registered in.
    sessions: BTreeMap<usize, SessionId>,
    /// Per machine and framework, the highest epoch of a launch that its agent took in.
    epochs: BTreeMap<(usize, FrameworkId), Epoch>,
    /// Launches that an agent took in though it knew better, and what it knew: none of them may begin.
    stale: BTreeMap<LaunchId, String>,
}

impl Invariant for ObeysTheNewest {
    fn see(&mut self, _record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::AgentTook(agent, message) => {
                self.took(*agent, message.session, &message.order);
                Ok(())
            }
            Seen::Began(agent, Some(launch)) => match self.stale.get(launch) {
                Some(why) => Err(Violation::new(NAME, format!("launch {launch} begins on agent-{agent}, and {why}"))),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl ObeysTheNewest {
    fn took(&mut self, agent: usize, session: SessionId, order: &AgentOrder) {
        match order {
            AgentOrder::Registered(_) => {
                let newest = self.sessions.entry(agent).or_default();
                *newest = session.max(*newest);
            }
            AgentOrder::Launch(launch) => {
                let newest = self.sessions.get(&agent).copied().unwrap_or_default();
                let highest = self.epochs.entry((agent, launch.framework)).or_default();
                if session < newest {
                    self.stale.insert(launch.launch, format!("it is of session {session}, before {newest}"));
                } else if launch.epoch < *highest {
                    self.stale.insert(launch.launch, format!("its epoch {} is below {highest}", launch.epoch));
                } else if launch.launch.term < newest.term {
                    self.stale.insert(launch.launch, format!("it was accepted before term {}", newest.term));
                } else {
                    *highest = launch.epoch;
                }
            }
            _ => {}
        }
    }
}
