//! What operators decide. Amounts that are stored are bounded here, or a registry could hold what its text can't say.

use meros_types as domain;
use meros_types::{AMOUNT_MAX, Bounds, CUSTOM_SCALARS_MAX, Duty, ROLE_SETTINGS_MAX, Resources, WINDOW_AGENTS_MAX, WallTime};

use super::fields::{at_most, display_name, id, list, optional, required, role};
use super::resources::amounts_in_bounds;
use crate::{WireError, v1};

impl From<domain::Domain> for v1::Domain {
    fn from(domain: domain::Domain) -> Self {
        Self { region: domain.region, zone: domain.zone }
    }
}

impl TryFrom<v1::Domain> for domain::Domain {
    type Error = WireError;
    fn try_from(wire: v1::Domain) -> Result<Self, WireError> {
        Ok(format!("{}/{}", wire.region, wire.zone).parse()?)
    }
}

impl From<Bounds> for v1::Bounds {
    fn from(bounds: Bounds) -> Self {
        let [cpu_milli, memory_bytes, disk_bytes, gpu_milli] = *bounds.common();
        let custom = bounds.custom().iter();
        let custom = custom.map(|(name, milli)| v1::CustomScalar { name: name.to_string(), amount_milli: *milli }).collect();
        Self { cpu_milli, memory_bytes, disk_bytes, gpu_milli, custom }
    }
}

impl TryFrom<v1::Bounds> for Bounds {
    type Error = WireError;
    fn try_from(wire: v1::Bounds) -> Result<Self, WireError> {
        let common = [wire.cpu_milli, wire.memory_bytes, wire.disk_bytes, wire.gpu_milli];
        let custom = wire.custom.iter().map(|scalar| scalar.amount_milli);
        if common.into_iter().flatten().chain(custom).any(|most| most > AMOUNT_MAX) {
            return Err(WireError::new("", format!("an amount is above {AMOUNT_MAX}")));
        }
        at_most(wire.custom.len(), CUSTOM_SCALARS_MAX, "custom")?;
        let bounds = common.into_iter().enumerate().fold(Self::none(), |bounds, (at, most)| bounds.with_common(at, most));
        wire.custom
            .iter()
            .enumerate()
            .try_fold(bounds, |bounds, (at, scalar)| with_custom(bounds, scalar).map_err(|error| error.within_item("custom", at)))
    }
}

fn with_custom(bounds: Bounds, scalar: &v1::CustomScalar) -> Result<Bounds, WireError> {
    if bounds.custom().iter().any(|(known, _)| **known == *scalar.name) {
        return Err(WireError::new("name", "it is given twice"));
    }
    // Names are as those of quantities; whoever has one of these may limit it.
    Resources::none().with_custom(&scalar.name, 0).map_err(|error| WireError::from(error).within("name"))?;
    Ok(bounds.with_custom(&scalar.name, scalar.amount_milli))
}

impl From<domain::RoleSettings> for v1::RoleSettings {
    fn from(settings: domain::RoleSettings) -> Self {
        let (limit, guarantee) = (Some(settings.limit.into()), Some(settings.guarantee.into()));
        Self { weight: settings.weight, limit, guarantee }
    }
}

impl TryFrom<v1::RoleSettings> for domain::RoleSettings {
    type Error = WireError;
    fn try_from(wire: v1::RoleSettings) -> Result<Self, WireError> {
        Ok(Self { weight: wire.weight, limit: required(wire.limit, "limit")?, guarantee: required(wire.guarantee, "guarantee")? })
    }
}

impl From<domain::RoleUpdate> for v1::RoleUpdate {
    fn from(update: domain::RoleUpdate) -> Self {
        Self {
            role: update.role.into(),
            weight: update.weight,
            limit: update.limit.map(Into::into),
            guarantee: update.guarantee.map(Into::into),
        }
    }
}

impl TryFrom<v1::RoleUpdate> for domain::RoleUpdate {
    type Error = WireError;
    fn try_from(wire: v1::RoleUpdate) -> Result<Self, WireError> {
        let guarantee: Option<Resources> = optional(wire.guarantee, "guarantee")?;
        guarantee.iter().try_for_each(|amounts| amounts_in_bounds(amounts, "guarantee"))?;
        Ok(Self { role: role(&wire.role, "role")?, weight: wire.weight, limit: optional(wire.limit, "limit")?, guarantee })
    }
}

