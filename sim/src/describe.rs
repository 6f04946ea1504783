//! Messages as a person reads them in the event log: one line, with every id that matters.

use meros_types::{
    Acknowledged, AgentOrder, AgentReport, Call, FrameworkEvent, FromAgent, FromFramework, Operation, SessionId, TaskUpdate,
    ToAgent, ToFramework,
};

pub(crate) fn from_framework(message: &FromFramework) -> String {
    let calls: Vec<String> = message.calls.iter().map(call).collect();
    format!("{} {}", session(message.session), calls.join("; "))
}

pub(crate) fn to_framework(message: &ToFramework) -> String {
    let event = match &message.event {
        FrameworkEvent::Subscribed(it) => format!("Subscribed {} epoch {}", it.framework.short(), it.epoch),
        FrameworkEvent::Offers(offers) => {
            let offers = offers.iter().map(|offer| format!("{} ({} on {})", offer.id, offer.resources, offer.agent.hostname));
            format!("Offers {}", join(offers))
        }
        FrameworkEvent::Rescinded(offers) => format!("Rescinded {}", join(offers)),
        FrameworkEvent::Update(it) => format!("Update {}", update(it)),
        FrameworkEvent::Explained(it) => format!("Explained {} {:?}", it.role, it.standing),
        FrameworkEvent::CallRefused(it) => format!("CallRefused {}: {}", it.call, it.reason),
        FrameworkEvent::Ended(end) => format!("Ended {:?}: {}", end.kind, end.message),
        FrameworkEvent::Heartbeat => "Heartbeat".to_owned(),
    };
    format!("{} {event}", message.session)
}

pub(crate) fn from_agent(message: &FromAgent) -> String {
    let report = match &message.report {
        AgentReport::Register(it) => {
            let containers = it.containers.iter().map(|container| {
                let tasks = container.tasks.iter().map(|task| format!("{} {}", task.task, task.state));
                format!("{} [{}]", container.launch, join(tasks))
            });
            format!("Register {} with {} and {{{}}}", it.hostname, it.resources, join(containers))
        }
        AgentReport::Fact(fact) => format!("Fact {}", update(&fact.update)),
        AgentReport::Heartbeat => "Heartbeat".to_owned(),
    };
    format!("{} {report}", session(message.session))
}

pub(crate) fn to_agent(message: &ToAgent) -> String {
    let order = match &message.order {
        AgentOrder::Registered(it) => format!("Registered {}", it.agent.short()),
        AgentOrder::Launch(it) => format!("Launch {} {} ({})", it.launch, it.task.id, it.task.resources),
        AgentOrder::Kill(it) => format!("Kill {} within {:?}", it.launch, it.grace),
        AgentOrder::Acknowledged(Acknowledged { fact, .. }) => format!("Acknowledged {}/{}", fact.incarnation.short(), fact.n),
        AgentOrder::Resend(framework) => format!("Resend {}", framework.short()),
        AgentOrder::OpenLog(it) => format!("OpenLog {} of {}", it.request, it.launch),
        AgentOrder::Refused(refusal) => format!("Refused: {}", refusal.message),
        AgentOrder::Heartbeat => "Heartbeat".to_owned(),
    };
    format!("{} {order}", message.session)
}

fn call(call: &Call) -> String {
    match call {
        Call::Subscribe(it) => format!("Subscribe {} {:?}", it.name, it.mode),
        Call::Demand(it) => format!("Demand {} v{} {} shapes", it.role, it.version, it.demand.shapes.len()),
        Call::Accept(it) => {
            let groups = it.groups.iter().map(|group| {
                let tasks = group.operations.iter().map(operation);
                format!("{} for {}", join(&group.leases), join(tasks))
            });
            format!("Accept {}", join(groups))
        }
        Call::Decline(it) => format!("Decline {} for {:?}", join(&it.offers), it.filter),
        Call::Kill(it) => format!("Kill {}", it.task),
        Call::Acknowledge(it) => format!("Acknowledge {} {}/{}", it.launch, it.fact.incarnation.short(), it.fact.n),
        Call::Reconcile(tasks) => format!("Reconcile {}", join(tasks)),
        Call::Explain(it) => format!("Explain {}", it.role),
        Call::Teardown => "Teardown".to_owned(),
        Call::Heartbeat => "Heartbeat".to_owned(),
        Call::Refused(it) => format!("{}: {}", it.call, it.reason),
    }
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Launch(tasks) => join(tasks.iter().map(|task| &task.id)),
        Operation::Unimplemented(name) => name.clone(),
    }
}

/// One statement about a task.
pub(crate) fn update(update: &TaskUpdate) -> String {
    let fact = update.fact.map(|fact| format!(" fact {}/{}", fact.incarnation.short(), fact.n)).unwrap_or_default();
    let launch = update.launch.map(|launch| format!(" ({launch})")).unwrap_or_default();
    format!("{}{launch} {} {}{fact}", update.task, update.state, update.reason)
}

fn session(session: Option<SessionId>) -> String {
    session.map_or_else(|| "-".to_owned(), |session| session.to_string())
}

fn join(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
