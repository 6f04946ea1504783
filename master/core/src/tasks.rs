//! The task table: rows come in by launch or by an agent's snapshot, change part of the ledger, end, and are forgotten.

use meros_types::{AgentOrder, FactId, FrameworkEvent, KillOrder, LaunchId, Now, Reason, Source, TaskState, TaskUpdate, ToAgent};

use crate::ledger::Part;
use crate::rows::Task;
use crate::table::{AgentIx, FrameworkIx, TaskIx};
use crate::{ENDED_TASKS_MAX, Effect, Master};

impl Master {
    /// Enters a task. Its resources must be in the ledger part that it names already.
    pub(crate) fn insert_task(&mut self, task: Task) -> TaskIx {
        let (framework, agent, launch, live) = (task.framework, task.agent, task.launch, task.is_live());
        let name = (task.update.task.clone(), launch);
        let ix = self.tasks.insert(task);
        self.tasks_by_launch.insert(launch, ix);
        self.agents[agent].tasks.insert(ix);
        let row = &mut self.frameworks[framework];
        row.tasks.insert(name, ix);
        if live {
            row.live_tasks += 1;
        } else if !self.awaits_acknowledgement(ix) {
            self.may_forget(ix);
        }
        ix
    }

    /// Moves a task's resources to another part of its agent's ledger, or out of it.
    pub(crate) fn move_task(&mut self, ix: TaskIx, to: Option<Part>) {
        let task = &mut self.tasks[ix];
        let from = std::mem::replace(&mut task.part, to);
        if from == to {
            return;
        }
        let ledger = self.agents[task.agent].ledger.as_mut().expect("a task in the ledger has a registered agent");
        if let Some(part) = from {
            ledger.subtract(part, &task.resources);
        }
        match to {
            Some(part) => ledger.add(part, &task.resources).expect("it was in another part just now"),
            None => {
                self.allocator.discharge(task.client, &task.resources);
                self.unsettled.insert(task.agent);
            }
        }
    }

    /// Records what is now known of a task. A final state is never replaced; the first one releases what the task held.
    pub(crate) fn record(&mut self, ix: TaskIx, update: TaskUpdate) {
        let task = &mut self.tasks[ix];
        if !task.is_live() {
            // A snapshot says only that it is over; how it ended comes with the fact.
            if task.update.fact.is_none() && task.update.state == update.state {
                task.update = update;
            }
            return;
        }
        if task.has_later_fact_than(&update) {
            return;
        }
        let terminal = update.state.is_terminal();
        let killing = update.state == TaskState::Killing;
        task.update = update;
        if terminal {
            self.move_task(ix, None);
            self.task_ended(ix);
        } else if killing && self.tasks[ix].part.is_some() {
            self.move_task(ix, Some(Part::Releasing));
        }
    }

    pub(crate) fn task_ended(&mut self, ix: TaskIx) {
        let framework = self.tasks[ix].framework;
        self.frameworks[framework].live_tasks -= 1;
        self.counters.tasks_ended += 1;
        if !self.awaits_acknowledgement(ix) {
            self.may_forget(ix);
        }
        self.drop_if_over(framework);
    }

    /// Whether the end of a task is a fact, or one is on its way, and its framework is there to acknowledge it.
    fn awaits_acknowledgement(&self, ix: TaskIx) -> bool {
        let task = &self.tasks[ix];
        let is_fact = task.update.fact.is_some() || task.is_bare_end();
        is_fact && !self.frameworks[task.framework].is_removed()
    }

    /// A framework has a fact for good. If that is a task's end, nobody needs the master to know the task any longer.
    pub(crate) fn fact_acknowledged(&mut self, framework: FrameworkIx, launch: LaunchId, fact: FactId) {
        if let Some(ix) = self.tasks_by_launch.get(&launch).copied()
            && self.tasks[ix].framework == framework
            && !self.tasks[ix].is_live()
            && self.tasks[ix].update.fact == Some(fact)
        {
            self.may_forget(ix);
        }
    }

    /// Puts an ended task among those that are forgotten one day. Not before its framework has acknowledged the end, if that is
    /// a fact: a scheduler takes "unknown" of a launch that it has heard nothing of for "never started".
    pub(crate) fn may_forget(&mut self, ix: TaskIx) {
        let task = &mut self.tasks[ix];
        if std::mem::replace(&mut task.forgettable, true) {
            return;
        }
        let agent = task.agent;
        self.ended.push_back(task.launch);
        self.settle_drain(agent);
        if self.ended.len() > ENDED_TASKS_MAX
            && let Some(oldest) = self.ended.pop_front()
            && let Some(framework) = self.forget_task(oldest)
        {
            self.drop_if_over(framework);
        }
    }

    /// Takes a task that has ended, or that nobody will ever hear of again, out of every table. Says whose it was.
    pub(crate) fn forget_task(&mut self, launch: LaunchId) -> Option<FrameworkIx> {
        let ix = self.tasks_by_launch.remove(&launch)?;
        let task = self.tasks.remove(ix)?;
        self.agents[task.agent].tasks.remove(&ix);
        self.frameworks[task.framework].tasks.remove(&(task.update.task, launch));
        self.drop_agent_if_over(task.agent);
        Some(task.framework)
    }

    /// States the master's own conclusion about a task: recorded and, if its framework has a stream, sent.
    pub(crate) fn view(
        &mut self,
        now: Now,
        ix: TaskIx,
        state: TaskState,
        reason: Reason,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        let task = &self.tasks[ix];
        let mut update = TaskUpdate::new(task.update.task.clone(), state, Source::Master, reason, message, now.wall);
        update.launch = Some(task.launch);
        update.agent = Some(self.agents[task.agent].offered.id);
        self.tell(task.framework, FrameworkEvent::Update(Box::new(update.clone())), effects);
        self.record(ix, update);
    }

    /// Tells a task's agent to end it. Without a stream nothing is sent: whoever wants it dead asks again.
    pub(crate) fn kill_task(&mut self, ix: TaskIx, grace: Option<std::time::Duration>, effects: &mut Vec<Effect>) {
        let task = &self.tasks[ix];
        if !task.is_live() {
            return;
        }
        self.order(task.agent, AgentOrder::Kill(KillOrder { launch: task.launch, grace }), effects);
        if task.part.is_some() {
            self.move_task(ix, Some(Part::Releasing));
        }
    }

    /// Puts an order on an agent's stream, if it has one.
    pub(crate) fn order(&self, agent: AgentIx, order: AgentOrder, effects: &mut Vec<Effect>) {
        if let Some(link) = self.agents[agent].link {
            let message = ToAgent { session: link.session, order };
            effects.push(Effect::ToAgent { stream: link.stream, message });
        }
    }

    /// The live tasks of a framework.
    pub(crate) fn live_tasks_of(&self, framework: FrameworkIx) -> Vec<TaskIx> {
        self.frameworks[framework].tasks.values().copied().filter(|ix| self.tasks[*ix].is_live()).collect()
    }

    /// The live tasks of an agent.
    pub(crate) fn live_tasks_on(&self, agent: AgentIx) -> Vec<TaskIx> {
        self.agents[agent].tasks.iter().copied().filter(|ix| self.tasks[*ix].is_live()).collect()
    }
}
