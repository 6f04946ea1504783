//! A master's beginning: from what an earlier one has stored, or from nothing.
//!
//! Everybody who was known is waited for: agents as if they had lost their stream just now, frameworks until the deadline that
//! was stored when they lost theirs, or for their whole timeout if they had one at the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meros_types::{AgentId, IdSource, Now, Role, WallTime};

use crate::allocator::{Allocator, AllocatorConfig};
use crate::decided::Decided;
use crate::registry::{AgentStanding, FrameworkRecord, Registry, RoleRecord};
use crate::rows::FrameworkStanding;
use crate::table::{AgentIx, Table};
use crate::timers::Timers;
use crate::writes::Writes;
use crate::{Counters, FAILOVER_GRACE, HEARTBEAT_MIN, Master, MasterConfig};

impl Master {
    /// A master that knows nobody yet.
    pub fn new(config: MasterConfig) -> Self {
        Self::recovered(config, Registry::default(), Now::default())
    }

    /// A master that goes on from what an earlier one has stored.
    pub fn recovered(config: MasterConfig, registry: Registry, now: Now) -> Self {
        let mut master = Self::empty(config);
        let weighted: Vec<Role> = master.config.weights.keys().cloned().collect();
        weighted.iter().for_each(|role| master.apply_role(role));
        let mut lost: Vec<(WallTime, AgentId)> = Vec::new();
        for record in registry.agents {
            match record.state {
                AgentStanding::Admitted => {
                    let agent = master.insert_agent(record, None);
                    master.await_agent(now, agent, master.config.unreachable_after);
                    master.await_drain(now, agent);
                    master.await_report(agent);
                }
                AgentStanding::Unreachable { since } => {
                    lost.push((since, record.id));
                    let agent = master.insert_agent(record, Some(since));
                    master.await_drain(now, agent);
                }
                AgentStanding::Gone => master.remember_gone(record.id),
            }
        }
        lost.sort_unstable();
        master.unreachable = lost.into_iter().map(|(_, id)| id).collect();
        registry.removed.into_iter().for_each(|id| master.remember_removed(id));
        registry.frameworks.into_iter().for_each(|record| master.recover_framework(now, record));
        registry.roles.into_iter().for_each(|record| master.recover_role(record));
        master.recover_windows(now, registry.windows);
        master
    }

    fn recover_role(&mut self, record: RoleRecord) {
        self.roles.recover(record.role.clone(), record.settings);
        self.apply_role(&record.role);
    }

    /// An earlier master has admitted this agent, so that it may hold anything until it says what.
    fn await_report(&mut self, agent: AgentIx) {
        self.agents[agent].awaited = true;
        self.awaited += 1;
        self.apply_recovering();
    }

    /// What an agent holds is known from now on: it has registered, or it is in no sum.
    pub(crate) fn agent_settled(&mut self, agent: AgentIx) {
        if std::mem::take(&mut self.agents[agent].awaited) {
            self.awaited -= 1;
            self.apply_recovering();
        }
    }

    /// Whether roles under a limit wait: what they have is known when every agent of the master before has registered or timed out.
    pub(crate) fn is_recovering(&self) -> bool {
        self.awaited > 0
    }

    /// The one place where the allocator is told that roles under a limit wait, or wait no more.
    fn apply_recovering(&mut self) {
        self.allocator.set_recovering(self.is_recovering());
    }

    fn recover_framework(&mut self, now: Now, record: FrameworkRecord) {
        let framework = self.insert_framework(record.id, record.name.clone(), FrameworkStanding::Registered);
        let row = &mut self.frameworks[framework];
        row.key.clone_from(&record.key);
        row.principal.clone_from(&record.principal);
        (row.epoch, row.stored_epoch) = (record.epoch, record.epoch);
        if let Some(key) = &record.key {
            row.failover_timeout = record.failover_timeout;
            self.frameworks_by_key.insert(key.clone(), framework);
        }
        let wait = rest_of(now.wall, record.deadline, row.failover_timeout);
        row.stored = Some(record);
        self.await_framework(now, framework, wait);
    }

    fn empty(mut config: MasterConfig) -> Self {
        config.heartbeat = config.heartbeat.max(HEARTBEAT_MIN);
        let allocator = Allocator::new(AllocatorConfig {
            excluded: config.unshared.clone(),
            least: config.least.clone(),
            region: config.region.clone(),
        });
        Self {
            ids: IdSource::seeded(config.seed),
            config,
            sessions: 0,
            launches: 0,
            last_offer: 0,
            counters: Counters::default(),
            agents: Table::default(),
            agents_by_id: BTreeMap::new(),
            agents_by_secret: BTreeMap::new(),
            admissions: BTreeMap::new(),
            unreachable: VecDeque::new(),
            gone: BTreeSet::new(),
            gone_order: VecDeque::new(),
            awaited: 0,
            frameworks: Table::default(),
            frameworks_by_id: BTreeMap::new(),
            frameworks_by_key: BTreeMap::new(),
            removed: BTreeSet::new(),
            removed_order: VecDeque::new(),
            forgetting: BTreeSet::new(),
            roles: Decided::default(),
            windows: Decided::default(),
            windows_by_agent: BTreeMap::new(),
            window_over_at: None,
            offers: BTreeMap::new(),
            leases: BTreeSet::new(),
            tasks: Table::default(),
            tasks_by_launch: BTreeMap::new(),
            ended: VecDeque::new(),
            streams: BTreeMap::new(),
            entering: BTreeMap::new(),
            timers: Timers::default(),
            allocator,
            unsettled: BTreeSet::new(),
            writes: Writes::default(),
        }
    }
}

/// How long a framework is waited for: until its deadline, as far as the clock can be believed. Not longer than its timeout,
/// though the clock may have been set back; and long enough to connect again, though the master was away past the deadline.
fn rest_of(now: WallTime, deadline: Option<WallTime>, timeout: Duration) -> Duration {
    let rest = deadline.map(|deadline| Duration::from_millis(deadline.0.saturating_sub(now.0)));
    rest.unwrap_or(timeout).min(timeout).max(FAILOVER_GRACE)
}
