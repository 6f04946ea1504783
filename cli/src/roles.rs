//! `meros roles` and `meros weights`: how roles share. Deliberately absent: limits and guarantees ([`crate::quota`]).

use std::cmp::Ordering;

use meros_types::{Resources, Role, RoleState, RoleUpdate, RolesUpdate};
use serde::Serialize;

use crate::admin::Admin;
use crate::args::{RolesArgs, WeightsArgs};
use crate::error::Error;
use crate::output::{self, Cell, Column, Look, Table, Tone};

const ROLES: &[Column] = &[
    Column::text("ROLE"),
    Column::number("WEIGHT"),
    Column::text("LIMIT"),
    Column::text("GUARANTEE"),
    Column::text("UNMET"),
    Column::text("ALLOCATED"),
    Column::number("SHARE"),
    Column::number("FRAMEWORKS"),
];

const WEIGHTS: &[Column] = &[Column::text("ROLE"), Column::number("WEIGHT")];

/// A role's weight, for scripts.
#[derive(Serialize)]
struct Weight<'a> {
    role: &'a Role,
    weight: u32,
}

/// `meros roles`.
pub(crate) async fn roles(arguments: RolesArgs) -> Result<(), Error> {
    let roles = in_order(Admin::new(&arguments.connection)?.state(arguments.patience.wait).await?.roles);
    if arguments.json {
        return Ok(output::say_json(&roles)?);
    }
    let mut table = Table::new(ROLES);
    roles.iter().for_each(|role| table.row(row(role)));
    Ok(output::say(table.render(Look::of_stdout()))?)
}

/// `meros weights`.
pub(crate) async fn weights(arguments: WeightsArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    if arguments.weights.is_empty() {
        return list_weights(&in_order(admin.state(patience).await?.roles), arguments.json);
    }
    let said: Vec<String> = arguments.weights.iter().map(|(role, weight)| format!("{role}: weight {weight}")).collect();
    let weighed = |(role, weight)| RoleUpdate { role, weight: Some(weight), limit: None, guarantee: None };
    let update = RolesUpdate { roles: arguments.weights.into_iter().map(weighed).collect(), force: false };
    admin.update_roles(update, patience).await?;
    Ok(output::say(said.join("\n"))?)
}

fn list_weights(roles: &[RoleState], json: bool) -> Result<(), Error> {
    if json {
        let weights: Vec<_> = roles.iter().map(|role| Weight { role: &role.role, weight: role.settings.weight }).collect();
        return Ok(output::say_json(&weights)?);
    }
    let mut table = Table::new(WEIGHTS);
    roles.iter().for_each(|role| table.row(vec![in_tree(&role.role).into(), role.settings.weight.to_string().into()]));
    Ok(output::say(table.render(Look::of_stdout()))?)
}

/// Each role behind the one around it, and siblings by name.
fn in_order(mut roles: Vec<RoleState>) -> Vec<RoleState> {
    roles.sort_by(|a, b| by_parts(&a.role, &b.role));
    roles
}

/// As text `a-b` would come between `a` and `a/b`.
fn by_parts(a: &Role, b: &Role) -> Ordering {
    a.as_str().split('/').cmp(b.as_str().split('/'))
}

/// The whole name, so that it can be searched for and copied, as far to the right as it is deep.
fn in_tree(role: &Role) -> String {
    let depth = role.as_str().matches('/').count();
    format!("{}{role}", "  ".repeat(depth))
}

fn row(role: &RoleState) -> Vec<Cell> {
    let settings = &role.settings;
    let limit = if settings.limit.is_none() { "-".into() } else { settings.limit.to_string().into() };
    let unmet = if role.unmet.is_none() { "-".into() } else { Cell::toned(role.unmet.to_string(), Tone::Middling) };
    vec![
        in_tree(&role.role).into(),
        settings.weight.to_string().into(),
        limit,
        amount(&settings.guarantee),
        unmet,
        amount(&role.allocated),
        output::percent(role.share_millionths).into(),
        role.frameworks.to_string().into(),
    ]
}

fn amount(resources: &Resources) -> Cell {
    if resources.is_none() { "-".into() } else { resources.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_behind_the_one_around_it() {
        let role = |name| Role::new(name).unwrap();
        let mut roles = ["a-b", "a/b", "*", "a", "a/b/c", "a.b/c", "b"].map(role);
        roles.sort_by(by_parts);
        assert_eq!(roles.map(|role| in_tree(&role)), ["*", "a", "  a/b", "    a/b/c", "a-b", "  a.b/c", "b"]);
    }
}
