//! Places where a test has the agent killed: with SIGKILL, by its own hand, so that nothing more happens than had happened there.
//!
//! `MEROS_FAIL_POINT` names one of [`FAIL_POINTS`]. Only programs with debug assertions look at it: those of the dev profile, which
//! all tests run in. In others a fail-point is nothing at all. Deliberately absent: any other fault than death.

/// All of them, in the order in which a container's life passes them.
pub const FAIL_POINTS: &[&str] = &[
    "launch-unlogged",
    "launch-logged",
    "directory-made",
    "groups-made",
    "launch-requested",
    "shim-recorded",
    "task-started",
    "start-unlogged",
    "start-logged",
    "shim-ended",
    "groups-removed",
    "end-unlogged",
    "end-synced",
    "directory-removed",
    "log-rewritten",
    "log-renamed",
];

/// Ends this process if a test asks for its death here.
#[cfg(debug_assertions)]
pub(crate) fn fail_point(name: &'static str) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    debug_assert!(FAIL_POINTS.contains(&name), "the fail-point {name:?} is in the list");
    if is_wanted(name) {
        // The signal ends every thread of the process before this call is back. Should it fail, the test sees an agent that lives.
        let _ = kill(Pid::this(), Signal::SIGKILL);
    }
}

/// The same, as soon as something is so that another process does.
#[cfg(debug_assertions)]
pub(crate) fn fail_point_when(name: &'static str, is_so: impl Fn() -> bool) {
    while is_wanted(name) {
        if is_so() {
            fail_point(name);
        }
        std::thread::yield_now();
    }
}

#[cfg(debug_assertions)]
fn is_wanted(name: &str) -> bool {
    static WANTED: std::sync::LazyLock<Option<String>> = std::sync::LazyLock::new(|| std::env::var("MEROS_FAIL_POINT").ok());
    WANTED.as_deref() == Some(name)
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn fail_point(_: &'static str) {}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn fail_point_when(_: &'static str, _: impl Fn() -> bool) {}
