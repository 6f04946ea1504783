//! Which agent or framework a person means: the whole name of it goes before the beginning of an id. Deliberately absent: asking
//! the master.

use meros_types::{AgentId, AgentState, ClusterState, FrameworkId, FrameworkState};

use crate::error::Error;

/// How many of those that are meant as well are named.
const NAMED_MAX: usize = 10;

/// The one agent of this hostname or id, or whose id begins so.
pub(crate) fn agent<'a>(state: &'a ClusterState, wanted: &str) -> Result<&'a AgentState, Error> {
    let named: Vec<_> = state.agents.iter().filter(|agent| agent.hostname == wanted).collect();
    let found = if named.is_empty() { beginning(&state.agents, wanted, |agent| agent.id.to_string()) } else { named };
    let shown = |agent: &&AgentState| format!("{} ({})", agent.id, agent.hostname);
    one(
        &found,
        shown,
        || format!("no agent has the hostname {wanted:?}, or an id that begins so (see `meros status agents`)"),
        wanted,
    )
}

/// The agents that are meant, each once, in the order in which they are named.
pub(crate) fn agents(state: &ClusterState, wanted: &[String]) -> Result<Vec<(AgentId, String)>, Error> {
    let mut found = Vec::new();
    for wanted in wanted {
        let agent = agent(state, wanted)?;
        let named = (agent.id, format!("{} ({})", agent.hostname, agent.id.short()));
        if !found.contains(&named) {
            found.push(named);
        }
    }
    Ok(found)
}

/// The one framework of this key, name or id, or whose id begins so.
pub(crate) fn framework<'a>(state: &'a ClusterState, wanted: &str) -> Result<&'a FrameworkState, Error> {
    let is_named = |framework: &&FrameworkState| framework.name == wanted || framework.key.as_deref() == Some(wanted);
    let named: Vec<_> = state.frameworks.iter().filter(is_named).collect();
    let found = if named.is_empty() { beginning(&state.frameworks, wanted, |framework| framework.id.to_string()) } else { named };
    let unknown =
        || format!("no framework has the key or name {wanted:?}, or an id that begins so (see `meros status frameworks`)");
    one(&found, |framework| format!("{} ({})", framework.id, framework.name), unknown, wanted)
}

/// The framework that has this key.
pub(crate) fn framework_with(state: &ClusterState, key: &str) -> Result<FrameworkId, Error> {
    let found = state.frameworks.iter().find(|framework| framework.key.as_deref() == Some(key));
    let unknown = || Error::Usage(format!("no framework has the key {key:?} (see `meros status frameworks`)"));
    found.map(|framework| framework.id).ok_or_else(unknown)
}

fn beginning<'a, T>(all: &'a [T], wanted: &str, id: impl Fn(&T) -> String) -> Vec<&'a T> {
    let wanted = wanted.to_ascii_lowercase();
    let begins = |one: &&T| !wanted.is_empty() && id(one).starts_with(&wanted);
    all.iter().filter(begins).collect()
}

fn one<'a, T>(found: &[&'a T], shown: impl Fn(&&T) -> String, unknown: impl Fn() -> String, wanted: &str) -> Result<&'a T, Error> {
    match found {
        [one] => Ok(one),
        [] => Err(Error::Usage(unknown())),
        several => {
            let mut names: Vec<_> = several.iter().take(NAMED_MAX).map(shown).collect();
            if several.len() > NAMED_MAX {
                names.push(format!("and {} more", several.len() - NAMED_MAX));
            }
            let names = names.join(", ");
            Err(Error::Usage(format!("{wanted:?} means several: {names}; give an id, or as much of it as tells it apart")))
        }
    }
}

#[cfg(test)]
mod tests {
    use meros_types::{Attributes, Duty, Epoch, Resources};

    use super::*;

    fn agent_of(id: u8, hostname: &str) -> AgentState {
        AgentState {
            id: AgentId::from_bytes([id; 16]),
            hostname: hostname.to_owned(),
            attributes: Attributes::default(),
            domain: None,
            duty: Duty::Active,
            drained: false,
            unavailability: None,
            connected: true,
            total: Resources::none(),
            free: Resources::none(),
            offered: Resources::none(),
            used: Resources::none(),
            releasing: Resources::none(),
        }
    }

    fn framework_of(id: u8, name: &str, key: Option<&str>) -> FrameworkState {
        FrameworkState {
            id: FrameworkId::from_bytes([id; 16]),
            name: name.to_owned(),
            key: key.map(str::to_owned),
            roles: Vec::new(),
            clients: Vec::new(),
            epoch: Epoch(1),
            connected: true,
            allocated: Resources::none(),
            live_tasks: 0,
            offers: 0,
        }
    }

    fn state() -> ClusterState {
        let agents = vec![agent_of(0xaa, "web-1"), agent_of(0xab, "web-2"), agent_of(0xcd, "web-2"), agent_of(0x11, "aa")];
        let frameworks = vec![framework_of(0xaa, "batch", Some("nightly")), framework_of(0xbb, "batch", None)];
        ClusterState { agents, frameworks, ..ClusterState::default() }
    }

    #[test]
    fn a_whole_name_goes_before_the_beginning_of_an_id() {
        let state = state();
        let id = |wanted: &str| agent(&state, wanted).unwrap().id.as_bytes()[0];
        assert_eq!((id("web-1"), id("aaaa"), id("AB"), id("c"), id("aa")), (0xaa, 0xaa, 0xab, 0xcd, 0x11));
        assert_eq!(id(&state.agents[1].id.to_string()), 0xab);
        let id = |wanted: &str| framework(&state, wanted).unwrap().id.as_bytes()[0];
        assert_eq!((id("nightly"), id("bb")), (0xaa, 0xbb));
    }

    #[test]
    fn several_are_listed_and_none_is_said() {
        let state = state();
        let said = agent(&state, "web-2").unwrap_err().to_string();
        assert!(said.contains("abababab") && said.contains("cdcdcdcd") && !said.contains("web-1"), "{said}");
        let said = agent(&state, "a").unwrap_err().to_string();
        assert!(said.contains("(web-1)") && said.contains("(web-2)"), "{said}");
        for unknown in ["web", "", "zz"] {
            assert!(agent(&state, unknown).unwrap_err().to_string().contains("meros status agents"), "{unknown}");
        }
        let said = framework(&state, "batch").unwrap_err().to_string();
        assert!(said.contains("aaaaaaaa") && said.contains("bbbbbbbb"), "{said}");
        assert!(framework(&state, "zz").unwrap_err().to_string().contains("meros status frameworks"));
    }

    #[test]
    fn who_is_named_twice_is_meant_once() {
        let named = ["web-1", "aaaa", "cd"].map(str::to_owned);
        let found = agents(&state(), &named).unwrap();
        assert_eq!(found.iter().map(|(id, _)| id.as_bytes()[0]).collect::<Vec<_>>(), [0xaa, 0xcd]);
    }
}
