//! The least of a test harness: names, a filter, one test after another, a verdict.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

type Body = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// Far longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this should not have taken so long")
}

/// Waits until something is so that nobody tells.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut glances = tokio::time::interval(Duration::from_millis(2));
    let looking = async {
        while !is_so() {
            glances.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("not so: {what}"));
}

/// All tests.
#[derive(Default)]
pub(crate) struct Tests(Vec<(String, Body)>);

/// Names an async fn as a test of its module.
#[macro_export]
macro_rules! test {
    ($tests:expr, $name:ident) => {
        $tests.add(concat!(module_path!(), "::", stringify!($name)), || Box::pin($name()))
    };
}

impl Tests {
    pub(crate) fn add(&mut self, path: &str, body: Body) {
        let name = path.split_once("::").map_or(path, |(_, name)| name);
        self.0.push((name.to_owned(), body));
    }

    /// Runs or lists what the command line selects, as libtest would.
    pub(crate) fn run(self) -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
        if has("--list") {
            // None of these is ignored.
            self.0.iter().filter(|_| !has("--ignored")).for_each(|(name, _)| println!("{name}: test"));
            return ExitCode::SUCCESS;
        }
        let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        let fits = |name: &str, filter: &str| if has("--exact") { name == filter } else { name.contains(filter) };
        let is_selected = |name: &str| filters.is_empty() || filters.iter().any(|filter| fits(name, filter));
        let (mut passed, mut failed) = (0, Vec::new());
        for (name, body) in self.0.iter().filter(|(name, _)| is_selected(name)) {
            let passes = passes(*body);
            println!("test {name} ... {}", if passes { "ok" } else { "FAILED" });
            if passes { passed += 1 } else { failed.push(name) }
        }
        let outcome = if failed.is_empty() { "ok".to_owned() } else { format!("FAILED: {failed:?}") };
        println!("test result: {outcome}. {passed} passed; {} failed;", failed.len());
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn passes(body: Body) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(body()))).is_ok()
}
