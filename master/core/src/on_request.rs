//! What operators ask.

use meros_types::{AgentOrder, FrameworkId, Now, OpenLog, TaskId};

use crate::counters::Metrics;
use crate::effect::{Effect, Reply, RequestError};
use crate::event::{Request, Token};
use crate::rows::FrameworkStanding;
use crate::table::TaskIx;
use crate::{Master, TEARDOWNS_WAITING_MAX};

impl Master {
    pub(crate) fn asked(&mut self, now: Now, token: Token, request: Request, effects: &mut Vec<Effect>) {
        let reply = match self.answer(now, token, request, effects) {
            Ok(None) => return,
            Ok(Some(reply)) => reply,
            Err(error) => Reply::Refused(error),
        };
        effects.push(Effect::Reply { token, reply });
    }

    /// The answer; none when it waits for something to be stored.
    fn answer(
        &mut self,
        now: Now,
        token: Token,
        request: Request,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, RequestError> {
        let reply = match request {
            Request::State => Reply::State(Box::new(self.state())),
            Request::Metrics => Reply::Metrics(Box::new(self.metrics())),
            Request::KillTask { framework, task, grace } => {
                let ix = self.find_task(framework, &task)?;
                if self.tasks[ix].is_live() {
                    self.reachable(ix)?;
                    self.kill_task(ix, grace, effects);
                }
                Reply::Killing
            }
            Request::Teardown { framework } => return self.tear_down(token, framework).map(|()| None),
            Request::UpdateRoles(update) => return self.update_roles(token, update),
            Request::SetDuty { agent, duty } => return self.set_duty(now, token, agent, duty, effects).map(|()| None),
            Request::MarkGone { agent } => return self.mark_gone(token, agent, effects),
            Request::SetWindow(window) => return self.set_window(now, token, window).map(|()| None),
            Request::RemoveWindow { id } => return self.remove_window(token, id).map(|()| None),
            Request::Explain { framework, role, shape } => self.explain_request(now, framework, role.as_ref(), shape.as_ref())?,
            Request::OpenLog { framework, task, stream, offset, follow } => {
                let ix = self.find_task(framework, &task)?;
                self.reachable(ix)?;
                let (agent, launch) = (self.tasks[ix].agent, self.tasks[ix].launch);
                let open = OpenLog { request: token.0, launch, stream, offset, follow };
                self.order(agent, AgentOrder::OpenLog(open), effects);
                Reply::LogOpening
            }
        };
        Ok(Some(reply))
    }

    /// Ends a framework; the operator is told when it can't come back.
    fn tear_down(&mut self, token: Token, id: FrameworkId) -> Result<(), RequestError> {
        let found = self.frameworks_by_id.get(&id).copied();
        let framework = found.filter(|ix| self.frameworks[*ix].standing != FrameworkStanding::Entering);
        let framework = framework.filter(|ix| !self.frameworks[*ix].is_removed());
        let framework = framework.ok_or_else(|| RequestError::UnknownFramework { framework: id.to_string() })?;
        self.remove_framework(framework, "an operator ended it");
        let tokens = self.frameworks[framework].ending.as_mut().map(|ending| &mut ending.tokens);
        match tokens.filter(|tokens| tokens.len() < TEARDOWNS_WAITING_MAX) {
            Some(tokens) => {
                tokens.push(token);
                Ok(())
            }
            None => Err(RequestError::TooManyWait { framework: id.to_string() }),
        }
    }

    /// The task of this id. One of a framework that has ended is meant only if no other has one; then the newest is.
    fn find_task(&self, framework: Option<FrameworkId>, task: &TaskId) -> Result<TaskIx, RequestError> {
        let named = self.frameworks.iter().filter(|(_, row)| framework.is_none_or(|id| id == row.id));
        let found = named.filter_map(|(_, row)| Some((row, row.tasks_named(task).last()?)));
        let (shown, ended): (Vec<_>, Vec<_>) = found.partition(|(row, _)| row.is_shown());
        match shown.as_slice() {
            [] => {
                let newest = ended.into_iter().map(|(_, ix)| ix).max_by_key(|ix| self.tasks[*ix].launch);
                newest.ok_or_else(|| RequestError::UnknownTask { task: task.to_string() })
            }
            [(_, ix)] => Ok(*ix),
            several => {
                let frameworks: Vec<String> = several.iter().map(|(row, _)| row.id.to_string()).collect();
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
            agents_unreachable: self.agents_by_id.len() as u64 - agents_connected,
            frameworks_connected,
            frameworks_disconnected: self.frameworks.iter().filter(|(_, row)| row.is_shown()).count() as u64 - frameworks_connected,
            offers: self.offers.len() as u64,
            tasks_live: self.frameworks.iter().map(|(_, framework)| framework.live_tasks).sum(),
        }
    }
}
