//! `meros batch`: each line of a file as a task. Owned here: reading the file, what a key changes, and the table at the end.
//! Deliberately absent: the scheduler, which `meros-batch` is.

mod state;

use std::io::Read;
use std::path::{Path, PathBuf};

use meros::{FileStore, SessionError};
use meros_batch::{Batch, Item, Record, Status};
use meros_types::{Exit, Resources, SessionEndKind, TaskState};

use crate::args::BatchArgs;
use crate::error::Error;
use crate::output::{self, Cell, Column, Look, Table};
use crate::signals::EndSignals;
use crate::{framework, progress, status};

/// What people see of the framework.
const FRAMEWORK_NAME: &str = "batch";
/// The largest file that is read: a million lines of some length.
const FILE_BYTES_MAX: u64 = 256 << 20;

const COLUMNS: &[Column] = &[
    Column::text("COMMAND"),
    Column::text("AGENT"),
    Column::text("STATE"),
    Column::text("REASON"),
    Column::number("EXIT"),
    Column::number("TRIES"),
    Column::number("CPU S"),
    Column::number("PEAK"),
    Column::number("WALL S"),
];

/// A batch that outlives this process.
struct Lasting {
    key: String,
    state: PathBuf,
}

/// Runs the commands, and succeeds when all of them did.
pub(crate) async fn run(arguments: BatchArgs) -> Result<(), Error> {
    let mut signals = EndSignals::listen()?;
    let items = items(&arguments)?;
    if items.is_empty() {
        return Err(Error::Usage(format!("{} has no command", arguments.file.display())));
    }
    let lasting = arguments.key.clone().zip(arguments.state.clone()).map(|(key, state)| Lasting { key, state });
    let store = lasting.as_ref().map(|lasting| state::open(&lasting.state, &lasting.key, &items)).transpose()?;
    let ended = schedule(&arguments, items, lasting.as_ref().zip(store), &mut signals).await;
    let (batch, interrupted) = ended.map_err(|error| explained(error, lasting.as_ref()))?;
    show(&batch, arguments.json)?;
    if interrupted && !batch.is_over() {
        return Err(interruption(lasting.as_ref()));
    }
    outcome(&batch)
}

/// Runs the scheduler until it is over or a signal comes, and says which of them it was.
async fn schedule(
    arguments: &BatchArgs,
    items: Vec<Item>,
    lasting: Option<(&Lasting, FileStore)>,
    signals: &mut EndSignals,
) -> Result<(Batch, bool), Error> {
    let (count, lasts) = (items.len(), lasting.is_some());
    let parallel = arguments.parallel.map_or(usize::MAX, |parallel| parallel as usize);
    let batch = Batch::from_items(items).parallel(parallel);
    let framework = framework::named(&arguments.connection, FRAMEWORK_NAME, &arguments.role);
    let (handle, mut running) = match lasting {
        Some((lasting, store)) => framework.key(&lasting.key).state(store).spawn(batch.resumable())?,
        None => framework.spawn(batch)?,
    };
    tokio::select! {
        batch = progress::follow(&handle, &mut running, count) => return Ok((batch?, false)),
        () = signals.next() => {}
    }
    let batch = if lasts { framework::leave(&handle, &mut running).await } else { framework::end(&handle, &mut running).await };
    Ok((batch?, true))
}

/// What the end of a session means here.
fn explained(error: Error, lasting: Option<&Lasting>) -> Error {
    let (Some(Lasting { key, state }), Error::Framework(meros::Error::Session(SessionError::Ended { kind, message }))) =
        (lasting, &error)
    else {
        return error;
    };
    match kind {
        SessionEndKind::Fenced => Error::Outcome(format!(
            "another scheduler with the key {key:?} has taken over: this one has ended, and the tasks are the other's"
        )),
        SessionEndKind::Removed => Error::Outcome(format!(
            "the master ended the session: {message}. The tasks have ended with it; to run all commands anew, remove the state file {}",
            state.display()
        )),
        SessionEndKind::Invalid => error,
    }
}

fn items(arguments: &BatchArgs) -> Result<Vec<Item>, Error> {
    let text = read(&arguments.file)?;
    let resources = Resources::none().with_cpu_milli(arguments.cpus).with_memory_bytes(arguments.mem);
    let shape = framework::shape(resources, arguments.on.clone())?;
    let (needs, retries) =
        (|item| Item { resources: shape.resources.clone(), constraints: shape.constraints.clone(), ..item }, arguments.retries);
    Ok(Item::from_lines(&text).into_iter().map(|item| Item { retries, ..needs(item) }).collect())
}

fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let outcome = if file == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
    };
    match outcome {
        Ok(read) if read as u64 == FILE_BYTES_MAX => Err(Error::Usage(format!("{} is longer than 256 MiB", file.display()))),
        Ok(_) => Ok(text),
        Err(error) => Err(Error::Usage(format!("can't read {}: {error}", file.display()))),
    }
}

fn show(batch: &Batch, json: bool) -> Result<(), Error> {
    if json {
        return Ok(output::say_json(&batch.records())?);
    }
    let mut table = Table::new(COLUMNS);
    for record in batch.records() {
        table.row(row(record));
    }
    Ok(output::say(table.render(Look::of_stdout()))?)
}

fn row(record: &Record) -> Vec<Cell> {
    let usage = record.usage.as_ref();
    let state = record.state.map_or_else(|| Cell::from("-"), |state| Cell::toned(state.as_str(), status::tone(state)));
    vec![
        record.name.clone().into(),
        record.hostname.clone().unwrap_or_default().into(),
        state,
        record.reason.map(|reason| reason.as_str()).unwrap_or_default().into(),
        record.exit.map(Exit::shell_code).map(|code| code.to_string()).unwrap_or_default().into(),
        record.attempts.to_string().into(),
        usage.map(|usage| output::seconds(usage.cpu)).unwrap_or_default().into(),
        usage.map(|usage| output::bytes(usage.memory_peak_bytes)).unwrap_or_default().into(),
        usage.map(|usage| output::seconds(usage.wall)).unwrap_or_default().into(),
    ]
}

/// What becomes of the commands that have not ended.
fn interruption(lasting: Option<&Lasting>) -> Error {
    let Some(Lasting { key, .. }) = lasting else { return Error::Interrupted };
    Error::Outcome(format!(
        "interrupted; the tasks run on. The same call goes on with them, and `meros teardown --key {key}` ends them"
    ))
}

/// Success, or the sentence that says how many did not finish and why the first of them did not.
fn outcome(batch: &Batch) -> Result<(), Error> {
    let others: Vec<&Record> = batch.records().iter().filter(|record| record.status != Status::Done).collect();
    let Some(first) = others.first() else { return Ok(()) };
    let state = first.state.map_or("NOT LAUNCHED", TaskState::as_str);
    let (count, all) = (others.len(), batch.records().len());
    Err(Error::Outcome(format!("{count} of {all} did not finish; the first is `{}`: {state}, {}", first.name, first.message)))
}
