//! Whether an update of roles can be: whether it says what can be said, contradicts nothing that will be, and fits what is there.
//!
//! Everything is judged against the settings that there will be once all decided before is stored. Every reason is given, with
//! its numbers, and not just the first.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{Bounds, ROLE_SETTINGS_MAX, Resources, Role, RoleSettings, RolesUpdate, WEIGHT_MAX};

use crate::Master;
use crate::amounts::{above, larger, named_in, plus};
use crate::effect::RequestError;
use crate::roles::{innermost_first, lineage};

/// How many roles below another are named with what they are guaranteed; the rest is a number.
const NAMED_MAX: usize = 5;

type Settings = BTreeMap<Role, RoleSettings>;

/// The settings that the update gives to the roles it names; or why it can't be.
pub(crate) fn judge_update(master: &Master, update: &RolesUpdate) -> Result<Settings, RequestError> {
    judge_words(update)?;
    let before: Settings = master.roles.all_to_be().into_iter().map(|(role, it)| (role.clone(), it.clone())).collect();
    let mut changed = Settings::new();
    for change in &update.roles {
        let known = before.get(&change.role).cloned().unwrap_or_else(|| master.without_settings(&change.role));
        let settings = RoleSettings {
            weight: change.weight.unwrap_or(known.weight),
            limit: change.limit.clone().unwrap_or(known.limit),
            guarantee: change.guarantee.clone().unwrap_or(known.guarantee),
        };
        changed.insert(change.role.clone(), settings);
    }
    let mut after = before.clone();
    after.extend(changed.clone());
    after.retain(|role, settings| *settings != master.without_settings(role));
    if after.len() > ROLE_SETTINGS_MAX && after.len() > before.len() {
        return Err(RequestError::TooMany { what: "roles with settings of their own", most: ROLE_SETTINGS_MAX });
    }
    judge_numbers(master, update, &before, &after)?;
    Ok(changed)
}

/// Whether each role's part says what can be said of a role, whatever else there is.
fn judge_words(update: &RolesUpdate) -> Result<(), RequestError> {
    let mut reasons = Vec::new();
    let mut named = BTreeSet::new();
    for change in &update.roles {
        let role = &change.role;
        if !named.insert(role) {
            reasons.push(format!("role {role} is named twice; name each role once"));
        }
        if let Some(weight) = change.weight.filter(|weight| !(1..=WEIGHT_MAX).contains(weight)) {
            reasons.push(format!("role {role}: a weight is from 1 to {WEIGHT_MAX}, and not {weight}"));
        }
        if let Some(guarantee) = change.guarantee.as_ref().filter(|guarantee| !guarantee.ports().is_empty()) {
            reasons.push(format!("role {role}: ports can't be guaranteed; only scalars can, and not {guarantee}"));
        }
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(RequestError::Invalid { reason: reasons.join("; ") }),
    }
}

fn judge_numbers(master: &Master, update: &RolesUpdate, before: &Settings, after: &Settings) -> Result<(), RequestError> {
    let owed = Owed::of(after);
    let mut reasons = Vec::new();
    let touched: BTreeSet<Role> = update.roles.iter().flat_map(|change| lineage(&change.role)).collect();
    for role in &touched {
        judge_limit(role, after, &owed, &mut reasons);
    }
    let mut yielding = Vec::new();
    judge_total(master, &Owed::of(before), &owed, &mut yielding);
    judge_consumption(master, update, after, &mut yielding);
    let can_force = reasons.is_empty();
    if can_force && (update.force || yielding.is_empty()) {
        return Ok(());
    }
    if !update.force {
        reasons.append(&mut yielding);
    }
    Err(RequestError::Contradiction { reasons, can_force })
}

/// What a role has is within its limit: what it is guaranteed itself, and what those below it are together. So every guarantee is
/// within the limit of every role around it.
fn judge_limit(role: &Role, after: &Settings, owed: &Owed, reasons: &mut Vec<String>) {
    let Some(settings) = after.get(role) else { return };
    let limit = &settings.limit;
    if let Some(excess) = above(&settings.guarantee, limit) {
        let (guarantee, limit) = (named_in(&settings.guarantee, &excess), limit_of(limit, &excess));
        reasons.push(format!("role {role}: its guarantee {guarantee} is above its limit {limit}"));
    }
    if let Some(excess) = above(&owed.below(role), limit) {
        let (below, limit) = (named_in(&owed.below(role), &excess), limit_of(limit, &excess));
        let named = owed.named_below(role, &excess);
        reasons.push(format!("role {role}: the guarantees below it are {below} together ({named}), above its limit {limit}"));
    }
}

