//! What is to be said to the master at the end of the batch. Owned: gathering calls and packing them into messages that the
//! wire can carry. Absent: deciding any of them.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::{
    Accept, AcceptGroup, Acknowledge, CALLS_MAX, Call, Constraint, Decline, DemandCall, ExplainCall, FILTER_DEFAULT, FromFramework,
    KillCall, OfferId, Operation, SessionId, Shape, Subject, TaskId, TaskQuery, Test,
};

use crate::limits::MESSAGE_BYTES_MAX;
use crate::spec;

/// About what a number or an id takes on the wire.
const ID_BYTES: usize = 24;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) demands: Vec<DemandCall>,
    accepts: BTreeMap<Duration, Vec<AcceptGroup>>,
    /// Offers that go back with the default filter: by far the most.
    declined: Vec<OfferId>,
    declined_for: BTreeMap<Duration, Vec<OfferId>>,
    pub(crate) explain: Vec<ExplainCall>,
    pub(crate) kills: Vec<KillCall>,
    pub(crate) acknowledgements: Vec<Acknowledge>,
    /// Tasks to ask about.
    pub(crate) reconcile: Vec<TaskQuery>,
    /// Whether to ask about all tasks that the master knows.
    pub(crate) reconcile_all: bool,
    pub(crate) teardown: bool,
    pub(crate) heartbeat: bool,
}

impl Outbox {
    pub(crate) fn decline(&mut self, offer: OfferId, filter: Duration) {
        match filter {
            FILTER_DEFAULT => self.declined.push(offer),
            _ => self.declined_for.entry(filter).or_default().push(offer),
        }
    }

    pub(crate) fn accept(&mut self, group: AcceptGroup, filter: Duration) {
        self.accepts.entry(filter).or_default().push(group);
    }

    /// How many answers are in it: all that can become many while it can't leave.
    pub(crate) fn answers(&self) -> usize {
        let accepts: usize = self.accepts.values().map(Vec::len).sum();
        let declined_for: usize = self.declined_for.values().map(Vec::len).sum();
        accepts + self.declined.len() + declined_for + self.acknowledgements.len()
    }

    /// Forgets everything; says which launches were in it.
    pub(crate) fn clear(&mut self) -> Vec<TaskId> {
        let groups = std::mem::take(self).accepts.into_values().flatten();
        let operations = groups.flat_map(|group| group.operations);
        let tasks = operations.filter_map(|operation| match operation {
            Operation::Launch(tasks) => Some(tasks),
            Operation::Unimplemented(_) => None,
        });
        tasks.flatten().map(|task| task.id).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.demands.is_empty()
            && self.accepts.is_empty()
            && self.declined.is_empty()
            && self.declined_for.is_empty()
            && self.explain.is_empty()
            && self.kills.is_empty()
            && self.acknowledgements.is_empty()
            && self.reconcile.is_empty()
            && !(self.reconcile_all || self.teardown || self.heartbeat)
    }

    /// Everything as messages, one unless it is too large. The demand goes first, so that it is applied with the accepts
    /// that it counts on, and so that a decline's filter outlives it.
    pub(crate) fn pack(&mut self, session: SessionId) -> Vec<FromFramework> {
        let mut packer = Packer::new(session);
        let all = std::mem::take(self);
        for demand in all.demands {
            let bytes = demand.role.as_str().len() + demand.demand.shapes.iter().map(shape_bytes).sum::<usize>();
            packer.add(Call::Demand(demand), bytes);
        }
        // After the demand that it is about.
        for question in all.explain {
            let bytes = question.role.as_str().len() + question.shape.as_ref().map_or(0, shape_bytes);
            packer.add(Call::Explain(question), bytes);
        }
        for (filter, groups) in all.accepts {
            packer.add_accept(groups, filter);
        }
        let declined = (!all.declined.is_empty()).then_some((FILTER_DEFAULT, all.declined));
        for (filter, offers) in declined.into_iter().chain(all.declined_for) {
            packer.add_split(offers, |_| ID_BYTES, |offers| Call::Decline(Decline { offers, filter }));
        }
        for kill in all.kills {
            let bytes = kill.task.as_str().len() + ID_BYTES;
            packer.add(Call::Kill(kill), bytes);
        }
        for acknowledgement in all.acknowledgements {
            packer.add(Call::Acknowledge(acknowledgement), 4 * ID_BYTES);
        }
        packer.add_split(all.reconcile, |query| query.task.as_str().len() + 2 * ID_BYTES, Call::Reconcile);
        if all.reconcile_all {
            packer.add(Call::Reconcile(Vec::new()), 0);
        }
        if all.teardown {
            packer.add(Call::Teardown, 0);
        }
        if all.heartbeat && packer.is_empty() {
            packer.add(Call::Heartbeat, 0);
        }
        packer.messages
    }
}

/// Fills messages one after another.
struct Packer {
    session: SessionId,
    messages: Vec<FromFramework>,
    bytes: usize,
}

impl Packer {
    fn new(session: SessionId) -> Self {
        Self { session, messages: Vec::new(), bytes: 0 }
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn add(&mut self, call: Call, bytes: usize) {
        let full = self.messages.last().is_none_or(|message| message.calls.len() == CALLS_MAX);
        if full || self.bytes + bytes > MESSAGE_BYTES_MAX {
            self.messages.push(FromFramework { session: Some(self.session), calls: Vec::new() });
            self.bytes = 0;
        }
        self.bytes += bytes + ID_BYTES;
        self.messages.last_mut().expect("one was pushed if there was none").calls.push(call);
    }

    /// Adds `items` in as many calls as keep every message within its size.
    fn add_split<T>(&mut self, items: Vec<T>, bytes_of: impl Fn(&T) -> usize, call: impl Fn(Vec<T>) -> Call) {
        let mut bytes: usize = items.iter().map(&bytes_of).sum();
        if items.is_empty() {
            return;
        }
        if bytes <= MESSAGE_BYTES_MAX {
            return self.add(call(items), bytes);
        }
        let mut part = Vec::new();
        bytes = 0;
        for item in items {
            let more = bytes_of(&item);
            if bytes + more > MESSAGE_BYTES_MAX && !part.is_empty() {
                self.add(call(std::mem::take(&mut part)), bytes);
                bytes = 0;
            }
            bytes += more;
            part.push(item);
        }
        self.add(call(part), bytes);
    }

    fn add_accept(&mut self, groups: Vec<AcceptGroup>, filter: Duration) {
        let call = |groups| Call::Accept(Accept { groups, all_or_nothing: false, filter });
        self.add_split(groups, group_bytes, call);
    }
}

fn shape_bytes(shape: &Shape) -> usize {
    let values = |constraint: &Constraint| match &constraint.test {
        Test::OneOf(values) | Test::NoneOf(values) => values.iter().map(|value| value.len() + ID_BYTES).sum(),
        Test::Exists | Test::NotExists => 0,
    };
    let subject = |constraint: &Constraint| match &constraint.subject {
        Subject::Attribute(name) => name.len(),
        Subject::Hostname | Subject::Region | Subject::Zone => 0,
    };
    let constraints = shape.constraints.iter().map(|constraint| 2 * ID_BYTES + subject(constraint) + values(constraint));
    8 * ID_BYTES + constraints.sum::<usize>()
}

fn group_bytes(group: &AcceptGroup) -> usize {
    let operations = group.operations.iter().map(|operation| match operation {
        Operation::Launch(tasks) => tasks.iter().map(spec::wire_bytes).sum(),
        Operation::Unimplemented(name) => name.len(),
    });
    group.leases.len() * ID_BYTES + operations.sum::<usize>()
}
