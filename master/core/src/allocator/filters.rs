//! What clients don't want to be offered again yet: declines, leases that ran out, and their ends.
//!
//! An agent's row has its filters, a client's row the set of agents that it filters, and here is when they end. Ends are kept in
//! buckets by time and looked at when that comes; those of filters that fell before are compacted away when they are too many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meros_types::{FILTER_DEFAULT, FILTER_MAX, Resources, Time};

use super::Allocator;
use super::agents::Agent;
use crate::table::{AgentIx, ClientIx};

/// How many ends of fallen filters are always kept: below that, looking for them is not worth it.
const STALE_ENDS_MIN: usize = 1_024;

/// What a client declined, and until when the same or less of that agent is not offered again.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) refused: Arc<Resources>,
    pub(super) until: Time,
}

/// When filters end.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// At least one entry for each filter.
    buckets: BTreeMap<Time, Vec<(ClientIx, AgentIx)>>,
    entries: usize,
    /// How many filters there are.
    filters: usize,
}

impl Ends {
    fn added(&mut self, until: Time, client: ClientIx, agent: AgentIx) {
        self.buckets.entry(until).or_default().push((client, agent));
        self.entries += 1;
        self.filters += 1;
    }

    /// So many filters are no more.
    pub(super) fn removed(&mut self, filters: usize) {
        self.filters -= filters;
        if self.filters == 0 {
            self.buckets.clear();
            self.entries = 0;
        }
    }

    fn due(&mut self, now: Time) -> Option<(Time, Vec<(ClientIx, AgentIx)>)> {
        let first = self.buckets.first_entry().filter(|first| *first.key() <= now)?;
        let (until, due) = first.remove_entry();
        self.entries -= due.len();
        Some((until, due))
    }

    fn is_stale(&self) -> bool {
        self.entries > STALE_ENDS_MIN + 2 * self.filters
    }

    /// Forgets the entries of filters that are no more.
    fn compact(&mut self, stands: impl Fn(Time, ClientIx, AgentIx) -> bool) {
        self.buckets.retain(|until, bucket| {
            bucket.sort_unstable();
            bucket.dedup();
            bucket.retain(|(client, agent)| stands(*until, *client, *agent));
            !bucket.is_empty()
        });
        self.entries = self.buckets.values().map(Vec::len).sum();
    }

    /// Panics unless there is an end for each of so many filters, and not many more.
    pub(super) fn check(&self, filters: &[(Time, ClientIx, AgentIx)]) {
        assert_eq!(self.filters, filters.len(), "the number of filters");
        assert_eq!(self.entries, self.buckets.values().map(Vec::len).sum(), "the number of ends of filters");
        assert!(!self.is_stale(), "fallen filters leave their ends behind: {} of {filters:?}", self.entries);
        let buckets: BTreeMap<_, std::collections::BTreeSet<_>> =
            self.buckets.iter().map(|(until, bucket)| (until, bucket.iter().copied().collect())).collect();
        for (until, client, agent) in filters {
            let has_end = buckets.get(until).is_some_and(|bucket| bucket.contains(&(*client, *agent)));
            assert!(has_end, "the filter of {client:?} for {agent:?} has no end");
        }
    }
}

impl Agent {
    /// Whether a client doesn't want what is free. The subset rule: what has grown since it was declined passes.
    pub(super) fn is_filtered(&self, client: ClientIx) -> bool {
        self.filters.get(&client).is_some_and(|filter| filter.refused.contains(&self.free))
    }

    /// Makes `blocked` true of what is free now. Whom less is refused by, more was refused by; only growth needs a look at each.
    pub(super) fn refresh_blocked(&mut self) {
        if self.filters.is_empty() || self.blocked_up_to == self.free {
            return;
        }
        if !self.blocked_up_to.contains(&self.free) {
            self.blocked.clear();
            for (client, filter) in &self.filters {
                if filter.refused.contains(&self.free) {
                    self.blocked.insert(*client);
                }
            }
        }
        self.blocked_up_to.clone_from(&self.free);
    }

