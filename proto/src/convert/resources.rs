//! Quantities. On the path of every offer: nothing is allocated for a quantity that has only common scalars.

use meros_types::{AMOUNT_MAX, CUSTOM_SCALARS_MAX, Ports, Resources};

use super::fields::at_most;
use crate::{PORT_RANGES_MAX, WireError, v1};

impl From<Resources> for v1::Resources {
    fn from(resources: Resources) -> Self {
        let custom = resources.custom().iter();
        let ports = resources.ports().ranges().iter();
        Self {
            cpu_milli: resources.cpu_milli(),
            memory_bytes: resources.memory_bytes(),
            disk_bytes: resources.disk_bytes(),
            gpu_milli: resources.gpu_milli(),
            custom: custom.map(|(name, milli)| v1::CustomScalar { name: name.to_string(), amount_milli: *milli }).collect(),
            ports: ports.map(|range| v1::PortRange { first: range.first.into(), last: range.last.into() }).collect(),
            reserved: Vec::new(),
        }
    }
}

impl TryFrom<v1::Resources> for Resources {
    type Error = WireError;
    fn try_from(wire: v1::Resources) -> Result<Self, WireError> {
        if let Some(part) = wire.reserved.first() {
            return Err(WireError::unimplemented("reserved", kept_apart(part)));
        }
        let common = Self::none()
            .with_cpu_milli(wire.cpu_milli)
            .with_memory_bytes(wire.memory_bytes)
            .with_disk_bytes(wire.disk_bytes)
            .with_gpu_milli(wire.gpu_milli)
            .with_ports(ports(&wire.ports)?);
        with_custom(common, &wire.custom)
    }
}

/// What makes these resources other than plain.
fn kept_apart(part: &v1::ReservedResources) -> &'static str {
    match part {
        _ if part.volume.is_some() => "volumes",
        _ if part.revocable => "revocable resources",
        _ => "reserved resources",
    }
}

fn ports(wire: &[v1::PortRange]) -> Result<Ports, WireError> {
    if wire.is_empty() {
        return Ok(Ports::none());
    }
    at_most(wire.len(), PORT_RANGES_MAX, "ports")?;
    let ranges: Result<Vec<_>, _> =
        wire.iter().enumerate().map(|(at, range)| port_range(range).map_err(|error| error.within_item("ports", at))).collect();
    Ok(Ports::from_ranges(ranges?))
}

fn port_range(range: &v1::PortRange) -> Result<(u16, u16), WireError> {
    let port = |port: u32, field| u16::try_from(port).map_err(|_| WireError::new(field, format!("{port} is above 65535")));
    let (first, last) = (port(range.first, "first")?, port(range.last, "last")?);
    match first <= last {
        true => Ok((first, last)),
        false => Err(WireError::new("last", format!("{last} is below the first, {first}"))),
    }
}

fn with_custom(mut all: Resources, wire: &[v1::CustomScalar]) -> Result<Resources, WireError> {
    at_most(wire.len(), CUSTOM_SCALARS_MAX, "custom")?;
    for (at, scalar) in wire.iter().enumerate() {
        if all.custom_milli(&scalar.name) > 0 {
            return Err(WireError::new("name", "it is given twice").within_item("custom", at));
        }
        let added = all.with_custom(&scalar.name, scalar.amount_milli);
        all = added.map_err(|error| WireError::from(error).within("name").within_item("custom", at))?;
    }
    Ok(all)
}

/// Refuses amounts that no machine has: thousands of them must have a sum.
pub(super) fn amounts_in_bounds(resources: &Resources, field: &str) -> Result<(), WireError> {
    let custom = resources.custom().iter().map(|(_, milli)| milli);
    match resources.common().iter().chain(custom).all(|amount| *amount <= AMOUNT_MAX) {
        true => Ok(()),
        false => Err(WireError::new(field, format!("an amount is above {AMOUNT_MAX}"))),
    }
}
