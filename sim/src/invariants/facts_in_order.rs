//! Invariant 10. The facts about a task reach its scheduler in strictly increasing order, and none is acknowledged before its
//! scheduler has it and has saved so: no terminal fact is lost.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentOrder, AgentReport, Call, FactId, Incarnation, TaskId, TaskUpdate};

use super::{Invariant, is_about_another};
use crate::failure::Violation;
use crate::network::Client;
use crate::told::Told;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "facts_in_order";

#[derive(Debug, Default)]
pub(super) struct FactsInOrder {
    /// Every fact that was ever stated: whose, about which task, and whether it is final.
    stated: BTreeMap<FactId, Stated>,
    told: Told<Heard>,
    /// Ends that agents have forgotten and schedulers not heard. That is as it should be for a framework that the master has
    /// removed, which its process may learn later.
    unheard: Vec<(usize, TaskId)>,
}

#[derive(Debug)]
struct Stated {
    framework: Option<usize>,
    task: TaskId,
    terminal: bool,
}

/// What a scheduler was told of one task.
#[derive(Clone, Debug, Default)]
struct Heard {
    last: Option<FactId>,
    earlier: BTreeSet<Incarnation>,
    ended: bool,
}

impl Heard {
    fn has(&self, fact: FactId) -> bool {
        let covers = |last: FactId| last.incarnation == fact.incarnation && last.n >= fact.n;
        self.ended || self.last.is_some_and(covers) || self.earlier.contains(&fact.incarnation)
    }
}

impl Invariant for FactsInOrder {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::ClientSent(_, Payload::FromAgent(message)) => {
                if let AgentReport::Fact(fact) = &message.report
                    && let Some(id) = fact.update.fact
                {
                    let framework = record.framework_of(fact.framework);
                    let (task, terminal) = (fact.update.task.clone(), fact.update.state.is_terminal());
                    self.stated.entry(id).or_insert(Stated { framework, task, terminal });
                }
                Ok(())
            }
            Seen::Told(framework, update) if !is_about_another(update) => self.told(*framework, update),
            Seen::ClientSent(Client::Framework(framework), Payload::FromFramework(message)) => {
                message.calls.iter().try_for_each(|call| self.acknowledged(*framework, call))
            }
            Seen::Saving(framework, seq) => {
                self.told.saving(*framework, *seq);
                Ok(())
            }
            Seen::Saved(framework, seq) => {
                self.told.is_saved(*framework, *seq);
                Ok(())
            }
            Seen::FrameworkDied(framework) => {
                self.told.forget_unsaved(*framework);
                Ok(())
            }
            Seen::AgentTook(_, message) => match &message.order {
                AgentOrder::Acknowledged(acknowledged) => {
                    self.forgotten(acknowledged.fact);
                    Ok(())
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn settled(&self, record: &Record) -> Result<(), Violation> {
        match self.unheard.iter().find(|(framework, _)| record.frameworks[*framework].up) {
            None => Ok(()),
            Some((framework, task)) => broken(format!("framework-{framework} never heard the end of its task {task}")),
        }
    }
}

impl FactsInOrder {
    fn told(&mut self, framework: usize, update: &TaskUpdate) -> Result<(), Violation> {
        let told = self.told.change(framework, &update.task);
        told.ended |= update.state.is_terminal();
        let Some(fact) = update.fact else { return Ok(()) };
        match told.last.replace(fact) {
            Some(last) if last.incarnation == fact.incarnation && last.n >= fact.n => {
                broken(format!("task {}: fact {} is told after fact {}", update.task, fact.n, last.n))
            }
            Some(last) if last.incarnation != fact.incarnation => {
                told.earlier.insert(last.incarnation);
                let again = told.earlier.contains(&fact.incarnation);
                if again { broken(format!("task {}: a fact of an earlier life of its agent is told", update.task)) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn acknowledged(&self, framework: usize, call: &Call) -> Result<(), Violation> {
        let Call::Acknowledge(acknowledge) = call else { return Ok(()) };
        let fact = acknowledge.fact;
        let Some(stated) = self.stated.get(&fact) else {
            return broken(format!("fact {} of launch {} is acknowledged and was never stated", fact.n, acknowledge.launch));
        };
        let has = self.told.saved(framework, &stated.task).is_some_and(|heard| heard.has(fact));
        if has {
            Ok(())
        } else {
            broken(format!("task {}: fact {} is acknowledged before what it was told is saved", stated.task, fact.n))
        }
    }

    /// An agent forgets a fact. A terminal one must have reached its scheduler.
    fn forgotten(&mut self, fact: FactId) {
        let Some(Stated { framework: Some(framework), task, terminal: true }) = self.stated.get(&fact) else { return };
        if !self.told.saved(*framework, task).is_some_and(|heard| heard.ended) {
            self.unheard.push((*framework, task.clone()));
        }
    }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
