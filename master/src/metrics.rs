//! `/metrics`: what the core and the loop count, in one answer of the core, so that its figures belong together. What operators
//! decide about ([`Decided`]) has a file of its own.

use std::fmt;
use std::sync::atomic::Ordering;

use meros_daemon::metrics::{Sample, amount_counter, counter, gauge, page};
use meros_master_core::{Counters, Metrics};

use crate::decided::Decided;
use crate::driver::Counts;
use crate::registry::RegistryCounts;

/// The whole page.
pub(crate) fn render(metrics: &Metrics, decided: &Decided, counts: &Counts) -> Result<String, fmt::Error> {
    let shell = loops(counts).into_iter().chain(registry(&counts.registry));
    page(counters(&metrics.counters).into_iter().chain(gauges(metrics)).chain(decided.samples()).chain(shell))
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

fn registry(counts: &RegistryCounts) -> Vec<Sample> {
    let (name, help) = ("meros_master_registry_commit_seconds_total", "Time that the registry's transactions took.");
    vec![
        counter("meros_master_registry_commits_total", "Transactions of the registry that are on the disk.", counts.commits()),
        amount_counter(name, help, counts.spent().as_secs_f64()),
        gauge("meros_master_registry_writes_pending", "Batches of changes that wait for the registry's disk.", counts.pending()),
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
