//! What a scheduler must not forget when its process ends: who its framework is, its tasks, and what it saved itself. Owned: the
//! records, and how changes add up to them. Absent: when something is stored, which the host decides, and where, which the
//! shell's store decides.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::{AgentId, Epoch, FactId, FrameworkId, Incarnation, LaunchId, TaskId, TaskState, Term};
use serde::{Deserialize, Serialize};

/// One step of a scheduler's state. Each replaces or removes what was stored under the same name, so that a store need not
/// understand what it stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// The master has confirmed who this is.
    Framework(SavedFramework),
    /// The framework is no more, nor is any task of it. What the scheduler saved stays.
    ForgetFramework,
    /// All that is known of a task: of a live one first its intent, before its accept leaves, then what was heard of it.
    Task {
        /// The task.
        id: TaskId,
        /// What is known of it now.
        task: SavedTask,
    },
    /// The task is of no interest any more.
    ForgetTask {
        /// The task.
        id: TaskId,
    },
    /// The scheduler saved a value.
    Put {
        /// Its name.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// The scheduler forgot a value.
    Delete {
        /// Its name.
        key: String,
    },
}

/// Who a scheduler was when it was last registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFramework {
    /// The framework.
    pub id: FrameworkId,
    /// Its epoch then. The next process gets a later one.
    pub epoch: Epoch,
    /// The key that it was registered with. The state of one framework is of no use to another.
    pub key: Option<String>,
}

/// What is stored of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedTask {
    /// It is live, or about to be launched.
    Live(SavedLive),
    /// It has ended; remembered so that its end is not told twice.
    Ended {
        /// Counts the ends: the lowest is the first to be forgotten.
        n: u64,
    },
}

/// A live task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLive {
    /// Its newest state, as its scheduler has heard.
    pub state: TaskState,
    /// Its agent, when that is known.
    pub agent: Option<AgentId>,
    /// Its launch, when the master has confirmed it.
    pub launch: Option<LaunchId>,
    /// The term of the master that its accept was meant for, until a master has shown that it knows the task.
    pub accepted_in: Option<Term>,
    /// The newest fact that its scheduler has dealt with.
    pub fact: Option<FactId>,
    /// The earlier lives of its agent, whose facts are old.
    pub lives: Vec<Incarnation>,
    /// The wish that it should end.
    pub kill: Option<SavedKill>,
}

/// The wish that a task should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedKill {
    /// From SIGTERM to SIGKILL; the task's own when none is given.
    pub grace: Option<Duration>,
}

/// All that a store holds: what its changes add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Who this is; none before the first registration.
    pub framework: Option<SavedFramework>,
    /// The live tasks, and the newest ended ones.
    pub tasks: BTreeMap<TaskId, SavedTask>,
    /// What the scheduler saved.
    pub values: BTreeMap<String, Vec<u8>>,
}

impl Saved {
    /// Adds `changes`, in their order.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = StateChange>) {
        for change in changes {
            match change {
                StateChange::Framework(framework) => self.framework = Some(framework),
                StateChange::ForgetFramework => {
                    self.framework = None;
                    self.tasks.clear();
                }
                StateChange::Task { id, task } => drop(self.tasks.insert(id, task)),
                StateChange::ForgetTask { id } => drop(self.tasks.remove(&id)),
                StateChange::Put { key, value } => drop(self.values.insert(key, value)),
                StateChange::Delete { key } => drop(self.values.remove(&key)),
            }
        }
    }
}
