//! What a batch consists of.

use std::time::Duration;

use meros::{Command, Constraint, Resources, Shape};

/// A tenth of a core: enough for a command that does little.
const CPU_MILLI_DEFAULT: u64 = 100;
/// 32 MiB, likewise.
const MEMORY_BYTES_DEFAULT: u64 = 32 << 20;
/// How much of a line becomes its name, in characters.
const NAME_CHARS_MAX: usize = 60;

/// One command of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What people see; all its attempts have it.
    pub name: String,
    /// What to execute.
    pub command: Command,
    /// What it needs, and its limits.
    pub resources: Resources,
    /// What its agent must be like, all of them.
    pub constraints: Vec<Constraint>,
    /// How often it is tried again after it has failed.
    pub retries: u32,
    /// How many processes and threads it may have.
    pub pids_limit: Option<u32>,
    /// After how long it is killed deliberately, counted from its start.
    pub kill_after: Option<Duration>,
}

impl Item {
    /// A command that needs little (0.1 cores, 32 MiB), runs anywhere, is not retried and not killed.
    pub fn new(name: impl Into<String>, command: Command) -> Self {
        let resources = Resources::none().with_cpu_milli(CPU_MILLI_DEFAULT).with_memory_bytes(MEMORY_BYTES_DEFAULT);
        let (constraints, retries, pids_limit, kill_after) = (Vec::new(), 0, None, None);
        Self { name: name.into(), command, resources, constraints, retries, pids_limit, kill_after }
    }

    /// The smallest offer that it can be launched on.
    pub fn shape(&self) -> Shape {
        Shape { constraints: self.constraints.clone(), ..Shape::of(self.resources.clone()) }
    }

    /// A line for the shell, named like itself.
    pub fn shell(line: &str) -> Self {
        Self::new(name_of(line), Command::shell(line))
    }

    /// Each line of `text` as a shell command. Empty lines and those that begin with `#` don't count.
    pub fn from_lines(text: &str) -> Vec<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Self::shell).collect()
    }
}

/// `line` as a name: without control characters, and not longer than a table takes.
fn name_of(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_commands() {
        let items = Item::from_lines("# a batch\n\n  echo\tone  \nsleep 1 # two\n");
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["echo one", "sleep 1 # two"]);
        assert_eq!(items[0].command, Command::shell("echo\tone"));
    }
}
