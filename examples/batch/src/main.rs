//! `meros-batch FILE`: runs each line of FILE as a shell command in the cluster and says how it ended. The master is the one
//! that `MEROS_MASTER` names.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

use meros::Framework;
use meros_batch::{Batch, Item, Record};
use tracing_subscriber::filter::LevelFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: meros-batch FILE");
        return ExitCode::from(2);
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LevelFilter::WARN).init();
    match run(&file).await {
        Ok(batch) => {
            batch.records().iter().for_each(show);
            if batch.done == batch.records().len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("meros-batch: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(file: &str) -> Result<Batch, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let batch = Batch::from_items(Item::from_lines(&text));
    Ok(Framework::new("batch").run(batch).await?)
}

fn show(record: &Record) {
    let state = record.state.map_or("NOT LAUNCHED", |state| state.as_str());
    println!("{state:<10} {} ({})", record.name, record.message);
}