impl From<domain::RolesUpdate> for v1::UpdateRolesRequest {
    fn from(update: domain::RolesUpdate) -> Self {
        Self { roles: update.roles.into_iter().map(Into::into).collect(), force: update.force }
    }
}

impl TryFrom<v1::UpdateRolesRequest> for domain::RolesUpdate {
    type Error = WireError;
    fn try_from(wire: v1::UpdateRolesRequest) -> Result<Self, WireError> {
        at_most(wire.roles.len(), ROLE_SETTINGS_MAX, "roles")?;
        Ok(Self { roles: list(wire.roles, "roles")?, force: wire.force })
    }
}

impl From<Duty> for v1::Duty {
    fn from(duty: Duty) -> Self {
        let duty = match duty {
            Duty::Active => v1::duty::Duty::Active(v1::Active {}),
            Duty::Deactivated => v1::duty::Duty::Deactivated(v1::Deactivated {}),
            Duty::Draining(drain) => v1::duty::Duty::Draining(drain.into()),
        };
        Self { duty: Some(duty) }
    }
}

impl TryFrom<v1::Duty> for Duty {
    type Error = WireError;
    fn try_from(wire: v1::Duty) -> Result<Self, WireError> {
        match wire.duty.ok_or_else(|| WireError::new("duty", "it is missing, or one that is not known here"))? {
            v1::duty::Duty::Active(_) => Ok(Self::Active),
            v1::duty::Duty::Deactivated(_) => Ok(Self::Deactivated),
            v1::duty::Duty::Draining(drain) => Ok(Self::Draining(required(Some(drain), "draining")?)),
        }
    }
}

impl From<domain::Drain> for v1::Drain {
    fn from(drain: domain::Drain) -> Self {
        let max_grace = drain.max_grace.map(Into::into);
        Self { deadline_unix_ms: drain.deadline.0, max_grace, mark_gone: drain.mark_gone }
    }
}

impl TryFrom<v1::Drain> for domain::Drain {
    type Error = WireError;
    fn try_from(wire: v1::Drain) -> Result<Self, WireError> {
        let max_grace = optional(wire.max_grace, "max_grace")?;
        Ok(Self { deadline: WallTime(wire.deadline_unix_ms), max_grace, mark_gone: wire.mark_gone })
    }
}

impl From<domain::Unavailability> for v1::Unavailability {
    fn from(away: domain::Unavailability) -> Self {
        Self { start_unix_ms: away.start.0, duration: Some(away.duration.into()) }
    }
}

impl TryFrom<v1::Unavailability> for domain::Unavailability {
    type Error = WireError;
    fn try_from(wire: v1::Unavailability) -> Result<Self, WireError> {
        Ok(Self { start: WallTime(wire.start_unix_ms), duration: required(wire.duration, "duration")? })
    }
}

impl From<domain::Window> for v1::Window {
    fn from(window: domain::Window) -> Self {
        let agents = window.agents.iter().map(|id| id.as_bytes().to_vec()).collect();
        Self { id: window.id, agents, unavailability: Some(window.unavailability.into()) }
    }
}

impl TryFrom<v1::Window> for domain::Window {
    type Error = WireError;
    fn try_from(wire: v1::Window) -> Result<Self, WireError> {
        at_most(wire.agents.len(), WINDOW_AGENTS_MAX, "agents")?;
        let agents = wire.agents.iter().enumerate();
        let agents = agents.map(|(at, bytes)| id(bytes, "").map_err(|error| error.within_item("agents", at)));
        Ok(Self {
            agents: agents.collect::<Result<_, _>>()?,
            id: window_id(wire.id, "id")?,
            unavailability: required(wire.unavailability, "unavailability")?,
        })
    }
}

/// Reads an operator's name for a maintenance window.
pub(crate) fn window_id(text: String, field: &str) -> Result<String, WireError> {
    match text.is_empty() {
        true => Err(WireError::missing(field)),
        false => display_name(text, field),
    }
}
