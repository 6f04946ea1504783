//! A hundred scenarios, each drawn from its seed: first things break, then they don't, and everything must come to its end. Each
//! runs twice, and its two logs must be the same.
//!
//! `SEED=17 cargo test -p meros-sim --test seeds -- --exact a_hundred_seeds --nocapture` runs one of them, and `SEEDS=5000` in
//! place of it that many. `LOG=file` keeps the whole log of the first failure.

use meros_sim::{Failure, Swarm, SwarmReport, divergence};

const SEEDS: u64 = 100;

/// The seed that was asked for, or all.
fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("SEED and SEEDS are numbers"));
    match number("SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn a_hundred_seeds() {
    let mut failures = Vec::new();
    for seed in seeds() {
        match run(seed) {
            Ok(report) => println!("{report}"),
            Err(failure) => failures.push(failure),
        }
    }
    for failure in failures.iter().skip(1) {
        println!("seed {}: {} (reproduce: {})", failure.seed, failure.kind, failure.reproduce);
    }
    if let Some(failure) = failures.first() {
        if let Ok(file) = std::env::var("LOG") {
            std::fs::write(&file, &*failure.log).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        panic!("{} of the seeds fail, the first so:\n{failure}", failures.len());
    }
}

fn run(seed: u64) -> Result<SwarmReport, Failure> {
    let (first, second) = (Swarm::seeded(seed).run()?, Swarm::seeded(seed).run()?);
    if let Some(divergence) = divergence(&first.log, &second.log) {
        panic!("seed {seed} does not repeat itself:\n{divergence}");
    }
    Ok(second)
}
