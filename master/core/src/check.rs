//! Recounts every table from the offers and tasks themselves.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentId, Duty, Resources};

use crate::allocator::Recount;
use crate::ledger::Part;
use crate::rows::{Agent, FrameworkStanding};
use crate::table::{AgentIx, ClientIx};
use crate::timers::Timer;
use crate::writes::Entity;
use crate::{Entrant, Master, Peer};

impl Master {
    /// Panics on a broken invariant, naming it. Tests and the simulator call it after every step; it looks at everything.
    pub fn check(&self) {
        for (ix, agent) in self.agents.iter() {
            match agent.gone {
                true => self.check_gone(ix, agent),
                false => self.check_agent(ix, agent),
            }
        }
        let gone: BTreeSet<AgentId> = self.gone_order.iter().copied().collect();
        assert_eq!((&gone, gone.len()), (&self.gone, self.gone_order.len()), "each gone agent is remembered once");
        let awaited = self.agents.iter().filter(|(_, agent)| agent.awaited).count() as u64;
        assert_eq!(awaited, self.awaited, "the agents that are awaited are counted");
        let lost: BTreeSet<AgentId> = self.unreachable.iter().copied().collect();
        let without = self.agents.iter().filter(|(_, agent)| agent.lost_since.is_some()).map(|(_, agent)| agent.offered.id);
        assert_eq!(lost, without.collect(), "exactly the unreachable agents are in their order");
        assert_eq!(lost.len(), self.unreachable.len(), "an agent is lost once");
        self.check_entrants();
        self.writes.check();
        self.check_decided();
        self.check_frameworks();
        self.check_tasks();
        self.check_streams();
        self.check_shares();
    }

    fn check_agent(&self, ix: AgentIx, agent: &Agent) {
        let id = agent.offered.id;
        assert_eq!(self.agents_by_id.get(&id), Some(&ix), "agent {id} is not found by its id");
        for offer in &agent.offers {
            assert_eq!(self.offers[offer].agent, ix, "agent {id} lists offer {offer} of another agent");
        }
        for task in &agent.tasks {
            assert_eq!(self.tasks[*task].agent, ix, "agent {id} lists a task of another agent");
        }
        self.check_duty(agent);
        let waited_for = agent.lost_at.is_some_and(|at| self.timers.contains(at, Timer::AgentLost(id)));
        assert_eq!(waited_for, agent.lost_at.is_some(), "agent {id} is waited for without an end");
        let places = [agent.link.is_some(), waited_for, agent.lost_since.is_some()];
        assert_eq!(
            places.iter().filter(|is| **is).count(),
            1,
            "agent {id} has a stream, is waited for, or is unreachable: {places:?}"
        );
        assert!(agent.link.is_none() || agent.ledger.is_some(), "agent {id} is registered and in no sum");
        assert!(agent.lost_since.is_none() || agent.ledger.is_none(), "agent {id} is unreachable and in a sum");
        assert_eq!(self.agents_by_secret.get(&(&agent.secret).into()), Some(&id), "agent {id} is not found by its secret");
        assert!(!self.gone.contains(&id) && !self.admissions.contains_key(&id), "agent {id} is both known and not");
        let Some(ledger) = &agent.ledger else {
            assert!(agent.offers.is_empty(), "agent {id} is away and on offer");
            assert!(agent.tasks.iter().all(|task| self.tasks[*task].part.is_none()), "agent {id} is away and in a sum");
            return;
        };
        let sum = |resources: Vec<&Resources>| {
            resources.into_iter().fold(Resources::none(), |sum, add| sum.checked_add(add).expect("one agent's parts have a sum"))
        };
        let in_part = |part| {
            sum(agent
                .tasks
                .iter()
                .map(|ix| &self.tasks[*ix])
                .filter(|task| task.part == Some(part))
                .map(|task| &task.resources)
                .collect())
        };
        let offered = sum(agent.offers.iter().map(|offer| &self.offers[offer].resources).collect());
        assert_eq!(ledger.part(Part::Offered), &offered, "agent {id}: offered");
        assert_eq!(ledger.part(Part::Used), &in_part(Part::Used), "agent {id}: used");
        assert_eq!(ledger.part(Part::Releasing), &in_part(Part::Releasing), "agent {id}: releasing");
        let parts = [Part::Offered, Part::Used, Part::Releasing].map(|part| ledger.part(part));
        let free = parts.iter().fold(ledger.total().clone(), |free, part| free.saturating_sub(part));
        if let Some(free) = self.allocator.free_of(ix).filter(|_| !self.unsettled.contains(&ix)) {
            assert_eq!(free, ledger.free(), "agent {id}: the allocator takes something else for free");
        }
        assert_eq!(ledger.free(), &free, "agent {id}: total = free + offered + used + releasing");
        // An agent may come with more than its total, but what others have is never on offer.
        let rest = ledger.total().saturating_sub(ledger.part(Part::Used)).saturating_sub(ledger.part(Part::Releasing));
        assert!(rest.contains(&offered), "agent {id}: {offered:?} is on offer and {rest:?} is there");
    }

