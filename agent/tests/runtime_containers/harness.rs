//! The least of a test harness: names, a filter, one test after another, a verdict.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;

use crate::cluster::{Cluster, Kind};

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

    /// A test that both runtimes must pass.
    pub(crate) fn both<F>(&mut self, name: &str, body: F)
    where
        F: for<'a> Fn(&'a mut Cluster) -> Pin<Box<dyn Future<Output = ()> + 'a>> + Copy + 'static,
    {
        self.one(Kind::Cgroup, name, body);
        self.one(Kind::Plain, name, body);
    }

    /// Runs what the command line selects, as libtest would.
    pub(crate) fn run(self) -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        let selected = self.0.iter().filter(|(name, ..)| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter)));
        if arguments.iter().any(|argument| argument == "--list") {
            selected.for_each(|(name, ..)| println!("{name}: test"));
            return ExitCode::SUCCESS;
        }
        let mut failed = Vec::new();
        for (name, kind, body) in selected {
            let verdict = verdict(*kind, body);
            println!("test {name} ... {verdict}");
            if verdict == "FAILED" {
                failed.push(name);
            }
        }
        println!("{}", if failed.is_empty() { "test result: ok".to_owned() } else { format!("test result: FAILED: {failed:?}") });
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
