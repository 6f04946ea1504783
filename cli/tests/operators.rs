//! What operators decide, by the binary on real daemons: how roles share, which agents are on duty, when machines are away, and why
//! a framework has no more.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

#[allow(dead_code, reason = "some of it is for tests of what survives alone")]
#[path = "survive/daemons.rs"]
mod daemons;
mod support;

use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::mpsc;

use daemons::{Agent, Master, Site};
use meros::{Context, Framework, Offer, Scheduler, TaskUpdate};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::{Process, text, wait_until};

/// A master and two agents, `web-1` in rack a and `web-2` in rack b, with four cores each.
fn cluster(site: &Site) -> (Master, Agent, Agent) {
    let master = site.master(&[]);
    let agent = |which, attributes, domain| {
        let flags = ["--hostname", which, "--attributes", attributes, "--domain", domain];
        site.agent(which, &master, &flags)
    };
    let both = (agent("web-1", "rack:a", "eu/eu-1"), agent("web-2", "rack:b", "eu/eu-2"));
    master.wait_for_agents(2);
    (master, both.0, both.1)
}

/// Succeeded, and said this on standard output.
#[track_caller]
fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn json_of(output: &Output) -> Vec<Value> {
    serde_json::from_str(&said(output)).unwrap()
}

/// Failed with one line that has all of these.
#[track_caller]
fn failed(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

fn agent(master: &Master, hostname: &str) -> Value {
    master.status("agents").into_iter().find(|agent| agent["hostname"] == hostname).unwrap_or_default()
}

fn role(master: &Master, name: &str) -> Value {
    json_of(&master.run(&["roles", "--json"])).into_iter().find(|role| role["role"] == name).unwrap_or_default()
}

/// A task that runs until it is ended, in this role and place.
fn sleeper(master: &Master, flags: &[&str]) -> Process {
    let mut command = master.meros();
    let process = Process::start(command.arg("run").args(flags).args(["--", "sh", "-c", "echo begun; exec sleep 600"]));
    Process::line_with(&process.lines, "begun");
    process
}

#[test]
fn weights_and_quotas_are_set_together_shown_and_cleared() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    said(&master.run(&["weights", "prod=5", "eng/backend=2"]));
    let weights = said(&master.run(&["weights"]));
    assert!(weights.contains("prod") && weights.contains("  eng/backend"), "{weights}");
    failed(&master.run(&["weights", "prod=7", "batch=2000000"]), 1, &["batch", "1000000"]);
    failed(&master.run(&["weights", "prod"]), 2, &["batch=3"]);
    assert_eq!(role(&master, "prod")["weight"], 5, "one bad weight changes none");

    let file = site.path("quotas.toml");
    let quotas =
        "[[role]]\nname = \"eng\"\nlimit = \"cpus:4;mem:256MiB\"\n\n[[role]]\nname = \"eng/backend\"\nguarantee = { cpus = 2 }\n";
    std::fs::write(&file, quotas).unwrap();
    let set = said(&master.run(&["quota", "set", "--file", file.to_str().unwrap()]));
    assert_eq!(set, "eng: limit cpus:4;mem:256MiB\neng/backend: guarantee cpus:2\n");
    let mut command = master.meros();
    let mut child = command.args(["quota", "set", "--file", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[[role]]\nname = \"eng\"\nlimit = \"cpus:3\"\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(
        (&role(&master, "eng")["limit"], &role(&master, "eng/backend")["guarantee"]),
        (&json!("cpus:3"), &json!({"cpus": 2.0}))
    );

    let table = said(&master.run(&["roles"]));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ROLE") && lines[0].contains("GUARANTEE") && lines[0].contains("SHARE"), "{table}");
    let at = |name: &str| lines.iter().position(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in:\n{table}"));
    assert_eq!(at("  eng/backend"), at("eng ") + 1);

    said(&master.run(&["quota", "clear", "eng", "eng/backend"]));
    assert_eq!(role(&master, "eng/backend")["guarantee"], json!({}));
    assert_eq!(role(&master, "eng/backend")["weight"], 2, "the weight stays");
}

#[test]
fn a_quota_that_contradicts_is_refused_with_its_numbers_and_some_yield_to_force() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let mut task = sleeper(&master, &["--role", "eng", "--cpus", "2"]);
    failed(&master.run(&["quota", "set", "eng", "--limit", "cpus:1"]), 1, &["role eng", "cpus:2", "cpus:1", "--force"]);
    failed(&master.run(&["quota", "set", "prod", "--guarantee", "cpus:9"]), 1, &["cpus:9", "cpus:8", "--force"]);
    assert_eq!(role(&master, "prod"), Value::Null);
    said(&master.run(&["quota", "set", "eng", "--limit", "cpus:1", "--force"]));
    said(&master.run(&["quota", "set", "prod", "--guarantee", "cpus:9", "--force"]));
    assert_eq!((&role(&master, "eng")["limit"], &role(&master, "prod")["guarantee"]), (&json!("cpus:1"), &json!({"cpus": 9.0})));
    let above = ["quota", "set", "eng", "--guarantee", "cpus:2", "--force"];
    failed(&master.run(&above), 1, &["role eng", "cpus:2", "above its limit cpus:1"]);
    failed(&master.run(&["quota", "set", "eng"]), 2, &["--limit", "--guarantee"]);
    assert_eq!(master.count("RUNNING"), 1, "nothing of this ends a task");
    task.signal(Signal::SIGINT);
    assert_eq!(task.code(), Some(143));
}

#[test]
fn a_deactivated_agent_is_offered_to_nobody_until_it_is_active_again() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let mut task = sleeper(&master, &["--on", "rack=a"]);
    assert_eq!(agent(&master, "web-1")["used"]["cpus"], 1.0);
    failed(&master.run(&["deactivate", "web-1", "web-9"]), 2, &["web-9", "meros status agents"]);
    assert_eq!(agent(&master, "web-1")["duty"], "Active", "one unknown agent changes none");

    let id = agent(&master, "web-2")["id"].as_str().unwrap().to_owned();
    let done = said(&master.run(&["deactivate", "web-1", &id[..8]]));
    assert!(done.contains("web-1 (") && done.contains("web-2 ("), "{done}");
    let table = said(&master.run(&["status", "agents"]));
    assert_eq!(table.matches("DEACTIVATED").count(), 2, "{table}");
    assert!(table.contains("eu/eu-1"), "{table}");
    wait_until("nothing is on offer", || master.status("offers").is_empty());
    let mut waiting = Process::start(master.meros().args(["run", "--", "true"]));
    Process::line_with(&waiting.errors, "waiting for room");
    assert_eq!(master.count("RUNNING"), 1, "its tasks run on");

    said(&master.run(&["reactivate", "web-2"]));
    assert_eq!(waiting.code(), Some(0), "{}", Process::rest(&waiting.errors));
    task.signal(Signal::SIGINT);
    assert_eq!(task.code(), Some(143));
}

