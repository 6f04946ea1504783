//! A framework's shell, simulated: one stream to the master.

use meros_session::{Effect, SessionError};

use super::Cluster;
use crate::failure::FailureKind;
use crate::framework::{AnySession, Input};
use crate::network::{Client, Side, Transit};
use crate::options::Checks;
use crate::process::{Actor, Pace, Turns, guard};
use crate::truth::{FrameworkTruth, Seen};
use crate::wire::Payload;

/// A framework's process.
pub(super) struct FrameworkProcess {
    pub(super) name: String,
    pub(super) session: Box<dyn AnySession>,
    pub(super) turns: Turns,
    pub(super) stream: Option<u64>,
    pub(super) finished: Option<Result<(), SessionError>>,
    pace: Pace,
}

impl Cluster {
    pub(super) fn add_framework(&mut self, name: String, session: Box<dyn AnySession>) -> usize {
        let index = self.frameworks.len();
        let turns = Turns::new(&mut self.random.seeds);
        let wakeup = session.wakeup();
        self.frameworks.push(FrameworkProcess { name, session, turns, stream: None, finished: None, pace: Pace::default() });
        self.oracle.record.frameworks.push(FrameworkTruth { id: None, up: true });
        self.await_wakeup(Actor::Client(Client::Framework(index)), wakeup);
        index
    }

    pub(super) fn framework_turn(&mut self, index: usize) -> Result<usize, FailureKind> {
        let every_step = self.options.checks == Checks::EveryStep;
        let FrameworkProcess { name, session, turns, pace, .. } = &mut self.frameworks[index];
        let now = turns.clock.now(self.now);
        let (events, effects) = guard(&*name, || {
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
        for effect in effects {
            self.perform_framework(index, effect)?;
        }
        let wakeup = self.frameworks[index].session.wakeup();
        self.await_wakeup(Actor::Client(Client::Framework(index)), wakeup);
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
            Effect::Disconnect => self.close_at_framework(index),
            Effect::Finished(result) => {
                self.note(Actor::Client(client), format_args!("has finished: {result:?}"));
                self.oracle.record.frameworks[index].up = false;
                self.frameworks[index].finished = Some(result);
            }
        }
        Ok(())
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
