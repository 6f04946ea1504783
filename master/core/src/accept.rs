//! Accepts: first everything is judged without changing anything, then what was found good is done.

use std::collections::BTreeSet;

use meros_types::{
    Accept, AcceptGroup, AgentOrder, FrameworkEvent, KILL_GRACE_DEFAULT, Launch, LaunchId, Now, OfferId, Operation, Program,
    Reason, RefusedCall, Resources, Source, TaskId, TaskSpec, TaskState, TaskUpdate,
};

use crate::ledger::Part;
use crate::rows::{Offer, Task};
use crate::table::FrameworkIx;
use crate::{Effect, Master};

/// What becomes of one task of an accept.
#[derive(Debug)]
enum Verdict {
    Launch,
    Refuse {
        state: TaskState,
        reason: Reason,
        message: String,
    },
    /// The id names another task: an update would be read as that one's, so that the call is refused instead.
    Duplicate,
}

#[derive(Debug)]
struct GroupPlan {
    leases: Vec<OfferId>,
    tasks: Vec<(TaskSpec, Verdict)>,
}

impl Master {
    pub(crate) fn accept(&mut self, now: Now, framework: FrameworkIx, accept: Accept, effects: &mut Vec<Effect>) {
        let mut taken = BTreeSet::new();
        let mut named = BTreeSet::new();
        let mut plans: Vec<GroupPlan> = Vec::new();
        for group in accept.groups {
            plans.push(self.judge_group(framework, group, &mut taken, &mut named));
        }
        let refused = plans.iter().flat_map(|plan| &plan.tasks).any(|(_, verdict)| !matches!(verdict, Verdict::Launch));
        if accept.all_or_nothing && refused {
            plans.iter_mut().flat_map(|plan| &mut plan.tasks).for_each(|(_, verdict)| refuse_with_group(verdict));
        }
        for plan in plans {
            self.perform_group(now, framework, plan, accept.filter, effects);
        }
    }

    fn judge_group(
        &self,
        framework: FrameworkIx,
        group: AcceptGroup,
        taken: &mut BTreeSet<OfferId>,
        named: &mut BTreeSet<TaskId>,
    ) -> GroupPlan {
        let pool = self.judge_leases(framework, &group.leases, taken);
        let unimplemented = group.operations.iter().find_map(|operation| match operation {
            Operation::Unimplemented(name) => Some(name.clone()),
            Operation::Launch(_) => None,
        });
        let specs = group.operations.into_iter().flat_map(|operation| match operation {
            Operation::Launch(specs) => specs,
            Operation::Unimplemented(_) => Vec::new(),
        });
        let mut rest = pool.as_ref().map_or_else(|_| Resources::none(), Clone::clone);
        let mut tasks = Vec::new();
        for spec in specs {
            let verdict = if self.frameworks[framework].tasks_named(&spec.id).next().is_some() || !named.insert(spec.id.clone()) {
                Verdict::Duplicate
            } else if let Err(message) = &pool {
                dropped(Reason::InvalidOffer, message.clone())
            } else if let Some(name) = &unimplemented {
                dropped(Reason::Unimplemented, format!("the accept's operation {name} is not implemented"))
            } else {
                judge_task(&spec, &mut rest)
            };
            tasks.push((spec, verdict));
        }
        GroupPlan { leases: group.leases, tasks }
    }

    /// What the leases hold together, or why they can't be accepted together.
    fn judge_leases(&self, framework: FrameworkIx, leases: &[OfferId], taken: &mut BTreeSet<OfferId>) -> Result<Resources, String> {
        // All of them, also when one can't be accepted: performing this group ends each of its own offers.
        let twice: Vec<&OfferId> = leases.iter().filter(|id| !taken.insert(**id)).collect();
        if let Some(id) = twice.first() {
            return Err(format!("offer {id} is accepted twice"));
        }
        let mut first: Option<&Offer> = None;
        let mut sum = Resources::none();
        for id in leases {
            let offer = self.offers.get(id).filter(|offer| offer.framework == framework);
            let offer = offer.ok_or_else(|| format!("offer {id} was answered, rescinded, or never made to this framework"))?;
            if first.is_some_and(|first| first.agent != offer.agent || first.client != offer.client) {
                return Err(format!("offer {id} is of another agent or role than the others of its group"));
            }
            first = Some(offer);
            sum = sum.checked_add(&offer.resources).map_err(|error| error.to_string())?;
        }
        first.map(|_| sum).ok_or_else(|| "the accept names no offer".to_owned())
    }

