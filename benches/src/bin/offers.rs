//! `cargo xtask bench offers`: offers per second, CPU per offer, and the ratio to a bare tonic stream.

use std::time::Duration;

use clap::Parser;
use meros_benches::machine;
use meros_benches::offers::Window;
use meros_benches::offers::bare::{Bare, Shape};
use meros_benches::offers::cluster::Cluster;
use meros_benches::stats::{median_of, ratio_of};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Frameworks that decline at once with no filter, against emulated agents, over gRPC on loopback; beside it a bare tonic
/// stream with the same bytes. Cluster, bare, bare, cluster, and so on; medians of the ratios with a 95 % interval.
#[derive(Parser, Debug)]
struct Arguments {
    /// How many pairs of windows each case has.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// How long a window is.
    #[arg(long, default_value_t = 500, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Numbers of frameworks.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100])]
    frameworks: Vec<usize>,
    /// Numbers of agents.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 50, 1_000])]
    agents: Vec<usize>,
}

#[tokio::main(worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the table is what the bench is for")]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    println!("{}; {} pairs of {} ms", machine::describe(), arguments.pairs, arguments.window);
    println!("CPU is of the whole process: master, agents, frameworks; for the bare stream both its ends.");
    println!(
        "frameworks  agents  offers/msg   offers/s  us CPU/offer |  bare offers/s  us CPU/offer | rate ratio  CPU ratio [95 %]"
    );
    for frameworks in &arguments.frameworks {
        for agents in &arguments.agents {
            println!("{}", case(&arguments, *frameworks, *agents).await?);
        }
    }
    Ok(())
}

async fn case(arguments: &Arguments, frameworks: usize, agents: usize) -> Result<String, Failure> {
    let window = Duration::from_millis(arguments.window);
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for pair in 0..arguments.pairs {
        let (measured, bare) = if pair % 2 == 0 {
            let measured = cluster(frameworks, agents, window).await?;
            let bare = bare(frameworks, agents, &measured, window).await?;
            (measured, bare)
        } else {
            let like = ours.last().copied().unwrap_or(Window { offers: 1, messages: 1, wall: window, cpu: window });
            let bare = bare(frameworks, agents, &like, window).await?;
            (cluster(frameworks, agents, window).await?, bare)
        };
        ours.push(measured);
        floor.push(bare);
    }
    Ok(row(frameworks, agents, &ours, &floor))
}

async fn cluster(frameworks: usize, agents: usize, window: Duration) -> Result<Window, Failure> {
    let mut cluster = Cluster::start(frameworks, agents).await?;
    let measured = cluster.measure(window).await;
    cluster.stop().await;
    measured
}

/// Bare streams with as many offers under way, in messages as full.
async fn bare(frameworks: usize, agents: usize, like: &Window, window: Duration) -> Result<Window, Failure> {
    let per_message = like.per_message();
    let under_way = (agents / per_message).max(1);
    Bare::start(Shape { streams: frameworks, per_message, under_way }).await?.measure(window).await
}

fn row(frameworks: usize, agents: usize, ours: &[Window], floor: &[Window]) -> String {
    let (rate, cpu) = (ratio_of(ours, floor, Window::rate), ratio_of(ours, floor, Window::cpu_micros));
    format!(
        "{frameworks:>10} {agents:>7} {:>11.1} {:>10.0} {:>13.2} | {:>14.0} {:>13.2} | {:>10.2} {:>10.2} [{:.2}, {:.2}]",
        median_of(ours, |window| window.offers as f64 / window.messages.max(1) as f64),
        median_of(ours, Window::rate),
        median_of(ours, Window::cpu_micros),
        median_of(floor, Window::rate),
        median_of(floor, Window::cpu_micros),
        rate.median,
        cpu.median,
        cpu.low,
        cpu.high,
    )
}
