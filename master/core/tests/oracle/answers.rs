//! What schedulers do with their offers, and what time does: accept, decline, let the lease run out.

use std::time::Duration;

use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Demand, FILTER_DEFAULT, FILTER_MAX, Resources};

use crate::amounts::{Amounts, cut};
use crate::books::{Filter, Task};
use crate::world::World;

/// How much of an accepted offer is launched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Launch {
    All,
    /// Half of each scalar, without ports; nothing of it counts against the demand.
    Half,
    Nothing,
}

impl World {
    /// Accepts an offer with a task. When all of it is launched, the demand becomes so much less, by a new version.
    pub(crate) fn accept(&mut self, number: u64, launch: Launch, filter: Duration) {
        let offer = self.books.offers[&number].clone();
        self.end_offer(number);
        let task = match launch {
            Launch::All => offer.resources,
            Launch::Half => half(&offer.resources),
            Launch::Nothing => Resources::none(),
        };
        if !task.is_none() {
            self.launch(offer.client, offer.agent, task);
        }
        self.answered(offer.client);
        self.refuse(offer.client, offer.agent, filter);
        let row = &self.books.clients[&offer.client];
        let counts = offer.counts.filter(|counts| counts.version == row.version && row.wants[counts.want].copies.is_some());
        if let (Launch::All, Some(counts)) = (launch, counts) {
            self.want_less(offer.client, counts.want, counts.copies);
        }
    }

    pub(crate) fn decline(&mut self, number: u64, filter: Duration) {
        let offer = self.books.offers[&number].clone();
        self.end_offer(number);
        self.answered(offer.client);
        self.refuse(offer.client, offer.agent, filter);
    }

    /// Time passes: leases run out, then filters end.
    pub(crate) fn pass_time(&mut self, by: Duration) {
        self.now = self.now.after(by);
        let expired: Vec<u64> = self.books.offers.iter().filter(|(_, offer)| offer.expires <= self.now).map(|(n, _)| *n).collect();
        for number in expired {
            let (client, agent) = (self.books.offers[&number].client, self.books.offers[&number].agent);
            self.end_offer(number);
            self.lease_expired(client, agent);
        }
        let earliest = self.books.filters.values().map(|filter| filter.until).min();
        if let Some(earliest) = earliest {
            assert!(self.allocator.wakeup().is_some_and(|at| at <= earliest), "a filter ends at {earliest} and nobody wakes up");
        }
        self.allocator.time_passed(self.now);
        let now = self.now;
        self.books.filters.retain(|_, filter| filter.until > now);
    }

    /// A task of a client that was not on offer before, or no longer is.
    pub(crate) fn launch(&mut self, client: ClientIx, agent: AgentIx, resources: Resources) {
        self.allocator.charge(client, &resources);
        let number = self.number();
        self.books.tasks.insert(number, Task { client, agent, resources });
        self.change(agent);
    }

    fn answered(&mut self, client: ClientIx) {
        self.allocator.answered(client);
        self.books.clients.get_mut(&client).unwrap().expired.clear();
    }

    fn refuse(&mut self, client: ClientIx, agent: AgentIx, filter: Duration) {
        self.allocator.declined(self.now, client, agent, &self.books.free(agent), filter);
        self.write_filter(client, agent, filter);
    }

    fn lease_expired(&mut self, client: ClientIx, agent: AgentIx) {
        self.allocator.lease_expired(self.now, client, agent, &self.books.free(agent));
        let times = self.books.clients.get_mut(&client).unwrap().expired.entry(agent).or_default();
        *times += 1;
        let filter = FILTER_DEFAULT * 2_u32.saturating_pow(*times - 1).min(1 << 20);
        self.write_filter(client, agent, filter);
    }

    fn write_filter(&mut self, client: ClientIx, agent: AgentIx, filter: Duration) {
        if !filter.is_zero() {
            let (refused, until) = (self.books.free(agent), self.now.after(filter.min(FILTER_MAX)));
            self.books.filters.insert((client, agent), Filter { refused, until });
        }
    }

    /// A new demand with so many copies less of one want, counting those that stand on offer.
    fn want_less(&mut self, client: ClientIx, want: usize, launched: u64) {
        let row = &self.books.clients[&client];
        let mut shapes = row.wants.clone();
        let standing = self.books.offers.values().filter(|offer| offer.client == client).filter_map(|offer| offer.counts);
        for counts in standing.filter(|counts| counts.version == row.version) {
            let shape = &mut shapes[counts.want];
            shape.copies = shape.copies.map(|copies| copies + counts.copies);
        }
        shapes[want].copies = shapes[want].copies.map(|copies| copies - launched);
        self.set_demand(client, Demand { shapes });
    }
}

fn half(resources: &Resources) -> Resources {
    let amounts = Amounts::of(resources);
    cut(resources, &Amounts::each(|k| amounts.0[k] / 2)).with_ports(meros_types::Ports::none())
}