    /// Notes that a client need not be asked, if that is true of everything up to `blocked_up_to`.
    pub(super) fn block(&mut self, client: ClientIx) {
        if self.filters.get(&client).is_some_and(|filter| filter.refused.contains(&self.blocked_up_to)) {
            self.blocked.insert(client);
        }
    }

    fn remove_filter(&mut self, client: ClientIx) -> Option<Filter> {
        self.blocked.remove(client);
        self.filters.remove(&client)
    }
}

impl Allocator {
    /// A client doesn't want what is free of an agent now, what it gives back included: it goes last in the agent's round, and
    /// until the filter ends, after [`FILTER_MAX`] at the latest, the same or less is not offered to it again.
    pub fn declined(&mut self, now: Time, client: ClientIx, agent: AgentIx, free: &Resources, filter: Duration) {
        let Some(row) = self.agents.get_mut(agent) else { return };
        row.passed.insert(client);
        let filter = filter.min(FILTER_MAX);
        if filter.is_zero() {
            return;
        }
        if *row.refused != *free {
            row.refused = Arc::new(free.clone());
        }
        let until = now.after(filter);
        if row.filters.is_empty() {
            row.blocked_up_to.clone_from(free);
        }
        let filter = Filter { refused: Arc::clone(&row.refused), until };
        row.blocked.remove(client);
        if row.filters.insert(client, filter).is_some() {
            self.ends.removed(1);
        }
        row.block(client);
        self.clients[client].filtered.insert(agent);
        self.ends.added(until, client, agent);
        self.compact_ends();
    }

    /// A lease ran out: that is a decline with a filter of [`FILTER_DEFAULT`], which doubles each time in a row.
    pub fn lease_expired(&mut self, now: Time, client: ClientIx, agent: AgentIx, free: &Resources) {
        let times = self.clients[client].lease_expired(agent);
        let filter = FILTER_DEFAULT.saturating_mul(2_u32.saturating_pow(times - 1));
        self.declined(now, client, agent, free, filter);
    }

    /// A client answered an offer, whatever it said: the leases of it that ran out are forgotten.
    pub fn answered(&mut self, client: ClientIx) {
        self.clients[client].answered();
    }

    /// When [`Allocator::time_passed`] is due: when the next filter ends, or earlier; none when there is none.
    pub fn wakeup(&self) -> Option<Time> {
        self.ends.buckets.first_key_value().map(|(until, _)| *until)
    }

    /// Ends the filters whose time has come.
    pub fn time_passed(&mut self, now: Time) {
        while let Some((until, due)) = self.ends.due(now) {
            for (client, agent) in due {
                let Some(row) = self.agents.get_mut(agent) else { continue };
                if row.filters.get(&client).is_none_or(|filter| filter.until != until) {
                    continue;
                }
                row.remove_filter(client);
                self.clients[client].filtered.remove(agent);
                self.ends.removed(1);
                self.agents.dirty.insert(agent);
            }
        }
        self.compact_ends();
    }

    /// Everything is wanted again by this client.
    pub(super) fn clear_filters(&mut self, client: ClientIx) {
        let filtered = std::mem::take(&mut self.clients[client].filtered);
        for agent in filtered.iter() {
            if let Some(row) = self.agents.get_mut(agent) {
                row.remove_filter(client);
            }
        }
        if !filtered.is_empty() {
            self.ends.removed(filtered.len());
            self.compact_ends();
        }
    }

    pub(super) fn compact_ends(&mut self) {
        if self.ends.is_stale() {
            let agents = &self.agents;
            self.ends.compact(|until, client, agent| {
                let filter = agents.get(agent).and_then(|row| row.filters.get(&client));
                filter.is_some_and(|filter| filter.until == until)
            });
        }
    }
}
