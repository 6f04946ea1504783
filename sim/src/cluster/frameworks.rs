//! A framework's shell, simulated: one stream to the master, and a state store on a disk.

use meros_session::{Effect, Saved, SessionError, StateChange};

use super::Cluster;
use crate::disk::Disk;
use crate::failure::FailureKind;
use crate::framework::{AnySession, Input};
use crate::network::{Client, Side, Transit};
use crate::options::{Checks, Planted};
use crate::process::{Actor, DiskDone, Pace, Turns, guard};
use crate::truth::{FrameworkTruth, Seen};
use crate::wire::Payload;

/// Makes a scheduler anew in its session: from a seed, and from what its store holds.
pub(super) type Make = Box<dyn Fn(u64, Saved) -> Box<dyn AnySession>>;

/// A framework's process.
pub(super) struct FrameworkProcess {
    pub(super) name: String,
    /// What is left of it while it is dead.
    pub(super) session: Box<dyn AnySession>,
    /// None for one that does not come back when it dies.
    pub(super) make: Option<Make>,
    pub(super) doomed: bool,
    state: Disk<Saved>,
    /// The transaction that the store has not committed yet.
    pub(super) uncommitted: Vec<(u64, Vec<StateChange>)>,
    pub(super) turns: Turns,
    pub(super) stream: Option<u64>,
    pub(super) finished: Option<Result<(), SessionError>>,
    pace: Pace,
}

impl Cluster {
    pub(super) fn add_framework(&mut self, name: String, session: Box<dyn AnySession>, make: Option<Make>) -> usize {
        let index = self.frameworks.len();
        let turns = Turns::new(&mut self.random.seeds);
        let (state, uncommitted, pace) = (Disk::default(), Vec::new(), Pace::default());
        let (stream, finished, doomed) = (None, None, false);
        self.frameworks.push(FrameworkProcess { name, session, make, doomed, state, uncommitted, turns, stream, finished, pace });
        self.oracle.record.frameworks.push(FrameworkTruth { id: None, up: true });
        self.await_framework(index);
        index
    }

    /// A dead framework's process begins anew, with what its store holds.
    pub(super) fn begin_framework(&mut self, index: usize) {
        let seed = self.random.seeds.next_u64();
        let framework = &mut self.frameworks[index];
        let Some(make) = &framework.make else { return };
        framework.session = make(seed, framework.state.read().clone());
        self.oracle.record.frameworks[index].up = true;
        self.note(Actor::Client(Client::Framework(index)), format_args!("begins anew"));
        self.await_framework(index);
    }

    fn await_framework(&mut self, index: usize) {
        let wakeup = self.frameworks[index].session.wakeup();
        self.await_wakeup(Actor::Client(Client::Framework(index)), wakeup);
    }

    pub(super) fn framework_turn(&mut self, index: usize) -> Result<usize, FailureKind> {
        let every_step = self.options.checks == Checks::EveryStep;
        let FrameworkProcess { name, session, turns, pace, .. } = &mut self.frameworks[index];
        let now = turns.clock.now(self.now);
        let (events, mut effects) = guard(&*name, || {
            let mut effects = Vec::new();
            let events = session.turn(now, &mut effects);
            if every_step || pace.is_due(session.task_count()) {
                session.check();
            }
            (events, effects)
        })?;
        for update in self.frameworks[index].session.take_told() {
            self.oracle.see(&Seen::Told(index, &update))?;
        }
        let doomed = self.frameworks[index].doomed;
        self.cut_short(doomed, &mut effects);
        for effect in effects {
            self.perform_framework(index, effect)?;
        }
        self.await_framework(index);
        if doomed {
            self.die(Actor::Client(Client::Framework(index)))?;
        }
        Ok(events)
    }

    fn perform_framework(&mut self, index: usize, effect: Effect) -> Result<(), FailureKind> {
        let client = Client::Framework(index);
        match effect {
            Effect::Connect => {
                self.close_at_framework(index);
                let stream = self.network.connect(self.now, client, &mut self.queue);
                self.frameworks[index].stream = Some(stream);
            }
            Effect::Send(message) => {
                if let Some(stream) = self.frameworks[index].stream {
                    self.send(stream, Side::Client, client, Payload::FromFramework(message))?;
                }
            }
            Effect::Commit { seq, changes } => {
                self.oracle.see(&Seen::Saving(index, seq))?;
                self.frameworks[index].uncommitted.push((seq, changes));
                self.disk_works(Actor::Client(client), DiskDone::Committed(seq));
                if self.options.planted == Some(Planted::SavesEarly) {
                    self.frameworks[index].session.push(Input::Committed(seq));
                    self.schedule_turn(Actor::Client(client));
                }
            }
            Effect::Disconnect => self.close_at_framework(index),
            Effect::Finished(result) => {
                self.note(Actor::Client(client), format_args!("has finished: {result:?}"));
                self.oracle.record.frameworks[index].up = false;
                self.frameworks[index].finished = Some(result);
            }
        }
        Ok(())
    }

    /// The store has committed this transaction.
    pub(super) fn framework_committed(&mut self, index: usize, seq: u64) -> Result<(), FailureKind> {
        self.framework_commits_first(index)?;
        if self.options.planted != Some(Planted::SavesEarly) {
            self.frameworks[index].session.push(Input::Committed(seq));
            self.schedule_turn(Actor::Client(Client::Framework(index)));
        }
        Ok(())
    }

    /// The oldest transaction reaches the disk.
    pub(super) fn framework_commits_first(&mut self, index: usize) -> Result<(), FailureKind> {
        let framework = &mut self.frameworks[index];
        if framework.uncommitted.is_empty() {
            return Ok(());
        }
        let (seq, changes) = framework.uncommitted.remove(0);
        framework.state.write(changes);
        framework.state.sync(framework.state.mark());
        Ok(self.oracle.see(&Seen::Saved(index, seq))?)
    }

    pub(super) fn close_at_framework(&mut self, index: usize) {
        if let Some(stream) = self.frameworks[index].stream.take() {
            self.network.close(self.now, stream, Side::Client, &mut self.queue);
        }
        self.frameworks[index].session.forget_stream();
    }

    pub(super) fn bring_to_framework(&mut self, index: usize, stream: u64, transit: Transit) {
        let framework = &mut self.frameworks[index];
        if framework.stream != Some(stream) {
            return;
        }
        framework.session.push(match transit {
            Transit::Opens => Input::Connected,
            Transit::Arrives(_, message) => match message.payload {
                Payload::ToFramework(message) => Input::Received(Box::new(message)),
                _ => unreachable!("a framework's stream carries nothing else to it"),
            },
            Transit::Closes(_, why) => {
                framework.stream = None;
                Input::Lost(why.to_owned())
            }
        });
    }
}