#[test]
fn a_drained_agent_has_no_task_left_and_stays_so() {
    let site = Site::new();
    let (master, mut web_1, _web_2) = cluster(&site);
    let mut task = sleeper(&master, &["--on", "@hostname=web-1"]);
    let other = sleeper(&master, &["--on", "rack!=a"]);
    let drained = master.run(&["drain", "web-1", "--max-grace", "1s", "--until-drained"]);
    let told = said(&drained);
    assert!(told.contains("is draining") && told.lines().last().unwrap().ends_with("is drained"), "{told}");
    assert_eq!(task.code(), Some(143), "{}", Process::rest(&task.errors));
    let state = agent(&master, "web-1");
    assert_eq!((&state["drained"], &state["used"]), (&json!(true), &json!({})));
    assert!(said(&master.run(&["status", "agents"])).contains("DRAINED"));
    assert_eq!(master.count("RUNNING"), 1, "the other agent's tasks run on");

    web_1.kill();
    web_1.return_to_master();
    wait_until("it is still drained", || agent(&master, "web-1")["drained"] == true);
    said(&master.run(&["reactivate", "web-1"]));
    assert_eq!(agent(&master, "web-1")["duty"], "Active");
    assert_eq!(master.run(&["run", "--on", "rack=a", "--", "true"]).status.code(), Some(0));
    drop(other);
}

#[test]
fn tasks_of_a_draining_agent_have_until_the_deadline() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let task = sleeper(&master, &["--on", "rack=a"]);
    let told = said(&master.run(&["drain", "web-1", "--deadline", "1h"]));
    assert!(told.contains("may run on for 1h"), "{told}");
    let state = agent(&master, "web-1");
    assert_eq!((&state["drained"], master.count("RUNNING")), (&json!(false), 1));
    assert!(said(&master.run(&["status", "agents"])).contains("DRAINING"));
    // Somebody else has decided otherwise: whoever waits is told.
    let mut waiting = Process::start(master.meros().args(["drain", "web-1", "--deadline", "1h", "--until-drained"]));
    Process::line_with(&waiting.errors, "1 task left on 1 agent");
    said(&master.run(&["reactivate", "web-1"]));
    assert_eq!(waiting.code(), Some(1));
    assert!(Process::rest(&waiting.errors).contains("not draining any more"));
    drop(task);
}

