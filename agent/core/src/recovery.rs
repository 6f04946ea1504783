//! Reading the log: the tables as they were when its newest record was written.
//!
//! A record that was damaged is missing here, and each kind of record has a meaning without the others. A fact without its launch
//! is kept, and its container, should it still run, is destroyed: nobody knows what it holds. A launch without its last fact is
//! one that may run, until the shell has looked. A launch that has the user of an earlier one says that this was removed. An
//! acknowledgement or a removal of what is not known says nothing. Without a life's beginning the life before says how the agent
//! was; without any, it registers as a new agent.

use meros_types::{AgentId, Attributes, ContainerId, Domain, FrameworkId, LaunchId, Resources, TaskUpdate, Term, Time};

use crate::config::{ConfigurationError, Remaining};
use crate::containers::{Container, Phase};
use crate::killing::Kill;
use crate::log::{BEGAN, Log};
use crate::{Agent, AgentConfig, BootId, Record};

impl Agent {
    /// The agent that left these records, in the order of its log: a new life of it, which has not begun. Without records it is a
    /// new agent. One that is missing, because it was damaged, costs what it said and no more.
    ///
    /// # Errors
    /// When the configuration takes away what running tasks and unacknowledged facts rest on.
    pub fn recovered(config: AgentConfig, boot: BootId, records: Vec<Record>) -> Result<Self, ConfigurationError> {
        let before = records.iter().rev().find(|record| matches!(record, Record::Began { .. })).cloned();
        let mut agent = Self { log: Log::with(records.len()), boot, ..Self::new(config) };
        for record in records {
            agent.recall(record);
        }
        agent.recalled();
        let Some(Record::Began { secret, boot, resources, attributes, domain, isolation, .. }) = before else {
            agent.id = None;
            return Ok(agent);
        };
        agent.config.secret = secret;
        agent.was_rebooted = agent.boot != boot;
        let live = agent.containers.values().filter(|container| container.phase == Phase::Remembered).count();
        let remaining = Remaining { containers: live, facts: agent.facts.waiting() };
        // What ended with the machine rests on nothing, and a new kernel may leave less memory than the one before.
        if !agent.was_rebooted {
            agent.config.accept_isolation(&isolation, remaining)?;
            agent.config.accept_after(&resources, &attributes, remaining)?;
            agent.config.accept_domain(domain, remaining)?;
        }
        Ok(agent)
    }

    /// The containers of earlier lives that may have processes or a directory. The shell looks for each of them before
    /// [`Event::Began`](crate::Event::Began), and destroys every other that it finds.
    pub fn remembered(&self) -> Vec<ContainerId> {
        let may_be =
            self.containers.iter().filter(|(_, container)| container.phase == Phase::Remembered || container.has_directory);
        may_be.map(|(id, _)| *id).collect()
    }

    fn recall(&mut self, record: Record) {
        match record {
            Record::Began { .. } => {}
            Record::Met { agent, term, newest_launch } => self.recall_master(agent, term, newest_launch),
            Record::Launch { .. } => self.recall_launch(record),
            Record::Fact { container, framework, update } => self.recall_fact(container, framework, update),
            Record::Acknowledged { framework, fact } => self.drop_fact(Time::default(), framework, fact),
            Record::Removed { container } => {
                self.without_directory(container);
                self.forget_if_done(container);
            }
            // A lower one is older than what is known.
            Record::Epoch { framework, epoch } => drop(self.note_epoch(framework, epoch)),
        }
    }

    fn recall_master(&mut self, agent: AgentId, term: Term, newest_launch: Option<LaunchId>) {
        self.id = Some(agent);
        self.term = self.term.max(term);
        self.newest_launch = self.newest_launch.max(newest_launch);
    }

    fn recall_launch(&mut self, record: Record) {
        let Record::Launch { container, framework, epoch, role, launch, task, name, resources, limits, kill_grace, uid } = record
        else {
            return;
        };
        self.newest_launch = self.newest_launch.max(Some(launch));
        if self.by_launch.contains_key(&launch) || self.containers.contains_key(&container) {
            return tracing::warn!(%launch, "the log has a launch twice; the first counts");
        }
        self.recall_user(uid);
        let unknown = Container::unknown(framework, launch, task);
        let known = Container { epoch, role, name, resources, limits, kill_grace, uid, is_recorded: true, ..unknown };
        self.by_launch.insert(launch, container);
        self.containers.insert(container, known);
    }

