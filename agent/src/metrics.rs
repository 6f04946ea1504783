//! `/metrics`: what the agent's loop counts.

use std::fmt;
use std::sync::atomic::Ordering;

use meros_daemon::metrics::{Sample, counter, gauge, page};

use crate::daemon::Counts;

/// The whole page.
pub(crate) fn render(counts: &Counts) -> Result<String, fmt::Error> {
    page(loops(counts))
}

fn loops(counts: &Counts) -> Vec<Sample> {
    let read = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed);
    let connected = u64::from(counts.connected.load(Ordering::Relaxed));
    let log_stalled = u64::from(counts.log_stalled.load(Ordering::Relaxed));
    vec![
        gauge("meros_agent_connected", "Whether there is a stream to the master: 1 or 0.", connected),
        counter("meros_agent_connections_total", "Streams to the master that came about.", read(&counts.connections)),
        gauge("meros_agent_containers_running", "Containers that run.", read(&counts.running)),
        counter("meros_agent_containers_started_total", "Containers whose program was executed.", read(&counts.started)),
        counter("meros_agent_containers_failed_total", "Containers that could not be started.", read(&counts.failed)),
        counter("meros_agent_containers_ended_total", "Containers that are over.", read(&counts.ended)),
        gauge("meros_agent_log_stalled", "Whether the agent's log can't be written: 1 or 0.", log_stalled),
    ]
}
