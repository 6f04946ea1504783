//! `cargo xtask bench launch`: CPU per task against bare vfork and exec into the same cgroups, and the memory of a shim.

use clap::Parser;
use meros_benches::launch::Window;
use meros_benches::launch::account::Account;
use meros_benches::launch::bare::Bare;
use meros_benches::launch::runtime::{Failure, Runtime};
use meros_benches::machine;
use meros_benches::stats::{median, median_of, ratio_of};

/// `true` as a task of the cgroup runtime, and beside it five groups made, vfork, join, exec, wait, five groups removed. Runtime,
/// bare, bare, runtime, and so on; medians of the ratios with a 95 % interval. Needs root and cgroup v1.
#[derive(Parser, Debug)]
struct Arguments {
    /// How many pairs of windows each case has.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// How many tasks a window has.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    tasks: u32,
    /// How many tasks the runtime has under way at the same time.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8])]
    parallel: Vec<u32>,
    /// How many shims are looked at.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    shims: u32,
}

fn main() -> Result<(), Failure> {
    meros_agent::dispatch_if_launcher();
    let arguments = Arguments::parse();
    let name = format!("meros-bench-{}", std::process::id());
    // Before there are threads: they would stay where they were.
    let account = Account::open(&name)?;
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = tokio.block_on(run(&arguments, &account, &name));
    drop(tokio);
    result
}

#[expect(clippy::print_stdout, reason = "the table is what the bench is for")]
async fn run(arguments: &Arguments, account: &Account, name: &str) -> Result<(), Failure> {
    let work = tempfile::tempdir()?;
    let mut runtime = Runtime::start(name, work.path())?;
    let mut bare = Bare::new(&format!("{name}-bare"))?;
    println!("{}; {} pairs of {} tasks", machine::describe(), arguments.pairs, arguments.tasks);
    let memory = runtime.shim_memory(arguments.shims).await?;
    let kib: Vec<f64> = memory.iter().map(|bytes| *bytes as f64 / 1024.0).collect();
    println!("private dirty memory of a shim, KiB: median {:.0} of {kib:.0?}", median(&kib));
    println!("parallel  us CPU/task  tasks/s | bare us CPU/task  tasks/s | CPU ratio [95 %]  rate ratio");
    for parallel in &arguments.parallel {
        println!("{}", case(arguments, *parallel, account, &mut runtime, &mut bare).await?);
    }
    runtime.stop().await
}

async fn case(
    arguments: &Arguments,
    parallel: u32,
    account: &Account,
    runtime: &mut Runtime,
    bare: &mut Bare,
) -> Result<String, Failure> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for pair in 0..arguments.pairs {
        if pair % 2 == 0 {
            ours.push(runtime.measure(account, arguments.tasks, parallel).await?);
            floor.push(bare.measure(account, arguments.tasks)?);
        } else {
            floor.push(bare.measure(account, arguments.tasks)?);
            ours.push(runtime.measure(account, arguments.tasks, parallel).await?);
        }
    }
    Ok(row(parallel, &ours, &floor))
}

fn row(parallel: u32, ours: &[Window], floor: &[Window]) -> String {
    let (cpu, rate) = (ratio_of(ours, floor, Window::cpu_micros), ratio_of(ours, floor, Window::rate));
    format!(
        "{parallel:>8} {:>12.0} {:>8.0} | {:>16.0} {:>8.0} | {:>9.2} [{:.2}, {:.2}] {:>10.2}",
        median_of(ours, Window::cpu_micros),
        median_of(ours, Window::rate),
        median_of(floor, Window::cpu_micros),
        median_of(floor, Window::rate),
        cpu.median,
        cpu.low,
        cpu.high,
        rate.median,
    )
}
