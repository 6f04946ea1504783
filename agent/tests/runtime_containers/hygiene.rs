//! What a task finds itself in: nothing of the agent's.

use std::collections::BTreeMap;

use meros_types::Command;

use crate::body;
use crate::cluster::{Cluster, ROOMY, Version};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.both("the_environment_is_the_tasks_own", body!(environment));
    tests.both("no_descriptor_leaks", body!(descriptors));
    tests.both("signals_and_privileges_are_clean", body!(status));
    tests.both("the_task_leads_its_own_session_in_its_sandbox", body!(session));
    tests.both("the_shims_files_are_out_of_reach", body!(out_of_reach));
    tests.only(Version::V1, "the_task_is_in_all_its_groups", body!(groups));
}

async fn environment(cluster: &mut Cluster) {
    let mut command = Command::words(["env"]);
    command.environment.insert("COLOUR".into(), "blue = green".into());
    let spec = cluster.spec(command, ROOMY);
    let (id, task_id) = (spec.id, spec.task_id.clone());
    cluster.runtime().launch(spec).await.unwrap();
    cluster.record(id).await;
    let sandbox = cluster.runtime().paths(id).sandbox().display().to_string();
    let text = cluster.stdout(id);
    let found: BTreeMap<_, _> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = [
        ("COLOUR", "blue = green"),
        ("HOME", &*sandbox),
        ("MEROS_SANDBOX", &sandbox),
        ("MEROS_TASK_ID", &task_id),
        ("PATH", path),
        ("TMPDIR", &sandbox),
    ];
    assert_eq!(found, BTreeMap::from(expected));
}

async fn descriptors(cluster: &mut Cluster) {
    let id = cluster.try_launch(Command::words(["ls", "/proc/self/fd"]), ROOMY).await.unwrap();
    cluster.record(id).await;
    // 3 is the directory that ls reads. This process has an inheritable one above, see main.
    assert_eq!(cluster.stdout(id), "0\n1\n2\n3\n");
    let (id, _) = cluster.run("readlink /proc/$$/fd/0; ulimit -n; ulimit -Hn", ROOMY).await;
    let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    assert_eq!(cluster.stdout(id), format!("/dev/null\n{soft}\n{hard}\n"));
}

async fn status(cluster: &mut Cluster) {
    let id = cluster.try_launch(Command::words(["cat", "/proc/self/status", "/proc/self/oom_score_adj"]), ROOMY).await.unwrap();
    cluster.record(id).await;
    let text = cluster.stdout(id);
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.split_once(':').unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for name in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(field(name), "0000000000000000", "{name}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Umask"), "0022");
    assert_eq!(text.lines().last(), Some("0"));
    if nix::unistd::geteuid().is_root() {
        let uid = field("Uid");
        assert!(uid.starts_with("700"), "{uid}");
        assert_eq!(field("Gid"), uid);
        assert_eq!(field("Groups"), "");
        for name in ["CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(name), "0000000000000000", "{name}");
        }
    }
}

async fn session(cluster: &mut Cluster) {
    let (id, _) = cluster.run("pwd; set -- $(cat /proc/$$/stat); echo $(($1 == $5)) $(($1 == $6)); touch mine", ROOMY).await;
    let sandbox = cluster.runtime().paths(id).sandbox();
    assert_eq!(cluster.stdout(id), format!("{}\n1 1\n", sandbox.display()));
    assert!(sandbox.join("mine").exists(), "{}", cluster.stderr(id));
}

async fn out_of_reach(cluster: &mut Cluster) {
    if nix::unistd::geteuid().is_root() {
        let (id, _) = cluster.run("ls ../state || ls ../logs || ls .. || echo refused", ROOMY).await;
        assert_eq!(cluster.stdout(id), "refused\n");
    }
}

async fn groups(cluster: &mut Cluster) {
    let id = cluster.try_launch(Command::words(["cat", "/proc/self/cgroup"]), ROOMY).await.unwrap();
    cluster.record(id).await;
    let text = cluster.stdout(id);
    for hierarchy in Version::V1.hierarchies() {
        let expected = format!(":{hierarchy}:/meros/{}/{id}", cluster.name);
        assert!(text.lines().any(|line| line.ends_with(&expected)), "{expected} in {text}");
    }
}
