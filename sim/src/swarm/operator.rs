//! The swarm's operator: changes how roles share, takes agents off their duty and puts them back, declares some gone and sets their
//! machines up anew, plans maintenance. In the end all of it is undone. Absent: what follows from it, which is the master's.

use std::time::Duration;

use meros_types::{AgentId, Bounds, Drain, Duty, Resources, Role, RoleUpdate, RolesUpdate, Unavailability, WallTime, Window};

use super::Run;
use crate::{AgentHandle, Failure, Random, Request};

const MIB: u64 = 1 << 20;
/// How often, in a thousand, an agent that might be declared gone is.
const GONE_PER_MILLE: u64 = 250;
/// How long what an operator decided has to be stored, and what follows from it to happen.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
/// How many maintenance windows there are by name.
const WINDOWS: u64 = 3;

/// Something that an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Share,
    Duty,
    Gone,
    Maintain,
}

impl Run {
    pub(super) fn operate(&mut self, decision: Decision, agent: AgentHandle) {
        let id = self.cluster.agent_id(agent);
        match (decision, id) {
            (Decision::Share, _) => {
                let update = share(&self.roles, &mut self.random);
                self.cluster.ask(Request::UpdateRoles(update));
            }
            (Decision::Duty, Some(id)) => {
                let duty = duty(self.cluster.wall_time(), &mut self.random);
                self.cluster.ask(Request::SetDuty { agent: id, duty });
            }
            (Decision::Gone, Some(_)) if self.cluster.is_gone(agent) => self.cluster.replace_agent(agent),
            (Decision::Gone, Some(id)) if self.random.chance(GONE_PER_MILLE) => {
                self.cluster.ask(Request::MarkGone { agent: id });
            }
            (Decision::Maintain, Some(id)) => {
                let request = maintain(id, self.cluster.wall_time(), &mut self.random);
                self.cluster.ask(request);
            }
            _ => {}
        }
    }

    /// Everything is as it was in the beginning: roles share alike, and every agent is there and on duty.
    pub(super) fn restore(&mut self) -> Result<(), Failure> {
        let back = |role: &Role| RoleUpdate {
            role: role.clone(),
            weight: Some(1),
            limit: Some(Bounds::none()),
            guarantee: Some(Resources::none()),
        };
        let roles = self.roles.iter().map(back).collect();
        self.cluster.ask(Request::UpdateRoles(RolesUpdate { roles, force: true }));
        for id in self.agents.iter().filter_map(|agent| self.cluster.agent_id(*agent)).collect::<Vec<_>>() {
            self.cluster.ask(Request::SetDuty { agent: id, duty: Duty::Active });
        }
        self.cluster.try_run_for(DECIDED_WITHIN)?;
        for agent in self.agents.clone() {
            if self.cluster.is_gone(agent) {
                self.cluster.replace_agent(agent);
            } else if !self.cluster.is_up(agent) {
                self.cluster.restart_agent(agent);
            }
        }
        Ok(())
    }
}

/// Changes one or two roles; by force more often than not.
fn share(roles: &[Role], random: &mut Random) -> RolesUpdate {
    let first = random.below(roles.len() as u64) as usize;
    let count = random.range(1, 2.min(roles.len() as u64)) as usize;
    let roles = (0..count).map(|n| RoleUpdate {
        role: roles[(first + n) % roles.len()].clone(),
        weight: random.chance(500).then(|| random.range(1, 5) as u32),
        limit: random.chance(700).then(|| limit(random)),
        guarantee: random.chance(200).then(|| Resources::none().with_cpu_milli(random.range(0, 4) * 1_000)),
    });
    RolesUpdate { roles: roles.collect(), force: random.chance(700) }
}

fn limit(random: &mut Random) -> Bounds {
    let cpu_milli = random.chance(600).then(|| random.range(0, 16) * 500);
    let memory_bytes = random.chance(300).then(|| random.range(0, 32) * 256 * MIB);
    Bounds::none().with_common(0, cpu_milli).with_common(1, memory_bytes)
}

fn duty(now: WallTime, random: &mut Random) -> Duty {
    match random.below(10) {
        0..4 => Duty::Active,
        4..7 => Duty::Deactivated,
        _ => Duty::Draining(Drain {
            deadline: WallTime(now.0 + random.range(0, 30_000)),
            max_grace: random.chance(500).then(|| random.duration(Duration::ZERO, Duration::from_secs(5))),
            mark_gone: random.chance(300),
        }),
    }
}

fn maintain(agent: AgentId, now: WallTime, random: &mut Random) -> Request {
    let id = format!("window-{}", random.below(WINDOWS));
    if random.chance(300) {
        return Request::RemoveWindow { id };
    }
    let start = WallTime(now.0 + random.range(0, 60_000));
    let duration = random.duration(Duration::from_secs(1), Duration::from_secs(60));
    Request::SetWindow(Window { id, agents: vec![agent], unavailability: Unavailability { start, duration } })
}
