//! `cargo bench -p meros-benches --bench allocator`: some points of the grids of `cargo xtask bench allocator`, for comparing two
//! versions of the allocator by criterion's statistics. Wall time, unlike there.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use meros_benches::allocator::cluster::Cluster;
use meros_benches::allocator::decline::takers;
use meros_types::{Demand, Role, Time};

/// Agents and frameworks.
const POINTS: [(usize, usize); 3] = [(1_000, 200), (1_000, 1_000), (10_000, 1_000)];

/// A pass that offers every agent, after all of them were declined.
fn decline_offers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("DeclineOffers");
    group.sample_size(20);
    for (agents, frameworks) in POINTS {
        let mut cluster = takers(agents, frameworks, |_| Role::default(), |_| Demand::anything());
        group.throughput(Throughput::Elements(agents as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{agents}x{frameworks}")), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| everything_again(&mut cluster)).sum());
        });
    }
    group.finish();
}

fn everything_again(cluster: &mut Cluster) -> Duration {
    cluster.book();
    let offers = cluster.take_offers();
    cluster.unbook(&offers);
    cluster.decline(Time(0), &offers, Duration::ZERO);
    let began = std::time::Instant::now();
    black_box(cluster.pass());
    began.elapsed()
}

/// A new cluster's first pass.
fn first_pass(criterion: &mut Criterion) {
    criterion.bench_function("first pass 1000x200", |bencher| {
        let start = || takers(1_000, 200, |_| Role::default(), |_| Demand::anything());
        bencher.iter_batched_ref(start, Cluster::pass, BatchSize::LargeInput);
    });
}

criterion_group!(benches, decline_offers, first_pass);
criterion_main!(benches);
