//! What commands do, since no program is really run. Owned: the model of a process's life. Absent: performing it, which is the
//! machine's.

use std::time::Duration;

use meros_types::{Exit, TaskSpec};

use crate::Random;

/// The longest run of a task in the default model.
const RUN_MAX: Duration = Duration::from_secs(10);
/// The shortest.
const RUN_MIN: Duration = Duration::from_millis(20);
/// Longer than any simulation: a year.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a task's command does, from the moment that its program is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How long the task's own process runs when nobody ends it.
    pub after: Duration,
    /// How it then ends.
    pub ending: Ending,
    /// What it does about SIGTERM.
    pub on_terminate: OnTerminate,
    /// Whether processes that it started live on after its own end, until they are killed.
    pub leaves_children: bool,
    /// How long its processes survive even SIGKILL, as one that is stuck in the kernel does.
    pub unkillable: Duration,
}

/// How a task's own process ends when nobody ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exits, or a signal that nobody of Meros sent ends it.
    Exit(Exit),
    /// It needs more memory than its limit, and the kernel kills it.
    OutOfMemory,
    /// It does not even start: its program does not exist.
    NoProgram,
    /// It does not even start: the agent can't make its container.
    NoContainer,
}

/// What a process does about SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerminate {
    /// The signal ends it.
    Dies,
    /// It cleans up and exits with this code.
    Exits(i32),
    /// Nothing.
    Ignores,
}

impl Outcome {
    /// Runs for so long and exits with this code. SIGTERM ends it.
    pub fn exits(code: i32, after: Duration) -> Self {
        let ending = Ending::Exit(Exit::Code(code));
        Self { after, ending, on_terminate: OnTerminate::Dies, leaves_children: false, unkillable: Duration::ZERO }
    }

    /// Runs until it is ended.
    pub fn runs_for_ever() -> Self {
        Self::exits(0, FOR_EVER)
    }

    /// Runs for so long and is then killed for needing more memory than its limit.
    pub fn out_of_memory(after: Duration) -> Self {
        Self { ending: Ending::OutOfMemory, ..Self::exits(0, after) }
    }

    /// Names a program that does not exist.
    pub fn no_program() -> Self {
        Self { ending: Ending::NoProgram, ..Self::exits(0, Duration::ZERO) }
    }

    /// Finds no container to run in.
    pub fn no_container() -> Self {
        Self { ending: Ending::NoContainer, ..Self::exits(0, Duration::ZERO) }
    }

    /// The same, with this answer to SIGTERM.
    #[must_use]
    pub fn on_terminate(mut self, what: OnTerminate) -> Self {
        self.on_terminate = what;
        self
    }

    /// The same, with processes that live on after the task's own.
    #[must_use]
    pub fn leaving_children(mut self) -> Self {
        self.leaves_children = true;
        self
    }

    /// The same, surviving SIGKILL for so long.
    #[must_use]
    pub fn unkillable_for(mut self, stuck: Duration) -> Self {
        self.unkillable = stuck;
        self
    }
}

/// What commands do unless a simulation says otherwise: a short run, and exit code 0.
pub(crate) fn default_model(_: &TaskSpec, random: &mut Random) -> Outcome {
    Outcome::exits(0, random.duration(RUN_MIN, RUN_MAX))
}