    fn perform_group(
        &mut self,
        now: Now,
        framework: FrameworkIx,
        plan: GroupPlan,
        filter: std::time::Duration,
        effects: &mut Vec<Effect>,
    ) {
        let ended: Vec<Offer> = plan.leases.iter().filter_map(|id| self.end_own_offer(framework, *id)).collect();
        self.counters.offers_accepted += ended.len() as u64;
        for (spec, verdict) in plan.tasks {
            match (verdict, ended.first()) {
                (Verdict::Launch, Some(offer)) => self.launch(now, offer, spec, effects),
                (Verdict::Launch, None) => unreachable!("a group without leases has no task to launch"),
                (Verdict::Refuse { state, reason, message }, _) => {
                    self.counters.tasks_refused += 1;
                    let update = TaskUpdate::new(spec.id, state, Source::Master, reason, message, now.wall);
                    self.tell(framework, FrameworkEvent::Update(Box::new(update)), effects);
                }
                (Verdict::Duplicate, _) => {
                    self.counters.tasks_refused += 1;
                    let reason = format!("task id {} is in use, or was; take another", spec.id);
                    self.refuse_call(framework, "ACCEPT", reason, effects);
                }
            }
        }
        for offer in &ended {
            self.allocator.answered(offer.client);
            self.allocator.declined(now.mono, offer.client, offer.agent, self.agents[offer.agent].free(), filter);
        }
    }

    /// Ends an offer that this framework answers, if it is its own.
    pub(crate) fn end_own_offer(&mut self, framework: FrameworkIx, id: OfferId) -> Option<Offer> {
        let own = self.offers.get(&id).is_some_and(|offer| offer.framework == framework);
        if own { self.end_offer(id) } else { None }
    }

    fn launch(&mut self, now: Now, offer: &Offer, spec: TaskSpec, effects: &mut Vec<Effect>) {
        self.launches += 1;
        let launch = LaunchId { term: self.config.term, n: self.launches };
        let agent = &mut self.agents[offer.agent];
        let mut update = TaskUpdate::new(
            spec.id.clone(),
            TaskState::Staging,
            Source::Master,
            Reason::Accepted,
            format!("sent to {}", agent.offered.hostname),
            now.wall,
        );
        update.launch = Some(launch);
        update.agent = Some(agent.offered.id);
        let ledger = agent.ledger.as_mut().expect("an agent with offers is registered");
        ledger.add(Part::Used, &spec.resources).expect("a part of ended offers is free");
        self.unsettled.insert(offer.agent);
        self.allocator.charge(offer.client, &spec.resources);
        // From here on its scheduler knows that the launch was made, and by which id: that outlives a lost connection.
        self.tell(offer.framework, FrameworkEvent::Update(Box::new(update.clone())), effects);
        self.insert_task(Task {
            framework: offer.framework,
            client: offer.client,
            role: offer.role.clone(),
            agent: offer.agent,
            name: spec.name.clone(),
            launch,
            resources: spec.resources.clone(),
            part: Some(Part::Used),
            reported: false,
            kill_grace: Some(spec.kill_grace.unwrap_or(KILL_GRACE_DEFAULT)),
            given_up: false,
            forgettable: false,
            update,
        });
        self.counters.tasks_launched += 1;
        let framework = &self.frameworks[offer.framework];
        let order = Launch { launch, framework: framework.id, epoch: framework.epoch, role: offer.role.clone(), task: spec };
        self.order(offer.agent, AgentOrder::Launch(Box::new(order)), effects);
    }

    pub(crate) fn refuse_call(&mut self, framework: FrameworkIx, call: &str, reason: String, effects: &mut Vec<Effect>) {
        self.counters.calls_refused += 1;
        let refused = RefusedCall { call: call.to_owned(), reason };
        self.tell(framework, FrameworkEvent::CallRefused(refused), effects);
    }
}

fn dropped(reason: Reason, message: String) -> Verdict {
    Verdict::Refuse { state: TaskState::Dropped, reason, message }
}

fn refuse_with_group(verdict: &mut Verdict) {
    if matches!(verdict, Verdict::Launch) {
        *verdict = dropped(Reason::GroupRefused, "another part of this all-or-nothing accept was refused".to_owned());
    }
}

/// Whether a task can run on what is left, which it then takes from.
fn judge_task(spec: &TaskSpec, rest: &mut Resources) -> Verdict {
    let error = |reason, message: String| Verdict::Refuse { state: TaskState::Error, reason, message };
    let empty = match &spec.command.program {
        Program::Shell(line) => line.trim().is_empty(),
        Program::Words(words) => words.first().is_none_or(String::is_empty),
    };
    if empty {
        return error(Reason::InvalidTask, "the command is empty".to_owned());
    }
    if spec.resources.is_none() {
        return error(Reason::InvalidTask, "the task asks for no resources; ask for some cpus or mem".to_owned());
    }
    if spec.pids_limit == Some(0) {
        return error(Reason::InvalidTask, "a pids limit of 0 lets nothing run; leave it out or ask for at least 1".to_owned());
    }
    match rest.checked_sub(&spec.resources) {
        Ok(left) => {
            *rest = left;
            Verdict::Launch
        }
        Err(shortfall) => error(Reason::ExceedsOffer, format!("the task asks for more than is left of its offers: {shortfall}")),
    }
}
