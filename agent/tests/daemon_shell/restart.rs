//! An agent that dies, and the next one: tasks do not notice, and nothing is forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use meros_agent::{Agent, Error, IsolationMode};
use meros_types::{Exit, Reason, Resources, TaskState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Tests, until};
use crate::peers::{Cluster, Framework};
use crate::process::AgentProcess;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    test!(tests, ten_tasks_survive_their_agent);
    test!(tests, a_stopping_agent_leaves_its_tasks_running);
    test!(tests, a_shim_that_dies_while_the_agent_is_down_is_told);
    test!(tests, a_reboot_is_told_as_such);
    test!(tests, two_agents_leave_each_other_alone);
    test!(tests, a_name_and_a_directory_have_one_agent);
    test!(tests, a_wiped_directory_finds_and_ends_its_orphans);
    test!(tests, fewer_resources_are_refused_while_tasks_rest_on_them);
    test!(tests, another_name_or_isolation_is_refused_while_tasks_run);
    test!(tests, a_damaged_end_of_the_log_is_no_obstacle);
    test!(tests, a_launcher_that_is_late_starts_nothing_unknown);
}

const ISOLATIONS: [&str; 2] = ["auto", "plain"];
const EACH: &str = "cpus:0.5;mem:64MiB";
/// Writes down its process id and waits for a file; then ends with its own number.
const WAITS: &str = "echo $$ > pid; until [ -e go ]; do sleep 0.01; done; exit ";

/// The sandboxes of an agent's containers by the process of their task.
fn sandboxes(agent: &AgentProcess) -> BTreeMap<i32, PathBuf> {
    let containers = fs::read_dir(agent.work_dir().join("containers")).into_iter().flatten().flatten();
    let sandbox = |container: fs::DirEntry| {
        let sandbox = container.path().join("sandbox");
        Some((fs::read_to_string(sandbox.join("pid")).ok()?.trim().parse().ok()?, sandbox))
    };
    containers.filter_map(sandbox).collect()
}

fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

/// The shim that supervises the task in this sandbox.
fn shim(sandbox: &Path) -> i32 {
    let record = fs::read_to_string(sandbox.with_file_name("state").join("record")).unwrap();
    meros_agent_core::shim::record::read_shim_record(&record).unwrap().shim_pid
}

/// Launches tasks that wait, and waits until they do. By their processes, their sandboxes.
async fn launch(framework: &mut Framework, agent: &AgentProcess, tasks: &[&str]) -> BTreeMap<i32, PathBuf> {
    let before = sandboxes(agent).len();
    let lines: Vec<_> = tasks.iter().map(|task| (*task, format!("{WAITS}{}", task.len()))).collect();
    let tasks: Vec<_> = lines.iter().map(|(task, line)| (*task, line.as_str())).collect();
    framework.launch(&tasks, EACH).await;
    until("the tasks run", || sandboxes(agent).len() == before + tasks.len()).await;
    sandboxes(agent)
}

async fn ten_tasks_survive_their_agent() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agent = cluster.agent_process(isolation, isolation);
        agent.start();
        let mut framework = cluster.framework().await;
        let names: Vec<String> = (1..=10).map(|n| "t".repeat(n)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let tasks = launch(&mut framework, &agent, &names).await;
        agent.kill();
        assert!(tasks.keys().all(|pid| lives(*pid)));
        for (pid, sandbox) in tasks.iter().take(3) {
            let shim = shim(sandbox);
            fs::write(sandbox.join("go"), "").unwrap();
            until("the task and its shim end", || !lives(*pid) && !lives(shim)).await;
        }
        agent.start();
        let mut ended = BTreeMap::new();
        while ended.len() < 3 {
            note(&mut framework, &mut ended).await;
        }
        assert!(tasks.keys().skip(3).all(|pid| lives(*pid)), "nothing was started anew");
        for sandbox in tasks.values().skip(3) {
            fs::write(sandbox.join("go"), "").unwrap();
        }
        while ended.len() < 10 {
            note(&mut framework, &mut ended).await;
        }
        for name in names {
            assert_eq!(ended[name], Some(Exit::Code(i32::try_from(name.len()).unwrap())), "{isolation}: {name}");
        }
        assert_eq!(sandboxes(&agent), tasks, "nothing was started anew");
    }
}

/// Takes an update in; each task ends once.
async fn note(framework: &mut Framework, ended: &mut BTreeMap<String, Option<Exit>>) {
    let update = framework.update().await;
    if update.state.is_terminal() {
        assert_eq!(update.reason, Reason::Exited, "{update:?}");
        ended.insert(update.task.to_string(), update.exit);
    }
}

