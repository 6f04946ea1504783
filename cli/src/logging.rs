//! Logs go to standard error, through `tracing`. Owned here: the level and the form. Deliberately absent: log files, which
//! whoever starts a daemon makes by redirection.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Checks a filter such as `info` or `warn,meros_agent=debug`.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| "write a level (error, warn, info, debug, trace), or levels by module".to_owned())
}

/// The filter when none was named: what `-v` and `-vv` mean, and the default.
pub(crate) fn usual(verbose: u8, is_daemon: bool) -> &'static str {
    match (verbose, is_daemon) {
        (0, true) => "info",
        (0, false) => "warn",
        (1, _) => "info,meros=debug,meros_master=debug,meros_agent=debug,meros_session=debug",
        _ => "trace",
    }
}

/// Starts logging, and returns the filter: one that was asked for, or the usual one.
pub(crate) fn start(filter: Option<String>, verbose: u8, is_daemon: bool) -> String {
    let usual = usual(verbose, is_daemon);
    let text = filter.unwrap_or_else(|| usual.to_owned());
    // The command line took it through `filter` above.
    let filter = EnvFilter::try_new(&text).unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
        .with_target(false)
        // The parent that reads our standard error may be gone, and that must not end us.
        .log_internal_errors(false)
        .init();
    text
}
