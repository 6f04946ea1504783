//! The registry's disk: what is stored, what is written and not stored yet, and that nobody hears of the latter.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use meros_master_core::{AgentRecord, AgentStanding, Change, Effect, FrameworkRecord, MasterConfig, Registry, RoleRecord};
use meros_types::*;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) agents: BTreeMap<AgentId, AgentRecord>,
    pub(crate) frameworks: BTreeMap<FrameworkId, FrameworkRecord>,
    pub(crate) removed: Vec<FrameworkId>,
    pub(crate) roles: BTreeMap<Role, RoleSettings>,
    pub(crate) windows: BTreeMap<String, Window>,
    under_way: VecDeque<(u64, Vec<Change>)>,
    /// Whom that is about.
    written: BTreeSet<About>,
    seq: u64,
    /// Whether it keeps what is written from being stored.
    pub(crate) holds: bool,
    /// How many changes each transaction had.
    pub(crate) sizes: Vec<usize>,
}

impl Disk {
    /// What a master that begins now finds. What was written and not stored is lost.
    pub(super) fn restart(&mut self) -> Registry {
        self.under_way.clear();
        self.written.clear();
        self.seq = 0;
        let (agents, frameworks) = (self.agents.values().cloned().collect(), self.frameworks.values().cloned().collect());
        let record = |(role, settings): (&Role, &RoleSettings)| RoleRecord { role: role.clone(), settings: settings.clone() };
        let (roles, windows) = (self.roles.iter().map(record).collect(), self.windows.values().cloned().collect());
        Registry { agents, frameworks, removed: self.removed.clone(), roles, windows }
    }

    pub(super) fn write(&mut self, seq: u64, changes: &[Change]) {
        self.seq += 1;
        assert_eq!(seq, self.seq, "transactions are numbered without a gap");
        assert!(!changes.is_empty(), "a transaction changes something");
        self.sizes.push(changes.len());
        self.under_way.push_back((seq, changes.to_vec()));
        for change in changes {
            assert!(self.written.insert(about(change)), "two writes under way are about the same: {change:?}");
        }
    }

    /// How many transactions are under way.
    pub(crate) fn waiting(&self) -> usize {
        self.under_way.len()
    }

    /// Stores the oldest transactions; the number of the last.
    pub(super) fn store(&mut self, count: usize) -> Option<u64> {
        let count = count.min(self.under_way.len());
        let mut last = None;
        for (seq, changes) in self.under_way.drain(..count).collect::<Vec<_>>() {
            changes.into_iter().for_each(|change| self.apply(change));
            last = Some(seq);
        }
        last
    }

    fn apply(&mut self, change: Change) {
        self.written.remove(&about(&change));
        match change {
            Change::Agent(record) => {
                let before = self.agents.insert(record.id, record.clone());
                let was_gone = before.is_some_and(|before| before.state == AgentStanding::Gone);
                assert!(!was_gone || record.state == AgentStanding::Gone, "a gone agent returns");
            }
            Change::ForgetAgent(id) => assert!(self.agents.remove(&id).is_some(), "only a stored agent is forgotten"),
            Change::Roles { set, forgotten } => {
                assert!(set.iter().all(|record| !forgotten.contains(&record.role)), "a role is set and forgotten");
                forgotten.iter().for_each(|role| drop(self.roles.remove(role)));
                self.roles.extend(set.into_iter().map(|record| (record.role, record.settings)));
            }
            Change::Windows { set, removed } => {
                assert!(set.iter().all(|window| !removed.contains(&window.id)), "a window is set and removed");
                removed.iter().for_each(|id| drop(self.windows.remove(id)));
                self.windows.extend(set.into_iter().map(|window| (window.id.clone(), window)));
            }
            Change::Framework(record) => {
                assert!(!self.removed.contains(&record.id), "a removed framework returns");
                let before = self.frameworks.insert(record.id, record.clone());
                assert!(before.is_none_or(|before| before.epoch <= record.epoch), "an epoch falls");
            }
            Change::RemoveFramework(id) => {
                self.frameworks.remove(&id);
                assert!(!self.removed.contains(&id), "a framework is removed twice");
                self.removed.push(id);
            }
            Change::ForgetRemoved(id) => {
                let at = self.removed.iter().position(|removed| *removed == id);
                self.removed.remove(at.expect("only a removed framework is forgotten"));
            }
        }
    }

    /// People are shown what is stored, and not what is only decided. A window that is over is gone before that is stored.
    pub(super) fn check_shown(&self, state: &ClusterState, config: &MasterConfig) {
        for agent in &state.agents {
            assert_eq!(self.agents[&agent.id].duty, agent.duty, "a duty is shown that is not stored");
        }
        for role in &state.roles {
            let weight = config.weights.get(&role.role).copied().unwrap_or(1);
            let unset = RoleSettings { weight, ..RoleSettings::default() };
            assert_eq!(self.roles.get(&role.role).unwrap_or(&unset), &role.settings, "settings are shown that are not stored");
        }
        for window in &state.windows {
            assert_eq!(self.windows.get(&window.id), Some(window), "a window is shown that is not stored");
        }
    }

    /// Nothing that is said rests on what is not stored. `framework` is whom the stream belonged to.
    pub(super) fn witness(&self, effect: &Effect, framework: Option<FrameworkId>) {
        match effect {
            Effect::ToAgent { message: ToAgent { order: AgentOrder::Registered(registered), .. }, .. } => {
                assert!(self.agents.contains_key(&registered.agent), "an agent hears of an id that is not stored");
            }
            Effect::ToFramework { message: ToFramework { event: FrameworkEvent::Subscribed(subscribed), .. }, .. } => {
                let record = self.frameworks.get(&subscribed.framework);
                assert_eq!(record.map(|record| record.epoch), Some(subscribed.epoch), "a subscription is not stored");
            }
            Effect::ToFramework { message: ToFramework { event: FrameworkEvent::Ended(end), .. }, .. } => {
                if let Some(id) = framework.filter(|_| end.kind == SessionEndKind::Removed) {
                    assert!(self.removed.contains(&id), "a framework hears of its end, which is not stored");
                }
            }
            _ => {}
        }
    }
}

/// What a change is about, of which one write is under way at the most.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Agent(AgentId),
    Framework(FrameworkId),
    Roles,
    Windows,
}

fn about(change: &Change) -> About {
    match change {
        Change::Agent(AgentRecord { id, .. }) | Change::ForgetAgent(id) => About::Agent(*id),
        Change::Framework(FrameworkRecord { id, .. }) => About::Framework(*id),
        Change::RemoveFramework(id) | Change::ForgetRemoved(id) => About::Framework(*id),
        Change::Roles { .. } => About::Roles,
        Change::Windows { .. } => About::Windows,
    }
}
