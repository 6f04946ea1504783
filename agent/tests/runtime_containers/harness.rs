//! The least of a test harness: names, a filter, one test after another, a verdict.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;

use crate::cluster::{Cluster, Kind, Version};

type Body = Box<dyn for<'a> Fn(&'a mut Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>>>;

/// All tests.
#[derive(Default)]
pub(crate) struct Tests(Vec<(String, Kind, Body)>);

/// Turns an async fn of a cluster into a test's body.
#[macro_export]
macro_rules! body {
    ($name:ident) => {
        |cluster| Box::pin($name(cluster))
    };
}

impl Tests {
    /// A test of one runtime.
    pub(crate) fn one<F>(&mut self, kind: Kind, name: &str, body: F)
    where
        F: for<'a> Fn(&'a mut Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>> + 'static,
    {
        self.0.push((format!("{}::{name}", kind.name()), kind, Box::new(body)));
    }

    /// A test of what only one version of cgroups has. Machines with the other don't know it.
    pub(crate) fn only<F>(&mut self, version: Version, name: &str, body: F)
    where
        F: for<'a> Fn(&'a mut Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>> + 'static,
    {
        if version == Version::here() {
            self.one(Kind::Cgroup, name, body);
        }
    }

    /// A test that both runtimes must pass.
    pub(crate) fn both<F>(&mut self, name: &str, body: F)
    where
        F: for<'a> Fn(&'a mut Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>> + Copy + 'static,
    {
        self.one(Kind::Cgroup, name, body);
        self.one(Kind::Plain, name, body);
    }

    /// Runs or lists what the command line selects, as libtest would.
    pub(crate) fn run(self) -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
        if has("--list") {
            // None of these is ignored.
            self.0.iter().filter(|_| !has("--ignored")).for_each(|(name, ..)| println!("{name}: test"));
            return ExitCode::SUCCESS;
        }
        let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        let fits = |name: &str, filter: &str| if has("--exact") { name == filter } else { name.contains(filter) };
        let is_selected = |name: &str| filters.is_empty() || filters.iter().any(|filter| fits(name, filter));
        let (mut passed, mut failed) = (0, Vec::new());
        for (name, kind, body) in self.0.iter().filter(|(name, ..)| is_selected(name)) {
            let verdict = verdict(*kind, body);
            println!("test {name} ... {verdict}");
            match verdict.as_str() {
                "ok" => passed += 1,
                "FAILED" => failed.push(name),
                _ => {}
            }
        }
        let outcome = if failed.is_empty() { "ok".to_owned() } else { format!("FAILED: {failed:?}") };
        println!("test result: {outcome}. {passed} passed; {} failed;", failed.len());
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn verdict(kind: Kind, body: &Body) -> String {
    if let Err(reason) = kind.usable() {
        return format!("skipped: {reason}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut cluster = runtime.block_on(async { Cluster::new(kind) });
    let run = AssertUnwindSafe(|| runtime.block_on(body(&mut cluster)));
    let passed = std::panic::catch_unwind(run).is_ok();
    let swept = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(cluster.sweep()))).is_ok();
    if passed && swept { "ok" } else { "FAILED" }.to_owned()
}