    /// Of a gone agent, only tasks that are over are left.
    fn check_gone(&self, ix: AgentIx, agent: &Agent) {
        let id = agent.offered.id;
        assert!(!self.agents_by_id.contains_key(&id), "agent {id} is gone and found by its id");
        let places = [agent.link.is_some(), agent.lost_at.is_some(), agent.lost_since.is_some(), agent.drains_at.is_some()];
        assert_eq!(places, [false; 4], "agent {id} is gone and has a stream or is waited for");
        assert!(agent.ledger.is_none() && agent.offers.is_empty() && !agent.awaited, "agent {id} is gone and in a sum");
        assert!(!agent.tasks.is_empty(), "agent {id} is gone, and its row stays for nothing");
        let over = agent.tasks.iter().map(|task| &self.tasks[*task]).all(|task| task.agent == ix && !task.is_live());
        assert!(over, "agent {id} is gone and has another's task, or a live one");
    }

    fn check_duty(&self, agent: &Agent) {
        let id = agent.offered.id;
        let entity = Entity::Agent(id);
        agent.decision.check(self.writes.is_dirty(entity), self.writes.is_under_way(entity));
        let is_active = agent.duty == Duty::Active && agent.decision.duty == Duty::Active && !agent.decision.gone;
        assert!(is_active || agent.withheld, "agent {id} may be offered and is not on duty");
        assert!(is_active != agent.withheld || self.writes.awaits(entity), "agent {id} is withheld for nothing");
        let drains = agent.drains_at.is_some_and(|at| self.timers.contains(at, Timer::Drain(id)));
        assert_eq!(drains, agent.drains_at.is_some(), "agent {id} drains without an end");
        assert!(!drains || matches!(agent.duty, Duty::Draining(_)), "agent {id} is waited for to drain and is not draining");
        let is_to_go = matches!(agent.duty, Duty::Draining(drain) if drain.mark_gone) && agent.decision.duty == agent.duty;
        assert!(!is_to_go || agent.decision.gone || !self.is_drained(agent), "agent {id} is drained and was to be gone then");
    }

    /// What operators have decided is stored, on its way, or about to be.
    fn check_decided(&self) {
        self.roles.check(self.writes.is_dirty(Entity::Roles), self.writes.is_under_way(Entity::Roles));
        self.check_windows();
    }

    fn check_frameworks(&self) {
        for (ix, framework) in self.frameworks.iter() {
            let id = framework.id;
            assert_eq!(self.frameworks_by_id.get(&id), Some(&ix), "framework {id} is not found by its id");
            let live = framework.tasks.values().filter(|task| self.tasks[**task].is_live()).count() as u64;
            assert_eq!(framework.live_tasks, live, "framework {id}: live tasks");
            assert!(framework.link.is_some() || framework.offers.is_empty(), "framework {id} has offers and no stream");
            let waited_for = framework.lost_at.is_some_and(|at| self.timers.contains(at, Timer::FrameworkLost(id)));
            assert_eq!(waited_for, framework.lost_at.is_some(), "framework {id} is waited for without an end");
            assert_eq!(waited_for, framework.is_abandoned(), "framework {id} is waited for, or should be");
            assert_eq!(waited_for, framework.deadline.is_some(), "framework {id} has one end by the calendar and one by the timer");
            assert!(framework.subscribed.iter().all(|role| framework.clients.contains_key(role)), "framework {id} lacks a client");
            assert!(
                framework.offers.iter().all(|offer| self.offers[offer].framework == ix),
                "framework {id} lists another's offer"
            );
        }
        for (id, offer) in &self.offers {
            assert!(self.frameworks[offer.framework].offers.contains(id), "offer {id} is unknown to its framework");
            assert!(self.agents[offer.agent].offers.contains(id), "offer {id} is unknown to its agent");
            assert!(self.agents[offer.agent].link.is_some(), "offer {id} is of an agent without a stream");
            assert!(!self.agents[offer.agent].withheld, "offer {id} is of an agent that may not be offered");
            assert!(self.leases.contains(&(offer.expires, *id)), "offer {id} has no end");
        }
        assert_eq!(self.leases.len(), self.offers.len(), "each lease that ends is an offer's");
    }

