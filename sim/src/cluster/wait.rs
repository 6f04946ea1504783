//! Letting time pass: until something is so, for some time, or until all has settled; and what a failure shows.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::Time;

use super::Cluster;
use crate::failure::{Failure, FailureKind, Violation};
use crate::invariants::Settled;
use crate::process::guard;

/// How often a cluster is asked whether it has settled: the question costs as much as the cluster is large.
const SETTLED_EVERY: Duration = Duration::from_secs(1);

impl Cluster {
    /// Lets time pass until `reached` says so; it is asked after every step.
    ///
    /// # Panics
    /// When an invariant breaks, the real code panics, or a limit of the options is reached; with the seed, the last events
    /// and how to reproduce them.
    #[track_caller]
    pub fn run_until(&mut self, reached: impl FnMut(&Self) -> bool) {
        if let Err(failure) = self.try_run_until(reached) {
            panic!("{failure}");
        }
    }

    /// Like [`Cluster::run_until`], with the failure as a value.
    ///
    /// # Errors
    /// [`Failure`], after which the cluster only repeats it.
    pub fn try_run_until(&mut self, mut reached: impl FnMut(&Self) -> bool) -> Result<(), Failure> {
        let (deadline, events) = (self.now.after(self.options.time_max), self.counts.events + self.options.events_max);
        self.run(deadline, events, |cluster| {
            let reached = guard("the question whether it is reached", || reached(cluster))?;
            Ok(reached)
        })?;
        self.outcome(|cluster| cluster.check_all())
    }

    /// Lets this much time pass.
    ///
    /// # Panics
    /// Like [`Cluster::run_until`].
    #[track_caller]
    pub fn run_for(&mut self, wait: Duration) {
        if let Err(failure) = self.try_run_for(wait) {
            panic!("{failure}");
        }
    }

    /// Like [`Cluster::run_for`], with the failure as a value.
    ///
    /// # Errors
    /// [`Failure`], after which the cluster only repeats it.
    pub fn try_run_for(&mut self, wait: Duration) -> Result<(), Failure> {
        let (end, events) = (self.now.after(wait), self.counts.events + self.options.events_max);
        // One nanosecond more, since what is due at the very end is to happen.
        let deadline = end.after(Duration::from_nanos(1));
        self.run(deadline, events, |cluster| Ok(cluster.queue.next().is_none_or(|next| next > end)))?;
        self.now = end;
        self.outcome(|cluster| cluster.check_all())
    }

    /// Lets time pass until the cluster has settled: every agent that runs is in session, schedulers, master and machines
    /// agree on what lives, and every fact is acknowledged. To be called when nothing breaks any more.
    ///
    /// # Errors
    /// [`Failure`] with what has not settled within `bound`.
    pub fn try_settle(&mut self, bound: Duration) -> Result<(), Failure> {
        let deadline = self.now.after(bound);
        while let Err(violation) = self.is_settled() {
            if self.now >= deadline {
                return Err(self.fail(violation.into()));
            }
            self.try_run_for(SETTLED_EVERY)?;
        }
        Ok(())
    }

    /// The failure of a cluster that has not converged on something of its schedulers.
    pub(crate) fn not_converged(&mut self, message: String) -> Failure {
        self.fail(Violation::new("convergence", message).into())
    }

    fn is_settled(&self) -> Result<(), Violation> {
        let state = self.state();
        let record = &self.oracle.record;
        let running = self.frameworks.iter().enumerate().filter(|(index, _)| record.frameworks[*index].up);
        let schedulers: BTreeMap<_, _> = running.map(|(index, framework)| (index, framework.session.tasks())).collect();
        Settled { record, state: &state, schedulers }.check()?;
        self.oracle.settled()
    }

    fn run(
        &mut self,
        deadline: Time,
        events_max: u64,
        mut reached: impl FnMut(&Self) -> Result<bool, FailureKind>,
    ) -> Result<(), Failure> {
        self.outcome(|cluster| {
            while !reached(cluster)? {
                if cluster.counts.events >= events_max {
                    return Err(FailureKind::Limit { limit: format!("{} events", cluster.options.events_max) });
                }
                if cluster.queue.next().is_some_and(|next| next > deadline) {
                    return Err(FailureKind::Limit { limit: format!("virtual time {deadline} s") });
                }
                if !cluster.step()? {
                    return Err(FailureKind::Stuck);
                }
            }
            Ok(())
        })
    }

    /// Runs something unless the cluster has failed, and notes it when it fails now.
    fn outcome(&mut self, code: impl FnOnce(&mut Self) -> Result<(), FailureKind>) -> Result<(), Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        code(self).map_err(|kind| self.fail(kind))
    }

    pub(super) fn fail(&mut self, kind: FailureKind) -> Failure {
        let seed = self.options.seed;
        let reproduce = self.options.reproduce.clone();
        let reproduce = reproduce.unwrap_or_else(|| format!("run the same again on Cluster::seeded({seed})"));
        let failure = Failure { kind, seed, at: self.now, reproduce, log: self.log.text().into() };
        self.failure = Some(failure.clone());
        failure
    }
}
