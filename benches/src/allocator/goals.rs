//! What the lines say together: how cost grows with the cluster, and whether the goals are met.

use serde::Serialize;

use super::report::{Line, Size};
use super::{decline, filters, quota, tree};
use crate::stats;

/// Mesos' milliseconds for `DeclineOffers` with 10,000 agents and 1,000 frameworks, by its own release notes.
const MESOS_DECLINE_MILLISECONDS: f64 = 1_060.0;
/// The same with so many frameworks, Mesos built and run on a machine with two cores like ours.
const MESOS_HERE_FRAMEWORKS: usize = 200;
const MESOS_HERE_MILLISECONDS: f64 = 650.0;
/// A slope is said of so many sizes at the least.
const SIZES_MIN: usize = 4;
/// Below a tenth of a microsecond nothing is said of a ratio.
const LEAST_MILLISECONDS: f64 = 1e-4;
/// The size that the goals name.
const REFERENCE: Size = Size { agents: 10_000, frameworks: 1_000, roles: 1 };

/// How the cost of one pass grows with one dimension of the cluster.
#[derive(Clone, Debug, Serialize)]
pub struct Slope {
    /// Of which benchmark.
    pub grid: &'static str,
    /// Of which pass.
    pub case: String,
    /// What grows: agents or frameworks.
    pub of: &'static str,
    /// How many there are of the other.
    pub at: usize,
    /// Over which sizes, ascending.
    pub sizes: Vec<usize>,
    /// The exponent.
    pub slope: f64,
}

/// A figure that has a bound.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    /// Its number in the design's list of goals, or what it is a goal of.
    pub name: &'static str,
    /// What was measured.
    pub what: String,
    /// What it is.
    pub figure: f64,
    /// What it may be at the most.
    pub most: f64,
    /// Whether it is.
    pub met: bool,
}

impl Goal {
    fn new(name: &'static str, what: impl Into<String>, figure: f64, most: f64) -> Self {
        Self { name, what: what.into(), figure, most, met: figure <= most }
    }

    pub(super) fn row(&self) -> String {
        let verdict = if self.met { "met" } else { "MISSED" };
        format!("{}: {} = {:.3}, goal <= {}: {verdict}", self.name, self.what, self.figure, self.most)
    }
}

/// The slopes of every pass that was measured at enough sizes.
pub(super) fn slopes(lines: &[Line]) -> Vec<Slope> {
    let mut slopes = Vec::new();
    for (of, size, other) in DIMENSIONS {
        for first in lines {
            let alike =
                |line: &&Line| line.grid == first.grid && line.case == first.case && other(&line.size) == other(&first.size);
            let mut series: Vec<&Line> = lines.iter().filter(alike).collect();
            let is_known = !series.first().is_some_and(|line| std::ptr::eq(*line, first));
            series.sort_by_key(|line| size(&line.size));
            // One framework is alone, which is another way through the allocator.
            series.retain(|line| line.size.frameworks > 1 || of == "agents");
            if is_known || series.len() < SIZES_MIN || series.iter().any(|line| line.milliseconds <= 0.0) {
                continue;
            }
            let points: Vec<(f64, f64)> = series.iter().map(|line| (size(&line.size) as f64, line.milliseconds)).collect();
            let sizes = series.iter().map(|line| size(&line.size)).collect();
            let slope = stats::log_log_slope(&points);
            slopes.push(Slope { grid: first.grid, case: first.case.clone(), of, at: other(&first.size), sizes, slope });
        }
    }
    slopes
}

type Dimension = (&'static str, fn(&Size) -> usize, fn(&Size) -> usize);

const DIMENSIONS: [Dimension; 2] =
    [("agents", |size| size.agents, |size| size.frameworks), ("frameworks", |size| size.frameworks, |size| size.agents)];

/// Every goal that there are figures for.
pub(super) fn goals(lines: &[Line], slopes: &[Slope]) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(line) = find(lines, decline::GRID, decline::UNFILTERED, REFERENCE.agents, REFERENCE.frameworks) {
        goals.push(Goal::new("P1", "DeclineOffers 10k x 1k, ms", line.milliseconds, 10.0));
        let part = line.milliseconds / MESOS_DECLINE_MILLISECONDS * 100.0;
        goals.push(Goal::new("P1", format!("the same, % of Mesos' {MESOS_DECLINE_MILLISECONDS} ms"), part, 1.0));
    }
    if let Some(line) = find(lines, decline::GRID, decline::UNFILTERED, REFERENCE.agents, MESOS_HERE_FRAMEWORKS) {
        let part = line.milliseconds / MESOS_HERE_MILLISECONDS * 100.0;
        let what = format!("10k x {MESOS_HERE_FRAMEWORKS}, % of Mesos' {MESOS_HERE_MILLISECONDS} ms on two cores like these");
        goals.push(Goal::new("P1", what, part, 1.0));
    }
    for case in quota::UNCHANGING {
        let of = |roles: usize| lines.iter().find(|line| line.grid == quota::GRID && line.case == case && line.size.roles == roles);
        if let (Some(large), Some(small)) = (of(3_000), of(300)) {
            let ratio = large.milliseconds.max(LEAST_MILLISECONDS) / small.milliseconds.max(LEAST_MILLISECONDS);
            goals.push(Goal::new("P2", format!("quota, {case}: 3,000 roles over 300"), ratio, 1.2));
        }
    }
    for (of, most) in [("agents", 1.1), ("frameworks", 0.35)] {
        let alike = |slope: &&Slope| slope.grid == decline::GRID && slope.case == decline::UNFILTERED && slope.of == of;
        let worst = slopes.iter().filter(alike).max_by(|one, other| one.slope.total_cmp(&other.slope));
        if let Some(Slope { at, slope, .. }) = worst {
            let others = if of == "agents" { "frameworks" } else { "agents" };
            goals.push(Goal::new("P3", format!("steepest slope of DeclineOffers in {of}, with {at} {others}"), *slope, most));
        }
    }
    if let Some(line) = find(lines, tree::GRID, tree::CASE, 50_000, 6_000) {
        goals.push(Goal::new("tree", "50k x 6k in three levels, ms", line.milliseconds, 1_000.0));
    }
    for case in filters::NOTHING {
        if let Some(line) = find(lines, filters::GRID, case, REFERENCE.agents, REFERENCE.frameworks) {
            goals.push(Goal::new("filters", format!("10k x 1k, {case}, ms"), line.milliseconds, 5.0));
        }
    }
    goals
}

fn find<'a>(lines: &'a [Line], grid: &str, case: &str, agents: usize, frameworks: usize) -> Option<&'a Line> {
    let is =
        |line: &&Line| line.grid == grid && line.case == case && line.size.agents == agents && line.size.frameworks == frameworks;
    lines.iter().find(is)
}
