//! `/metrics`: what the loop counts, and what the process uses, as Prometheus reads it.
//!
//! The text is made anew for each scrape. Deliberately absent: figures per task, whose number is not ours to bound.

use std::fmt;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::daemon::Counts;

/// The type of what [`render`] makes.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page.
pub(crate) fn render(counts: &Counts) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples(loops(counts).into_iter().chain(process()).collect())));
    let mut page = String::new();
    text::encode_registry(&mut page, &registry)?;
    Ok(page)
}

/// One figure: its name, what it is, its kind and its value.
type Sample = (&'static str, &'static str, MetricType, f64);

#[derive(Debug)]
struct Samples(Vec<Sample>);

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for (name, help, kind, value) in &self.0 {
            // As a gauge also where it is a counter: a gauge's name is written as it is, while OpenMetrics, which the library
            // writes for a counter, names its HELP otherwise than its value, and Prometheus' classic format does not know that.
            encoder.encode_descriptor(name, help, None, *kind)?.encode_gauge(value)?;
        }
        Ok(())
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Sample {
    (name, help, MetricType::Counter, value as f64)
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Sample {
    (name, help, MetricType::Gauge, value as f64)
}

fn loops(counts: &Counts) -> Vec<Sample> {
    let read = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed);
    let connected = u64::from(counts.connected.load(Ordering::Relaxed));
    vec![
        gauge("meros_agent_connected", "Whether there is a stream to the master: 1 or 0.", connected),
        counter("meros_agent_connections_total", "Streams to the master that came about.", read(&counts.connections)),
        gauge("meros_agent_containers_running", "Containers that run.", read(&counts.running)),
        counter("meros_agent_containers_started_total", "Containers whose program was executed.", read(&counts.started)),
        counter("meros_agent_containers_failed_total", "Containers that could not be started.", read(&counts.failed)),
        counter("meros_agent_containers_ended_total", "Containers that are over.", read(&counts.ended)),
    ]
}

/// Under the names that Prometheus' own client libraries use. What the system won't say is left out.
fn process() -> Vec<Sample> {
    let cpu = cpu().map(|cpu| ("process_cpu_seconds_total", "User and system CPU time.", MetricType::Counter, cpu.as_secs_f64()));
    let memory = resident_bytes().map(|bytes| gauge("process_resident_memory_bytes", "Resident memory.", bytes));
    let files = fs::read_dir("/proc/self/fd").ok().map(|files| gauge("process_open_fds", "Open file descriptors.", files.count() as u64));
    cpu.into_iter().chain(memory).chain(files).collect()
}

fn cpu() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Duration::from_micros(micros.unsigned_abs()))
}

fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse::<u64>().ok()?;
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page_bytes.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_follows_its_help_and_type() {
        let page = render(&Counts::default()).unwrap();
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() >= 3 * 8);
        for three in lines.chunks(3) {
            let name = three[2].split(' ').next().unwrap();
            assert!(three[0].starts_with(&format!("# HELP {name} ")) && three[1].starts_with(&format!("# TYPE {name} ")), "{three:?}");
            assert!(three[2].split(' ').nth(1).unwrap().parse::<f64>().is_ok(), "{three:?}");
        }
    }
}
