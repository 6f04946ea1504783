//! The attacks themselves, in the task's process, and how a test starts one and reads what came of it.
//!
//! Each attempt is a line on standard output: `refused`, or `DONE`, and what was tried.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use meros_types::{Command, ContainerId};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::cluster::{Cluster, ROOMY};

/// What this program's first argument is when it shall attack.
const ATTACK: &str = "--attack";

/// Far deeper than a path can name.
const DEPTH: usize = 30_000;

/// Attacks, if that is what this process was started for.
pub(crate) fn dispatch() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ATTACK, name, targets @ ..] = &*arguments.iter().map(String::as_str).collect::<Vec<_>>() else { return false };
    match *name {
        "leave" => targets.iter().for_each(|group| leave(Path::new(group))),
        "process" => targets.iter().for_each(|pid| process(Pid::from_raw(pid.parse().unwrap()))),
        "file" => targets.iter().for_each(|path| file(Path::new(path))),
        "deep" => deep(),
        "output" => output(Path::new(targets[0])),
        other => panic!("no attack {other}"),
    }
    true
}

/// Runs an attack to its end. The result is what it tried, all of it refused.
pub(crate) async fn refused(cluster: &mut Cluster, name: &str, targets: &[String]) -> Vec<String> {
    let id = launch(cluster, name, targets).await;
    let record = cluster.record(id).await;
    assert!(record.exit.success(), "{:?}: {}", record.exit, cluster.stderr(id));
    check_refused(&cluster.stdout(id))
}

/// Begins an attack.
pub(crate) async fn launch(cluster: &mut Cluster, name: &str, targets: &[String]) -> ContainerId {
    let command = command(cluster.work.path(), name, targets);
    cluster.try_launch(command, ROOMY).await.unwrap()
}

/// The command that attacks. The program is put into this directory, through which every task's user may pass.
pub(crate) fn command(directory: &Path, name: &str, targets: &[String]) -> Command {
    let program = directory.join("attack");
    if !program.exists() {
        let own = std::env::current_exe().unwrap();
        // Another file system has no names for it.
        fs::hard_link(&own, &program).or_else(|_| fs::copy(&own, &program).map(drop)).unwrap();
    }
    let words = [program.to_str().unwrap(), ATTACK, name].map(str::to_owned);
    Command::words(words.into_iter().chain(targets.iter().cloned()))
}

/// What was tried, by the lines of an attack.
pub(crate) fn check_refused(lines: &str) -> Vec<String> {
    let done: Vec<_> = lines.lines().filter(|line| line.starts_with("DONE")).collect();
    assert_eq!(done, Vec::<&str>::new(), "an attack succeeded");
    let refused: Vec<String> = lines.lines().filter_map(|line| line.strip_prefix("refused ")).map(str::to_owned).collect();
    assert!(!refused.is_empty(), "nothing was tried: {lines:?}");
    refused
}

