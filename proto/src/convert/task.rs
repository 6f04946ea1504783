//! What a framework asks an agent to run.

use std::collections::BTreeMap;

use meros_types::{Command, Program, TaskSpec};

use super::fields::{display_name, optional, required, task_id};
use crate::{COMMAND_BYTES_MAX, WireError, v1};

impl From<TaskSpec> for v1::TaskSpec {
    fn from(task: TaskSpec) -> Self {
        Self {
            id: task.id.into(),
            name: task.name,
            command: Some(task.command.into()),
            resources: Some(task.resources.into()),
            pids_limit: task.pids_limit,
            kill_grace: task.kill_grace.map(Into::into),
            executor: None,
        }
    }
}

impl TryFrom<v1::TaskSpec> for TaskSpec {
    type Error = WireError;
    fn try_from(wire: v1::TaskSpec) -> Result<Self, WireError> {
        if wire.executor.is_some() {
            return Err(WireError::unimplemented("executor", "executors"));
        }
        Ok(Self {
            id: task_id(wire.id, "id")?,
            name: display_name(wire.name, "name")?,
            command: required(wire.command, "command")?,
            resources: required(wire.resources, "resources")?,
            pids_limit: wire.pids_limit,
            kill_grace: optional(wire.kill_grace, "kill_grace")?,
        })
    }
}

impl From<Command> for v1::Command {
    fn from(command: Command) -> Self {
        let program = match command.program {
            Program::Shell(line) => v1::command::Program::Shell(line),
            Program::Words(words) => v1::command::Program::Words(v1::Words { words }),
        };
        Self { program: Some(program), environment: command.environment, user: None }
    }
}

impl TryFrom<v1::Command> for Command {
    type Error = WireError;
    fn try_from(wire: v1::Command) -> Result<Self, WireError> {
        if wire.user.is_some() {
            return Err(WireError::unimplemented("user", "named users"));
        }
        let program = match wire.program.ok_or_else(|| WireError::missing("program"))? {
            v1::command::Program::Shell(line) => Program::Shell(line),
            v1::command::Program::Words(words) => Program::Words(words.words),
        };
        check_program(&program)?;
        check_environment(&wire.environment)?;
        check_size(&program, &wire.environment)?;
        Ok(Self { program, environment: wire.environment })
    }
}

fn check_program(program: &Program) -> Result<(), WireError> {
    match program {
        Program::Shell(line) => without_nul(line, "shell"),
        Program::Words(words) if words.is_empty() => Err(WireError::new("words", "there is no program")),
        Program::Words(words) => words.iter().try_for_each(|word| without_nul(word, "words")),
    }
}

fn check_environment(environment: &BTreeMap<String, String>) -> Result<(), WireError> {
    const FIELD: &str = "environment";
    for (name, value) in environment {
        if name.is_empty() || name.contains('=') {
            return Err(WireError::new(FIELD, "a name is empty or has a ="));
        }
        without_nul(name, FIELD)?;
        without_nul(value, FIELD)?;
    }
    Ok(())
}

/// The kernel takes strings that end at their first NUL byte.
fn without_nul(text: &str, field: &str) -> Result<(), WireError> {
    match text.contains('\0') {
        true => Err(WireError::new(field, "it has a NUL byte, which no program can be given")),
        false => Ok(()),
    }
}

fn check_size(program: &Program, environment: &BTreeMap<String, String>) -> Result<(), WireError> {
    let program: usize = match program {
        Program::Shell(line) => line.len() + 1,
        Program::Words(words) => words.iter().map(|word| word.len() + 1).sum(),
    };
    // `NAME=value` and a NUL byte.
    let environment: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    match program + environment {
        bytes if bytes <= COMMAND_BYTES_MAX => Ok(()),
        bytes => Err(WireError::new("", format!("{bytes} bytes of program and environment, at most {COMMAND_BYTES_MAX}"))),
    }
}
