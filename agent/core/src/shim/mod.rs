//! A shim's decisions: when the tree of its task is to be killed, when it is over, and what then remains of it.
//!
//! Owned here: the state machine [`Shim`], the text of the files it leaves in `state/` ([`record`]), how its counters read
//! ([`counters`]) and whose memory ran out ([`memory`]). The agent's `launcher` performs the effects in a process of its own per
//! container; the simulator performs them on processes that it makes up. Deliberately absent: processes, signals, files,
//! cgroups, and the output of the task, which the shim copies without a decision being needed.
//!
//! ```text
//!            task exited, destroy requested, oom kill seen
//!   Running ───────────────────────────────────────────────▶ Ending ──▶ Measuring ──▶ Over
//!                                                    (kill the tree,   (tree empty:   (record
//!                                                     again and again)  count, drain)  left)
//! ```

pub mod counters;
pub mod memory;
pub mod record;

mod effect;
mod event;
#[cfg(test)]
mod tests;

use std::time::Duration;

use meros_types::{Exit, ExitRecord, Now, Time, Usage};

pub use effect::Effect;
pub use event::{Event, Kill};

/// How long the first look for the outcome waits, be it of a kill or of the kernel's out-of-memory killer.
const RETRY_MIN: Duration = Duration::from_millis(1);

/// How long the tree is left alone between two kills at the most: a process stuck in the kernel may take minutes.
const KILL_RETRY_MAX: Duration = Duration::from_secs(1);

/// How often an announced lack of memory is looked into before it counts as resolved without a kill: 2 s in all.
const OOM_LOOKS_MAX: u32 = 11;

/// One shim, from the start of its task.
#[derive(Clone, Debug)]
pub struct Shim {
    started: Time,
    phase: Phase,
    exit: Option<Exit>,
    wakeup: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The task runs. `oom_looks` counts how often an announced lack of memory was looked into; none when none was announced.
    Running { oom_looks: Option<u32> },
    /// Every process is to die; `kills` counts the attempts.
    Ending { kills: u32 },
    /// Nothing lives; the counters are being read.
    Measuring { wall: Duration },
    /// The record is left.
    Over,
}

impl Shim {
    /// The shim of a task that has just been executed.
    pub fn started(now: Now) -> Self {
        Self { started: now.mono, phase: Phase::Running { oom_looks: None }, exit: None, wakeup: None }
    }

    /// Takes note of what happened and appends what is to be done.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::ProcessesReaped { task, killed, tree_empty } => {
                self.exit = self.exit.or(task);
                self.on_reaped(now, killed, tree_empty, effects);
            }
            Event::KillRequested(Kill::Terminate) => self.on_terminate(effects),
            Event::KillRequested(Kill::Destroy) => self.end(now, effects),
            Event::MemoryRanOut => self.look_for_oom_kills(effects),
            Event::OomKillsCounted(0) => self.on_no_oom_kill(now),
            Event::OomKillsCounted(_) => self.end(now, effects),
            Event::Measured(usage) => self.on_measured(usage, effects),
            Event::TimePassed => self.on_time(now, effects),
        }
    }

    /// When the shell must send [`Event::TimePassed`].
    pub fn wakeup(&self) -> Option<Time> {
        self.wakeup
    }

    /// Whether the record is left and nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Panics when the parts of the state contradict each other.
    pub fn check(&self) {
        match self.phase {
            Phase::Running { oom_looks } => {
                assert!(self.exit.is_none(), "a task that exited ends its container");
                assert!(oom_looks.is_some() || self.wakeup.is_none(), "a running task waits for nothing but oom kills");
            }
            Phase::Ending { kills } => assert!(kills > 0 && self.wakeup.is_some(), "a tree that lives is killed again"),
            Phase::Measuring { .. } | Phase::Over => {
                assert!(self.exit.is_some(), "an empty tree has no task");
                assert!(self.wakeup.is_none(), "an empty tree needs no further kill");
            }
        }
    }

    fn on_reaped(&mut self, now: Now, killed: bool, tree_empty: bool, effects: &mut Vec<Effect>) {
        if tree_empty {
            self.measure(now, effects);
        } else if self.exit.is_some() {
            self.end(now, effects);
        } else if killed {
            // The kernel counts an oom kill before it sends the signal, so one look at the counter is enough.
            self.look_for_oom_kills(effects);
        }
    }

    fn on_terminate(&self, effects: &mut Vec<Effect>) {
        // Later phases have killed it harder, and its process id may already be another's.
        if matches!(self.phase, Phase::Running { .. }) {
            effects.push(Effect::TerminateTask);
        }
    }

    fn look_for_oom_kills(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Running { oom_looks } = &mut self.phase {
            oom_looks.get_or_insert(0);
            effects.push(Effect::CountOomKills);
        }
    }

    /// The kernel announces a lack of memory before it kills, and may find memory without killing.
    fn on_no_oom_kill(&mut self, now: Now) {
        let Phase::Running { oom_looks } = &mut self.phase else { return };
        let looks = oom_looks.unwrap_or(0) + 1;
        if looks >= OOM_LOOKS_MAX {
            *oom_looks = None;
            self.wakeup = None;
        } else {
            *oom_looks = Some(looks);
            self.wakeup = Some(now.mono.after(doubled(RETRY_MIN, looks - 1)));
        }
    }

    fn on_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.wakeup.is_none_or(|wakeup| wakeup > now.mono) {
            return;
        }
        match &mut self.phase {
            Phase::Running { .. } => self.look_for_oom_kills(effects),
            Phase::Ending { kills } => {
                *kills += 1;
                let wait = doubled(RETRY_MIN, *kills - 1).min(KILL_RETRY_MAX);
                self.wakeup = Some(now.mono.after(wait));
                effects.push(Effect::KillTree);
            }
            Phase::Measuring { .. } | Phase::Over => {}
        }
    }

    /// Begins to kill the tree. What lives on after the first kill is found by time, not by every process that is reaped:
    /// otherwise a tree of many would be listed once for each of its deaths.
    fn end(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.phase = Phase::Ending { kills: 1 };
            self.wakeup = Some(now.mono.after(RETRY_MIN));
            effects.push(Effect::KillTree);
        }
    }

    fn measure(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Running { .. } | Phase::Ending { .. }) {
            self.phase = Phase::Measuring { wall: now.mono.since(self.started) };
            self.wakeup = None;
            effects.extend([Effect::DrainOutput, Effect::Measure]);
        }
    }

    fn on_measured(&mut self, usage: Usage, effects: &mut Vec<Effect>) {
        if let (Phase::Measuring { wall }, Some(exit)) = (self.phase, self.exit) {
            self.phase = Phase::Over;
            let record = ExitRecord { exit, usage: Usage { wall, ..usage } };
            effects.extend([Effect::LeaveRecord(record), Effect::Quit]);
        }
    }
}

/// `first`, doubled `times` times, up to a day.
fn doubled(first: Duration, times: u32) -> Duration {
    const DOUBLINGS_MAX: u32 = 26;
    first.saturating_mul(1 << times.min(DOUBLINGS_MAX))
}