fn tried<T, E: std::fmt::Display>(what: &str, outcome: Result<T, E>) {
    match outcome {
        Ok(_) => println!("DONE {what}"),
        Err(error) => println!("refused {what}: {error}"),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    io::Write::write_all(&mut File::options().write(true).open(path)?, text.as_bytes())
}

/// Goes into another cgroup, makes one, or lifts a limit.
fn leave(group: &Path) {
    let own = std::process::id().to_string();
    for file in ["cgroup.procs", "tasks"].map(|file| group.join(file)).iter().filter(|file| file.exists()) {
        for pid in ["0", &own] {
            tried(&format!("write {pid} to {}", file.display()), write(file, pid));
        }
    }
    for limit in ["memory.limit_in_bytes", "pids.max", "cpu.cfs_quota_us", "freezer.state", "memory.max", "cgroup.kill"] {
        let limit = group.join(limit);
        if limit.exists() {
            tried(&format!("write to {}", limit.display()), write(&limit, "1"));
        }
    }
    tried(&format!("make a group in {}", group.display()), fs::create_dir(group.join("mine")));
    tried(&format!("rename {}", group.display()), fs::rename(group, group.with_extension("gone")));
}

/// Reads, changes or ends a process.
fn process(pid: Pid) {
    for signal in [Signal::SIGSTOP, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGKILL] {
        tried(&format!("send {signal} to {pid}"), kill(pid, signal));
        tried(&format!("send {signal} to the group of {pid}"), killpg(pid, signal));
    }
    tried(&format!("trace {pid}"), ptrace::attach(pid));
    tried(&format!("seize {pid}"), ptrace::seize(pid, ptrace::Options::empty()));
    let folder = PathBuf::from(format!("/proc/{pid}"));
    for name in ["mem", "environ", "maps", "auxv", "io", "stack", "syscall", "pagemap"] {
        let path = folder.join(name);
        tried(&format!("read {}", path.display()), fs::read(&path));
    }
    for name in ["fd", "map_files", "cwd", "root"] {
        let path = folder.join(name);
        tried(&format!("list {}", path.display()), fs::read_dir(&path));
    }
    for name in ["cwd", "root", "exe", "fd/0", "fd/3", "ns/mnt"] {
        let path = folder.join(name);
        tried(&format!("follow {}", path.display()), fs::read_link(&path));
    }
    for name in ["mem", "oom_score_adj", "comm", "uid_map", "clear_refs"] {
        let path = folder.join(name);
        tried(&format!("open to write {}", path.display()), File::options().write(true).open(&path));
    }
}

/// Reads, replaces or removes a file or a directory of others.
fn file(path: &Path) {
    let name = path.display();
    tried(&format!("open {name}"), File::open(path));
    tried(&format!("open to write {name}"), File::options().append(true).open(path));
    tried(&format!("list {name}"), fs::read_dir(path));
    tried(&format!("make a file in {name}"), File::create(path.join("mine")));
    tried(&format!("rename {name}"), fs::rename(path, path.with_extension("gone")));
    tried(&format!("take {name}"), fs::rename(path, "mine"));
    tried(&format!("remove {name}"), fs::remove_file(path).or_else(|_| fs::remove_dir(path)));
    tried(&format!("change the mode of {name}"), fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)));
    tried(&format!("replace {name}"), symlink("/etc/passwd", path).and_then(|()| fs::rename("link", path)));
    // As the root of a user namespace of one's own.
    if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).is_ok() {
        tried(&format!("open {name} as root of a namespace"), File::open(path));
    }
}

/// Makes directories in directories, as deep as a task can in a moment.
fn deep() {
    for _ in 0..DEPTH {
        fs::create_dir("d").unwrap();
        std::env::set_current_dir("d").unwrap();
    }
    println!("deep");
}

/// Tricks with the places where output goes: `target` is a file of root's. Then enough output that all of them are used.
fn output(target: &Path) {
    for name in ["stdout", "stderr", "stdout.00000000000000000000", "logs"] {
        // In its own directory a task may have links of any name.
        symlink(target, name).unwrap();
    }
    let logs = Path::new("../logs");
    for name in ["stdout", "stdout.next", "stdout.00000000000008388608"] {
        tried(&format!("make {name} a link to a file of root's"), symlink(target, logs.join(name)));
        tried(&format!("make {name} another name of a file of root's"), fs::hard_link(target, logs.join(name)));
        tried(&format!("move a link to {name}"), fs::rename("stdout", logs.join(name)));
    }
    tried("rename the directory of the output", fs::rename(logs, "../other"));
    tried("take the directory of the output", fs::rename(logs, "taken"));
    tried("replace the sandbox", fs::rename("../sandbox", "../other"));
    tried("leave a link for the sandbox", symlink("/", "../sandbox.next"));
    tried("list the directory of the output", fs::read_dir(logs));
    tried("shorten the newest output", File::options().write(true).truncate(true).open(logs.join("stdout")));
    for descriptor in ["/proc/self/fd/1", "/dev/stdout"] {
        // One's own pipe may be opened in every way; nothing behind it is reached.
        let flags = nix::libc::O_TRUNC | nix::libc::O_NONBLOCK;
        File::options().write(true).custom_flags(flags).open(descriptor).unwrap();
    }
}
