//! One allocation pass: from what is dirty to grants.

use std::mem;

use meros_types::{Resources, Role};

use super::client::Purpose;
use super::{Allocator, ClientSet, ClientTable, Order, Pool, Sum};
use crate::table::{AgentIx, ClientIx, FrameworkIx};

/// Into how many parts an agent's remainder is cut when several clients want it, if it is enough for more than as many
/// copies. Without it, a shape of one byte would cost a step for each byte of the agent.
const PORTIONS: u64 = 16;

/// What a client is to be offered of an agent. It is charged already, and out of what is free.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client: ClientIx,
    pub(crate) framework: FrameworkIx,
    pub(crate) role: Role,
    pub(crate) agent: AgentIx,
    pub(crate) resources: Resources,
    pub(crate) purpose: Purpose,
}

impl Allocator {
    /// Whether a pass would look at anything.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty_agents.is_empty() || !self.dirty_clients.is_empty()
    }

    /// Grants what is free to those who want it, least share first, one copy of a shape (or a portion of very many) at a
    /// time. What one visit to an agent grants for one want becomes one offer.
    pub(crate) fn pass(&mut self, pool: &mut impl Pool, grants: &mut Vec<Grant>) {
        if self.shares_stale {
            self.refresh_shares();
        }
        let dirty = mem::take(&mut self.dirty_agents);
        let mut order = mem::take(&mut self.order);
        for agent in &dirty {
            self.visit(*agent, &mut order, pool, grants);
        }
        self.order = order;
        self.serve_dirty_clients(pool, grants);
    }

    /// Clients whose wants changed look at every agent; nobody else can use what lies free there.
    fn serve_dirty_clients(&mut self, pool: &mut impl Pool, grants: &mut Vec<Grant>) {
        let mut order = Order::new();
        for client in mem::take(&mut self.dirty_clients) {
            let place = (self.clients[client].share, client);
            if self.order.remove(&place) {
                order.insert(place);
            }
        }
        let agents: Vec<AgentIx> = if order.is_empty() { Vec::new() } else { self.agents.keys().copied().collect() };
        for agent in agents {
            if order.is_empty() {
                break;
            }
            self.visit(agent, &mut order, pool, grants);
        }
        self.order.append(&mut order);
    }

    fn visit(&mut self, agent: AgentIx, order: &mut Order, pool: &mut impl Pool, grants: &mut Vec<Grant>) {
        let Some(passed) = self.agents.get_mut(&agent) else { return };
        let first = grants.len();
        while let Some((client, want)) = candidate(&self.clients, passed, order, agent, pool.free(agent)) {
            let alone = order.len() == 1;
            let (resources, copies) = take(&mut self.clients, &self.total, order, (client, want), pool.free(agent), alone);
            pool.offer(agent, &resources);
            let row = &self.clients[client];
            let purpose = Purpose { version: row.version, want, copies };
            let (framework, role) = (row.framework, row.role.clone());
            merge(grants, first, Grant { client, framework, role, agent, resources, purpose });
        }
        for grant in &grants[first..] {
            let row = &mut self.clients[grant.client];
            row.offers += 1;
            if !row.wants_more() {
                order.remove(&(row.share, grant.client));
            }
        }
    }
}

/// The client with the least share that this agent suits; those who declined in this round only when nobody else is left,
/// and then the round begins anew.
fn candidate(
    clients: &ClientTable,
    passed: &mut ClientSet,
    order: &Order,
    agent: AgentIx,
    free: &Resources,
) -> Option<(ClientIx, usize)> {
    if free.is_none() {
        return None;
    }
    let suited = |client: ClientIx| clients[client].suits(agent, free).map(|want| (client, want));
    let mut held_back = false;
    for (_, client) in order {
        if passed.contains(*client) {
            held_back = true;
        } else if let Some(found) = suited(*client) {
            return Some(found);
        }
    }
    if !held_back {
        return None;
    }
    let found = order.iter().filter(|(_, client)| passed.contains(*client)).find_map(|(_, client)| suited(*client));
    if found.is_some() {
        passed.clear();
    }
    found
}

/// Takes one copy of a want (or a portion of very many) out of what is free, or all that fit when nobody else is waiting, and
/// charges the client.
fn take(
    clients: &mut ClientTable,
    total: &Sum,
    order: &mut Order,
    (client, want): (ClientIx, usize),
    free: &Resources,
    alone: bool,
) -> (Resources, u64) {
    let row = &mut clients[client];
    let wanted = &mut row.wants[want];
    let fitting = wanted.fitting(free);
    let copies = if alone { fitting } else { fitting.div_ceil(PORTIONS) };
    let taken = if wanted.takes_anything() { free.clone() } else { wanted.shape.take(free, copies) };
    wanted.left = wanted.left.map(|left| left - copies);
    order.remove(&(row.share, client));
    row.allocated.add(&taken);
    row.share = row.allocated.dominant_share(total, row.weight);
    if row.wants_more() {
        order.insert((row.share, client));
    }
    (taken, copies)
}

/// Adds a grant to the one that this visit (whose grants begin at `first`) made for the same want, or as a new one.
fn merge(grants: &mut Vec<Grant>, first: usize, grant: Grant) {
    let same = |other: &&mut Grant| other.client == grant.client && other.purpose.want == grant.purpose.want;
    match grants[first..].iter_mut().find(same) {
        Some(sum) => {
            sum.resources = sum.resources.checked_add(&grant.resources).expect("parts of one agent's free resources have a sum");
            sum.purpose.copies += grant.purpose.copies;
        }
        None => grants.push(grant),
    }
}
