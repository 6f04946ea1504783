//! What outlives what: SIGKILL at the shim, the launcher, the agent.

use std::fs;

use meros_agent::runtime::{LaunchError, RuntimeError, SupervisorLost};
use meros_agent_core::shim::record::read_exit_record;
use meros_types::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, Version, eventually};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.both("a_killed_shim_takes_its_tree_along", body!(shim_killed));
    tests.both("a_killed_launcher_is_replaced", body!(launcher_killed));
    tests.both("shims_outlive_agent_and_launcher", body!(agent_gone));
    tests.both("the_state_is_locked_while_the_shim_lives", body!(locked));
    tests.one(Kind::Cgroup, "supervisors_live_in_a_group_of_their_own", body!(apart));
}

async fn apart(cluster: &mut Cluster) {
    let id = cluster.launch("sleep 1000", ROOMY).await;
    let (shim, launcher) = (cluster.shim(id), cluster.launchers()[0]);
    for hierarchy in Version::here().hierarchies() {
        let members = |group: &str| fs::read_to_string(cluster.group(hierarchy).join(group).join("cgroup.procs")).unwrap();
        let supervisors = members("shims");
        for pid in [shim, launcher] {
            assert!(supervisors.lines().any(|line| line == pid.to_string()), "{hierarchy}: {pid} is not among {supervisors:?}");
        }
        assert!(
            !members(&id.to_string()).lines().any(|line| line == shim.to_string()),
            "{hierarchy}: the shim is in the container"
        );
    }
}

async fn shim_killed(cluster: &mut Cluster) {
    let line = "setsid sh -c '(setsid sleep 1000 &); sleep 1000' & echo ready; sleep 1000";
    let id = cluster.launch(line, ROOMY).await;
    eventually("the whole tree runs", || (cluster.members(id).len() >= 4).then_some(())).await;
    kill(Pid::from_raw(cluster.shim(id)), Signal::SIGKILL).unwrap();
    assert_eq!(cluster.outcome(id).await, Err(SupervisorLost));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
}

async fn launcher_killed(cluster: &mut Cluster) {
    let survivor = cluster.launch("while [ ! -e go ]; do sleep 0.01; done; exit 8", ROOMY).await;
    let launchers = cluster.launchers();
    assert_eq!(launchers.len(), 1);
    kill(Pid::from_raw(launchers[0]), Signal::SIGKILL).unwrap();
    // A request that the dying launcher swallowed fails, and says so; the next has a new launcher.
    let next = loop {
        match cluster.try_launch(meros_types::Command::shell("exit 9"), ROOMY).await {
            Ok(id) => break id,
            Err(LaunchError::Agent(RuntimeError::SupervisorKilled { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(cluster.record(next).await.exit, Exit::Code(9));
    let shim = cluster.shim(survivor);
    fs::write(cluster.runtime().paths(survivor).sandbox().join("go"), "").unwrap();
    nix::sys::wait::waitpid(Pid::from_raw(shim), None).unwrap();
    assert_eq!(cluster.record(survivor).await.exit, Exit::Code(8));
}

async fn agent_gone(cluster: &mut Cluster) {
    let line = "while [ ! -e go ]; do sleep 0.01; done; seq 100000; exit 12";
    let id = cluster.launch(line, ROOMY).await;
    let paths = cluster.runtime().paths(id);
    let shim = cluster.shim(id);
    drop(cluster.runtime.take());
    assert_eq!(cluster.launchers(), Vec::<i32>::new());
    assert!(fs::exists(format!("/proc/{shim}")).unwrap());
    fs::write(paths.sandbox().join("go"), "").unwrap();
    let text = eventually("the shim leaves its record", || fs::read_to_string(paths.state().join("exit")).ok()).await;
    nix::sys::wait::waitpid(Pid::from_raw(shim), None).unwrap();
    assert_eq!(read_exit_record(&text).unwrap().exit, Exit::Code(12));
    assert!(!paths.state().join("exit.unfinished").exists());
    assert_eq!(fs::read_to_string(paths.stdout()).unwrap().lines().count(), 100_000);
}

async fn locked(cluster: &mut Cluster) {
    let id = cluster.launch("while [ ! -e go ]; do sleep 0.01; done", ROOMY).await;
    let lock = fs::File::options().read(true).write(true).open(cluster.runtime().paths(id).state().join("lock")).unwrap();
    let mut question = libc::flock { l_type: libc::F_WRLCK as i16, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    nix::fcntl::fcntl(&lock, nix::fcntl::FcntlArg::F_GETLK(&mut question)).unwrap();
    assert_eq!(question.l_pid, cluster.shim(id));
    fs::write(cluster.runtime().paths(id).sandbox().join("go"), "").unwrap();
    cluster.record(id).await;
    let mut question = libc::flock { l_type: libc::F_WRLCK as i16, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    nix::fcntl::fcntl(&lock, nix::fcntl::FcntlArg::F_GETLK(&mut question)).unwrap();
    assert_eq!(i32::from(question.l_type), libc::F_UNLCK);
}
