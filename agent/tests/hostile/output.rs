//! Attacks by output and on it, and output that the disk has no room for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use meros_agent::runtime::LogLimits;
use meros_types::{ContainerId, Limits};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::attack::{check_refused, launch};
use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, eventually};
use crate::harness::Tests;

/// What a shim may have for itself while its task writes at full speed.
const SHIM_BYTES_MAX: u64 = 512 << 10;
/// How long a task writes at full speed, in seconds.
const FLOOD_SECONDS: u64 = 60;
/// How often the shim and the log are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The task's share of the CPU. Its shim, which copies, takes about as much again, and other tests run beside.
const FLOOD_CPU_MILLI: u64 = 300;

pub(crate) fn add(tests: &mut Tests) {
    tests.one(Kind::Cgroup, "output_goes_nowhere_else", body!(redirected));
    tests.one(Kind::Cgroup, "output_at_full_speed_keeps_log_and_shim_small", body!(flood));
    tests.one(Kind::Cgroup, "a_full_disk_loses_output_and_no_task_and_says_how_much", body!(full_disk));
}

/// A small file system of the test's own.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Self {
        mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some("size=3m,mode=711")).unwrap();
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).unwrap();
    }
}

async fn full_disk(cluster: &mut Cluster) {
    let disk = Disk::mount(cluster.work.path().join("containers"));
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let line =
        "head -c 4M /dev/zero | tr '\\0' x; mkdir full; while [ ! -e go ]; do sleep 0.01; done; sleep 0.5; echo after; exit 7";
    let id = cluster.launch(line, ROOMY).await;
    let paths = cluster.runtime().paths(id);
    eventually("all is written or lost", || paths.sandbox().join("full").exists().then_some(())).await;
    fs::remove_file(ballast).unwrap();
    fs::create_dir(paths.sandbox().join("go")).unwrap();
    assert_eq!(cluster.record(id).await.exit.shell_code(), 7);
    let text = cluster.stdout(id);
    let (kept, rest) = text.split_once('\n').unwrap();
    let lost = rest
        .strip_prefix("[meros: ")
        .and_then(|rest| rest.strip_suffix(" bytes of output were lost here: the disk was full]\nafter\n"));
    let lost: usize = lost.unwrap_or_else(|| panic!("{rest:?}")).parse().unwrap();
    assert!(kept.bytes().all(|byte| byte == b'x') && lost > 0);
    assert_eq!(kept.len() + lost, 4 << 20);
    cluster.runtime().remove(id).await.unwrap();
}

async fn redirected(cluster: &mut Cluster) {
    let precious = cluster.work.path().join("precious");
    fs::write(&precious, "root's").unwrap();
    fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
    let id = launch(cluster, "output", &[precious.to_str().unwrap().to_owned()]).await;
    assert!(cluster.record(id).await.exit.success(), "{}", cluster.stderr(id));
    let attempts = check_refused(&cluster.stdout(id));
    assert!(attempts.len() >= 15, "{attempts:#?}");
    // The same links beside output that is rotated several times.
    let line = format!("for name in stdout stderr logs; do ln -s {} $name; done; head -c 41M /dev/zero", precious.display());
    let (rotated, record) = cluster.run(&line, ROOMY).await;
    assert!(record.exit.success());
    assert_eq!(log_bytes(cluster, rotated), 25 << 20, "the two oldest segments are gone");
    for id in [id, rotated] {
        cluster.runtime().remove(id).await.unwrap();
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "root's");
}

/// How much of its standard output is on the disk.
fn log_bytes(cluster: &Cluster, id: ContainerId) -> u64 {
    let segments = fs::read_dir(cluster.runtime().paths(id).root().join("logs")).unwrap().flatten();
    // One that is rotated away meanwhile has nothing. The link is no segment.
    let sizes = segments.filter(|entry| entry.file_name().to_string_lossy().starts_with("stdout."));
    sizes.filter_map(|entry| Some(entry.metadata().ok().filter(fs::Metadata::is_file)?.len())).sum()
}

/// What a process has for itself and has changed. None when it has ended.
fn private_dirty(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().unwrap() << 10)
}

async fn flood(cluster: &mut Cluster) {
    let limits = LogLimits::default();
    let log_max = limits.bytes * u64::from(limits.files);
    let line = format!("timeout {FLOOD_SECONDS} cat /dev/zero; echo; echo end");
    let id = cluster.launch(&line, Limits { cpu_milli: FLOOD_CPU_MILLI, ..ROOMY }).await;
    let shim = cluster.shim(id);
    let (mut looks, mut most) = (0, 0);
    let mut glances = tokio::time::interval(LOOK_EVERY);
    // Until the shim has ended, and its memory with it.
    while let Some(bytes) = private_dirty(shim) {
        most = most.max(bytes);
        looks += 1;
        assert!(log_bytes(cluster, id) <= log_max);
        glances.tick().await;
    }
    assert!(looks > 100 && most > 0 && most < SHIM_BYTES_MAX, "{most} bytes at the most, in {looks} looks");
    assert!(cluster.record(id).await.exit.success());
    assert!(cluster.stdout(id).ends_with("\nend\n"), "nothing of the end is lost");
    let kept = log_bytes(cluster, id);
    assert!(kept <= log_max && kept > log_max - limits.bytes, "{kept}");
}