async fn a_stopping_agent_leaves_its_tasks_running() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agent = cluster.agent_process(isolation, isolation);
        agent.start();
        let mut framework = cluster.framework().await;
        let tasks = launch(&mut framework, &agent, &["ttt"]).await;
        agent.terminate().await;
        agent.start();
        cluster.agents_connected(1).await;
        let (pid, sandbox) = tasks.first_key_value().unwrap();
        assert!(lives(*pid));
        fs::write(sandbox.join("go"), "").unwrap();
        assert_eq!(framework.until("ttt", TaskState::Failed).await.exit, Some(Exit::Code(3)));
    }
}

async fn a_shim_that_dies_while_the_agent_is_down_is_told() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agent = cluster.agent_process(isolation, isolation);
        agent.start();
        let mut framework = cluster.framework().await;
        let tasks = launch(&mut framework, &agent, &["t"]).await;
        let (pid, sandbox) = tasks.first_key_value().unwrap();
        agent.kill();
        kill(Pid::from_raw(shim(sandbox)), Signal::SIGKILL).unwrap();
        agent.start();
        assert_eq!(framework.until("t", TaskState::Failed).await.reason, Reason::SupervisorLost);
        assert!(!lives(*pid));
    }
}

async fn a_reboot_is_told_as_such() {
    let cluster = Cluster::start().await;
    let boot = cluster.folder.path().join("boot-id");
    fs::write(&boot, "first\n").unwrap();
    let mut agent = cluster.agent_process("a", "auto");
    agent.set("boot-id-file", boot.display()).start();
    let mut framework = cluster.framework().await;
    let tasks = launch(&mut framework, &agent, &["t"]).await;
    agent.kill();
    // What a reboot leaves: files, and no process.
    let shim = shim(tasks.values().next().unwrap());
    kill(Pid::from_raw(shim), Signal::SIGKILL).unwrap();
    until("the shim is dead", || !lives(shim)).await;
    fs::write(&boot, "second\n").unwrap();
    agent.start();
    assert_eq!(framework.until("t", TaskState::Failed).await.reason, Reason::AgentRebooted);
}

async fn two_agents_leave_each_other_alone() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agents = ["one", "two"].map(|name| cluster.agent_process(&format!("{isolation}-{name}"), isolation));
        let mut framework = cluster.framework().await;
        agents[0].start();
        let first = launch(&mut framework, &agents[0], &["t"]).await;
        agents[1].start();
        cluster.agents_connected(2).await;
        // The first has no room for these.
        framework.launch(&[("second", &format!("{WAITS}2"))], "cpus:8").await;
        until("the task runs", || sandboxes(&agents[1]).len() == 1).await;
        let second = sandboxes(&agents[1]);
        for agent in &mut agents {
            agent.kill();
            agent.start();
            cluster.agents_connected(2).await;
            assert!(first.keys().chain(second.keys()).all(|pid| lives(*pid)));
        }
        let [first_agent, _second_agent] = agents;
        drop(first_agent);
        assert!(first.keys().all(|pid| !lives(*pid)) && second.keys().all(|pid| lives(*pid)));
    }
}

async fn a_name_and_a_directory_have_one_agent() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let name = format!("test-{}-{isolation}", std::process::id());
        let mut agent = cluster.agent_process(&name, isolation);
        agent.set("name", &name).start();
        cluster.agents_connected(1).await;
        let mut other = cluster.agent_process("elsewhere", isolation);
        let said = other.set("name", &name).refused().await;
        assert!(said.contains("another agent runs under the name") && said.contains("--name"), "{said}");
        let mut options = cluster.agent_options(&name);
        options.name = Some(format!("{name}-other"));
        assert!(matches!(Agent::bind(options).await.err().unwrap(), Error::WorkDirTaken { .. }));
        let said = other.set("name", "a/b").refused().await;
        assert!(said.contains("is not a name for an agent"), "{said}");
        agent.kill();
        other.set("name", &name);
    }
}

async fn a_wiped_directory_finds_and_ends_its_orphans() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agent = cluster.agent_process(isolation, isolation);
        agent.start();
        let mut framework = cluster.framework().await;
        let tasks = launch(&mut framework, &agent, &["t", "tt"]).await;
        agent.kill();
        fs::remove_dir_all(agent.work_dir()).unwrap();
        agent.start();
        // A new agent to its master, which has not heard of the end of the first.
        until("the orphans are dead", || !tasks.keys().any(|pid| lives(*pid))).await;
    }
}

