//! The connection to the master: opening it, registering, noticing its silence, and waiting longer after each failure.

use std::time::Duration;

use meros_types::{AgentOrder, AgentReport, FromAgent, Now, Refusal, Register, Registered, Resources, SessionId, Time, ToAgent};

use crate::{Agent, AgentConfig, Effect, Record};

/// The wait after the first failure to connect; it doubles with each in a row, and a quarter of it is chance.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The shortest time between two heartbeats, whatever the master asks for.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);

/// Where the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum LinkState {
    /// That this life has begun is not on the disk yet.
    #[default]
    NotBegun,
    /// The shell is opening a stream.
    Opening,
    /// A stream is open, and the registration was sent.
    Greeting,
    /// The master has registered this agent.
    Registered { session: SessionId, heartbeat: Duration, beat_at: Time },
    /// The next attempt waits.
    Waiting { until: Time },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    state: LinkState,
    /// Failures since the last registration.
    failures: u32,
    heard: Time,
}

impl Link {
    pub(crate) fn is_registered(&self) -> bool {
        matches!(self.state, LinkState::Registered { .. })
    }

    fn session(&self) -> Option<SessionId> {
        match self.state {
            LinkState::Registered { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(crate) fn wakeup(&self, config: &AgentConfig) -> Option<Time> {
        let silent_at = self.heard.after(config.silence_max);
        match self.state {
            LinkState::NotBegun | LinkState::Opening => None,
            LinkState::Greeting => Some(silent_at),
            LinkState::Registered { beat_at, .. } => Some(silent_at.min(beat_at)),
            LinkState::Waiting { until } => Some(until),
        }
    }
}

impl Agent {
    pub(crate) fn connect(&mut self, effects: &mut Vec<Effect>) {
        self.link.state = LinkState::Opening;
        effects.push(Effect::Connect);
    }

    /// Connects for the first time in this life.
    pub(crate) fn first_connect(&mut self, effects: &mut Vec<Effect>) {
        if self.link.state == LinkState::NotBegun {
            self.connect(effects);
        }
    }

    /// What the master was told when this agent registered has changed.
    pub(crate) fn register_anew(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.link.state, LinkState::Greeting | LinkState::Registered { .. }) {
            self.connect(effects);
        }
    }

    /// The stream before is closed, so that what this registration doesn't show never started.
    pub(crate) fn connected(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.link.state == LinkState::NotBegun {
            return;
        }
        self.link.state = LinkState::Greeting;
        self.link.heard = now.mono;
        // Without a log no launch can be taken in: so there is nothing to offer.
        let resources = if self.log.is_stalled() { Resources::none() } else { self.config.resources.clone() };
        let shown = self.containers.iter().filter(|(_, container)| container.is_shown());
        let register = Register {
            agent: self.id,
            secret: self.config.secret,
            incarnation: self.incarnation,
            boot: self.boot.clone(),
            term: self.term,
            hostname: self.config.hostname.clone(),
            resources,
            attributes: self.config.attributes.clone(),
            domain: self.config.domain.clone(),
            containers: shown.map(|(id, container)| container.snapshot(*id)).collect(),
        };
        let message = FromAgent { session: None, report: AgentReport::Register(Box::new(register)) };
        effects.push(Effect::Send(Box::new(message)));
    }

    pub(crate) fn disconnected(&mut self, now: Now, reason: &str) {
        if matches!(self.link.state, LinkState::NotBegun | LinkState::Waiting { .. }) {
            return;
        }
        if self.link.failures == 0 {
            tracing::warn!(reason, "no connection to the master; trying again until there is one");
        }
        self.wait_to_connect(now);
    }

    /// Waits before the next attempt, longer after each failure in a row.
    fn wait_to_connect(&mut self, now: Now) {
        let wait = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.link.failures)).min(BACKOFF_MAX);
        self.link.failures = self.link.failures.saturating_add(1);
        let quarter = u64::try_from(wait.as_nanos() / 4).unwrap_or(u64::MAX).max(1);
        let chance = Duration::from_nanos(self.ids.next_u64() % quarter);
        self.link.state = LinkState::Waiting { until: now.mono.after(wait - chance) };
    }

