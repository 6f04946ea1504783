//! Tables to be read and pasted: agents down, frameworks across, and the slopes at the edges; figures of other kinds as lines.

use std::collections::BTreeSet;

use super::report::{Line, Report, Size};

/// How many sizes there are both ways where a table is more than its lines.
const BOTH_MIN: usize = 2;

/// Everything that was measured of passes.
pub(super) fn render(report: &Report) -> Vec<String> {
    let mut text = Vec::new();
    let mut seen = BTreeSet::new();
    for line in report.lines.iter().filter(|line| !line.beside) {
        if !seen.insert((line.grid, line.case.as_str())) {
            continue;
        }
        let alike: Vec<&Line> = report.lines.iter().filter(|other| other.grid == line.grid && other.case == line.case).collect();
        let (agents, frameworks) = (sizes(&alike, |size| size.agents), sizes(&alike, |size| size.frameworks));
        if agents.len() >= BOTH_MIN && frameworks.len() >= BOTH_MIN && alike.len() > agents.len().max(frameworks.len()) {
            text.push(String::new());
            text.extend(matrix(report, &alike, &agents, &frameworks));
        } else if seen.iter().filter(|(grid, _)| *grid == line.grid).count() == 1 {
            text.push(String::new());
            text.push(Line::header());
            text.extend(report.lines.iter().filter(|other| other.grid == line.grid).map(Line::row));
        }
    }
    text
}

fn sizes(lines: &[&Line], of: fn(&Size) -> usize) -> BTreeSet<usize> {
    lines.iter().map(|line| of(&line.size)).collect()
}

fn matrix(report: &Report, lines: &[&Line], agents: &BTreeSet<usize>, frameworks: &BTreeSet<usize>) -> Vec<String> {
    let Some(first) = lines.first() else { return Vec::new() };
    let slope = |of: &str, at: usize| {
        let is = |slope: &&_| is_slope(slope, first, of, at);
        report.slopes.iter().find(is).map_or_else(|| "-".to_owned(), |slope| format!("{:.2}", slope.slope))
    };
    let mut rows = vec![format!("{}, {}: ms CPU per pass, by agents and frameworks", first.grid, first.case)];
    rows.push(row("", frameworks.iter().map(ToString::to_string), "slope"));
    for agents in agents {
        let cell = |frameworks: &usize| {
            let is = |line: &&&Line| line.size.agents == *agents && line.size.frameworks == *frameworks;
            lines.iter().find(is).map_or_else(|| "-".to_owned(), |line| milliseconds(line.milliseconds))
        };
        rows.push(row(&agents.to_string(), frameworks.iter().map(cell), &slope("frameworks", *agents)));
    }
    rows.push(row("slope", frameworks.iter().map(|frameworks| slope("agents", *frameworks)), ""));
    rows
}

fn is_slope(slope: &super::goals::Slope, line: &Line, of: &str, at: usize) -> bool {
    slope.grid == line.grid && slope.case == line.case && slope.of == of && slope.at == at
}

/// Digits enough for a microsecond.
fn milliseconds(value: f64) -> String {
    if value < 0.1 { format!("{value:.4}") } else { format!("{value:.3}") }
}

fn row(head: &str, cells: impl Iterator<Item = String>, tail: &str) -> String {
    let cells: Vec<String> = cells.map(|cell| format!("{cell:>10}")).collect();
    format!("{head:>8}{} {tail:>7}", cells.join("")).trim_end().to_owned()
}
