//! Three hundred scenarios, each drawn from its seed: first things break, then they don't, and everything must come to its end. Each
//! runs twice, and its two logs must be the same. The binary `soak` runs more of them, and each that fails alone.

use std::sync::Mutex;

use meros_sim::Swarm;

const SEEDS: u64 = 300;

#[test]
fn three_hundred_seeds() {
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads as u64 {
            let failures = &failures;
            scope.spawn(move || {
                for seed in (thread..SEEDS).step_by(threads) {
                    match Swarm::seeded(seed).run_twice() {
                        Ok(report) => println!("{report}"),
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    for failure in failures.iter().skip(1) {
        println!("seed {}: {} (reproduce: {})", failure.seed, failure.kind, failure.reproduce);
    }
    if let Some(failure) = failures.first() {
        panic!("{} of the seeds fail, one of them so:\n{failure}", failures.len());
    }
}