    /// Sends a report over the session; without one nothing is sent, and the next registration says it all.
    pub(crate) fn send(&self, report: AgentReport, effects: &mut Vec<Effect>) {
        if let Some(session) = self.link.session() {
            effects.push(Effect::Send(Box::new(FromAgent { session: Some(session), report })));
        }
    }

    pub(crate) fn received(&mut self, now: Now, message: ToAgent, effects: &mut Vec<Effect>) {
        match (&self.link.state, message.order) {
            (LinkState::Greeting, AgentOrder::Registered(registered)) => self.registered(now, message.session, registered, effects),
            (LinkState::Greeting, AgentOrder::Refused(refusal)) => self.refused(now, refusal, effects),
            (LinkState::Registered { session, .. }, order) if *session == message.session => {
                self.link.heard = now.mono;
                self.obey(now, order, effects);
            }
            (_, order) => tracing::debug!(session = %message.session, ?order, "dropped an order of another session"),
        }
    }

    fn registered(&mut self, now: Now, session: SessionId, registered: Registered, effects: &mut Vec<Effect>) {
        if session.term < self.term {
            tracing::warn!(
                term = %session.term,
                highest = %self.term,
                "dropped a registration by a master of an earlier term. If the master's registry was lost, move the agent's log away: \
                 the agent then ends its tasks and begins anew"
            );
            return;
        }
        if (self.id, self.term) != (Some(registered.agent), session.term) {
            self.term = session.term;
            self.id = Some(registered.agent);
            let met = Record::Met { agent: registered.agent, term: session.term, newest_launch: self.newest_launch };
            self.append_synced(met, effects);
        }
        let heartbeat = registered.heartbeat.max(HEARTBEAT_MIN);
        let beat_at = now.mono.after(heartbeat);
        self.link = Link { state: LinkState::Registered { session, heartbeat, beat_at }, failures: 0, heard: now.mono };
        tracing::info!(agent = %registered.agent, %session, "registered");
        self.resend_all(now, effects);
    }

    /// The master won't have this agent. It waits as after a lost connection when trying again may help; if not, it ends.
    fn refused(&mut self, now: Now, refusal: Refusal, effects: &mut Vec<Effect>) {
        if refusal.retry {
            tracing::warn!(reason = refusal.message, "the master does not take this agent now; trying again");
            self.wait_to_connect(now);
        } else {
            effects.push(Effect::Exit(refusal.message));
        }
    }

    fn obey(&mut self, now: Now, order: AgentOrder, effects: &mut Vec<Effect>) {
        match order {
            AgentOrder::Launch(launch) => self.launch(now, *launch, effects),
            AgentOrder::Kill(order) => self.kill(now, &order, effects),
            AgentOrder::Acknowledged(acknowledged) => self.acknowledged(now, acknowledged, effects),
            AgentOrder::Resend(framework) => self.resend(now, framework, effects),
            AgentOrder::OpenLog(request) => {
                let container = self.by_launch.get(&request.launch).copied();
                let container = container.filter(|id| self.containers.get(id).is_some_and(|container| container.has_directory));
                effects.push(Effect::ServeLog { request, container });
            }
            AgentOrder::Refused(refusal) => self.refused(now, refusal, effects),
            AgentOrder::Registered(_) | AgentOrder::Heartbeat => {}
        }
    }

    pub(crate) fn link_time_passed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let silent = self.link.heard.after(self.config.silence_max) <= now.mono;
        match &mut self.link.state {
            LinkState::Waiting { until } if *until <= now.mono => self.connect(effects),
            LinkState::Greeting | LinkState::Registered { .. } if silent => {
                tracing::warn!("the master was silent for {:?}; connecting anew", self.config.silence_max);
                self.connect(effects);
            }
            LinkState::Registered { heartbeat, beat_at, .. } if *beat_at <= now.mono => {
                *beat_at = now.mono.after(*heartbeat);
                self.send(AgentReport::Heartbeat, effects);
            }
            _ => {}
        }
    }
}
