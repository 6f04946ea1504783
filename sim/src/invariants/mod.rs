//! What must hold at every moment, whatever breaks: a file for each invariant of the design's list, named as its failures are.
//!
//! Each sees everything that truly happens, when it happens, and from time to time the master's whole state. None looks into
//! a core: they compare what was said with what was done.

mod convergence;
mod decided_is_stored;
mod dropped_never_starts;
mod facts_in_order;
mod held_is_charged;
mod ledger_adds_up;
mod limits_hold;
mod machine_has_room;
mod never_steps_back;
mod obeys_the_newest;
mod offers_are_current;
mod starts_once;
mod terminal_is_final;
mod terminal_is_released;
mod told_is_stored;

use std::fmt;

use meros_types::{ClusterState, Reason, TaskState, TaskUpdate};

use crate::failure::Violation;
use crate::truth::{Record, Seen};

pub(crate) use convergence::Settled;

/// Something that must always hold.
trait Invariant: fmt::Debug {
    /// Sees something that has just happened; `record` knows it already.
    fn see(&mut self, _record: &Record, _seen: &Seen<'_>) -> Result<(), Violation> {
        Ok(())
    }

    /// Looks at what is only certain once everything has had time to be told.
    fn settled(&self, _record: &Record) -> Result<(), Violation> {
        Ok(())
    }

    /// Compares the master's whole view with the truth.
    fn check(&mut self, _record: &Record, _state: &ClusterState) -> Result<(), Violation> {
        Ok(())
    }
}

/// The truth, and everything that must hold of it.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) record: Record,
    invariants: Vec<Box<dyn Invariant>>,
}

impl Default for Oracle {
    fn default() -> Self {
        let invariants: Vec<Box<dyn Invariant>> = vec![
            Box::new(ledger_adds_up::LedgerAddsUp),
            Box::new(machine_has_room::MachineHasRoom),
            Box::new(held_is_charged::HeldIsCharged),
            Box::new(offers_are_current::OffersAreCurrent::default()),
            Box::new(starts_once::StartsOnce),
            Box::new(dropped_never_starts::DroppedNeverStarts::default()),
            Box::new(terminal_is_final::TerminalIsFinal::default()),
            Box::new(terminal_is_released::TerminalIsReleased),
            Box::new(facts_in_order::FactsInOrder::default()),
            Box::new(obeys_the_newest::ObeysTheNewest::default()),
            Box::new(never_steps_back::NeverStepsBack::default()),
            Box::new(told_is_stored::ToldIsStored::default()),
            Box::new(decided_is_stored::DecidedIsStored::default()),
            Box::new(limits_hold::LimitsHold::default()),
        ];
        Self { record: Record::default(), invariants }
    }
}

impl Oracle {
    pub(crate) fn see(&mut self, seen: &Seen<'_>) -> Result<(), Violation> {
        self.record.note(seen);
        self.invariants.iter_mut().try_for_each(|invariant| invariant.see(&self.record, seen))
    }

    pub(crate) fn settled(&self) -> Result<(), Violation> {
        self.invariants.iter().try_for_each(|invariant| invariant.settled(&self.record))
    }

    pub(crate) fn check(&mut self, state: &ClusterState) -> Result<(), Violation> {
        self.invariants.iter_mut().try_for_each(|invariant| invariant.check(&self.record, state))
    }
}

/// Whether the update is about a second launch under the id of another task: it says nothing about that one.
fn is_about_another(update: &TaskUpdate) -> bool {
    update.reason == Reason::DuplicateTask
}

/// Whether the master has the task in its sums: it is live, and its agent is neither lost nor gone.
fn is_charged(state: TaskState) -> bool {
    !is_over(state) && state != TaskState::Unreachable
}

/// Whether nothing more will be said of the task. Of one whose agent an operator has declared gone nothing can be, although its
/// process may live for as long as its machine does.
fn is_over(state: TaskState) -> bool {
    state.is_terminal() || state == TaskState::GoneByOperator
}
