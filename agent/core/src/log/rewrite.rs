//! Replacing a long log by a short one that says the same.

use meros_types::{ContainerId, FactId, FrameworkId, TaskUpdate};

use super::Record;
use crate::containers::Phase;
use crate::{Agent, Effect};

/// A log is not replaced before it has more records than this: a few hundred kilobytes.
const RECORDS_MIN: usize = 1_024;
/// A log is replaced when it has this many times the records that say the same. So replacing costs a fixed share of appending.
const RECORDS_RATIO: usize = 4;

impl Agent {
    pub(super) fn rewrite_if_long(&mut self, effects: &mut Vec<Effect>) {
        // A launch, the newest fact and its acknowledgement for each container at the most, beside the facts that wait.
        let enough = 2 + self.epochs.len() + 3 * self.containers.len() + self.facts.waiting();
        let is_long = self.log.records > RECORDS_MIN && self.log.records > RECORDS_RATIO * enough;
        if !is_long || self.log.stalled || !self.log.is_appended(super::BEGAN) {
            return;
        }
        let records = self.all_records();
        self.log.newest += 1;
        self.log.records = records.len();
        effects.push(Effect::Rewrite { seq: self.log.newest, records });
    }

    /// Everything that recovery needs, in an order that it reads like what has happened.
    fn all_records(&self) -> Vec<Record> {
        let mut records = vec![self.began_record()];
        let met = self.id.map(|agent| Record::Met { agent, term: self.term, newest_launch: self.newest_launch });
        records.extend(met);
        records.extend(self.epochs.iter().map(|(framework, epoch)| Record::Epoch { framework: *framework, epoch: *epoch }));
        records.extend(self.by_launch.values().filter_map(|id| self.containers.get(id)?.record(*id)));
        for (container, framework, update, acknowledged) in self.facts_in_order() {
            let fact = update.fact;
            records.push(Record::Fact { container, framework, update: update.clone() });
            records.extend(fact.filter(|_| acknowledged).map(|fact: FactId| Record::Acknowledged { framework, fact }));
        }
        let bare = self.containers.iter().filter(|(_, container)| container.phase == Phase::Over && !container.has_directory);
        records.extend(bare.map(|(id, _)| Record::Removed { container: *id }));
        records
    }

    /// Every fact that waits, and the newest of each container also when it was acknowledged: it says how far the container is.
    fn facts_in_order(&self) -> Vec<(ContainerId, FrameworkId, &TaskUpdate, bool)> {
        let waiting = self.facts.all().map(|(place, framework, fact)| (place, (fact.container, framework, &fact.update, false)));
        let acknowledged = self.containers.iter().filter_map(|(id, container)| {
            let update = container.acknowledged.as_ref()?;
            Some((container.newest_fact, (*id, container.framework, update, true)))
        });
        let mut all: Vec<_> = waiting.chain(acknowledged).collect();
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, fact)| fact).collect()
    }
}
