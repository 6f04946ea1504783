//! Processes that die and begin anew, and their disks. Owned: where in its work a process dies, what that does to its streams and to
//! what its disk was doing. Absent: what it finds when it begins again, which is its shell's.

use std::time::Duration;

use super::Cluster;
use crate::failure::FailureKind;
use crate::network::{Client, Side};
use crate::process::{Actor, Delivery, DiskDone};
use crate::truth::Seen;

/// The longest until whoever watches over a dead process has begun it anew.
const RESTART_MAX: Duration = Duration::from_secs(10);
/// How often, in a thousand, a process dies while it waits, and not in the middle of its next work.
const DIES_IDLE_PER_MILLE: u64 = 300;
/// How often, in a thousand, the machine behind a dead process's streams is silent, as when its network went with it.
const SILENT_PER_MILLE: u64 = 100;

impl Cluster {
    /// The process dies: now, or between two effects of its next turn.
    pub(super) fn doom(&mut self, actor: Actor) {
        if self.random.faults.chance(DIES_IDLE_PER_MILLE) {
            if let Err(kind) = self.die(actor) {
                self.fail(kind);
            }
            return;
        }
        match actor {
            Actor::Master => self.master.doomed = true,
            Actor::Client(Client::Agent(index)) => self.agents[index].doomed = true,
            Actor::Client(Client::Framework(index)) => self.frameworks[index].doomed = true,
        }
    }

    /// Whoever was to die lives on.
    pub(super) fn spare_everybody(&mut self) {
        self.master.doomed = false;
        self.agents.iter_mut().for_each(|agent| agent.doomed = false);
        self.frameworks.iter_mut().for_each(|framework| framework.doomed = false);
    }

    /// Of the effects of a process that dies in this turn, only some first ones are performed.
    pub(super) fn cut_short<E>(&mut self, doomed: bool, effects: &mut Vec<E>) {
        if doomed {
            effects.truncate(self.random.faults.range(0, effects.len() as u64) as usize);
        }
    }

    /// The process is dead. Whoever watches over it begins it anew before long.
    pub(super) fn die(&mut self, actor: Actor) -> Result<(), FailureKind> {
        match actor {
            Actor::Master => self.master_dies()?,
            Actor::Client(Client::Agent(index)) => self.agent_dies(index),
            Actor::Client(Client::Framework(index)) => self.framework_dies(index)?,
        }
        Ok(())
    }

    pub(super) fn master_dies(&mut self) -> Result<(), FailureKind> {
        if self.master.core.take().is_none() {
            return Ok(());
        }
        self.note(Actor::Master, format_args!("fault: dies"));
        self.master.doomed = false;
        self.master.inbox.clear();
        self.master.turns.die();
        // What its storage thread was at may have reached the disk.
        for _ in 0..self.random.faults.range(0, self.master.uncommitted.len() as u64) {
            self.commit_first()?;
        }
        self.master.uncommitted.clear();
        let silent = self.random.faults.chance(SILENT_PER_MILLE);
        self.network.set_master(self.now, false, silent, &mut self.queue);
        self.restart_later(Actor::Master);
        Ok(())
    }

    fn agent_dies(&mut self, index: usize) {
        if self.agents[index].core.is_some() {
            let actor = Actor::Client(Client::Agent(index));
            self.note(actor, format_args!("fault: dies; its tasks run on"));
            self.agent_is_dead(index);
            self.restart_later(actor);
        }
    }

    /// An agent's process is no more. Its tasks run on.
    pub(super) fn agent_is_dead(&mut self, index: usize) {
        let agent = &mut self.agents[index];
        (agent.core, agent.doomed) = (None, false);
        agent.inbox.clear();
        agent.ordered.clear();
        agent.turns.die();
        self.drop_stream_of_the_dead(Client::Agent(index));
        self.launcher_dies(index);
    }

    fn framework_dies(&mut self, index: usize) -> Result<(), FailureKind> {
        let actor = Actor::Client(Client::Framework(index));
        let framework = &mut self.frameworks[index];
        framework.doomed = false;
        if framework.finished.is_some() || !self.oracle.record.frameworks[index].up {
            return Ok(());
        }
        framework.turns.die();
        for _ in 0..self.random.faults.range(0, framework.uncommitted.len() as u64) {
            self.framework_commits_first(index)?;
        }
        self.frameworks[index].uncommitted.clear();
        self.note(actor, format_args!("fault: dies"));
        self.oracle.record.frameworks[index].up = false;
        self.oracle.see(&Seen::FrameworkDied(index))?;
        self.drop_stream_of_the_dead(Client::Framework(index));
        if self.frameworks[index].make.is_some() {
            self.restart_later(actor);
        }
        Ok(())
    }

    fn drop_stream_of_the_dead(&mut self, client: Client) {
        let stream = match client {
            Client::Agent(index) => self.agents[index].stream.take(),
            Client::Framework(index) => self.frameworks[index].stream.take(),
        };
        if let Some(stream) = stream {
            let silent = self.random.faults.chance(SILENT_PER_MILLE);
            if silent {
                self.network.break_stream(self.now, stream, true, &mut self.queue);
            }
            self.network.close(self.now, stream, Side::Client, &mut self.queue);
        }
    }

    fn restart_later(&mut self, actor: Actor) {
        let wait = self.random.faults.duration(Duration::ZERO, RESTART_MAX);
        let life = self.turns(actor).life;
        self.queue.push(self.now.after(wait), Delivery::Restarts(actor, life));
    }

    pub(super) fn restarts(&mut self, actor: Actor) -> Result<(), FailureKind> {
        match actor {
            Actor::Master => self.begin_master()?,
            Actor::Client(Client::Agent(index)) => self.begin_agent(index)?,
            Actor::Client(Client::Framework(index)) => self.begin_framework(index),
        }
        Ok(())
    }

    /// A process's disk is at work, and will say when it has done this.
    pub(super) fn disk_works(&mut self, actor: Actor, done: DiskDone) {
        let now = self.now;
        let wait = self.random.turns.duration(Duration::ZERO, self.options.sync_max);
        let turns = self.turns(actor);
        let at = match done {
            // A write into the page cache.
            DiskDone::Appended(_) => now,
            // One disk does one thing after another.
            DiskDone::Committed(_) | DiskDone::Synced { .. } => {
                turns.disk_busy = turns.disk_busy.max(now.after(wait));
                turns.disk_busy
            }
        };
        let life = turns.life;
        self.queue.push(at, Delivery::Disk(actor, life, done));
    }

    pub(super) fn disk_is_done(&mut self, actor: Actor, done: DiskDone) -> Result<(), FailureKind> {
        match (actor, done) {
            (Actor::Master, DiskDone::Committed(seq)) => self.master_committed(seq),
            (Actor::Client(Client::Framework(index)), DiskDone::Committed(seq)) => self.framework_committed(index, seq),
            (Actor::Client(Client::Agent(index)), done) => {
                self.agent_disk_done(index, done);
                Ok(())
            }
            _ => unreachable!("master and frameworks only commit"),
        }
    }
}
