//! What the demo runs and how each row is meant to end. Deliberately absent: running it, and how it looks.
//!
//! The rows that misbehave are bounded in themselves, so that a limit which is not enforced can't hurt the machine.

use std::time::Duration;

use meros_batch::{Item, Record};
use meros_types::{Command, Exit, Reason, Resources, TaskState};

/// The well-behaved rows, one a line.
const COMMANDS: &str = include_str!("commands.txt");
/// CPU of each task, in thousandths of a core.
pub(crate) const CPU_MILLI: u64 = 500;
/// Memory of each task, in bytes.
pub(crate) const MEMORY_BYTES: u64 = 96 << 20;
/// Memory of the row that wants six times as much.
const HOG_MEMORY_BYTES: u64 = 32 << 20;
/// Processes that the fork bomb may have; it tries 200.
const BOMB_PIDS: u32 = 16;
/// The code that the fork bomb exits with when forks were refused.
const BOMB_CODE: i32 = 4;
/// How long the sleeper runs until the scheduler has had enough.
const PATIENCE: Duration = Duration::from_secs(2);

/// Spins for three seconds, fourfold, so that it asks for much more than its half core. On a machine that is so busy with other
/// things that it does not even get that half, it goes on until its limit has held it once, for 20 seconds at the most.
const SPIN: &str = "spin() { while :; do :; done; }; spin & spin & spin & spin & sleep 3; \
    stat=/sys/fs/cgroup/cpu$(sed -n 's/^[0-9]*:\\(.*,\\)*cpu\\(,.*\\)*://p' /proc/self/cgroup)/cpu.stat; \
    for tenth in $(seq 170); do grep -qs 'nr_throttled 0$' $stat || exit 0; sleep 0.1; done";

/// One task of the demo.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What people see, unique among the rows.
    pub(crate) name: &'static str,
    /// A line for `/bin/sh`.
    pub(crate) command: &'static str,
    /// Its memory limit.
    pub(crate) memory_bytes: u64,
    /// Its pids limit, when it isn't the usual one.
    pub(crate) pids: Option<u32>,
    /// After how long its scheduler kills it.
    pub(crate) kill_after: Option<Duration>,
    /// How it is meant to end.
    pub(crate) intent: Intent,
}

/// How a row is meant to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// With exit code 0.
    Finish,
    /// With exit code 0, slowed down by its CPU limit.
    Throttled,
    /// Killed for passing its memory limit.
    MemoryLimit,
    /// With this exit code, after its pids limit refused it forks.
    PidsLimit(i32),
    /// With this exit code.
    Exit(i32),
    /// Killed by its scheduler.
    Killed,
}

impl Intent {
    /// Whether the kernel has to enforce a limit for it to come true.
    pub(crate) fn needs_limits(self) -> bool {
        matches!(self, Intent::Throttled | Intent::MemoryLimit | Intent::PidsLimit(_))
    }

    /// What is meant, for the sentence that says that something else happened.
    pub(crate) fn sentence(self) -> String {
        match self {
            Intent::Finish => "it should have finished".to_owned(),
            Intent::Throttled => "it should have finished, and its CPU limit should have throttled it".to_owned(),
            Intent::MemoryLimit => "its memory limit should have ended it".to_owned(),
            Intent::PidsLimit(code) => format!("its pids limit should have held it, and then exit code {code}"),
            Intent::Exit(code) => format!("it should have failed with exit code {code}"),
            Intent::Killed => "its scheduler should have killed it".to_owned(),
        }
    }

    /// Whether it came true.
    pub(crate) fn is_met_by(self, end: &Record) -> bool {
        let usage = end.usage.unwrap_or_default();
        let ended = |state, reason| end.state == Some(state) && end.reason == Some(reason);
        let failed_with = |code| ended(TaskState::Failed, Reason::Exited) && end.exit == Some(Exit::Code(code));
        let finished = end.state == Some(TaskState::Finished);
        match self {
            Intent::Finish => finished,
            Intent::Throttled => finished && usage.throttled_periods > 0,
            Intent::MemoryLimit => {
                let measured = end.limitation.as_ref().is_some_and(|found| found.measured > 0 && found.limit == HOG_MEMORY_BYTES);
                ended(TaskState::Failed, Reason::MemoryLimit) && measured
            }
            Intent::PidsLimit(code) => failed_with(code) && usage.pids_refused > 0,
            Intent::Exit(code) => failed_with(code),
            Intent::Killed => ended(TaskState::Killed, Reason::KillRequested),
        }
    }
}

