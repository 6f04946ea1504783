//! The page that Prometheus reads. The text is made anew for each scrape. Deliberately absent: figures per task, framework or
//! agent, whose number is not ours to bound. Whoever has figures by label bounds how many.

use std::fmt;
use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The type of what [`page`] makes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page: these figures, and what the process uses.
///
/// # Errors
/// When the library can't encode a figure, which none of ours brings about.
pub fn page(samples: impl IntoIterator<Item = Sample>) -> Result<String, fmt::Error> {
    let samples = samples.into_iter().chain(process()).collect();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples(samples)));
    let mut page = String::new();
    text::encode_registry(&mut page, &registry)?;
    Ok(page)
}

/// A label and its value.
pub type Label = (&'static str, String);

/// A name, what it means, its kind, and its figures: one without labels, or any number that their labels tell apart.
#[derive(Debug)]
pub struct Sample {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    figures: Vec<(Vec<Label>, f64)>,
}

#[derive(Debug)]
struct Samples(Vec<Sample>);

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for Sample { name, help, kind, figures } in &self.0 {
            // As a gauge also where it is a counter: a gauge's name is written as it is, while OpenMetrics, which the library
            // writes for a counter, names its HELP otherwise than its value, and Prometheus' classic format does not know that.
            let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
            for (labels, value) in figures {
                match labels.is_empty() {
                    true => metric.encode_gauge(value)?,
                    false => metric.encode_family(&labels.as_slice())?.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

/// What only rises.
pub fn counter(name: &'static str, help: &'static str, value: u64) -> Sample {
    amount_counter(name, help, value as f64)
}

/// What only rises, and not by whole numbers.
pub fn amount_counter(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, kind: MetricType::Counter, figures: vec![(Vec::new(), value)] }
}

/// What goes up and down.
pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Sample {
    gauges(name, help, vec![(Vec::new(), value as f64)])
}

/// What goes up and down, once for each of these labels.
pub fn gauges(name: &'static str, help: &'static str, figures: Vec<(Vec<Label>, f64)>) -> Sample {
    Sample { name, help, kind: MetricType::Gauge, figures }
}

/// Under the names that Prometheus' own client libraries use. What the system won't say is left out.
fn process() -> Vec<Sample> {
    let cpu = cpu().map(|cpu| amount_counter("process_cpu_seconds_total", "User and system CPU time.", cpu.as_secs_f64()));
    let memory = resident_bytes().map(|bytes| gauge("process_resident_memory_bytes", "Resident memory.", bytes));
    let files =
        fs::read_dir("/proc/self/fd").ok().map(|files| gauge("process_open_fds", "Open file descriptors.", files.count() as u64));
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
        let page = page([counter("x_total", "How many.", 7), gauge("y", "How much.", 3)]).unwrap();
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() >= 3 * 4, "{page}");
        for three in lines.chunks(3) {
            let name = three[2].split(' ').next().unwrap();
            assert!(
                three[0].starts_with(&format!("# HELP {name} ")) && three[1].starts_with(&format!("# TYPE {name} ")),
                "{three:?}"
            );
            assert!(three[2].split(' ').nth(1).unwrap().parse::<f64>().is_ok(), "{three:?}");
            assert_eq!(name.ends_with("_total"), three[1].ends_with(" counter"), "{three:?}");
        }
        assert!(page.contains("\nx_total 7.0\n"), "{page}");
    }

    #[test]
    fn figures_of_one_name_are_told_apart_by_their_labels() {
        let of = |role: &str, value| (vec![("role", role.to_owned()), ("resource", "cpus".to_owned())], value);
        let page = page([gauges("y", "How much.", vec![of("a/b", 0.5), of("*", 2.0)])]).unwrap();
        let wanted =
            "# HELP y How much.\n# TYPE y gauge\ny{role=\"a/b\",resource=\"cpus\"} 0.5\ny{role=\"*\",resource=\"cpus\"} 2.0\n";
        assert!(page.starts_with(wanted), "{page}");
    }
}
