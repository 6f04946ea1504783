//! The README shows code that is compiled and runs: this file's own test, and `examples/hello` as it stands.

const README: &str = include_str!("../../README.md");

/// Between these lines stands what the README shows.
mod shown {
    // README begins
    use meros::Resources;
    use meros_batch::Batch;
    use meros_sim::Cluster;

    #[test]
    fn a_batch_survives_the_loss_of_an_agent() {
        let mut cluster = Cluster::seeded(7);
        let agents = cluster.agents(3, Resources::parse("cpus:4;mem:8GiB").unwrap());
        let batch = cluster.framework("batch", Batch::new(40));
        cluster.run_until(|c| c[batch].done > 5);
        cluster.kill_agent(agents[0]);
        cluster.run_until(|c| c[batch].done == 40); // or panics with the seed and the last events
    }
    // README ends
}

#[test]
fn the_scheduler_is_the_one_of_the_example() {
    assert!(README.contains(include_str!("../../examples/hello/src/main.rs")), "README.md does not show examples/hello as it is");
}

#[test]
fn the_test_is_the_one_above() {
    let own = include_str!("readme.rs");
    let (_, rest) = own.split_once("    // README begins\n").unwrap();
    let (body, _) = rest.split_once("    // README ends\n").unwrap();
    let body: String = body.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
    assert!(README.contains(&body), "README.md does not show:\n{body}");
}

#[test]
fn the_commands_exist() {
    for line in README.lines().filter(|line| line.starts_with("meros ")) {
        let command = line.split(' ').nth(1).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_meros")).args([command, "--help"]).output().unwrap();
        assert!(output.status.success(), "{line}");
    }
}