    fn check_tasks(&self) {
        for (ix, task) in self.tasks.iter() {
            let launch = task.launch;
            assert_eq!(self.tasks_by_launch.get(&launch), Some(&ix), "task {launch} is not found by its launch");
            assert!(self.agents[task.agent].tasks.contains(&ix), "task {launch} is unknown to its agent");
            let name = (task.update.task.clone(), launch);
            assert_eq!(self.frameworks[task.framework].tasks.get(&name), Some(&ix), "task {launch} is unknown to its framework");
            assert!(task.is_live() || task.part.is_none(), "task {launch} is over and holds resources");
            assert!(!task.is_live() || !task.forgettable, "task {launch} is live and may be forgotten");
            assert_eq!(
                self.frameworks[task.framework].clients.get(&task.role).filter(|_| task.is_live()),
                Some(&task.client).filter(|_| task.is_live()),
                "task {launch} is charged to another role than its own"
            );
        }
        assert_eq!(self.tasks.len(), self.tasks_by_launch.len(), "every task is found by its launch");
        let of_frameworks: usize = self.frameworks.iter().map(|(_, row)| row.tasks.len()).sum();
        let of_agents: usize = self.agents.iter().map(|(_, row)| row.tasks.len()).sum();
        assert_eq!((of_frameworks, of_agents), (self.tasks.len(), self.tasks.len()), "nobody lists a task that is no more");
    }

    /// Nobody is told of what is not stored, and what is not stored is on its way.
    fn check_entrants(&self) {
        for (id, admission) in &self.admissions {
            assert!(self.writes.awaits(Entity::Agent(*id)), "agent {id} waits for nothing");
            let found = admission.stream.is_none_or(|stream| self.entering.get(&stream) == Some(&Entrant::Agent(*id)));
            assert!(found, "the stream of agent {id} is not among those that enter");
        }
        assert_eq!(
            self.agents_by_secret.len(),
            self.agents_by_id.len() + self.admissions.len(),
            "each agent has a secret of its own"
        );
        for (ix, row) in self.frameworks.iter() {
            let id = row.id;
            let awaits = self.writes.awaits(Entity::Framework(id));
            assert!(awaits || row.waiting.is_none(), "a subscriber of framework {id} waits for nothing");
            assert!(awaits || row.ending.is_none(), "framework {id} is ending and nothing is written of it");
            assert!(awaits || row.standing != FrameworkStanding::Entering, "framework {id} is new and nothing is written of it");
            assert!(
                row.link.is_none() || row.standing == FrameworkStanding::Registered,
                "framework {id} is subscribed and not stored"
            );
            let registered = row.standing == FrameworkStanding::Registered;
            assert!(!registered || row.stored.is_some(), "framework {id} is registered and not stored");
            assert!(!registered || !self.removed.contains(&id), "framework {id} is registered and removed");
            assert!(row.link.is_none() || row.stored_epoch == row.epoch, "framework {id} has an epoch that is not stored");
            let waits = row.waiting.as_ref().is_none_or(|it| self.entering.get(&it.stream) == Some(&Entrant::Framework(ix)));
            assert!(waits, "the stream of a subscriber of framework {id} is not among those that enter");
        }
        let agents = self.admissions.values().filter(|admission| admission.stream.is_some()).count();
        let frameworks = self.frameworks.iter().filter(|(_, row)| row.waiting.is_some()).count();
        assert_eq!(self.entering.len(), agents + frameworks, "each stream that enters is waited on by one");
        assert!(self.entering.keys().all(|stream| !self.streams.contains_key(stream)), "no stream has entered and enters");
        let forgetting = self.forgetting.iter().all(|id| self.writes.awaits(Entity::Framework(*id)));
        assert!(forgetting, "a removed framework is to be forgotten and nothing is written of it");
    }

    fn check_streams(&self) {
        for (stream, state) in &self.streams {
            let link = match state.peer {
                Peer::Agent(agent) => self.agents[agent].link,
                Peer::Framework(framework) => self.frameworks[framework].link,
            };
            assert_eq!(link.map(|link| link.stream), Some(*stream), "a stream's peer has another stream");
        }
    }

    fn check_shares(&self) {
        let mut held: BTreeMap<ClientIx, (Recount, usize)> = BTreeMap::new();
        for offer in self.offers.values() {
            let client = held.entry(offer.client).or_default();
            client.0.add(&offer.resources);
            client.1 += 1;
        }
        for (_, task) in self.tasks.iter().filter(|(_, task)| task.part.is_some()) {
            held.entry(task.client).or_default().0.add(&task.resources);
        }
        let mut total = Recount::default();
        for (_, agent) in self.agents.iter() {
            if let Some(ledger) = &agent.ledger {
                total.add(ledger.total());
            }
        }
        self.allocator.check(&held, &total);
    }
}
