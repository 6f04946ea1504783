//! `meros explain`: the master's reckoning as sentences. Deliberately absent: any reckoning of our own.

use meros_proto::Explain;
use meros_types::{ClusterState, Explanation, FrameworkId, Obstacle, Shape, ShapeExplanation, Shortfall, Standing};

use crate::admin::Admin;
use crate::args::ExplainArgs;
use crate::error::Error;
use crate::framework::shape;
use crate::{find, output};

/// `meros explain`.
pub(crate) async fn explain(arguments: ExplainArgs) -> Result<(), Error> {
    let shape = arguments.shape.map(|resources| shape(resources, arguments.on)).transpose()?;
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let state = admin.state(patience).await?;
    let framework = find::framework(&state, &arguments.framework)?.id;
    let explanations = admin.explain(Explain { framework, role: arguments.role, shape }, patience).await?;
    if arguments.json {
        return Ok(output::say_json(&explanations)?);
    }
    let text: Vec<String> = explanations.iter().map(|explanation| told(explanation, &state)).collect();
    Ok(output::say(text.join("\n\n"))?)
}

/// The whole explanation, a line for each thing.
fn told(explanation: &Explanation, state: &ClusterState) -> String {
    let mut lines = vec![heading(explanation, state)];
    for shape in &explanation.shapes {
        lines.push(format!("  {}: {}", described(&shape.shape), suitable(shape)));
        lines.extend(shape.obstacles.iter().map(|obstacle| format!("    - {}", said(obstacle, state))));
    }
    lines.join("\n")
}

fn heading(explanation: &Explanation, state: &ClusterState) -> String {
    let framework = name(state, explanation.framework);
    let offers = output::count(explanation.offers, "offer");
    let share = output::percent(explanation.share_millionths);
    let standing = standing(explanation.standing);
    format!("{framework} in role {}: {standing}. It holds {offers}; its share is {share}.", explanation.role)
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Wanting => "it wants more",
        Standing::NoDemand => "it wants nothing, since it has declared no demand for this role, or an empty one",
        Standing::Sated => "every copy that it wants is on offer to it",
        Standing::Disconnected => "it has no connection to the master, and is offered nothing until it has",
        Standing::TooManyOffers => "it holds as many offers as one framework may; it must use or decline some first",
        Standing::Recovering => {
            "the master has started lately, and the role is under a limit: it waits until every agent has reported or timed out"
        }
    }
}

fn suitable(shape: &ShapeExplanation) -> String {
    let agents = output::count(shape.agents, "agent");
    match (shape.agents, shape.suitable) {
        (0, _) => "there is no agent that may be offered".to_owned(),
        (_, 0) => format!("free on none of {agents}"),
        (_, suitable) => format!("free on {suitable} of {agents}"),
    }
}

/// A shape in a few words.
pub(crate) fn described(shape: &Shape) -> String {
    let mut text = if shape.is_anything() { "anything".to_owned() } else { shape.resources.to_string() };
    if shape.any_ports > 0 {
        let separator = if shape.resources.is_none() { "" } else { ";" };
        text = if shape.resources.is_none() { String::new() } else { text };
        text.push_str(&format!("{separator}{}", output::count(shape.any_ports.into(), "port")));
    }
    if !shape.constraints.is_empty() {
        let constraints: Vec<String> = shape.constraints.iter().map(ToString::to_string).collect();
        text.push_str(&format!(" on {}", constraints.join(" ")));
    }
    match shape.copies {
        Some(copies) => format!("{copies} x {text}"),
        None => text,
    }
}

fn said(obstacle: &Obstacle, state: &ClusterState) -> String {
    match obstacle {
        Obstacle::OverLimit { role, lacks } => format!("the limit of role {role} leaves no room for it: {}", missing(lacks)),
        Obstacle::KeptForGuarantees { lacks, roles } => {
            let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let whose = if roles.is_empty() { "others".to_owned() } else { roles.join(", ") };
            format!("what is free is kept back for the guarantees of {whose}: {}", missing(lacks))
        }
        Obstacle::OffDuty { agents } => format!("{} deactivated or draining (see `meros status agents`)", are(*agents)),
        Obstacle::Constraint { constraint, agents } => format!("{} not like {constraint}", are(*agents)),
        Obstacle::Gpus { agents } => format!("{} kept for those who ask for GPUs", are(*agents)),
        Obstacle::RemoteRegion { agents } => format!("{} in another region, which the framework didn't ask for", are(*agents)),
        Obstacle::NothingFits { agents, closest, hostname, lacks } => {
            let closest = format!("{hostname} ({})", closest.short());
            format!("{} too full for it; the closest, {closest}, lacks {}", are(*agents), missing(lacks))
        }
        Obstacle::Filtered { agents, first_ends_in, last_ends_in } => {
            let (first, last) = (output::length(*first_ends_in), output::length(*last_ends_in));
            let when = if first == last { format!("in {first}") } else { format!("in {first} to {last}") };
            format!("{} declined by the framework lately; offered again {when}", are(*agents))
        }
        Obstacle::Behind { frameworks, first, role } => {
            let others = output::count(*frameworks, "framework");
            let verb = if *frameworks == 1 { "comes" } else { "come" };
            format!("{others} {verb} before it in fair share, first {} in role {role}", name(state, *first))
        }
    }
}

