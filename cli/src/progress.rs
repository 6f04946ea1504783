//! How far a batch is, while it runs: a bar on a terminal, elsewhere a line for each command that ended. To standard error, so that
//! standard output has the result alone.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use meros::{Handle, Reason, Running};
use meros_batch::{Batch, Progress, Record, Status};

use crate::error::Error;
use crate::output;

/// How often the scheduler is asked: often enough for the eye.
const POLL: Duration = Duration::from_millis(100);

/// What the scheduler answers: how far it is, and which commands have ended since it was asked before.
struct News {
    progress: Progress,
    ended: Vec<String>,
    shown: Vec<bool>,
}

/// Shows how far the batch is until it is over, and gives it back.
pub(crate) async fn follow(handle: &Handle<Batch>, running: &mut Running<Batch>, count: usize) -> Result<Batch, Error> {
    let mut display = Display::new(count);
    let mut shown = vec![false; count];
    loop {
        tokio::select! {
            ended = &mut *running => {
                let batch = ended?;
                display.show(&news(&batch, shown));
                display.finish();
                return Ok(batch);
            }
            () = tokio::time::sleep(POLL) => {}
        }
        let asked = shown.clone();
        // When the scheduler is over meanwhile, the next turn of the loop hears of it.
        if let Ok(news) = handle.call(move |batch, _| news(batch, asked)).await {
            display.show(&news);
            shown = news.shown;
        }
    }
}

fn news(batch: &Batch, mut shown: Vec<bool>) -> News {
    let mut ended = Vec::new();
    for (record, shown) in batch.records().iter().zip(&mut shown) {
        if !*shown && matches!(record.status, Status::Done | Status::Failed | Status::Killed) {
            *shown = true;
            ended.push(line(record));
        }
    }
    News { progress: batch.progress(), ended, shown }
}

fn line(record: &Record) -> String {
    let state = record.state.map_or("NOT LAUNCHED", |state| state.as_str());
    match (record.reason, record.exit) {
        (Some(Reason::Exited), Some(exit)) => format!("{} {state} ({exit})", record.name),
        (Some(reason), _) => format!("{} {state} ({reason})", record.name),
        (None, _) => format!("{} {state} ({})", record.name, record.message),
    }
}

enum Display {
    Bar(ProgressBar),
    Lines { count: usize, ended: usize },
}

impl Display {
    fn new(count: usize) -> Self {
        if !output::stderr_is_terminal() {
            return Self::Lines { count, ended: 0 };
        }
        let style = ProgressStyle::with_template("[{elapsed}] {bar:25} {pos}/{len} {wide_msg}");
        let bar = ProgressBar::new(count as u64);
        // The template is ours and is tested; a default bar would do as well.
        Self::Bar(if let Ok(style) = style { bar.with_style(style) } else { bar })
    }

    fn show(&mut self, news: &News) {
        let Progress { live, waiting, done, failed, killed, .. } = news.progress;
        match self {
            Self::Bar(bar) => {
                bar.set_position((done + failed + killed) as u64);
                let ends = if failed + killed > 0 { format!(", {failed} failed, {killed} killed") } else { String::new() };
                bar.set_message(format!("{live} running, {waiting} waiting{ends}"));
            }
            Self::Lines { count, ended } => {
                for line in &news.ended {
                    *ended += 1;
                    output::note(format!("[{ended}/{count}] {line}"));
                }
            }
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Also when the wait is cut short: the bar must not stand in the way of what is said next.
        self.finish();
    }
}
