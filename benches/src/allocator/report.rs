//! What was measured: each figure as a line while it goes on (stderr), tables at the end (stdout), all of it as JSON.

use serde::Serialize;

use super::goals::{self, Goal, Slope};
use super::measure::Timing;
use super::tables;
use crate::machine;

/// The size of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Agents that may be offered.
    pub agents: usize,
    /// Frameworks, each in one role.
    pub frameworks: usize,
    /// Roles that frameworks are in.
    pub roles: usize,
}

/// One measured figure.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Which benchmark.
    pub grid: &'static str,
    /// Which pass of it.
    pub case: String,
    /// Whether it goes with a pass and is none: what its caller does.
    pub beside: bool,
    /// Of which cluster.
    #[serde(flatten)]
    pub size: Size,
    /// Milliseconds of CPU for one full pass, the median.
    pub milliseconds: f64,
    /// How many passes that is the median of.
    pub passes: usize,
    /// How many offers one pass made.
    pub offers: usize,
}

/// Everything that was measured in one run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Machine, kernel, commit and load.
    pub machine: String,
    /// In the order of measuring.
    pub lines: Vec<Line>,
    /// What was left out, and why.
    pub cuts: Vec<String>,
    /// What follows from the lines.
    pub slopes: Vec<Slope>,
    /// Likewise.
    pub goals: Vec<Goal>,
}

impl Default for Report {
    fn default() -> Self {
        Self { machine: machine::describe(), lines: Vec::new(), cuts: Vec::new(), slopes: Vec::new(), goals: Vec::new() }
    }
}

impl Report {
    /// Keeps a figure of a pass, and says it to whoever waits.
    pub fn add(&mut self, grid: &'static str, case: impl Into<String>, size: Size, timing: Timing) {
        self.keep(Line::new(grid, case.into(), size, timing, false));
    }

    /// The same of what goes with a pass and is no pass: it is not among the tables at the end.
    pub fn add_beside(&mut self, grid: &'static str, case: impl Into<String>, size: Size, timing: Timing) {
        self.keep(Line::new(grid, case.into(), size, timing, true));
    }

    /// Says that something is left out.
    #[expect(clippy::print_stderr, reason = "what goes on while the tables are not there yet")]
    pub fn cut(&mut self, grid: &'static str, what: &str) {
        let cut = format!("{grid}: {what}");
        eprintln!("{cut}");
        self.cuts.push(cut);
    }

    #[expect(clippy::print_stderr, reason = "what goes on while the tables are not there yet")]
    fn keep(&mut self, line: Line) {
        if self.lines.is_empty() {
            eprintln!("{}", Line::header());
        }
        eprintln!("{}", line.row());
        self.lines.push(line);
    }

    /// Prints everything as tables, and what follows from them: slopes and goals.
    #[expect(clippy::print_stdout, reason = "the tables are what the bench is for")]
    pub fn conclude(&mut self) {
        self.slopes = goals::slopes(&self.lines);
        self.goals = goals::goals(&self.lines, &self.slopes);
        println!("{}", self.machine);
        tables::render(self).iter().chain(&self.cuts).for_each(|line| println!("{line}"));
        println!("\nGoals");
        self.goals.iter().for_each(|goal| println!("  {}", goal.row()));
    }
}

impl Line {
    fn new(grid: &'static str, case: String, size: Size, timing: Timing, beside: bool) -> Self {
        let Timing { milliseconds, passes, offers } = timing;
        Self { grid, case, beside, size, milliseconds, passes, offers }
    }

    /// What the columns of [`Line::row`] are.
    pub(super) fn header() -> String {
        format!(
            "{:<14} {:<36} {:>6} {:>10} {:>5} {:>10} {:>7} {:>8} {:>6}",
            "grid", "pass", "agents", "frameworks", "roles", "ms CPU", "offers", "us/offer", "passes"
        )
    }

    /// All of it in one line.
    pub(super) fn row(&self) -> String {
        let Size { agents, frameworks, roles } = self.size;
        let each = match self.offers {
            0 => "-".to_owned(),
            offers => format!("{:.2}", self.milliseconds * 1e3 / offers as f64),
        };
        format!(
            "{:<14} {:<36} {agents:>6} {frameworks:>10} {roles:>5} {:>10.4} {:>7} {each:>8} {:>6}",
            self.grid, self.case, self.milliseconds, self.offers, self.passes
        )
    }
}
