//! How roles share: the settings that operators have stored, those on their way, and which count meanwhile.
//!
//! Owned here: settings by role, what follows from changing them, and what roles have now. Whether an update can be is for
//! `judge_roles` to say; sharing itself is the allocator's, which is told in [`Master::apply_role`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use meros_types::{OfferId, Resources, Role, RoleSettings, RoleState, RolesUpdate};

use crate::amounts::{larger, plus};
use crate::effect::{Reply, RequestError};
use crate::event::Token;
use crate::judge_roles::judge_update;
use crate::registry::{Change, RoleRecord};
use crate::table::ClientIx;
use crate::writes::Entity;
use crate::{Effect, Master};

impl Master {
    /// Changes the settings of roles, all or none. An update that names none is as good as done.
    pub(crate) fn update_roles(&mut self, token: Token, update: RolesUpdate) -> Result<Option<Reply>, RequestError> {
        if update.roles.is_empty() {
            return Ok(Some(Reply::Done));
        }
        let changed = judge_update(self, &update)?;
        if !self.roles.has_room() {
            return Err(RequestError::TooManyChanges { what: "roles" });
        }
        for (role, settings) in changed {
            let is_own = settings != self.without_settings(&role);
            self.roles.decide(role.clone(), is_own.then_some(settings));
            self.apply_role(&role);
        }
        self.roles.wait(token);
        self.writes.touch(Entity::Roles);
        Ok(None)
    }

    /// How a role shares for which nothing is stored.
    pub(crate) fn without_settings(&self, role: &Role) -> RoleSettings {
        RoleSettings { weight: self.config.weights.get(role).copied().unwrap_or(1).max(1), ..RoleSettings::default() }
    }

    /// How a role shares now. While a change of it is not stored, nobody is given what the stricter of old and new forbids, and
    /// nobody is promised what may not come to be: the limit is the stricter, the guarantee is the larger, the weight is the old.
    pub(crate) fn role_settings(&self, role: &Role) -> RoleSettings {
        let mut settings = self.stored_settings(role);
        for coming in self.roles.coming(role).flatten() {
            settings.limit = settings.limit.stricter(&coming.limit);
            settings.guarantee = larger(&settings.guarantee, &coming.guarantee);
        }
        settings
    }

    pub(crate) fn stored_settings(&self, role: &Role) -> RoleSettings {
        self.roles.stored().get(role).cloned().unwrap_or_else(|| self.without_settings(role))
    }

    /// The one place where the allocator is told how a role shares from now on: when a change is decided, when it is stored, and
    /// when a master begins with what an earlier one has stored.
    pub(crate) fn apply_role(&mut self, role: &Role) {
        self.allocator.set_role(role, self.role_settings(role));
    }

    /// What is to be written of the roles now, if anything.
    pub(crate) fn change_of_roles(&mut self) -> Option<Change> {
        let (mut set, mut forgotten) = (Vec::new(), Vec::new());
        for (role, settings) in self.roles.leave()? {
            match settings {
                Some(settings) => set.push(RoleRecord { role: role.clone(), settings: settings.clone() }),
                None => forgotten.push(role.clone()),
            }
        }
        Some(Change::Roles { set, forgotten })
    }

    /// The settings that were under way are stored: they hold, and what is on offer against them is taken back.
    pub(crate) fn roles_stored(&mut self, effects: &mut Vec<Effect>) {
        let step = self.roles.arrive();
        let mut lighter = BTreeSet::new();
        for (role, before) in step.values {
            let before = before.unwrap_or_else(|| self.without_settings(&role));
            self.apply_role(&role);
            let after = self.stored_settings(&role);
            if after.weight < before.weight {
                lighter.insert(role);
            }
        }
        self.rescind_offers(self.offers_within(&lighter), effects);
        let newest_first = self.offers.iter().rev().map(|(id, offer)| (*id, offer.client, &offer.resources));
        self.rescind_offers(self.allocator.offers_above_limits(newest_first), effects);
        effects.extend(step.tokens.into_iter().map(|token| Effect::Reply { token, reply: Reply::Done }));
    }

    /// What is on offer in these roles, and below them.
    fn offers_within(&self, roles: &BTreeSet<Role>) -> Vec<OfferId> {
        if roles.is_empty() {
            return Vec::new();
        }
        let within = self.offers.iter().filter(|(_, offer)| lineage(&offer.role).any(|role| roles.contains(&role)));
        within.map(|(id, _)| *id).collect()
    }

