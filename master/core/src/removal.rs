//! How frameworks end for good: what is said of it waits for the registry, and their tasks stay in sight for a while.

use meros_types::{FrameworkEvent, FrameworkId, Now, SessionEnd, SessionEndKind, ToFramework};

use crate::effect::Reply;
use crate::rows::{Ending, FrameworkStanding};
use crate::table::FrameworkIx;
use crate::writes::Entity;
use crate::{Effect, Master, REMOVED_FRAMEWORKS_MAX};

impl Master {
    /// Begins a framework's end. What it holds on offer goes back at once, and nothing that it asks for is done any more. Its
    /// stream and its tasks end when the removal is stored: a master that comes back before that still knows the framework.
    pub(crate) fn remove_framework(&mut self, framework: FrameworkIx, why: &'static str) {
        self.framework_found(framework);
        self.take_back_framework_offers(framework);
        let row = &mut self.frameworks[framework];
        row.ending.get_or_insert(Ending { why, tokens: Vec::new() });
        for client in row.clients.values() {
            self.allocator.set_active(*client, false);
        }
        self.writes.touch(Entity::Framework(row.id));
    }

    /// The removal is stored: its id is one that can't return, and everything of it ends.
    pub(crate) fn removal_stored(&mut self, now: Now, id: FrameworkId, effects: &mut Vec<Effect>) {
        let Some(framework) = self.frameworks_by_id.get(&id).copied() else { return };
        let row = &mut self.frameworks[framework];
        let Some(ending) = row.ending.take() else { return };
        (row.standing, row.stored) = (FrameworkStanding::Removed, None);
        let waiting = row.waiting.take();
        if let Some(key) = &row.key
            && self.frameworks_by_key.get(key) == Some(&framework)
        {
            self.frameworks_by_key.remove(key);
        }
        if let Some(link) = row.link.take() {
            self.streams.remove(&link.stream);
            let event = FrameworkEvent::Ended(SessionEnd { kind: SessionEndKind::Removed, message: ending.why.to_owned() });
            effects.push(Effect::ToFramework { stream: link.stream, message: ToFramework { session: link.session, event } });
            effects.push(Effect::CloseStream { stream: link.stream });
        }
        effects.extend(ending.tokens.into_iter().map(|token| Effect::Reply { token, reply: Reply::TornDown }));
        self.remember_removed(id);
        self.end_tasks_of(framework, effects);
        if let Some(waiting) = waiting {
            self.subscribe_again(now, waiting, effects);
        }
    }

    fn end_tasks_of(&mut self, framework: FrameworkIx, effects: &mut Vec<Effect>) {
        let launches: Vec<_> = self.frameworks[framework].tasks.keys().map(|(_, launch)| *launch).collect();
        for launch in launches {
            // One that may be forgotten makes room for itself, perhaps by another of these.
            let Some(ix) = self.tasks_by_launch.get(&launch).copied() else { continue };
            match self.tasks[ix].is_live() {
                true => self.kill_task(ix, None, effects),
                // Its framework will acknowledge nothing any more.
                false => self.may_forget(ix),
            }
        }
        self.drop_if_over(framework);
    }

    pub(crate) fn remember_removed(&mut self, id: FrameworkId) {
        if self.removed.insert(id) {
            self.removed_order.push_back(id);
        }
        while self.removed_order.len() > REMOVED_FRAMEWORKS_MAX
            && let Some(oldest) = self.removed_order.pop_front()
        {
            self.removed.remove(&oldest);
            self.forgetting.insert(oldest);
            self.writes.touch(Entity::Framework(oldest));
        }
    }

    /// Takes a removed framework out of the allocator once nothing of it is live, and out of every table once none of its tasks
    /// is remembered.
    pub(crate) fn drop_if_over(&mut self, framework: FrameworkIx) {
        let row = &mut self.frameworks[framework];
        if !row.is_removed() || row.live_tasks > 0 {
            return;
        }
        std::mem::take(&mut row.clients).into_values().for_each(|client| self.allocator.remove_client(client));
        row.subscribed.clear();
        if row.tasks.is_empty()
            && let Some(row) = self.frameworks.remove(framework)
        {
            self.frameworks_by_id.remove(&row.id);
        }
    }
}
