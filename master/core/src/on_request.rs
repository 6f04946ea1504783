//! What operators ask.

use meros_types::{AgentOrder, FrameworkId, OpenLog, TaskId};

use crate::Master;
use crate::counters::Metrics;
use crate::effect::{Effect, Reply, RequestError};
use crate::event::{Request, Token};
use crate::table::TaskIx;

impl Master {
    pub(crate) fn asked(&mut self, token: Token, request: Request, effects: &mut Vec<Effect>) {
        let reply = self.answer(token, request, effects).unwrap_or_else(Reply::Refused);
        effects.push(Effect::Reply { token, reply });
    }

    fn answer(&mut self, token: Token, request: Request, effects: &mut Vec<Effect>) -> Result<Reply, RequestError> {
        match request {
            Request::State => Ok(Reply::State(Box::new(self.state()))),
            Request::Metrics => Ok(Reply::Metrics(Box::new(self.metrics()))),
            Request::KillTask { framework, task, grace } => {
                let ix = self.find_task(framework, &task)?;
                if self.tasks[ix].is_live() {
                    self.reachable(ix)?;
                    self.kill_task(ix, grace, effects);
                }
                Ok(Reply::Killing)
            }
            Request::Teardown { framework } => {
                let unknown = || RequestError::UnknownFramework { framework: framework.to_string() };
                let ix = self.frameworks_by_id.get(&framework).copied().filter(|ix| !self.frameworks[*ix].removed);
                self.remove_framework(ix.ok_or_else(unknown)?, "an operator ended it", effects);
                Ok(Reply::TornDown)
            }
            Request::OpenLog { framework, task, stream, offset, follow } => {
                let ix = self.find_task(framework, &task)?;
                self.reachable(ix)?;
                let (agent, launch) = (self.tasks[ix].agent, self.tasks[ix].launch);
                let open = OpenLog { request: token.0, launch, stream, offset, follow };
                self.order(agent, AgentOrder::OpenLog(open), effects);
                Ok(Reply::LogOpening)
            }
        }
    }

    fn find_task(&self, framework: Option<FrameworkId>, task: &TaskId) -> Result<TaskIx, RequestError> {
        let named = self.frameworks.iter().filter(|(_, row)| framework.is_none_or(|id| id == row.id));
        let found: Vec<_> = named.filter_map(|(_, row)| Some((row.id, row.tasks_named(task).last()?))).collect();
        match found.as_slice() {
            [] => Err(RequestError::UnknownTask { task: task.to_string() }),
            [(_, ix)] => Ok(*ix),
            several => {
                let frameworks: Vec<String> = several.iter().map(|(id, _)| id.to_string()).collect();
                Err(RequestError::AmbiguousTask { task: task.to_string(), frameworks: frameworks.join(", ") })
            }
        }
    }

    fn reachable(&self, ix: TaskIx) -> Result<(), RequestError> {
        let task = &self.tasks[ix];
        let agent = &self.agents[task.agent];
        match agent.link {
            Some(_) => Ok(()),
            None => {
                Err(RequestError::AgentUnreachable { task: task.update.task.to_string(), agent: agent.offered.hostname.clone() })
            }
        }
    }

    fn metrics(&self) -> Metrics {
        let agents_connected = self.agents.iter().filter(|(_, agent)| agent.link.is_some()).count() as u64;
        let frameworks_connected = self.frameworks.iter().filter(|(_, framework)| framework.is_connected()).count() as u64;
        Metrics {
            counters: self.counters,
            agents_connected,
            agents_unreachable: self.agents.len() as u64 - agents_connected,
            frameworks_connected,
            frameworks_disconnected: self.frameworks.len() as u64 - frameworks_connected,
            offers: self.offers.len() as u64,
            tasks_live: self.frameworks.iter().map(|(_, framework)| framework.live_tasks).sum(),
        }
    }
}
