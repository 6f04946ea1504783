//! `/metrics`: what the core and the loop count, and what the process uses, as Prometheus reads it.
//!
//! The text is made anew for each scrape from one answer of the core, so that its figures belong together and the loop keeps no
//! registry up to date. Deliberately absent: figures per framework, role or agent, whose number is not ours to bound.

use std::fmt;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meros_master_core::{Counters, Metrics};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::driver::Counts;

/// The type of what [`render`] makes.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page.
pub(crate) fn render(metrics: &Metrics, counts: &Counts) -> Result<String, fmt::Error> {
    let samples = counters(&metrics.counters).into_iter().chain(gauges(metrics)).chain(loops(counts)).chain(process()).collect();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples(samples)));
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

fn counters(counters: &Counters) -> Vec<Sample> {
    vec![
        counter("meros_master_offers_made_total", "Offers made.", counters.offers_made),
        counter("meros_master_offers_declined_total", "Offers declined by their framework.", counters.offers_declined),
        counter("meros_master_offers_accepted_total", "Offers used by an accept.", counters.offers_accepted),
        counter("meros_master_offers_expired_total", "Offers whose lease ended.", counters.offers_expired),
        counter("meros_master_offers_rescinded_total", "Offers taken back for any other reason.", counters.offers_rescinded),
        counter("meros_master_tasks_launched_total", "Tasks sent to an agent.", counters.tasks_launched),
        counter("meros_master_tasks_refused_total", "Tasks refused in an accept.", counters.tasks_refused),
        counter("meros_master_tasks_ended_total", "Tasks of which a terminal fact came.", counters.tasks_ended),
        counter("meros_master_facts_total", "Facts taken from agents, repetitions included.", counters.facts),
        counter("meros_master_calls_refused_total", "Calls of frameworks that were refused.", counters.calls_refused),
        counter("meros_master_allocation_passes_total", "Allocation passes that had something to do.", counters.allocation_passes),
    ]
}

fn gauges(metrics: &Metrics) -> Vec<Sample> {
    vec![
        gauge("meros_master_agents_connected", "Agents with a stream.", metrics.agents_connected),
        gauge("meros_master_agents_unreachable", "Agents without a stream.", metrics.agents_unreachable),
        gauge("meros_master_frameworks_connected", "Frameworks with a stream.", metrics.frameworks_connected),
        gauge("meros_master_frameworks_disconnected", "Frameworks without a stream.", metrics.frameworks_disconnected),
        gauge("meros_master_offers", "Offers that stand.", metrics.offers),
        gauge("meros_master_tasks_live", "Tasks that are not terminal.", metrics.tasks_live),
    ]
}

fn loops(counts: &Counts) -> Vec<Sample> {
    let overflowed = counts.streams_overflowed.load(Ordering::Relaxed);
    vec![
        counter("meros_master_batches_total", "Batches that the loop handled.", counts.batches.load(Ordering::Relaxed)),
        counter("meros_master_inputs_total", "Inputs that the loop handled.", counts.inputs.load(Ordering::Relaxed)),
        counter("meros_master_streams_overflowed_total", "Streams ended because their peer read too slowly.", overflowed),
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
        let counters = Counters { offers_made: 7, ..Counters::default() };
        let page = render(&Metrics { counters, ..Metrics::default() }, &Counts::default()).unwrap();
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() >= 3 * 20);
        for three in lines.chunks(3) {
            let name = three[2].split(' ').next().unwrap();
            assert!(three[0].starts_with(&format!("# HELP {name} ")) && three[1].starts_with(&format!("# TYPE {name} ")), "{three:?}");
            assert!(three[2].split(' ').nth(1).unwrap().parse::<f64>().is_ok(), "{three:?}");
            assert_eq!(name.ends_with("_total"), three[1].ends_with(" counter"), "{three:?}");
        }
        assert!(page.contains("\nmeros_master_offers_made_total 7.0\n"), "{page}");
    }
}
