//! Masters that are killed when an operator has decided something: what they answered is there after every restart, and what follows
//! from it still does.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::daemons::{Master, Site};
use crate::support::{Process, text, wait_until};

#[track_caller]
fn done(master: &Master, arguments: &[&str]) -> String {
    let output = master.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn role(master: &Master, name: &str) -> Value {
    let roles: Vec<Value> = serde_json::from_str(&done(master, &["roles", "--json"])).unwrap();
    roles.into_iter().find(|role| role["role"] == name).unwrap_or_default()
}

#[track_caller]
fn begin_anew(master: &mut Master) {
    master.kill();
    master.restart();
    master.wait_for_agents(1);
}

#[test]
fn operators_survive_what_was_answered_is_there_after_each_restart() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &["--hostname", "web-1"]);
    master.wait_for_agents(1);

    done(&master, &["weights", "prod=5"]);
    begin_anew(&mut master);
    assert_eq!(role(&master, "prod")["weight"], 5);
    done(&master, &["quota", "set", "eng", "--limit", "cpus:3", "--guarantee", "cpus:1"]);
    begin_anew(&mut master);
    let eng = role(&master, "eng");
    assert_eq!(
        (&eng["limit"], &eng["guarantee"], &role(&master, "prod")["weight"]),
        (&json!("cpus:3"), &json!({"cpus": 1.0}), &json!(5))
    );
    done(&master, &["quota", "clear", "eng"]);
    done(&master, &["maintenance", "set", "kernel", "--start", "2100-01-01T00:00:00Z", "--duration", "1h", "web-1"]);
    begin_anew(&mut master);
    assert_eq!(role(&master, "eng"), Value::Null);
    assert!(done(&master, &["maintenance", "list"]).contains("kernel"));
    wait_until("the window is the agent's", || master.status("agents")[0]["unavailability"].is_object());
    done(&master, &["maintenance", "remove", "kernel"]);
    done(&master, &["deactivate", "web-1"]);
    begin_anew(&mut master);
    assert!(done(&master, &["maintenance", "list"]).contains("no maintenance windows"));
    assert_eq!(master.status("agents")[0]["duty"], "Deactivated");
    done(&master, &["reactivate", "web-1"]);
    begin_anew(&mut master);
    assert_eq!(master.status("agents")[0]["duty"], "Active");
    agent.stop();
}

#[test]
fn a_drain_goes_on_with_the_next_master() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &["--hostname", "web-1"]);
    let mut task = Process::start(master.meros().args(["run", "--", "sh", "-c", "echo begun; exec sleep 600"]));
    Process::line_with(&task.lines, "begun");
    // The agent can't hear of it: the master dies with the decision alone.
    agent.process.signal(Signal::SIGSTOP);
    done(&master, &["drain", "web-1", "--max-grace", "1s"]);
    master.kill();
    agent.process.signal(Signal::SIGCONT);
    master.restart();
    assert_eq!(task.code(), Some(143), "{}", Process::rest(&task.errors));
    wait_until("it is drained", || master.status("agents").first().is_some_and(|agent| agent["drained"] == true));
    begin_anew(&mut master);
    wait_until("it is drained still", || master.status("agents")[0]["drained"] == true);
    agent.stop();
}

#[test]
fn an_agent_that_is_gone_is_gone_for_the_next_master() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &["--hostname", "web-1"]);
    let mut task = Process::start(master.meros().args(["run", "--", "sh", "-c", "echo begun; exec sleep 600"]));
    Process::line_with(&task.lines, "begun");
    agent.kill();
    done(&master, &["gone", "web-1", "--yes"]);
    master.kill();
    master.restart();
    agent.restart();
    assert!(agent.process.code().is_some_and(|code| code != 0), "it is refused");
    assert_eq!(task.code(), Some(1));
    assert!(Process::rest(&task.errors).contains("GONE_BY_OPERATOR"));
}

/// An update is killed at any instant of it: it is there as a whole or not at all, and what was answered is there.
#[test]
fn an_update_of_roles_is_whole_wherever_the_master_dies() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut answered = 0;
    for weight in 1..=8_u64 {
        let mut update =
            Process::start(master.meros().args(["weights", "--wait", "0s", &format!("a={weight}"), &format!("b={weight}")]));
        // Each later by a little: the master is killed before, while and after it stores.
        (0..weight * 2).for_each(|_| drop(master.run(&["status", "offers", "--wait", "0s"])));
        master.kill();
        if update.code() == Some(0) {
            answered = weight;
        }
        master.restart();
        let stored = |name| role(&master, name)["weight"].as_u64().unwrap_or(1);
        assert_eq!(stored("a"), stored("b"));
        assert!(stored("a") >= answered, "{} is stored, and {answered} was answered", stored("a"));
    }
}
