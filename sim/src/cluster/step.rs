//! One step: the next delivery, and all that follows from it at once.

use std::fmt;
use std::time::Duration;

use meros_types::Time;

use super::Cluster;
use crate::failure::FailureKind;
use crate::framework::Input;
use crate::network::{Client, Side, Transit};
use crate::options::Checks;
use crate::process::{Actor, Delivery, Turns, guard};
use crate::truth::Seen;
use crate::wire::{Payload, carry};

impl Cluster {
    /// Lets the next thing happen. Says whether there was one.
    pub(super) fn step(&mut self) -> Result<bool, FailureKind> {
        let Some((at, delivery)) = self.queue.pop() else { return Ok(false) };
        self.now = at;
        self.counts.events += 1;
        match delivery {
            Delivery::Turn(actor, life) => {
                if self.turns(actor).life == life {
                    self.turn(actor)?;
                }
            }
            Delivery::Wakes(actor, life, at) => self.wake(actor, life, at),
            Delivery::Network(stream, transit) => self.bring(stream, transit)?,
            Delivery::Machine(agent, power, container, happening) => self.happen(agent, power, container, *happening)?,
            Delivery::Disk(actor, life, done) => {
                if self.turns(actor).life == life {
                    self.disk_is_done(actor, done)?;
                }
            }
            Delivery::Restarts(actor, life) => {
                if self.turns(actor).life == life {
                    self.restarts(actor)?;
                }
            }
        }
        Ok(true)
    }

    /// One process takes its inbox as one batch; then what must hold is checked.
    fn turn(&mut self, actor: Actor) -> Result<(), FailureKind> {
        self.turns(actor).due = false;
        self.counts.turns += 1;
        let events = match actor {
            Actor::Master => self.master_turn()?,
            Actor::Client(Client::Agent(agent)) => self.agent_turn(agent)?,
            Actor::Client(Client::Framework(framework)) => self.framework_turn(framework)?,
        };
        if events > 1 {
            self.note(actor, format_args!("takes {events} events"));
        }
        if self.options.checks == Checks::EveryStep || self.pace.is_due(self.size) {
            self.check_all()?;
        }
        Ok(())
    }

    /// Checks everything that must hold of the whole cluster.
    pub(super) fn check_all(&mut self) -> Result<(), FailureKind> {
        self.counts.checks += 1;
        let Some(master) = &self.master.core else { return Ok(()) };
        let state = guard("master", || {
            master.check();
            master.state()
        })?;
        self.size = state.agents.len() + state.tasks.len() + state.offers.len();
        Ok(self.oracle.check(&state)?)
    }

    /// A process will look at its inbox soon.
    pub(super) fn schedule_turn(&mut self, actor: Actor) {
        let wait = self.random.turns.duration(Duration::ZERO, self.options.turn_max);
        let at = self.now.after(wait);
        let turns = self.turns(actor);
        if !std::mem::replace(&mut turns.due, true) {
            let life = turns.life;
            self.queue.push(at, Delivery::Turn(actor, life));
        }
    }

    /// A process's core waits for this moment of its own clock.
    pub(super) fn await_wakeup(&mut self, actor: Actor, wakeup: Option<Time>) {
        let now = self.now;
        let turns = self.turns(actor);
        let life = turns.life;
        if let Some(at) = turns.wait(now, wakeup) {
            self.queue.push(at, Delivery::Wakes(actor, life, at));
        }
    }

    fn wake(&mut self, actor: Actor, life: u32, at: Time) {
        let turns = self.turns(actor);
        if turns.life != life || turns.wakes != Some(at) {
            return;
        }
        turns.wakes = None;
        match actor {
            Actor::Master => self.master.inbox.push(meros_master_core::Event::TimePassed),
            Actor::Client(Client::Agent(agent)) => self.agents[agent].inbox.push(meros_agent_core::Event::TimePassed),
            Actor::Client(Client::Framework(framework)) => self.frameworks[framework].session.push(Input::TimePassed),
        }
        self.schedule_turn(actor);
    }

    pub(super) fn turns(&mut self, actor: Actor) -> &mut Turns {
        match actor {
            Actor::Master => &mut self.master.turns,
            Actor::Client(Client::Agent(agent)) => &mut self.agents[agent].turns,
            Actor::Client(Client::Framework(framework)) => &mut self.frameworks[framework].turns,
        }
    }

    /// The network brings something to one end of a stream.
    fn bring(&mut self, stream: u64, transit: Transit) -> Result<(), FailureKind> {
        let client = self.network.client(stream);
        let arrives = self.network.arrive(stream, &transit);
        let Some(client) = client else { return Ok(()) };
        let to = match &transit {
            Transit::Opens => Actor::Client(client),
            Transit::Arrives(side, _) | Transit::Closes(side, _) => match side {
                Side::Client => Actor::Client(client),
                Side::Master => Actor::Master,
            },
        };
        self.note_transit(to, client, stream, &transit, arrives);
        if arrives {
            match to {
                Actor::Master => self.bring_to_master(stream, client, transit)?,
                Actor::Client(Client::Agent(agent)) => self.bring_to_agent(agent, stream, transit),
                Actor::Client(Client::Framework(framework)) => self.bring_to_framework(framework, stream, transit),
            }
            self.schedule_turn(to);
        }
        Ok(())
    }

    fn note_transit(&mut self, to: Actor, client: Client, stream: u64, transit: &Transit, arrives: bool) {
        let from = match to {
            Actor::Master => Actor::Client(client),
            Actor::Client(_) => Actor::Master,
        };
        let from = self.name(from);
        match (transit, arrives) {
            (Transit::Opens, true) => self.note(to, format_args!("has stream {stream}")),
            (Transit::Arrives(_, message), true) => self.note(to, format_args!("<- {from}/{stream}: {}", message.describe())),
            (Transit::Arrives(_, message), false) => self.note(to, format_args!("misses {from}/{stream}: {}", message.describe())),
            (Transit::Closes(_, why), true) => self.note(to, format_args!("loses {from}/{stream}: {why}")),
            (Transit::Opens | Transit::Closes(..), false) => {}
        }
    }

    /// Puts a message on a stream. The oracle hears of it whether it arrives or not.
    pub(super) fn send(&mut self, stream: u64, from: Side, client: Client, payload: Payload) -> Result<(), FailureKind> {
        let message = carry(payload)?;
        let seen = match from {
            Side::Master => Seen::MasterSent(client, &message.payload),
            Side::Client => Seen::ClientSent(client, &message.payload),
        };
        self.oracle.see(&seen)?;
        let message = self.plant(message);
        if let Some(message) = message {
            self.network.send(self.now, stream, from, message, &mut self.queue);
        }
        Ok(())
    }

    /// What the log and failures call a process.
    pub(super) fn name(&self, actor: Actor) -> String {
        match actor {
            Actor::Master => "master".to_owned(),
            Actor::Client(Client::Agent(agent)) => self.agents[agent].hostname.clone(),
            Actor::Client(Client::Framework(framework)) => self.frameworks[framework].name.clone(),
        }
    }

    /// Adds a line to the log.
    pub(super) fn note(&mut self, actor: Actor, what: fmt::Arguments<'_>) {
        let who: &str = match actor {
            Actor::Master => "master",
            Actor::Client(Client::Agent(agent)) => &self.agents[agent].hostname,
            Actor::Client(Client::Framework(framework)) => &self.frameworks[framework].name,
        };
        self.log.line(self.now, who, what);
    }
}
