//! What became of each command.

use meros::{Exit, Limitation, Reason, TaskId, TaskState, TaskUpdate, Usage, WallTime};
use serde::{Deserialize, Serialize};

/// Where a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It waits for an offer, for the first time or again.
    Waiting,
    /// It is launched.
    Live,
    /// It exited with code 0.
    Done,
    /// It failed more often than it is retried, or could not be run at all.
    Failed,
    /// It was killed, by the batch or by somebody else.
    Killed,
}

/// What is known of one command: the newest of its newest attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The command's name.
    pub name: String,
    /// Where it is.
    pub status: Status,
    /// The newest attempt; none before the first. So for all that follows.
    pub task: Option<TaskId>,
    /// Where it was launched.
    pub hostname: Option<String>,
    /// Its newest state.
    pub state: Option<TaskState>,
    /// Why it is in that state, for programs.
    pub reason: Option<Reason>,
    /// Why, for people.
    pub message: String,
    /// How its process ended.
    pub exit: Option<Exit>,
    /// What it used.
    pub usage: Option<Usage>,
    /// The limit that ended it.
    pub limitation: Option<Limitation>,
    /// How many attempts there were.
    pub attempts: u32,
    /// How many of them failed.
    pub failures: u32,
    /// How many of them were lost without a fault of their own: never started, or gone with their agent.
    pub losses: u32,
    /// When its program began to run.
    pub started: Option<WallTime>,
    /// When it ended.
    pub ended: Option<WallTime>,
}

impl Record {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            status: Status::Waiting,
            task: None,
            hostname: None,
            state: None,
            reason: None,
            message: String::new(),
            exit: None,
            usage: None,
            limitation: None,
            attempts: 0,
            failures: 0,
            losses: 0,
            started: None,
            ended: None,
        }
    }

    /// A new attempt: what was known of the one before is history.
    pub(crate) fn begin(&mut self, task: TaskId, hostname: &str) {
        let (attempts, failures, losses) = (self.attempts + 1, self.failures, self.losses);
        *self = Self { attempts, failures, losses, ..Self::new(std::mem::take(&mut self.name)) };
        self.status = Status::Live;
        self.task = Some(task);
        self.hostname = Some(hostname.to_owned());
        self.state = Some(TaskState::Staging);
    }

    pub(crate) fn take_in(&mut self, update: &TaskUpdate) {
        self.state = Some(update.state);
        self.reason = Some(update.reason);
        self.message.clone_from(&update.message);
        self.exit = update.exit.or(self.exit);
        self.usage = update.usage.or(self.usage);
        self.limitation = update.limitation.clone().or(self.limitation.take());
        if update.state == TaskState::Running {
            self.started = self.started.or(Some(update.at));
        }
        if update.state.is_terminal() {
            self.ended = Some(update.at);
        }
    }
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// All its commands: the sum of what follows.
    pub items: usize,
    /// Those that wait for an offer.
    pub waiting: usize,
    /// Those that are launched.
    pub live: usize,
    /// Those that exited with code 0.
    pub done: usize,
    /// Those that failed for good.
    pub failed: usize,
    /// Those that were killed.
    pub killed: usize,
}
