//! From a task's command to what exec takes. Judges the command, so that its user hears what is wrong with it in words.
//!
//! Deliberately absent: whether the program exists. The kernel decides that, inside the container.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use meros_types::Program;

use super::{ContainerSpec, TaskFault};

/// Where a task finds its sandbox.
pub(super) const SANDBOX_VARIABLE: &str = "MEROS_SANDBOX";
const TASK_ID_VARIABLE: &str = "MEROS_TASK_ID";
const HOME_VARIABLE: &str = "HOME";
/// Where programs put temporary files: in the sandbox they go when it goes, however the task ends.
const TEMPORARY_VARIABLE: &str = "TMPDIR";
const PATH_VARIABLE: &str = "PATH";
/// Where programs are looked for when the task does not say.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SHELL: &CStr = c"/bin/sh";

/// A command as exec takes it.
#[derive(Debug)]
pub(super) struct Execution {
    /// The files to try, in this order.
    pub(super) programs: Vec<CString>,
    /// The arguments, the program's name first.
    pub(super) arguments: Vec<CString>,
    /// The whole environment.
    pub(super) environment: Vec<CString>,
    /// The program as the task names it, for error messages, and whether it is searched.
    name: (String, bool),
}

impl Execution {
    /// Of this container's command, in that sandbox.
    pub(super) fn of(spec: &ContainerSpec, sandbox: &Path) -> Result<Self, TaskFault> {
        let variables = variables(spec, sandbox);
        let environment = variables.iter().map(|(name, value)| variable(name, value)).collect::<Result<_, _>>()?;
        let path = variables.get(PATH_VARIABLE).map_or(PATH_DEFAULT.as_bytes(), Vec::as_slice);
        let (programs, arguments, name) = match &spec.command.program {
            Program::Shell(line) => {
                let words = vec![c"sh".to_owned(), c"-c".to_owned(), text(line.as_bytes(), || "the shell line".to_owned())?];
                (vec![SHELL.to_owned()], words, (SHELL.to_string_lossy().into_owned(), false))
            }
            Program::Words(words) => {
                let program = words.first().filter(|word| !word.is_empty()).ok_or(TaskFault::NoProgram)?;
                let argument = |(number, word): (usize, &String)| text(word.as_bytes(), || format!("argument {number}"));
                let arguments = words.iter().enumerate().map(argument).collect::<Result<_, _>>()?;
                let searched = !program.contains('/');
                (candidates(program, path)?, arguments, (program.clone(), searched))
            }
        };
        Ok(Self { programs, arguments, environment, name })
    }

    /// What the kernel's refusal to execute it means, if it is the task's fault.
    pub(super) fn fault(&self, errno: i32) -> Option<TaskFault> {
        let (program, searched) = self.name.clone();
        match errno {
            libc::ENOENT | libc::ENOTDIR => Some(TaskFault::NotFound { program, searched }),
            libc::EACCES
            | libc::ENOEXEC
            | libc::EPERM
            | libc::EISDIR
            | libc::ELOOP
            | libc::ENAMETOOLONG
            | libc::ETXTBSY
            | libc::E2BIG
            | libc::EINVAL
            | libc::ELIBBAD => Some(TaskFault::NotExecutable { program, source: std::io::Error::from_raw_os_error(errno) }),
            // The machine's: no memory, no processes, a failing disk.
            _ => None,
        }
    }
}

fn variables(spec: &ContainerSpec, sandbox: &Path) -> BTreeMap<String, Vec<u8>> {
    let sandbox = sandbox.as_os_str().as_bytes();
    let ours = [
        (PATH_VARIABLE, PATH_DEFAULT.as_bytes()),
        (HOME_VARIABLE, sandbox),
        (TEMPORARY_VARIABLE, sandbox),
        (SANDBOX_VARIABLE, sandbox),
        (TASK_ID_VARIABLE, spec.task_id.as_bytes()),
    ];
    let mut all: BTreeMap<_, _> = ours.into_iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
    all.extend(spec.command.environment.iter().map(|(name, value)| (name.clone(), value.as_bytes().to_vec())));
    all
}

