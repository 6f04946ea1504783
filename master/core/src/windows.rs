//! Maintenance windows: agents' offers say when they are expected to be away. Nothing else follows from a window.
//!
//! Owned here: which windows there are and who is in them. A window that is over is forgotten by itself. Deliberately absent:
//! taking agents off their duty for one, which is the operator's own decision.

use std::collections::BTreeSet;
use std::time::Duration;

use meros_types::{AgentId, Now, Unavailability, WINDOW_AGENTS_MAX, WINDOWS_MAX, WallTime, Window};

use crate::effect::{Reply, RequestError};
use crate::event::Token;
use crate::lifecycle::wall_after;
use crate::registry::Change;
use crate::timers::Timer;
use crate::writes::Entity;
use crate::{Effect, Master, WINDOWED_AGENTS_MAX};

/// The longest name of a window, in bytes.
const WINDOW_ID_BYTES_MAX: usize = 256;
/// How many unknown agents are named in refusing a window; of the others, how many they are.
const UNKNOWN_NAMED_MAX: usize = 10;

impl Master {
    pub(crate) fn set_window(&mut self, now: Now, token: Token, mut window: Window) -> Result<(), RequestError> {
        window.agents.sort_unstable();
        window.agents.dedup();
        judge_window(now, &window)?;
        self.judge_window_agents(&window)?;
        self.have_room_for_window(&window)?;
        self.windows.decide(window.id.clone(), Some(window));
        self.windows.wait(token);
        self.writes.touch(Entity::Windows);
        Ok(())
    }

    pub(crate) fn remove_window(&mut self, token: Token, id: String) -> Result<(), RequestError> {
        if self.windows.to_be(&id).is_none() {
            return Err(RequestError::UnknownWindow { window: id });
        }
        self.may_change_windows()?;
        self.windows.decide(id, None);
        self.windows.wait(token);
        self.writes.touch(Entity::Windows);
        Ok(())
    }

