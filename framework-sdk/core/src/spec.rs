//! Which task specifications the wire carries and the master takes, and about how large they are. Checked at the launch, so
//! that a mistake comes back to the line that made it instead of costing a whole accept.

use meros_types::{Program, TaskSpec};

use crate::limits::{COMMAND_BYTES_MAX, TASK_NAME_BYTES_MAX};

/// What is wrong with `task`, if anything.
pub(crate) fn fault(task: &TaskSpec) -> Option<&'static str> {
    if task.name.len() > TASK_NAME_BYTES_MAX || task.name.contains(char::is_control) {
        return Some("its name has more than 256 bytes or a control character");
    }
    let has_nul = |text: &String| text.contains('\0');
    let (empty, nul) = match &task.command.program {
        Program::Shell(line) => (line.trim().is_empty(), has_nul(line)),
        Program::Words(words) => (words.first().is_none_or(String::is_empty), words.iter().any(has_nul)),
    };
    if empty {
        return Some("its command is empty");
    }
    if task.resources.is_none() {
        return Some("it asks for no resources; ask for some cpus or mem");
    }
    if task.pids_limit == Some(0) {
        return Some("a pids limit of 0 lets nothing run; leave it out or ask for at least 1");
    }
    if nul || task.command.environment.iter().any(|(name, value)| has_nul(name) || has_nul(value)) {
        return Some("its command or environment has a NUL byte, which no program can be given");
    }
    if task.command.environment.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Some("its environment has a name that is empty or has a =");
    }
    let too_large = command_bytes(task) > COMMAND_BYTES_MAX;
    too_large.then_some("its command and environment have more than 128 KiB; put what is large in a file")
}

/// As the wire counts them: each string ends with a NUL byte, and each variable has a `=`.
fn command_bytes(task: &TaskSpec) -> usize {
    let program: usize = match &task.command.program {
        Program::Shell(line) => line.len() + 1,
        Program::Words(words) => words.iter().map(|word| word.len() + 1).sum(),
    };
    program + task.command.environment.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>()
}

/// About how large `task` is on the wire.
pub(crate) fn wire_bytes(task: &TaskSpec) -> usize {
    /// Numbers, and the tags and lengths around them.
    const FIXED_BYTES: usize = 128;
    /// The tag and length of a string.
    const STRING_BYTES: usize = 8;
    let strings = match &task.command.program {
        Program::Shell(_) => 1,
        Program::Words(words) => words.len(),
    } + 2 * task.command.environment.len();
    let custom: usize = task.resources.custom().iter().map(|(name, _)| name.len() + 2 * STRING_BYTES).sum();
    let ports = task.resources.ports().ranges().len() * STRING_BYTES;
    FIXED_BYTES + task.id.as_str().len() + task.name.len() + command_bytes(task) + strings * STRING_BYTES + custom + ports
}
