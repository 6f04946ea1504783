//! `meros-batch FILE`: runs each line of FILE as a shell command in the cluster and says how it ended. The master is the one
//! that `MEROS_MASTER` names.
//!
//! `meros-batch FILE KEY STATE`: the same, as the framework with this key. When it is interrupted, the commands go on, and the
//! same call again goes on with them: how far it is stands in the file STATE.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

use meros::{FileStore, Framework};
use meros_batch::{Batch, Item, Record};
use tracing_subscriber::filter::LevelFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, resumed) = match &arguments[..] {
        [file] => (file, None),
        [file, key, state] => (file, Some((key, state))),
        _ => {
            eprintln!("usage: meros-batch FILE [KEY STATE]");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LevelFilter::WARN).init();
    match run(file, resumed).await {
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

async fn run(file: &str, resumed: Option<(&String, &String)>) -> Result<Batch, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let batch = Batch::from_items(Item::from_lines(&text));
    let framework = Framework::new("batch");
    Ok(match resumed {
        None => framework.run(batch).await?,
        Some((key, state)) => framework.key(key).state(FileStore::open(state)?).run(batch.resumable()).await?,
    })
}

fn show(record: &Record) {
    let state = record.state.map_or("NOT LAUNCHED", |state| state.as_str());
    println!("{state:<10} {} ({})", record.name, record.message);
}