#[test]
fn a_drained_agent_may_be_gone_for_good() {
    let site = Site::new();
    let (master, mut web_1, _web_2) = cluster(&site);
    let mut task = sleeper(&master, &["--on", "rack=a"]);
    said(&master.run(&["drain", "web-1", "--mark-gone", "--until-drained"]));
    assert_eq!(task.code(), Some(143), "{}", Process::rest(&task.errors));
    assert!(web_1.process.code().is_some_and(|code| code != 0), "a gone agent is told, and ends");
    assert_eq!(agent(&master, "web-1"), Value::Null);
    web_1.restart();
    assert!(web_1.process.code().is_some_and(|code| code != 0), "and refused if it comes back");
}

#[test]
fn gone_is_for_good_and_asked_for() {
    let site = Site::new();
    let (master, mut web_1, _web_2) = cluster(&site);
    let mut task = sleeper(&master, &["--on", "rack=a"]);
    web_1.kill();
    failed(&master.run(&["gone", "web-1"]), 2, &["web-1", "1 live task", "nothing undoes", "--yes"]);
    assert_eq!(agent(&master, "web-1")["hostname"], "web-1");
    let done = said(&master.run(&["gone", "web-1", "--yes"]));
    assert!(done.contains("gone for good"), "{done}");
    assert_eq!(task.code(), Some(1));
    assert!(Process::rest(&task.errors).contains("GONE_BY_OPERATOR"));
    assert_eq!(agent(&master, "web-1"), Value::Null);
    failed(&master.run(&["gone", "web-1", "--yes"]), 2, &["web-1", "meros status agents"]);
    web_1.restart();
    assert!(web_1.process.code().is_some_and(|code| code != 0), "it is refused");
    assert!(Process::rest(&web_1.process.errors).contains("gone"));
}

/// Tells where each offer is from, and when its agent is away.
struct Watcher(mpsc::SyncSender<(String, Option<u64>, String)>);

impl Scheduler for Watcher {
    fn offers(&mut self, offers: &mut [Offer], _: &mut Context) {
        for offer in offers {
            let start = offer.unavailability().map(|away| away.start.0);
            let domain = offer.domain().map(ToString::to_string).unwrap_or_default();
            // The test may have seen enough.
            let _ = self.0.send((offer.hostname().to_owned(), start, domain));
            offer.decline_for(std::time::Duration::ZERO);
        }
    }

    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_window_is_on_offers_until_it_is_removed() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let (told, heard) = mpsc::sync_channel(1_000_000);
    let token = site.path("master").join("token");
    let (handle, running) = Framework::new("watcher").master(&master.address).token_file(token).spawn(Watcher(told)).unwrap();
    let wait_for = |hostname: &str, start: Option<u64>| {
        wait_until("an offer says so", || heard.try_iter().any(|(host, away, _)| host == hostname && away == start));
    };
    wait_for("web-1", None);
    let set = ["maintenance", "set", "kernel", "--start", "2100-01-01T00:00:00Z", "--duration", "2h", "web-1"];
    let done = said(&master.run(&set));
    assert_eq!(done, "kernel: 1 agent away from 2100-01-01T00:00:00Z for 2h\n");
    wait_for("web-1", Some(4_102_444_800_000));
    wait_for("web-2", None);
    let (.., domain) = heard.recv().unwrap();
    assert!(domain.starts_with("eu/eu-"), "{domain}");
    let list = said(&master.run(&["maintenance", "list"]));
    assert!(list.contains("kernel") && list.contains("2100-01-01T00:00:00Z") && list.contains("web-1"), "{list}");
    assert_eq!(agent(&master, "web-1")["unavailability"]["start"], 4_102_444_800_000_u64);

    failed(&master.run(&["maintenance", "set", "k", "--start", "+1h", "--duration", "1h", "web-9"]), 2, &["web-9"]);
    failed(&master.run(&["maintenance", "set", "k", "--start", "tomorrow", "--duration", "1h", "web-1"]), 2, &["--start", "+30m"]);
    let past = ["maintenance", "set", "k", "--start", "2000-01-01T00:00:00Z", "--duration", "1h", "web-1"];
    failed(&master.run(&past), 2, &["over already"]);
    failed(&master.run(&["maintenance", "remove", "none-such"]), 1, &["none-such", "meros maintenance list"]);
    said(&master.run(&["maintenance", "remove", "kernel"]));
    wait_for("web-1", None);
    assert_eq!(json_of(&master.run(&["maintenance", "list", "--json"])), Vec::<Value>::new());
    handle.call(|_, cx| cx.stop()).await.unwrap();
    running.await.unwrap();
}