    /// Every role that has frameworks, settings or a role below it that does, by name. People are shown the settings that are stored.
    pub(crate) fn role_states(&self) -> Vec<RoleState> {
        let states = self.allocator.role_states().into_iter();
        states.map(|state| RoleState { settings: self.stored_settings(&state.role), ..state }).collect()
    }

    /// What frameworks hold in each of these roles and below it, in offers and tasks.
    pub(crate) fn allocated_in(&self, roles: BTreeSet<Role>) -> BTreeMap<Role, Resources> {
        let mut clients: BTreeMap<Role, Vec<ClientIx>> = roles.into_iter().map(|role| (role, Vec::new())).collect();
        for (_, row) in self.frameworks.iter() {
            for (role, client) in &row.clients {
                for role in lineage(role) {
                    if let Some(clients) = clients.get_mut(&role) {
                        clients.push(*client);
                    }
                }
            }
        }
        clients.into_iter().map(|(role, clients)| (role, self.allocator.allocated(clients.into_iter()))).collect()
    }

    /// What is on offer in each of these roles and below it.
    pub(crate) fn offered_in(&self, roles: BTreeSet<Role>) -> BTreeMap<Role, Resources> {
        let mut offered: BTreeMap<Role, Resources> = roles.into_iter().map(|role| (role, Resources::none())).collect();
        for offer in self.offers.values() {
            for role in lineage(&offer.role) {
                if let Some(sum) = offered.get_mut(&role) {
                    *sum = plus(sum, &offer.resources);
                }
            }
        }
        offered
    }

    /// What all registered agents have together.
    pub(crate) fn total(&self) -> Resources {
        let totals = self.agents.iter().filter_map(|(_, agent)| Some(agent.ledger.as_ref()?.total()));
        totals.fold(Resources::none(), |sum, total| plus(&sum, total))
    }
}

/// A role, and each around it, outwards.
pub(crate) fn lineage(role: &Role) -> impl Iterator<Item = Role> + use<> {
    std::iter::successors(Some(role.clone()), Role::parent)
}

/// Roles, the innermost first.
pub(crate) fn innermost_first(roles: impl IntoIterator<Item = Role>) -> Vec<Role> {
    let mut roles: Vec<Role> = roles.into_iter().collect();
    roles.sort_by_key(|role| Reverse(role.as_str().matches('/').count()));
    roles
}

#[cfg(test)]
mod tests {
    use meros_types::{Bounds, Now, RoleUpdate, Term};

    use super::*;
    use crate::{Event, MasterConfig, Request};

    fn update(master: &mut Master, weight: u32, limit: &str, guarantee: &str) {
        let (limit, guarantee) = (Bounds::parse(limit).unwrap(), Resources::parse(guarantee).unwrap());
        let change = RoleUpdate { role: eng(), weight: Some(weight), limit: Some(limit), guarantee: Some(guarantee) };
        let request = Request::UpdateRoles(RolesUpdate { roles: vec![change], force: true });
        happens(master, Event::Asked { token: Token(1), request });
    }

    fn happens(master: &mut Master, event: Event) {
        let mut effects = Vec::new();
        master.handle(Now::default(), event, &mut effects);
        master.flush(Now::default(), &mut effects);
        master.check();
    }

    fn eng() -> Role {
        Role::new("eng").unwrap()
    }

    #[track_caller]
    fn shares(master: &Master, expected: &str) {
        let RoleSettings { weight, limit, guarantee } = master.role_settings(&eng());
        assert_eq!(format!("{weight} [{limit}] [{guarantee}]"), expected);
    }

    /// Whatever of it a master that begins anew will find, nobody has been given what that forbids.
    #[test]
    fn until_it_is_stored_the_stricter_of_old_and_new_holds() {
        let mut master = Master::new(MasterConfig::new(Term(1), 7));
        update(&mut master, 5, "cpus:4;mem:1GiB", "cpus:2;a:1");
        shares(&master, "1 [cpus:4;mem:1GiB] [cpus:2;a:1]");
        // It is under way, and the next two wait for it.
        update(&mut master, 6, "cpus:6", "cpus:1;mem:2GiB");
        shares(&master, "1 [cpus:4;mem:1GiB] [cpus:2;mem:2GiB;a:1]");
        update(&mut master, 7, "cpus:3", "");
        shares(&master, "1 [cpus:3;mem:1GiB] [cpus:2;a:1]");
        happens(&mut master, Event::Durable { seq: 1 });
        shares(&master, "5 [cpus:3;mem:1GiB] [cpus:2;a:1]");
        happens(&mut master, Event::Durable { seq: 2 });
        shares(&master, "7 [cpus:3] []");
    }
}
