//! A batch that everything around it, and itself, is killed under: what the author of a scheduler tests with.

use std::time::Duration;

use meros_batch::Batch;
use meros_session::Identity;
use meros_sim::{Cluster, Handle, deterministic};
use meros_types::Resources;

const COMMANDS: usize = 60;

fn machine() -> Resources {
    Resources::parse("cpus:4;mem:8GiB").expect("these are resources")
}

fn keyed() -> Identity {
    Identity { key: Some("nightly".to_owned()), ..Identity::new("batch") }
}

/// Each command is run once and done, whatever is killed on the way.
#[track_caller]
fn check(seed: u64, mut strike: impl FnMut(&mut Cluster, Handle<Batch>)) {
    deterministic(seed, |cluster| {
        let agents = cluster.agents(2, machine());
        let batch = cluster.framework_from(keyed(), || Batch::new(COMMANDS).resumable());
        while cluster[batch].done < COMMANDS {
            cluster.run_for(Duration::from_millis(700));
            strike(cluster, batch);
        }
        cluster.stop_crashing();
        cluster.run_until(|cluster| cluster.finished(batch).is_some());
        assert_eq!(cluster[batch].failed, 0);
        assert!(cluster[batch].records().iter().all(|record| record.attempts == 1), "nothing was run twice");
        assert!(agents.iter().all(|agent| cluster.live_on(*agent) == 0));
    });
}

#[test]
fn a_batch_outlives_its_masters() {
    check(1, |cluster, _| cluster.crash_master());
}

#[test]
fn a_batch_outlives_its_own_process() {
    check(2, |cluster, batch| cluster.crash_framework(batch));
}

#[test]
fn tasks_outlive_their_agents() {
    deterministic(3, |cluster| {
        let agents = cluster.agents(2, machine());
        let batch = cluster.framework("batch", Batch::new(COMMANDS));
        while cluster[batch].done < COMMANDS {
            // Each is back within ten seconds.
            cluster.run_for(Duration::from_secs(12));
            agents.iter().for_each(|agent| cluster.crash_agent(*agent));
        }
        assert!(cluster[batch].records().iter().all(|record| record.attempts == 1), "no task was lost with its agent");
    });
}

#[test]
fn a_killed_shim_costs_one_attempt_at_its_own_task() {
    deterministic(4, |cluster| {
        let agent = cluster.agents(1, machine())[0];
        let batch = cluster.framework("batch", Batch::new(4));
        cluster.run_until(|cluster| cluster.live_on(agent) == 4);
        cluster.kill_shim(agent);
        cluster.run_until(|cluster| cluster[batch].is_over());
        let attempts: u32 = cluster[batch].records().iter().map(|record| record.attempts).sum();
        assert_eq!((cluster[batch].done, attempts), (4, 5));
    });
}
