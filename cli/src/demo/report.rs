//! What became of the demo's rows, for people and for scripts. Deliberately absent: how a row is meant to end ([`super::rows`]).

use meros_batch::Record;
use meros_types::{Exit, Limitation, Reason, TaskState, Usage};
use serde::Serialize;

use super::rows::{Intent, Row};
use crate::output::{self, Cell, Column, Look, Table, Tone};

const COLUMNS: &[Column] = &[
    Column::text("TASK"),
    Column::text("AGENT"),
    Column::text("STATE"),
    Column::text("REASON"),
    Column::number("EXIT"),
    Column::number("CPU S"),
    Column::number("PEAK"),
    Column::number("WALL S"),
    Column::text("NOTE"),
];

/// The word in the place of a state for a row that was not run.
const SKIPPED: &str = "SKIPPED";

/// The word for a row that no agent was given.
const NEVER: &str = "NOT LAUNCHED";

/// One row of the result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    task: &'static str,
    agent: Option<String>,
    state: &'static str,
    reason: Option<&'static str>,
    /// As a shell shows it: 128 and the signal for a task that a signal ended.
    exit_code: Option<i32>,
    cpu_seconds: Option<f64>,
    peak_memory_bytes: Option<u64>,
    wall_seconds: Option<f64>,
    memory_limit_bytes: u64,
    pids_limit: Option<u32>,
    pids_refused: u64,
    throttled_periods: u64,
    notes: Vec<String>,
    message: String,
    as_intended: bool,
    #[serde(skip)]
    tone: Tone,
    #[serde(skip)]
    intent: Intent,
}

impl Line {
    /// The row of a task that was run, as far as it came.
    pub(crate) fn ran(row: &Row, end: &Record) -> Self {
        let usage = end.usage.as_ref();
        let counted = usage.filter(|usage| usage.memory_peak_bytes > 0 || !usage.cpu.is_zero());
        let as_intended = row.intent.is_met_by(end);
        Self {
            agent: end.hostname.clone(),
            state: end.state.map_or(NEVER, TaskState::as_str),
            reason: end.reason.map(Reason::as_str),
            exit_code: end.exit.map(Exit::shell_code),
            // Without cgroups nothing counts these, and a zero would be a lie.
            cpu_seconds: counted.map(|usage| usage.cpu.as_secs_f64()),
            peak_memory_bytes: counted.map(|usage| usage.memory_peak_bytes),
            wall_seconds: usage.map(|usage| usage.wall.as_secs_f64()),
            pids_refused: usage.map_or(0, |usage| usage.pids_refused),
            throttled_periods: usage.map_or(0, |usage| usage.throttled_periods),
            notes: notes(row, end),
            message: end.message.clone(),
            as_intended,
            tone: if as_intended { Tone::Good } else { Tone::Bad },
            ..Self::skipped(row, "")
        }
    }

    /// The row of a task that was not run, and why.
    pub(crate) fn skipped(row: &Row, why: &str) -> Self {
        Self {
            task: row.name,
            agent: None,
            state: SKIPPED,
            reason: None,
            exit_code: None,
            cpu_seconds: None,
            peak_memory_bytes: None,
            wall_seconds: None,
            memory_limit_bytes: row.memory_bytes,
            pids_limit: row.pids,
            pids_refused: 0,
            throttled_periods: 0,
            notes: vec![why.to_owned()],
            message: String::new(),
            as_intended: true,
            tone: Tone::Middling,
            intent: row.intent,
        }
    }

    /// The sentence about a row that ended otherwise than intended; none when all is well.
    pub(crate) fn complaint(&self) -> Option<String> {
        let exit = self.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
        let (task, state, reason) = (self.task, self.state, self.reason.unwrap_or_default());
        (!self.as_intended).then(|| format!("{task} ended {state}, {reason}{exit} ({}); {}", self.message, self.intent.sentence()))
    }

    fn cells(&self) -> Vec<Cell> {
        let seconds = |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.2}")).unwrap_or_default();
        vec![
            self.task.into(),
            self.agent.clone().unwrap_or_default().into(),
            Cell::toned(self.state, self.tone),
            self.reason.unwrap_or_default().into(),
            self.exit_code.map(|code| code.to_string()).unwrap_or_default().into(),
            seconds(self.cpu_seconds).into(),
            self.peak_memory_bytes.map(output::bytes).unwrap_or_default().into(),
            seconds(self.wall_seconds).into(),
            self.notes.join("; ").into(),
        ]
    }
}

/// All rows as a table. On a terminal without room for the notes, these stand below it.
pub(crate) fn table(lines: &[Line], look: Look) -> String {
    let whole = table_of(COLUMNS, lines);
    if whole.fits(look) {
        return whole.render(look);
    }
    let narrow = table_of(&COLUMNS[..COLUMNS.len() - 1], lines);
    let noted = lines.iter().filter(|line| !line.notes.is_empty());
    let notes: Vec<String> = noted.map(|line| format!("  {}: {}", line.task, line.notes.join("; "))).collect();
    format!("{}\n{}", narrow.render(look), notes.join("\n"))
}

fn table_of(columns: &'static [Column], lines: &[Line]) -> Table {
    let mut table = Table::new(columns);
    for line in lines {
        let mut cells = line.cells();
        cells.truncate(columns.len());
        table.row(cells);
    }
    table
}

/// Which limits a task met.
fn notes(row: &Row, end: &Record) -> Vec<String> {
    let Usage { throttled_periods, pids_refused, .. } = end.usage.unwrap_or_default();
    let mut notes = Vec::new();
    if let Some(Limitation { resource, limit, measured }) = &end.limitation {
        let memory = resource == "mem";
        let show = |amount: u64| if memory { output::bytes(amount) } else { amount.to_string() };
        notes.push(format!("limit {}, peak {}", show(*limit), show(*measured)));
    }
    if pids_refused > 0 {
        notes.push(format!("its pids limit held it {}", output::count(pids_refused, "time")));
    }
    if throttled_periods > 0 {
        notes.push(format!("throttled {}", output::count(throttled_periods, "time")));
    }
    if let (Some(patience), Some(TaskState::Killed)) = (row.kill_after, end.state) {
        notes.push(format!("its scheduler killed it after {} s", patience.as_secs()));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    #[test]
    fn notes_stand_where_there_is_room() {
        let rows = rows::rows();
        let lines: Vec<Line> = rows.iter().map(|row| Line::skipped(row, "a reason")).collect();
        let text = |width| table(&lines, Look { width, colour: false });
        assert_eq!(text(None).lines().count(), rows.len() + 1);
        assert_eq!(text(None), text(Some(200)));
        let narrow = text(Some(40));
        assert!(narrow.contains("  sleeper: a reason"), "{narrow}");
    }
}
