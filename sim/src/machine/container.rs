//! One simulated container: who in it lives, and what its counters would say.

use std::time::Duration;

use meros_agent_core::shim::record::{read_exit_record, write_exit_record};
use meros_agent_core::shim::{self, Kill, Shim};
use meros_types::{ExitRecord, LaunchId, Limits, Now, Time, Usage};

use crate::outcome::Outcome;

/// How far a container is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Being made; a kill that was asked for meanwhile waits.
    Preparing { kill: Option<Kill> },
    /// Its program was executed.
    Running(Box<Running>),
    /// Nothing of it runs. Its directory is left, with the text of the file that its shim left, if it did.
    Over { record: Option<String> },
}

#[derive(Debug)]
pub(super) struct Running {
    /// None when it was killed.
    shim: Option<Shim>,
    since: Time,
    task_lives: bool,
    children_live: bool,
    /// The first SIGKILL, from which its being stuck counts.
    first_kill: Option<Time>,
    oom_kills: u64,
    /// The text of the file that the shim left.
    record: Option<String>,
}

/// One simulated container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) launch: Option<LaunchId>,
    limits: Limits,
    pub(super) outcome: Outcome,
    pub(super) phase: Phase,
    /// When the agent's shell notices the newest that it will notice.
    pub(super) noticed: Time,
}

impl Container {
    pub(super) fn preparing(launch: Option<LaunchId>, limits: Limits, outcome: Outcome) -> Self {
        Self { launch, limits, outcome, phase: Phase::Preparing { kill: None }, noticed: Time::default() }
    }

    pub(super) fn begin(&mut self, now: Now) {
        self.phase = Phase::Running(Box::new(Running {
            shim: Some(Shim::started(now)),
            since: now.mono,
            task_lives: true,
            children_live: self.outcome.leaves_children,
            first_kill: None,
            oom_kills: 0,
            record: None,
        }));
    }

    fn running(&mut self) -> Option<&mut Running> {
        match &mut self.phase {
            Phase::Running(running) => Some(running),
            Phase::Preparing { .. } | Phase::Over { .. } => None,
        }
    }

    pub(super) fn shim(&self) -> Option<&Shim> {
        match &self.phase {
            Phase::Running(running) => running.shim.as_ref(),
            Phase::Preparing { .. } | Phase::Over { .. } => None,
        }
    }

    /// Whether any process lives.
    pub(super) fn lives(&self) -> bool {
        matches!(&self.phase, Phase::Running(running) if running.task_lives || running.children_live)
    }

    /// Whether nothing of it runs any more, as its machine knows.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// Nothing of it runs any more; what its shim left is still there.
    pub(super) fn end(&mut self) {
        let record = self.running().and_then(|running| running.record.take());
        self.phase = Phase::Over { record };
    }

    /// Its shim is killed, and leaves what it has left already. Says whether there was one.
    pub(super) fn lose_shim(&mut self) -> bool {
        self.running().is_some_and(|running| running.shim.take().is_some())
    }

    /// The task's own process ends. Says whether it lived.
    pub(super) fn end_task(&mut self) -> bool {
        self.running().is_some_and(|running| std::mem::take(&mut running.task_lives))
    }

    /// The other processes end. Says whether there were any.
    pub(super) fn end_children(&mut self) -> bool {
        self.running().is_some_and(|running| std::mem::take(&mut running.children_live))
    }

    /// Whether there was anything that could run out of memory.
    pub(super) fn run_out_of_memory(&mut self) -> bool {
        let Some(running) = self.running().filter(|running| running.task_lives) else { return false };
        running.oom_kills += 1;
        true
    }

    pub(super) fn oom_kills(&mut self) -> u64 {
        self.running().map_or(0, |running| running.oom_kills)
    }

    /// SIGKILL was sent. What is stuck in the kernel dies of it later.
    pub(super) fn note_kill(&mut self, now: Time) {
        if let Some(running) = self.running() {
            running.first_kill.get_or_insert(now);
        }
    }

    /// Whether the processes survive SIGKILL still.
    pub(super) fn is_stuck(&self, now: Time) -> bool {
        let Phase::Running(running) = &self.phase else { return false };
        running.first_kill.is_some_and(|first| first.after(self.outcome.unkillable) > now)
    }

    pub(super) fn tell_shim(&mut self, now: Now, event: shim::Event) -> Vec<shim::Effect> {
        let mut effects = Vec::new();
        if let Some(shim) = self.running().and_then(|running| running.shim.as_mut()) {
            shim.handle(now, event, &mut effects);
            shim.check();
        }
        effects
    }

    /// What the counters of its cgroups say.
    pub(super) fn usage(&mut self, now: Time) -> Usage {
        let limits = self.limits;
        let Some(running) = self.running() else { return Usage::default() };
        let wall = now.since(running.since);
        let peak = if running.oom_kills > 0 { limits.memory_bytes } else { limits.memory_bytes / 2 };
        let cpu = Duration::from_nanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX) / 2);
        Usage { cpu, memory_peak_bytes: peak, oom_kills: running.oom_kills, wall, ..Usage::default() }
    }

    pub(super) fn leave_record(&mut self, record: &ExitRecord) {
        if let Some(running) = self.running() {
            running.record = Some(write_exit_record(record));
        }
    }

    /// What the agent's shell finds in the file; none when there is no file.
    pub(super) fn read_record(&self) -> Option<ExitRecord> {
        let text = match &self.phase {
            Phase::Preparing { .. } => None,
            Phase::Running(running) => running.record.as_ref(),
            Phase::Over { record } => record.as_ref(),
        };
        read_exit_record(text?).ok()
    }
}
