//! An effect as one line.

use meros_agent_core::Effect;
use meros_types::{AgentReport, ContainerSnapshot};

use super::World;

impl World {
    pub(super) fn show(&self, effect: &Effect) -> String {
        match effect {
            Effect::Connect => "connect".to_owned(),
            Effect::Send(message) => show_report(&message.report),
            Effect::Start(plan) => {
                let user = plan.uid.map_or(String::new(), |uid| format!(" as {uid}"));
                format!("start {} {}{user}", self.number(plan.container), plan.task)
            }
            Effect::Terminate(container) => format!("terminate {}", self.number(*container)),
            Effect::Destroy(container) => format!("destroy {}", self.number(*container)),
            Effect::Remove(container) => format!("remove {}", self.number(*container)),
            Effect::ServeLog { container, .. } => {
                format!("serve log of {:?}", container.map(|container| self.number(container)))
            }
            Effect::Append { .. } | Effect::Rewrite { .. } | Effect::Sync => "log".to_owned(),
            Effect::Exit(reason) => format!("exit: {reason}"),
        }
    }
}

fn show_report(report: &AgentReport) -> String {
    match report {
        AgentReport::Register(register) => {
            let containers: Vec<String> = register.containers.iter().map(show_container).collect();
            format!("register [{}]", containers.join(", "))
        }
        AgentReport::Fact(fact) => {
            let n = fact.update.fact.map_or(0, |fact| fact.n);
            format!("{} {} {} #{n}", fact.update.task, fact.update.state, fact.update.reason)
        }
        AgentReport::Heartbeat => "heartbeat".to_owned(),
    }
}

fn show_container(container: &ContainerSnapshot) -> String {
    let tasks: Vec<String> = container.tasks.iter().map(|task| format!("{} {}", task.task, task.state)).collect();
    format!("{} {} ({})", container.launch, tasks.join(" "), container.resources)
}