    fn judge_window_agents(&self, window: &Window) -> Result<(), RequestError> {
        let unknown: Vec<&AgentId> = window.agents.iter().filter(|id| !self.agents_by_id.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = unknown.iter().take(UNKNOWN_NAMED_MAX).map(ToString::to_string).collect();
        let rest = unknown.len() - named.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        Err(RequestError::UnknownAgent { agents: format!("{}{rest}", named.join(", ")) })
    }

    fn have_room_for_window(&self, window: &Window) -> Result<(), RequestError> {
        self.may_change_windows()?;
        let others = self.windows.all_to_be().into_iter().filter(|(id, _)| **id != window.id);
        let (count, agents) =
            others.fold((1, window.agents.len()), |(count, agents), (_, it)| (count + 1, agents + it.agents.len()));
        if count > WINDOWS_MAX {
            return Err(RequestError::TooMany { what: "maintenance windows", most: WINDOWS_MAX });
        }
        if agents > WINDOWED_AGENTS_MAX {
            return Err(RequestError::TooMany { what: "agents in all maintenance windows together", most: WINDOWED_AGENTS_MAX });
        }
        Ok(())
    }

    fn may_change_windows(&self) -> Result<(), RequestError> {
        match self.windows.has_room() {
            true => Ok(()),
            false => Err(RequestError::TooManyChanges { what: "maintenance windows" }),
        }
    }

    /// What is to be written of the windows now, if anything.
    pub(crate) fn change_of_windows(&mut self) -> Option<Change> {
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        for (id, window) in self.windows.leave()? {
            match window {
                Some(window) => set.push(window.clone()),
                None => removed.push(id.clone()),
            }
        }
        Some(Change::Windows { set, removed })
    }

    /// The windows that were under way are stored: they hold from now on.
    pub(crate) fn windows_stored(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let step = self.windows.arrive();
        let mut touched = BTreeSet::new();
        for (id, before) in step.values {
            let window = self.windows.stored().get(&id).cloned();
            before.iter().for_each(|before| self.leave_window(before));
            window.iter().for_each(|window| self.enter_window(window));
            touched.extend([before, window].into_iter().flatten().flat_map(|window| window.agents));
        }
        self.refresh_unavailability(now, touched, effects);
        self.await_window(now);
        effects.extend(step.tokens.into_iter().map(|token| Effect::Reply { token, reply: Reply::Done }));
    }

    fn enter_window(&mut self, window: &Window) {
        for agent in &window.agents {
            self.windows_by_agent.entry(*agent).or_default().insert(window.id.clone());
        }
    }

    fn leave_window(&mut self, window: &Window) {
        for agent in &window.agents {
            if let Some(ids) = self.windows_by_agent.get_mut(agent) {
                ids.remove(&window.id);
                if ids.is_empty() {
                    self.windows_by_agent.remove(agent);
                }
            }
        }
    }

    /// Offers that say something else than the windows are taken back, so that new ones say it.
    fn refresh_unavailability(&mut self, now: Now, agents: BTreeSet<AgentId>, effects: &mut Vec<Effect>) {
        let mut untrue = Vec::new();
        for id in agents {
            let unavailability = self.unavailability(now.wall, id);
            if let Some(agent) = self.agents_by_id.get(&id).copied()
                && std::mem::replace(&mut self.agents[agent].unavailability, unavailability) != unavailability
            {
                untrue.extend(&self.agents[agent].offers);
            }
        }
        self.rescind_offers(untrue, effects);
    }

    /// When an agent is expected to be away next: its earliest window that is not over.
    pub(crate) fn unavailability(&self, wall: WallTime, id: AgentId) -> Option<Unavailability> {
        let ids = self.windows_by_agent.get(&id)?;
        let windows = ids.iter().filter_map(|id| self.windows.stored().get(id)).map(|window| window.unavailability);
        windows.filter(|it| !it.is_over(wall)).min_by_key(|it| (it.start, it.duration))
    }

    /// Waits for the end of the window that ends first.
    fn await_window(&mut self, now: Now) {
        if let Some(at) = self.window_over_at.take() {
            self.timers.cancel(at, Timer::WindowOver);
        }
        let waiting = self.windows.stored().values().filter(|window| self.windows.coming(&window.id).next().is_none());
        if let Some(rest) = waiting.map(|window| rest_of(now, window)).min() {
            let at = now.mono.after(rest);
            self.window_over_at = Some(at);
            self.timers.set(at, Timer::WindowOver);
        }
    }

    /// Forgets the windows that are over. Offers may still tell of them, which does no harm.
    pub(crate) fn windows_over(&mut self, now: Now) {
        let over = self.windows.stored().values().filter(|window| window.unavailability.is_over(now.wall));
        let over: Vec<String> = over.map(|window| window.id.clone()).collect();
        for window in over.iter().filter_map(|id| self.windows.lapse(id)).collect::<Vec<_>>() {
            self.leave_window(&window);
            self.writes.touch(Entity::Windows);
            for id in window.agents {
                let unavailability = self.unavailability(now.wall, id);
                if let Some(agent) = self.agents_by_id.get(&id) {
                    self.agents[*agent].unavailability = unavailability;
                }
            }
        }
        self.await_window(now);
    }

    /// What an earlier master has stored. The agents are known already.
    pub(crate) fn recover_windows(&mut self, now: Now, windows: Vec<Window>) {
        for window in windows {
            self.enter_window(&window);
            self.windows.recover(window.id.clone(), window);
        }
        for agent in self.agents.indices() {
            self.agents[agent].unavailability = self.unavailability(now.wall, self.agents[agent].offered.id);
        }
        self.windows_over(now);
    }

    pub(crate) fn check_windows(&self) {
        self.windows.check(self.writes.is_dirty(Entity::Windows), self.writes.is_under_way(Entity::Windows));
        let listed: usize = self.windows_by_agent.values().map(BTreeSet::len).sum();
        let agents = || self.windows.stored().values().flat_map(|window| window.agents.iter().map(move |id| (id, &window.id)));
        assert_eq!(listed, agents().count(), "a window that is no more has agents");
        for (agent, window) in agents() {
            let found = self.windows_by_agent.get(agent).is_some_and(|windows| windows.contains(window));
            assert!(found, "agent {agent} doesn't know its window {window}");
        }
        let waited_for = self.window_over_at.is_some_and(|at| self.timers.contains(at, Timer::WindowOver));
        assert_eq!(waited_for, self.window_over_at.is_some(), "the end of a window is waited for without an end");
        let waiting = self.windows.stored().keys().any(|id| self.windows.coming(id).next().is_none());
        assert!(waited_for || !waiting, "nobody waits for the end of a window");
    }
}

fn rest_of(now: Now, window: &Window) -> Duration {
    let end = wall_after(window.unavailability.start, window.unavailability.duration);
    Duration::from_millis(end.0.saturating_sub(now.wall.0))
}

/// Whether a window says something that can be, whoever is in it.
fn judge_window(now: Now, window: &Window) -> Result<(), RequestError> {
    let id = &window.id;
    let reason = if id.is_empty() || id.len() > WINDOW_ID_BYTES_MAX || id.contains(char::is_control) {
        format!("a window's name has 1 to {WINDOW_ID_BYTES_MAX} bytes and no control characters")
    } else if window.agents.is_empty() || window.agents.len() > WINDOW_AGENTS_MAX {
        format!("a window names 1 to {WINDOW_AGENTS_MAX} agents, and {id:?} has {}", window.agents.len())
    } else if window.unavailability.duration.is_zero() {
        format!("window {id:?} lasts no time; give it a duration")
    } else if window.unavailability.is_over(now.wall) {
        format!("window {id:?} is over already; give it a later start or a longer duration")
    } else {
        return Ok(());
    };
    Err(RequestError::Invalid { reason })
}
