//! A log with gaps: whatever record is missing, the rest is read, its ends are told, and nothing stays for ever.

use meros_agent_core::{Agent, AgentConfig, Effect, Event, Record};
use meros_types::{
    Acknowledged, AgentId, AgentOrder, AgentReport, ContainerId, Exit, ExitRecord, Fact, Now, Registered, SessionId, TaskUpdate,
    Term, ToAgent, Usage,
};
use proptest::prelude::*;

use crate::any_order::{Play, act, found};
use crate::harness::*;

/// A life that reads a damaged log. What it does differently from the life before is not judged here.
struct Reader {
    agent: Agent,
    now: Now,
    heard: Vec<Fact>,
    started: Vec<ContainerId>,
}

const SESSION: SessionId = SessionId { term: Term(9), n: 1 };

impl Reader {
    /// Reads the log, finds what `picks` say, and registers.
    fn registered(world: &World, records: Vec<Record>, picks: &[u8]) -> Self {
        let config = AgentConfig { seed: world.config.seed + 1, ..world.config.clone() };
        let agent = Agent::recovered(config, boot(0), records).unwrap();
        agent.check();
        let remembered = agent.remembered();
        let found = remembered.into_iter().filter_map(|id| Some((id, found(world, id, false, picks)?))).collect();
        let mut reader = Self { agent, now: world.now, heard: Vec::new(), started: Vec::new() };
        reader.run(Event::Began { found });
        reader.run(Event::Connected);
        let registered = Registered { agent: AgentId::from_bytes([9; 16]), heartbeat: HEARTBEAT };
        reader.order(AgentOrder::Registered(registered));
        reader
    }

    fn order(&mut self, order: AgentOrder) {
        self.run(Event::Received(Box::new(ToAgent { session: SESSION, order })));
    }

    fn run(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut effects = Vec::new();
            self.agent.handle(self.now, event, &mut effects);
            self.agent.flush(self.now, &mut effects);
            self.agent.check();
            let newest = effects.iter().filter_map(|effect| match effect {
                Effect::Append { seq, .. } | Effect::Rewrite { seq, .. } => Some(*seq),
                _ => None,
            });
            events.extend(newest.max().map(|seq| Event::Synced { seq }));
            effects.into_iter().for_each(|effect| self.note(effect));
        }
    }

    fn note(&mut self, effect: Effect) {
        match effect {
            Effect::Send(message) => self.heard.extend(match message.report {
                AgentReport::Fact(fact) => Some(*fact),
                _ => None,
            }),
            Effect::Start(plan) => self.started.push(plan.container),
            _ => {}
        }
    }
}

/// The first end of each launch in a log, unless it is acknowledged there.
fn ends(records: &[Record]) -> Vec<TaskUpdate> {
    let mut ends: Vec<TaskUpdate> = Vec::new();
    for record in records {
        if let Record::Fact { update, .. } = record
            && update.state.is_terminal()
            && ends.iter().all(|end| end.launch != update.launch)
        {
            ends.push(update.clone());
        }
    }
    let is_acknowledged =
        |id| records.iter().any(|record| matches!(record, Record::Acknowledged { fact, .. } if Some(*fact) == id));
    ends.retain(|end| !is_acknowledged(end.fact));
    ends
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_with_gaps_is_read_as_far_as_it_goes(
        acts in proptest::collection::vec(act(), 1..80),
        gaps in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
        picks in any::<[u8; 4]>(),
    ) {
        let mut play = Play::new(Some(3));
        for act in acts {
            play.perform(act);
        }
        let world = &play.world;
        let mut records = world.log.file.clone();
        for gap in gaps {
            if !records.is_empty() {
                records.remove(gap.index(records.len()));
            }
        }
        let ends = ends(&records);
        let mut reader = Reader::registered(world, records, &picks);
        for plan in &world.plans {
            let record = ExitRecord { exit: Exit::Code(0), usage: Usage::default() };
            reader.run(Event::ContainerEnded { container: plan.container, record: Some(record) });
        }
        for end in ends {
            prop_assert!(reader.heard.iter().any(|heard| heard.update == end), "an end in the log is not told: {end:?}");
        }
        for Fact { framework, update } in reader.heard.clone() {
            reader.order(AgentOrder::Acknowledged(Acknowledged { framework, fact: update.fact.unwrap() }));
        }
        prop_assert!(reader.agent.is_quiet(), "something stays for ever");
        prop_assert!(reader.started.is_empty(), "a launch is started by reading of it");
        prop_assert!(reader.agent.remembered().len() <= 3, "more directories are kept than may be");
    }
}
