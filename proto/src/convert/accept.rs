//! Accepts: groups of leases with ordered operations. Operations that are not built yet pass by their name.

use meros_types::{Accept, AcceptGroup, FILTER_DEFAULT, OfferId, Operation};

use super::fields::{at_most, display_name, list, optional};
use crate::v1::operation::Operation as Wire;
use crate::{ACCEPT_TASKS_MAX, CALL_OFFERS_MAX, GROUP_OPERATIONS_MAX, WireError, v1};

impl From<Accept> for v1::Accept {
    fn from(accept: Accept) -> Self {
        Self {
            groups: accept.groups.into_iter().map(Into::into).collect(),
            all_or_nothing: accept.all_or_nothing,
            filter: Some(accept.filter.into()),
        }
    }
}

impl TryFrom<v1::Accept> for Accept {
    type Error = WireError;
    fn try_from(wire: v1::Accept) -> Result<Self, WireError> {
        check_counts(&wire.groups)?;
        Ok(Self {
            groups: list(wire.groups, "groups")?,
            all_or_nothing: wire.all_or_nothing,
            filter: optional(wire.filter, "filter")?.unwrap_or(FILTER_DEFAULT),
        })
    }
}

/// Over the whole accept: what is bounded is the work that one call makes.
fn check_counts(groups: &[v1::AcceptGroup]) -> Result<(), WireError> {
    at_most(groups.len(), CALL_OFFERS_MAX, "groups")?;
    at_most(groups.iter().map(|group| group.leases.len()).sum(), CALL_OFFERS_MAX, "groups.leases")?;
    let tasks = groups.iter().flat_map(|group| &group.operations).map(|operation| match &operation.operation {
        Some(Wire::Launch(launch)) => launch.tasks.len(),
        _ => 0,
    });
    at_most(tasks.sum(), ACCEPT_TASKS_MAX, "groups.operations.launch.tasks")
}

impl From<AcceptGroup> for v1::AcceptGroup {
    fn from(group: AcceptGroup) -> Self {
        Self {
            leases: group.leases.into_iter().map(|id| id.0).collect(),
            operations: group.operations.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::AcceptGroup> for AcceptGroup {
    type Error = WireError;
    fn try_from(wire: v1::AcceptGroup) -> Result<Self, WireError> {
        at_most(wire.operations.len(), GROUP_OPERATIONS_MAX, "operations")?;
        Ok(Self { leases: wire.leases.into_iter().map(OfferId).collect(), operations: list(wire.operations, "operations")? })
    }
}

impl From<Operation> for v1::Operation {
    fn from(operation: Operation) -> Self {
        let operation = match operation {
            Operation::Launch(tasks) => Wire::Launch(v1::Launch { tasks: tasks.into_iter().map(Into::into).collect() }),
            Operation::Unimplemented(name) => by_name(name),
        };
        Self { operation: Some(operation) }
    }
}

/// The wire's own case for this name. What it was to do is not known any more, and nobody would do it.
fn by_name(name: String) -> Wire {
    match name.as_str() {
        "LAUNCH_GROUP" => Wire::LaunchGroup(v1::LaunchGroup::default()),
        "RESERVE" => Wire::Reserve(v1::Reserve::default()),
        "UNRESERVE" => Wire::Unreserve(v1::Unreserve::default()),
        "CREATE" => Wire::Create(v1::CreateVolumes::default()),
        "DESTROY" => Wire::Destroy(v1::DestroyVolumes::default()),
        _ => Wire::Other(name),
    }
}

impl TryFrom<v1::Operation> for Operation {
    type Error = WireError;
    fn try_from(wire: v1::Operation) -> Result<Self, WireError> {
        let unimplemented = |name: &str| Ok(Self::Unimplemented(name.to_owned()));
        match wire.operation.ok_or_else(|| WireError::new("operation", "it is missing, or one that is not known here"))? {
            Wire::Launch(launch) => list(launch.tasks, "tasks").map(Self::Launch).map_err(|error| error.within("launch")),
            Wire::LaunchGroup(_) => unimplemented("LAUNCH_GROUP"),
            Wire::Reserve(_) => unimplemented("RESERVE"),
            Wire::Unreserve(_) => unimplemented("UNRESERVE"),
            Wire::Create(_) => unimplemented("CREATE"),
            Wire::Destroy(_) => unimplemented("DESTROY"),
            Wire::Other(name) => display_name(name, "other").map(Self::Unimplemented),
        }
    }
}
