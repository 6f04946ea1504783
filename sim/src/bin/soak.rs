//! Scenarios from many seeds, each twice, on all cores: what the tests do with some hundred, for as long as wanted.
//!
//! `cargo run --release -p meros-sim --bin soak -- --first-seed N --seeds M` runs the seeds N to N + M - 1. The first failure shows
//! its seed, its last fifty events and the command that runs it alone, and ends the soak with exit code 1; `--log FILE` keeps
//! its whole log. The last line says what was run. Deliberately absent: what a seed draws, which is the swarm's.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it finds is what it prints")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use meros_sim::{Failure, Swarm};

const USAGE: &str = "usage: soak [--first-seed N] [--seeds M] [--log FILE]
runs the scenarios of the seeds N to N + M - 1, each twice (default: 1,000 from 0)";
/// How many seeds are run when nobody says.
const SEEDS_DEFAULT: u64 = 1_000;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    first_seed: u64,
    seeds: u64,
    log: Option<String>,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    seeds: AtomicU64,
    events: AtomicU64,
    faults: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // A failure shows the panic; printed at once it would be among the other thread's lines, and twice.
    std::panic::set_hook(Box::new(|_| {}));
    let tally = Tally::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (arguments, tally) = (&arguments, &tally);
            scope.spawn(move || (thread..arguments.seeds).step_by(threads as usize).try_for_each(|n| tally.run(arguments, n)));
        }
    });
    let failed = tally.report(&arguments);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!("{} seeds, {} events, {} faults injected", count(&tally.seeds), count(&tally.events), count(&tally.faults));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { first_seed: 0, seeds: SEEDS_DEFAULT, log: None };
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{flag} {value}: not a number"));
        match flag.as_str() {
            "--first-seed" => arguments.first_seed = number()?,
            "--seeds" => arguments.seeds = number()?,
            "--log" => arguments.log = Some(value),
            _ => return Err(format!("{flag}: no such flag")),
        }
    }
    Ok(arguments)
}

impl Tally {
    /// Runs one seed; none when one has failed.
    fn run(&self, arguments: &Arguments, n: u64) -> Option<()> {
        if self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return None;
        }
        match Swarm::seeded(arguments.first_seed.wrapping_add(n)).run_twice() {
            Ok(report) => {
                self.events.fetch_add(report.counts.events, Ordering::Relaxed);
                self.faults.fetch_add(report.faults, Ordering::Relaxed);
            }
            Err(failure) => {
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            }
        }
        let done = self.seeds.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(1_000) {
            eprintln!("{done} seeds so far");
        }
        Some(())
    }

    /// Shows the failure, if there was one.
    fn report(&self, arguments: &Arguments) -> bool {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failure) = &*failure else { return false };
        println!("{failure}");
        if let Some(file) = &arguments.log
            && let Err(error) = std::fs::write(file, &*failure.log)
        {
            eprintln!("the log can't be written to {file}: {error}");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        let parse = |line: &str| parse(line.split_whitespace().map(str::to_owned));
        let asked = Arguments { first_seed: 7, seeds: 2, log: Some("x".to_owned()) };
        assert_eq!(parse("--seeds 2 --log x --first-seed 7"), Ok(asked));
        assert_eq!(parse(""), Ok(Arguments { first_seed: 0, seeds: SEEDS_DEFAULT, log: None }));
        assert_eq!(parse("--seeds"), Err("--seeds needs a value".to_owned()));
        assert_eq!(parse("--seeds many"), Err("--seeds many: not a number".to_owned()));
        assert_eq!(parse("--sed 1"), Err("--sed: no such flag".to_owned()));
    }
}
