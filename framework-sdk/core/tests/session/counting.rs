//! A scheduler that counts in its state what it hears, so that the state shows what was forgotten and what came twice.

use std::collections::VecDeque;

use meros_session::{Ack, Context, Offer, Scheduler, Session, SessionKind};
use meros_types::*;

/// Launches one task on each offer, and counts in its state what it hears.
#[derive(Default)]
pub(crate) struct Counting {
    /// Whether it acknowledges later: what it has put off, and what it has since acknowledged, by the number of the fact.
    pub(crate) defers: bool,
    promised: VecDeque<(u64, Ack)>,
    pub(crate) kept: Vec<u64>,
    pub(crate) dropped: Vec<TaskId>,
}

impl Counting {
    pub(crate) fn new(defers: bool) -> Self {
        Self { defers, ..Self::default() }
    }

    /// Acknowledges the oldest that it has put off, if there is one.
    pub(crate) fn keep(&mut self, cx: &mut Context) -> bool {
        let Some((n, ack)) = self.promised.pop_front() else { return false };
        self.kept.push(n);
        cx.acknowledge(ack);
        true
    }
}

/// How often a fact was heard, by what is saved under its key.
pub(crate) fn times_heard(saved: Option<&[u8]>) -> u8 {
    saved.map_or(0, |bytes| bytes[0])
}

pub(crate) fn heard_key(task: &TaskId, n: u64) -> String {
    format!("heard/{task}/{n}")
}

impl Scheduler for Counting {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            let id = cx.new_task_id();
            offer.launch(TaskSpec::new(id, Command::shell("true"), Resources::none().with_cpu_milli(1))).unwrap();
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        if update.state == TaskState::Dropped {
            self.dropped.push(update.task.clone());
        }
        let Some(fact) = update.fact else { return };
        let (key, last) = (heard_key(&update.task, fact.n), format!("last/{}", update.task));
        let before = cx.saved(&last).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        assert!(self.defers || before < fact.n, "the facts of a task rise");
        cx.save(last, fact.n.to_le_bytes());
        let times = times_heard(cx.saved(&key)) + 1;
        cx.save(key, [times]);
        if self.defers {
            self.promised.extend(cx.defer_ack().map(|ack| (fact.n, ack)));
        }
    }

    fn registered(&mut self, session: &Session, cx: &mut Context) {
        assert!(session.kind != SessionKind::New || cx.saved_keys("").next().is_none(), "a new framework has no past");
    }
}
