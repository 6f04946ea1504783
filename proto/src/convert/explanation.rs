//! Why there is no more on offer.

use meros_types as domain;
use meros_types::{Role, Shortfall};

use super::fields::{display_name, enumerated, id, list, required, role, sentence, texts};
use crate::v1::obstacle::Obstacle as Wire;
use crate::{WireError, v1};

impl From<domain::Explanation> for v1::Explanation {
    fn from(explanation: domain::Explanation) -> Self {
        Self {
            framework: explanation.framework.as_bytes().to_vec(),
            role: explanation.role.into(),
            standing: v1::Standing::from(explanation.standing).into(),
            offers: explanation.offers,
            share_millionths: explanation.share_millionths,
            shapes: explanation.shapes.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Explanation> for domain::Explanation {
    type Error = WireError;
    fn try_from(wire: v1::Explanation) -> Result<Self, WireError> {
        Ok(Self {
            framework: id(&wire.framework, "framework")?,
            role: role(&wire.role, "role")?,
            standing: enumerated::<v1::Standing, _>(wire.standing, "standing")?,
            offers: wire.offers,
            share_millionths: wire.share_millionths,
            shapes: list(wire.shapes, "shapes")?,
        })
    }
}

impl From<domain::ShapeExplanation> for v1::ShapeExplanation {
    fn from(explained: domain::ShapeExplanation) -> Self {
        Self {
            shape: Some(explained.shape.into()),
            agents: explained.agents,
            suitable: explained.suitable,
            obstacles: explained.obstacles.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::ShapeExplanation> for domain::ShapeExplanation {
    type Error = WireError;
    fn try_from(wire: v1::ShapeExplanation) -> Result<Self, WireError> {
        Ok(Self {
            shape: required(wire.shape, "shape")?,
            agents: wire.agents,
            suitable: wire.suitable,
            obstacles: list(wire.obstacles, "obstacles")?,
        })
    }
}

impl From<domain::Obstacle> for v1::Obstacle {
    fn from(obstacle: domain::Obstacle) -> Self {
        use domain::Obstacle as Domain;
        let lacking = |lacks: Shortfall| Some(lacks.into());
        let names = |roles: Vec<Role>| roles.into_iter().map(Into::into).collect();
        let obstacle = match obstacle {
            Domain::OverLimit { role, lacks } => Wire::OverLimit(v1::OverLimit { role: role.into(), lacks: lacking(lacks) }),
            Domain::KeptForGuarantees { lacks, roles } => {
                Wire::KeptForGuarantees(v1::KeptForGuarantees { lacks: lacking(lacks), roles: names(roles) })
            }
            Domain::OffDuty { agents } => Wire::OffDuty(agents),
            Domain::Constraint { constraint, agents } => {
                Wire::Constraint(v1::Excluded { constraint: Some(constraint.into()), agents })
            }
            Domain::Gpus { agents } => Wire::Gpus(agents),
            Domain::RemoteRegion { agents } => Wire::RemoteRegion(agents),
            Domain::NothingFits { agents, closest, hostname, lacks } => {
                Wire::NothingFits(v1::NothingFits { agents, closest: closest.as_bytes().to_vec(), hostname, lacks: lacking(lacks) })
            }
            Domain::Filtered { agents, first_ends_in, last_ends_in } => Wire::Filtered(v1::Filtered {
                agents,
                first_ends_in: Some(first_ends_in.into()),
                last_ends_in: Some(last_ends_in.into()),
            }),
            Domain::Behind { frameworks, first, role } => {
                Wire::Behind(v1::Behind { frameworks, first: first.as_bytes().to_vec(), role: role.into() })
            }
        };
        Self { obstacle: Some(obstacle) }
    }
}

impl TryFrom<v1::Obstacle> for domain::Obstacle {
    type Error = WireError;
    fn try_from(wire: v1::Obstacle) -> Result<Self, WireError> {
        let wire = wire.obstacle.ok_or_else(|| WireError::new("obstacle", "it is missing, or one that is not known here"))?;
        Ok(match wire {
            Wire::OffDuty(agents) => Self::OffDuty { agents },
            Wire::Gpus(agents) => Self::Gpus { agents },
            Wire::RemoteRegion(agents) => Self::RemoteRegion { agents },
            Wire::OverLimit(over) => over_limit(over).map_err(|error| error.within("over_limit"))?,
            Wire::KeptForGuarantees(kept) => kept_for_guarantees(kept).map_err(|error| error.within("kept_for_guarantees"))?,
            Wire::Constraint(excluded) => constraint(excluded).map_err(|error| error.within("constraint"))?,
            Wire::NothingFits(nothing) => nothing_fits(nothing).map_err(|error| error.within("nothing_fits"))?,
            Wire::Filtered(wire) => filtered(wire).map_err(|error| error.within("filtered"))?,
            Wire::Behind(wire) => behind(wire).map_err(|error| error.within("behind"))?,
        })
    }
}

fn over_limit(wire: v1::OverLimit) -> Result<domain::Obstacle, WireError> {
    Ok(domain::Obstacle::OverLimit { role: role(&wire.role, "role")?, lacks: required(wire.lacks, "lacks")? })
}

fn kept_for_guarantees(wire: v1::KeptForGuarantees) -> Result<domain::Obstacle, WireError> {
    let roles = texts(wire.roles, "roles", |text| role(&text, ""))?;
    Ok(domain::Obstacle::KeptForGuarantees { lacks: required(wire.lacks, "lacks")?, roles })
}

fn constraint(wire: v1::Excluded) -> Result<domain::Obstacle, WireError> {
    Ok(domain::Obstacle::Constraint { constraint: required(wire.constraint, "constraint")?, agents: wire.agents })
}

fn nothing_fits(wire: v1::NothingFits) -> Result<domain::Obstacle, WireError> {
    Ok(domain::Obstacle::NothingFits {
        agents: wire.agents,
        closest: id(&wire.closest, "closest")?,
        hostname: display_name(wire.hostname, "hostname")?,
        lacks: required(wire.lacks, "lacks")?,
    })
}

fn filtered(wire: v1::Filtered) -> Result<domain::Obstacle, WireError> {
    Ok(domain::Obstacle::Filtered {
        agents: wire.agents,
        first_ends_in: required(wire.first_ends_in, "first_ends_in")?,
        last_ends_in: required(wire.last_ends_in, "last_ends_in")?,
    })
}

fn behind(wire: v1::Behind) -> Result<domain::Obstacle, WireError> {
    let (first, role) = (id(&wire.first, "first")?, role(&wire.role, "role")?);
    Ok(domain::Obstacle::Behind { frameworks: wire.frameworks, first, role })
}

impl From<Shortfall> for v1::Shortfall {
    fn from(shortfall: Shortfall) -> Self {
        Self { name: shortfall.name, wanted: shortfall.wanted, available: shortfall.available }
    }
}

impl TryFrom<v1::Shortfall> for Shortfall {
    type Error = WireError;
    fn try_from(wire: v1::Shortfall) -> Result<Self, WireError> {
        Ok(Self { name: display_name(wire.name, "name")?, wanted: sentence(wire.wanted), available: sentence(wire.available) })
    }
}
