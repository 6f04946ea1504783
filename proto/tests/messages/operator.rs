//! What operators decide.

use meros_proto::{Explain, MarkGone, RemoveWindow, SetDuty, SetWindow};
use meros_types::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::demand::shape;
use crate::strategies::*;

pub(crate) fn domain() -> impl Strategy<Value = Domain> {
    let part = || "[a-zA-Zé0-9. -]{1,8}";
    (part(), part()).prop_map(|(region, zone)| Domain { region, zone })
}

pub(crate) fn bounds() -> impl Strategy<Value = Bounds> {
    let common = proptest::array::uniform4(option::of(amount()));
    let custom = btree_map("[a-c]|licences-[0-9]", amount(), 0..4);
    (common, custom).prop_map(|(common, custom)| {
        let bounds = common.into_iter().enumerate().fold(Bounds::none(), |bounds, (at, most)| bounds.with_common(at, most));
        custom.iter().fold(bounds, |bounds, (name, most)| bounds.with_custom(name, *most))
    })
}

pub(crate) fn role_settings() -> impl Strategy<Value = RoleSettings> {
    (any::<u32>(), bounds(), resources()).prop_map(|(weight, limit, guarantee)| RoleSettings { weight, limit, guarantee })
}

pub(crate) fn roles_update() -> impl Strategy<Value = RolesUpdate> {
    let update = (role(), option::of(any::<u32>()), option::of(bounds()), option::of(resources()))
        .prop_map(|(role, weight, limit, guarantee)| RoleUpdate { role, weight, limit, guarantee });
    (vec(update, 0..4), any::<bool>()).prop_map(|(roles, force)| RolesUpdate { roles, force })
}

pub(crate) fn duty() -> impl Strategy<Value = Duty> {
    let drain = (wall_time(), option::of(duration()), any::<bool>()).prop_map(|(deadline, max_grace, mark_gone)| Drain {
        deadline,
        max_grace,
        mark_gone,
    });
    prop_oneof![Just(Duty::Active), Just(Duty::Deactivated), drain.prop_map(Duty::Draining)]
}

pub(crate) fn unavailability() -> impl Strategy<Value = Unavailability> {
    (wall_time(), duration()).prop_map(|(start, duration)| Unavailability { start, duration })
}

pub(crate) fn window() -> impl Strategy<Value = Window> {
    ("[a-z -]{1,12}", vec(agent_id(), 0..4), unavailability()).prop_map(|(id, agents, unavailability)| Window {
        id,
        agents,
        unavailability,
    })
}

pub(crate) fn set_duty() -> impl Strategy<Value = SetDuty> {
    (agent_id(), duty()).prop_map(|(agent, duty)| SetDuty { agent, duty })
}

pub(crate) fn mark_gone() -> impl Strategy<Value = MarkGone> {
    agent_id().prop_map(|agent| MarkGone { agent })
}

pub(crate) fn set_window() -> impl Strategy<Value = SetWindow> {
    window().prop_map(|window| SetWindow { window })
}

pub(crate) fn remove_window() -> impl Strategy<Value = RemoveWindow> {
    "[a-z -]{1,12}".prop_map(|id| RemoveWindow { id })
}

pub(crate) fn explain() -> impl Strategy<Value = Explain> {
    (framework_id(), option::of(role()), option::of(shape())).prop_map(|(framework, role, shape)| Explain {
        framework,
        role,
        shape,
    })
}