fn are(agents: u64) -> String {
    let verb = if agents == 1 { "is" } else { "are" };
    format!("{} {verb}", output::count(agents, "agent"))
}

fn missing(lacks: &Shortfall) -> String {
    let Shortfall { name, wanted, available } = lacks;
    let available = if available.is_empty() { "none" } else { available };
    format!("{name} ({wanted} wanted, {available} left)")
}

fn name(state: &ClusterState, id: FrameworkId) -> String {
    let known = state.frameworks.iter().find(|framework| framework.id == id);
    known.map_or_else(|| id.short(), |framework| format!("{} ({})", framework.name, id.short()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use meros_types::{AgentId, Resources, Role};

    use super::*;

    fn explanation(standing: Standing, shapes: Vec<ShapeExplanation>) -> Explanation {
        let (framework, role) = (FrameworkId::from_bytes([7; 16]), Role::new("eng").unwrap());
        Explanation { framework, role, standing, offers: 1, share_millionths: 125_000, shapes }
    }

    #[test]
    fn each_obstacle_is_a_sentence() {
        let lacks = || Shortfall { name: "cpus".into(), wanted: "2".into(), available: "1.5".into() };
        let (role, framework) = (Role::new("prod").unwrap(), FrameworkId::from_bytes([9; 16]));
        let second = Duration::from_secs(1);
        let obstacles = vec![
            Obstacle::OverLimit { role: role.clone(), lacks: lacks() },
            Obstacle::KeptForGuarantees { lacks: lacks(), roles: vec![role.clone()] },
            Obstacle::OffDuty { agents: 1 },
            Obstacle::Constraint { constraint: "rack=a".parse().unwrap(), agents: 2 },
            Obstacle::Gpus { agents: 1 },
            Obstacle::RemoteRegion { agents: 1 },
            Obstacle::NothingFits { agents: 3, closest: AgentId::from_bytes([1; 16]), hostname: "web-1".into(), lacks: lacks() },
            Obstacle::Filtered { agents: 1, first_ends_in: second, last_ends_in: 5 * second },
            Obstacle::Behind { frameworks: 2, first: framework, role },
        ];
        let shape = Shape::of(Resources::parse("cpus:2;mem:1GiB").unwrap()).any_ports(2).copies(3).on("rack=a".parse().unwrap());
        let shapes = vec![ShapeExplanation { shape, agents: 12, suitable: 1, obstacles }];
        let text = told(&explanation(Standing::Wanting, shapes), &ClusterState::default());
        let wanted = "\
07070707 in role eng: it wants more. It holds 1 offer; its share is 12.5 %.
  3 x cpus:2;mem:1GiB;2 ports on rack=a: free on 1 of 12 agents
    - the limit of role prod leaves no room for it: cpus (2 wanted, 1.5 left)
    - what is free is kept back for the guarantees of prod: cpus (2 wanted, 1.5 left)
    - 1 agent is deactivated or draining (see `meros status agents`)
    - 2 agents are not like rack=a
    - 1 agent is kept for those who ask for GPUs
    - 1 agent is in another region, which the framework didn't ask for
    - 3 agents are too full for it; the closest, web-1 (01010101), lacks cpus (2 wanted, 1.5 left)
    - 1 agent is declined by the framework lately; offered again in 1s to 5s
    - 2 frameworks come before it in fair share, first 09090909 in role prod";
        assert_eq!(text, wanted);
    }

    #[test]
    fn every_standing_is_a_sentence() {
        for (one, words) in [
            (Standing::NoDemand, "wants nothing"),
            (Standing::Sated, "is on offer"),
            (Standing::Disconnected, "no connection"),
            (Standing::TooManyOffers, "decline some"),
            (Standing::Recovering, "every agent"),
        ] {
            let text = told(&explanation(one, Vec::new()), &ClusterState::default());
            assert!(text.contains(words) && text.lines().count() == 1, "{text}");
        }
        assert_eq!(described(&Shape::of(Resources::none())), "anything");
        assert_eq!(described(&Shape::of(Resources::none()).any_ports(1)), "1 port");
    }
}
