//! `cargo xtask bench allocator`: milliseconds per allocation pass, how they grow, and whether the goals are met.

use std::io;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use meros_benches::allocator::report::Report;
use meros_benches::allocator::{Sizes, decline, filters, multi, ports, quota, tree, whole};

/// Mesos' allocator benchmarks and some that it hasn't, on the allocator alone and on a whole master: CPU time of the one
/// thread, medians of at least five passes.
#[derive(Parser, Debug)]
struct Arguments {
    /// Small sizes: whether it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    grid: Vec<Grid>,
    /// Only these numbers of agents, where a grid has a choice.
    #[arg(long, value_delimiter = ',', value_parser = at_least_one)]
    agents: Vec<usize>,
    /// Only these numbers of frameworks, likewise.
    #[arg(long, value_delimiter = ',', value_parser = at_least_one)]
    frameworks: Vec<usize>,
    /// Writes everything there too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Grid {
    Decline,
    Filters,
    Suppressed,
    Multi,
    Quota,
    Tree,
    Ports,
    Whole,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    for grid in Grid::value_variants() {
        if arguments.grid.is_empty() || arguments.grid.contains(grid) {
            run(*grid, &arguments, &mut report);
        }
    }
    report.conclude();
    match &arguments.json {
        Some(file) => write(file, &report),
        None => Ok(()),
    }
}

fn run(grid: Grid, arguments: &Arguments, report: &mut Report) {
    let mut sizes = if arguments.quick { Sizes::quick() } else { Sizes::full() };
    if !arguments.agents.is_empty() {
        sizes.agents.clone_from(&arguments.agents);
    }
    if !arguments.frameworks.is_empty() {
        sizes.frameworks.clone_from(&arguments.frameworks);
    }
    match grid {
        Grid::Decline => decline::run(&sizes, report),
        Grid::Filters => filters::run(&sizes, report),
        Grid::Suppressed => decline::run_suppressed(&sizes, report),
        Grid::Multi => multi::run(report),
        Grid::Quota if arguments.quick => quota::run(&[30, 300], report),
        Grid::Quota => quota::run(&[30, 300, 3_000], report),
        Grid::Tree => tree::run(&sizes, report),
        Grid::Ports => ports::run(&sizes, report),
        Grid::Whole if arguments.quick => whole::run(&[(1_000, 200)], report),
        Grid::Whole => whole::run(&[(1_000, 200), (10_000, 1_000)], report),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

fn write(file: &PathBuf, report: &Report) -> io::Result<()> {
    let in_file = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let text = serde_json::to_string_pretty(report).map_err(io::Error::other)?;
    std::fs::write(file, text + "\n").map_err(in_file)
}