impl Row {
    /// The row as the batch scheduler takes it.
    pub(crate) fn item(&self) -> Item {
        Item {
            resources: Resources::none().with_cpu_milli(CPU_MILLI).with_memory_bytes(self.memory_bytes),
            pids_limit: self.pids,
            kill_after: self.kill_after,
            ..Item::new(self.name, Command::shell(self.command))
        }
    }
}

/// Every row, in the order in which they are launched and shown. Those that misbehave come last: they stand next to the prompt,
/// and the busy loop has the machine to itself, so that it is its own limit that holds it.
pub(crate) fn rows() -> Vec<Row> {
    let lines = COMMANDS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let commands = lines.filter_map(|line| line.split_once(": ")).map(|(name, command)| row(name, command, Intent::Finish));
    commands.chain(deliberate()).collect()
}

fn deliberate() -> [Row; 5] {
    let sleep = "echo asleep; sleep 600";
    // `tail` keeps what has no line break, all 200 MB of it.
    // The hog comes last, so that the shell ends as it does, should the shell be first to notice.
    let hog = "head -c 200000000 /dev/zero | tail > /dev/null";
    // Perl, since a shell gives up at the first fork that fails. `exit(4)` says that some did.
    let bomb = "perl -e 'for (1 .. 200) { my $pid = fork; $no++ if !defined $pid; if (defined $pid && !$pid) { sleep 2; exit } } \
                print \"$no forks refused\\n\"; exit($no ? 4 : 0)'";
    [
        Row { kill_after: Some(PATIENCE), ..row("sleeper", sleep, Intent::Killed) },
        Row { memory_bytes: HOG_MEMORY_BYTES, ..row("memory-hog", hog, Intent::MemoryLimit) },
        Row { pids: Some(BOMB_PIDS), ..row("fork-bomb", bomb, Intent::PidsLimit(BOMB_CODE)) },
        row("busy-loop", SPIN, Intent::Throttled),
        row("exits-with-3", "echo giving up >&2; exit 3", Intent::Exit(3)),
    ]
}

fn row(name: &'static str, command: &'static str, intent: Intent) -> Row {
    Row { name, command, memory_bytes: MEMORY_BYTES, pids: None, kill_after: None, intent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_batch::Batch;
    use meros_types::{Limitation, Usage};

    #[test]
    fn there_are_twenty_commands_and_every_deliberate_end() {
        let rows = rows();
        let count = |wanted: fn(Intent) -> bool| rows.iter().filter(|row| wanted(row.intent)).count();
        assert!(count(|intent| intent == Intent::Finish) >= 20);
        assert_eq!(count(Intent::needs_limits), 3);
        assert_eq!(count(|intent| matches!(intent, Intent::Exit(3) | Intent::Killed)), 2);
        let names: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
    }

    fn end(state: TaskState, reason: Reason, exit: Option<Exit>, usage: Usage) -> Record {
        let batch = Batch::from_commands(["true"]);
        Record { state: Some(state), reason: Some(reason), exit, usage: Some(usage), ..batch.records()[0].clone() }
    }

    #[test]
    fn a_limit_that_held_nothing_is_not_what_was_meant() {
        let finished = |periods| {
            let usage = Usage { throttled_periods: periods, ..Usage::default() };
            end(TaskState::Finished, Reason::Exited, Some(Exit::Code(0)), usage)
        };
        assert!(Intent::Throttled.is_met_by(&finished(3)) && !Intent::Throttled.is_met_by(&finished(0)));
        let bombed = |refused, code| {
            let usage = Usage { pids_refused: refused, ..Usage::default() };
            end(TaskState::Failed, Reason::Exited, Some(Exit::Code(code)), usage)
        };
        let intent = Intent::PidsLimit(BOMB_CODE);
        assert!(intent.is_met_by(&bombed(9, 4)) && !intent.is_met_by(&bombed(0, 4)) && !intent.is_met_by(&bombed(9, 1)));
    }

    #[test]
    fn the_hog_has_to_fail_at_its_own_limit() {
        let mut hog = end(TaskState::Failed, Reason::MemoryLimit, Some(Exit::Signal(9)), Usage::default());
        assert!(!Intent::MemoryLimit.is_met_by(&hog));
        hog.limitation = Some(Limitation { resource: "mem".to_owned(), limit: HOG_MEMORY_BYTES, measured: HOG_MEMORY_BYTES });
        assert!(Intent::MemoryLimit.is_met_by(&hog));
    }
}