/// What all roles are guaranteed is there, as far as this update guarantees more than before.
fn judge_total(master: &Master, before: &Owed, owed: &Owed, reasons: &mut Vec<String>) {
    let raised = owed.total.saturating_sub(&before.total);
    let total = master.total();
    let missing = named_in(&owed.total.saturating_sub(&total), &raised);
    if !missing.is_none() {
        let (guaranteed, there) = (named_in(&owed.total, &missing), show_all(&total, &missing));
        reasons.push(format!("all guarantees together are {guaranteed}, and all registered agents have {there}"));
    }
}

/// A new limit is not below what its role has in tasks. What is on offer doesn't count: it is taken back.
fn judge_consumption(master: &Master, update: &RolesUpdate, after: &Settings, reasons: &mut Vec<String>) {
    let limited = update.roles.iter().filter(|change| change.limit.as_ref().is_some_and(|limit| !limit.is_none()));
    let limited: BTreeSet<Role> = limited.map(|change| change.role.clone()).collect();
    let offered = master.offered_in(limited.clone());
    for (role, allocated) in master.allocated_in(limited) {
        let has = allocated.saturating_sub(&offered[&role]);
        let limit = after.get(&role).map_or_else(Bounds::none, |settings| settings.limit.clone());
        if let Some(excess) = above(&has, &limit) {
            let (has, limit) = (named_in(&has, &excess), limit_of(&limit, &excess));
            reasons.push(format!("role {role}: its tasks have {has}, above the limit {limit}"));
        }
    }
}

/// What roles are guaranteed, themselves and through those below them: of both, the larger.
struct Owed {
    /// Those that are owed anything, and every role around one.
    roles: BTreeMap<Role, Resources>,
    below: BTreeMap<Role, Resources>,
    total: Resources,
}

impl Owed {
    fn of(settings: &Settings) -> Self {
        let guaranteed = settings.iter().filter(|(_, settings)| !settings.guarantee.is_none());
        let concerned: BTreeSet<Role> = guaranteed.flat_map(|(role, _)| lineage(role)).collect();
        let mut owed = Self { roles: BTreeMap::new(), below: BTreeMap::new(), total: Resources::none() };
        for role in innermost_first(concerned) {
            let own = settings.get(&role).map_or_else(Resources::none, |settings| settings.guarantee.clone());
            let amount = larger(&own, &owed.below(&role));
            let sum = match role.parent() {
                Some(parent) => owed.below.entry(parent).or_default(),
                None => &mut owed.total,
            };
            *sum = plus(sum, &amount);
            owed.roles.insert(role, amount);
        }
        owed
    }

    /// What the roles directly below this one are owed together.
    fn below(&self, role: &Role) -> Resources {
        self.below.get(role).cloned().unwrap_or_default()
    }

    /// Those directly below a role, with what they are owed of these scalars.
    fn named_below(&self, role: &Role, of: &Resources) -> String {
        let children = self.roles.iter().filter(|(child, _)| child.parent().as_ref() == Some(role));
        let children = children.map(|(child, amount)| (child, named_in(amount, of))).filter(|(_, amount)| !amount.is_none());
        let mut named: Vec<String> = children.map(|(child, amount)| format!("{child} {amount}")).collect();
        if named.len() > NAMED_MAX {
            let rest = named.split_off(NAMED_MAX).len();
            named.push(format!("and {rest} more"));
        }
        named.join(", ")
    }
}

/// A limit, as far as it is about these scalars.
fn limit_of(limit: &Bounds, of: &Resources) -> Bounds {
    let mut part = Bounds::none();
    for (at, _) in of.common().iter().enumerate().filter(|(_, amount)| **amount > 0) {
        part = part.with_common(at, limit.common()[at]);
    }
    let custom = limit.custom().iter().filter(|(name, _)| of.custom_milli(name) > 0);
    custom.fold(part, |part, (name, most)| part.with_custom(name, *most))
}

/// How much there is of these scalars, zeroes too.
fn show_all(amount: &Resources, of: &Resources) -> Bounds {
    let mut shown = Bounds::none();
    for (at, _) in of.common().iter().enumerate().filter(|(_, amount)| **amount > 0) {
        shown = shown.with_common(at, Some(amount.common()[at]));
    }
    of.custom().iter().fold(shown, |shown, (name, _)| shown.with_custom(name, amount.custom_milli(name)))
}