fn variable(name: &str, value: &[u8]) -> Result<CString, TaskFault> {
    if name.is_empty() || name.contains('=') {
        return Err(TaskFault::VariableName { name: name.to_owned() });
    }
    let entry = [name.as_bytes(), b"=", value].concat();
    text(&entry, || format!("the environment variable {:?}", name.replace('\0', "")))
}

fn candidates(program: &str, path: &[u8]) -> Result<Vec<CString>, TaskFault> {
    let what = || "the program's name".to_owned();
    if program.contains('/') {
        return Ok(vec![text(program.as_bytes(), what)?]);
    }
    let directories = path.split(|byte| *byte == b':').filter(|directory| !directory.is_empty());
    directories.map(|directory| text(&[directory, b"/", program.as_bytes()].concat(), what)).collect()
}

fn text(bytes: &[u8], what: impl FnOnce() -> String) -> Result<CString, TaskFault> {
    CString::new(bytes).map_err(|_| TaskFault::Nul { what: what() })
}

#[cfg(test)]
mod tests {
    use meros_types::{Command, ContainerId, Limits};

    use super::*;

    fn of(command: Command) -> Result<Execution, TaskFault> {
        let limits = Limits { cpu_milli: 100, memory_bytes: 0, pids: 10, disk_bytes: 0 };
        let spec = ContainerSpec { id: ContainerId::from_bytes([1; 16]), task_id: "t-1".into(), command, limits, uid: None };
        Execution::of(&spec, Path::new("/w/sandbox"))
    }

    fn with(command: Command, name: &str, value: &str) -> Command {
        let mut command = command;
        command.environment.insert(name.into(), value.into());
        command
    }

    #[test]
    fn a_line_is_for_the_shell() {
        let execution = of(Command::shell("echo $HOME")).unwrap();
        assert_eq!(execution.programs, [c"/bin/sh".to_owned()]);
        assert_eq!(execution.arguments, [c"sh".to_owned(), c"-c".to_owned(), c"echo $HOME".to_owned()]);
    }

    #[test]
    fn words_are_searched_in_the_tasks_own_path() {
        let execution = of(with(Command::words(["run", "x"]), "PATH", "/a::/b")).unwrap();
        assert_eq!(execution.programs, [c"/a/run".to_owned(), c"/b/run".to_owned()]);
        let execution = of(Command::words(["./run"])).unwrap();
        assert_eq!(execution.programs, [c"./run".to_owned()]);
    }

    #[test]
    fn five_variables_are_added_unless_named() {
        let execution = of(with(Command::words(["x"]), "HOME", "/h")).unwrap();
        let all: Vec<_> = execution.environment.iter().map(|entry| entry.to_str().unwrap()).collect();
        assert_eq!(all[0], "HOME=/h");
        assert_eq!(all[1..3], ["MEROS_SANDBOX=/w/sandbox", "MEROS_TASK_ID=t-1"]);
        assert!(all[3].starts_with("PATH=/usr/local"));
        assert_eq!(all[4..], ["TMPDIR=/w/sandbox"]);
    }

    #[test]
    fn what_cannot_be_executed_is_said_in_words() {
        let message = |command| of(command).unwrap_err().to_string();
        assert!(message(Command::words(Vec::<String>::new())).contains("command is empty"));
        assert!(message(Command::words([""])).contains("command is empty"));
        assert!(message(Command::words(["a", "b\0"])).contains("argument 1 contains a NUL"));
        assert!(message(Command::shell("a\0b")).contains("the shell line contains a NUL"));
        assert!(message(with(Command::shell("x"), "A=B", "1")).contains("\"A=B\" is not a name"));
        assert!(message(with(Command::shell("x"), "A", "\0")).contains("\"A\" contains a NUL"));
    }

    #[test]
    fn the_kernels_refusal_names_the_program() {
        let execution = of(Command::words(["no-such"])).unwrap();
        let fault = execution.fault(libc::ENOENT).unwrap().to_string();
        assert_eq!(fault, "cannot execute \"no-such\": there is no such program in PATH");
        assert!(execution.fault(libc::ENOMEM).is_none());
    }
}