async fn fewer_resources_are_refused_while_tasks_rest_on_them() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.agent_process("a", "auto");
    agent.start();
    let mut framework = cluster.framework().await;
    let tasks = launch(&mut framework, &agent, &["t"]).await;
    agent.kill();
    let said = agent.set("resources", "cpus:1;mem:2GiB").refused().await;
    assert!(said.contains("cpus:8") && said.contains("cpus:1") && said.contains("work directory"), "{said}");
    assert!(tasks.keys().all(|pid| lives(*pid)), "a refusal harms no task");
    // More is taken.
    agent.set("resources", "cpus:16;mem:2GiB").start();
    cluster.agents_connected(1).await;
    fs::write(tasks.values().next().unwrap().join("go"), "").unwrap();
    framework.until("t", TaskState::Failed).await;
}

/// It would take the tasks over by their directories, and look for their processes where none are.
async fn another_name_or_isolation_is_refused_while_tasks_run() {
    if meros_agent::runtime::check_cgroups().is_err() {
        return;
    }
    let cluster = Cluster::start().await;
    let mut agent = cluster.agent_process("a", "auto");
    agent.start();
    let mut framework = cluster.framework().await;
    let tasks = launch(&mut framework, &agent, &["t"]).await;
    agent.kill();
    for (name, isolation) in [(Some("other".to_owned()), IsolationMode::Cgroup), (None, IsolationMode::Plain)] {
        let mut options = cluster.agent_options("a");
        options.resources = Some(Resources::parse("cpus:8;mem:2GiB").unwrap());
        (options.name, options.isolation) = (name, isolation);
        let said = Agent::bind(options).await.err().unwrap().to_string();
        assert!(said.contains("/meros/agent-") && said.contains("isolation and the name of before"), "{said}");
    }
    assert!(tasks.keys().all(|pid| lives(*pid)), "a refusal harms no task");
    agent.start();
    fs::write(tasks.values().next().unwrap().join("go"), "").unwrap();
    framework.until("t", TaskState::Failed).await;
}

async fn a_damaged_end_of_the_log_is_no_obstacle() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.agent_process("a", "auto");
    agent.start();
    let mut framework = cluster.framework().await;
    let tasks = launch(&mut framework, &agent, &["t"]).await;
    framework.until("t", TaskState::Running).await;
    agent.kill();
    let log = agent.work_dir().join("agent.log");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, [&whole, &b"\n0000ffff 12345678 {\"v\":1,\"rec"[..]].concat()).unwrap();
    agent.start();
    cluster.agents_connected(1).await;
    fs::write(tasks.values().next().unwrap().join("go"), "").unwrap();
    framework.until("t", TaskState::Failed).await;
    agent.kill();
    fs::write(&log, "my diary\n").unwrap();
    let said = agent.refused().await;
    assert!(said.contains("agent.log") && said.contains("not an agent's log"), "{said}");
    fs::remove_file(&log).unwrap();
}

/// The launcher of a dead agent, which comes to its last request when the next agent has long begun.
async fn a_launcher_that_is_late_starts_nothing_unknown() {
    let cluster = Cluster::start().await;
    for isolation in ISOLATIONS {
        let mut agent = cluster.agent_process(isolation, isolation);
        agent.start_to_die("launch-requested");
        let mut framework = cluster.framework().await;
        cluster.agents_connected(1).await;
        let launcher = launcher_of(agent.pid());
        let stopped = Stopped::stop(launcher);
        framework.launch(&[("t", &format!("{WAITS}1"))], EACH).await;
        agent.dead().await;
        agent.start();
        until("the next agent waits for its end", || waits_for_a_lock(agent.pid())).await;
        assert!(sandboxes(&agent).is_empty());
        drop(stopped);
        framework.until("t", TaskState::Running).await;
        until("the task runs", || sandboxes(&agent).len() == 1).await;
        fs::write(sandboxes(&agent).values().next().unwrap().join("go"), "").unwrap();
        framework.until("t", TaskState::Failed).await;
        assert!(!lives(launcher.as_raw()));
    }
}

/// A process that does nothing until this is dropped, also by a test that fails.
struct Stopped(Pid);

impl Stopped {
    fn stop(pid: Pid) -> Self {
        kill(pid, Signal::SIGSTOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have been killed meanwhile.
        let _ = kill(self.0, Signal::SIGCONT);
    }
}

fn launcher_of(agent: i32) -> Pid {
    let children = fs::read_dir(format!("/proc/{agent}/task")).unwrap().flatten();
    let lists = children.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    let pids: Vec<i32> =
        lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect();
    assert_eq!(pids.len(), 1, "an agent's only child is its launcher");
    Pid::from_raw(pids[0])
}

fn waits_for_a_lock(agent: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{agent}/task")).into_iter().flatten().flatten();
    let mut places = threads.map(|thread| fs::read_to_string(thread.path().join("wchan")).unwrap_or_default());
    places.any(|place| place.contains("lock_inode"))
}