#[test]
fn explain_says_how_a_framework_stands() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let waiting = Process::start(master.meros().args(["run", "--role", "eng", "--cpus", "100", "--", "true"]));
    Process::line_with(&waiting.errors, "waiting for room");
    let told = said(&master.run(&["explain", "run"]));
    assert!(told.contains("run (") && told.contains("in role eng: it wants more"), "{told}");
    let explanations = json_of(&master.run(&["explain", "run", "--role", "eng", "--shape", "cpus:1", "--on", "rack=a", "--json"]));
    assert_eq!((&explanations[0]["standing"], &explanations[0]["role"]), (&json!("WANTING"), &json!("eng")));
    failed(&master.run(&["explain", "run", "--role", "prod"]), 1, &["prod", "not subscribed"]);
    failed(&master.run(&["explain", "nobody"]), 2, &["nobody", "meros status frameworks"]);
    failed(&master.run(&["explain", "run", "--on", "rack=a"]), 2, &["--shape"]);
    let id = master.status("frameworks")[0]["id"].as_str().unwrap().to_owned();
    assert!(said(&master.run(&["explain", &id[..8]])).contains("in role eng"));
    let table = said(&master.run(&["status", "frameworks"]));
    assert!(table.contains("DEMAND") && table.contains("1 x cpus:100;mem:128MiB"), "{table}");
}

#[test]
fn explain_names_what_stands_in_the_way() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let waiting = Process::start(master.meros().args(["run", "--role", "eng/a", "--cpus", "100", "--", "true"]));
    Process::line_with(&waiting.errors, "waiting for room");
    let explain = |arguments: &[&str]| said(&master.run(&[&["explain"], arguments].concat()));
    #[track_caller]
    fn has(told: &str, words: &[&str]) {
        words.iter().for_each(|word| assert!(told.contains(word), "no {word:?} in: {told}"));
    }
    let told = explain(&["run"]);
    has(&told, &["1 x cpus:100;mem:128MiB: free on none of 2 agents", "2 agents are too full", "lacks cpus (100 wanted, 4 left)"]);
    let told = explain(&["run", "--shape", "cpus:1", "--on", "rack=a"]);
    has(&told, &["cpus:1 on rack=a: free on 1 of 2 agents", "1 agent is not like rack=a"]);
    said(&master.run(&["deactivate", "web-2"]));
    has(&explain(&["run", "--shape", "cpus:1"]), &["free on 1 of 1 agent", "1 agent is deactivated or draining"]);
    said(&master.run(&["quota", "set", "eng", "--limit", "cpus:0.5"]));
    let told = explain(&["run", "--shape", "cpus:1"]);
    has(&told, &["free on none of 1 agent", "the limit of role eng leaves no room for it: cpus (1 wanted, 0.5 left)"]);
    drop(waiting);

    let _task = sleeper(&master, &["--name", "sleeper", "--role", "prod"]);
    let id =
        master.status("tasks").iter().find(|task| task["name"] == "sleeper").unwrap()["framework"].as_str().unwrap().to_owned();
    has(&explain(&[&id]), &["in role prod: it wants nothing", "its share is 12.5 %"]);
}

/// Wants a core, and declines each.
struct Decliner;

impl Scheduler for Decliner {
    fn offers(&mut self, offers: &mut [Offer], _: &mut Context) {
        offers.iter_mut().for_each(|offer| offer.decline_for(std::time::Duration::from_secs(3_600)));
    }

    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}

    fn demand(&self, _: &meros::Role) -> meros::Demand {
        meros::Demand::of(meros::Resources::none().with_cpu_milli(1_000), 1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_names_what_was_declined() {
    let site = Site::new();
    let (master, _web_1, _web_2) = cluster(&site);
    let token = site.path("master").join("token");
    let framework = Framework::new("decliner").master(&master.address).token_file(token);
    let (handle, running) = framework.spawn(Decliner).unwrap();
    let declined = "2 agents are declined by the framework lately; offered again in";
    wait_until("both are declined", || text(&master.run(&["explain", "decliner"]).stdout).contains(declined));
    handle.call(|_, cx| cx.stop()).await.unwrap();
    running.await.unwrap();
}