    /// A user has a new container: whoever had it before was removed, should the log have lost that.
    fn recall_user(&mut self, uid: Option<u32>) {
        let (Some(uids), Some(uid)) = (&self.uids, uid) else { return };
        if uids.taken().contains(&uid) {
            let has_it = |container: &Container| container.uid == Some(uid) && container.has_directory;
            let before = self.containers.iter().find(|(_, container)| has_it(container)).map(|(id, _)| *id);
            if let Some(id) = before {
                self.without_directory(id);
                self.forget_if_done(id);
            }
        }
        if let Some(uids) = &mut self.uids {
            uids.remember(uid);
        }
    }

    fn recall_fact(&mut self, id: ContainerId, framework: FrameworkId, update: TaskUpdate) {
        let (Some(fact), Some(launch)) = (update.fact, update.launch) else { return };
        let is_known = self.containers.contains_key(&id);
        if self.facts.is_waiting(fact) || (!is_known && self.by_launch.contains_key(&launch)) {
            return tracing::warn!(?fact, "the log has a fact twice, or two containers for its launch; the first counts");
        }
        if !is_known {
            tracing::warn!(%launch, "the log has a fact of a launch that it lost");
            self.by_launch.insert(launch, id);
            self.newest_launch = self.newest_launch.max(Some(launch));
            self.containers.insert(id, Container::unknown(framework, launch, update.task.clone()));
        }
        let is_over = self.containers.get(&id).is_some_and(|container| container.state.is_terminal());
        // Final is final, should two lives have told the end of one container.
        if !is_over {
            let (is_terminal, kill) = (update.state.is_terminal(), Kill::remembered(&update));
            self.keep_fact(Time::default(), id, update, BEGAN);
            if let Some(container) = self.containers.get_mut(&id) {
                container.phase = if is_terminal { Phase::Over } else { Phase::Remembered };
                container.kill = kill;
            }
        }
    }

    /// The end of the log: all that it says will be safe before anybody hears of it, since the next record makes it so.
    fn recalled(&mut self) {
        let newest = self.facts.newest_place();
        for container in self.containers.values_mut() {
            container.told = container.state;
            container.told_fact = newest;
        }
    }
}

impl AgentConfig {
    /// Whether the containers of the life before are where this one looks for them.
    fn accept_isolation(&self, before: &str, remaining: Remaining) -> Result<(), ConfigurationError> {
        let is_known = !before.is_empty() && !self.isolation.is_empty();
        if remaining.containers > 0 && is_known && before != self.isolation {
            let (before, now) = (before.to_owned(), self.isolation.clone());
            return Err(ConfigurationError::OtherIsolation { before, now, remaining });
        }
        Ok(())
    }

    /// Whether these settings can follow on those of the life before, of which this remains.
    fn accept_after(&self, resources: &Resources, attributes: &Attributes, remaining: Remaining) -> Result<(), ConfigurationError> {
        if remaining.containers == 0 && remaining.facts == 0 {
            return Ok(());
        }
        if !self.resources.contains(resources) {
            let (before, now) = (Box::new(resources.clone()), Box::new(self.resources.clone()));
            return Err(ConfigurationError::FewerResources { before, now, remaining });
        }
        let changed = attributes.iter().find(|(name, value)| self.attributes.get(name) != Some(value));
        match changed {
            Some((name, value)) => Err(ConfigurationError::ChangedAttribute {
                name: name.to_owned(),
                before: value.to_owned(),
                now: self.attributes.get(name).map_or("not set".to_owned(), |now| format!("{now:?}")),
                remaining,
            }),
            None => Ok(()),
        }
    }

    /// Whether it stands where it stood, if that was said.
    fn accept_domain(&self, before: Option<Domain>, remaining: Remaining) -> Result<(), ConfigurationError> {
        let Some(before) = before.filter(|before| self.domain.as_ref() != Some(before)) else { return Ok(()) };
        if remaining.containers == 0 && remaining.facts == 0 {
            return Ok(());
        }
        let now = self.domain.as_ref().map_or("not set".to_owned(), ToString::to_string);
        Err(ConfigurationError::ChangedDomain { before, now, remaining })
    }
}
