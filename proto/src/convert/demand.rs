//! What is wanted: shapes, and what an agent must be like for them.

use std::collections::BTreeSet;

use meros_types as domain;
use meros_types::{CONSTRAINT_VALUES_MAX, CONSTRAINTS_MAX, Demand, SHAPES_MAX, Subject, Test};

use super::fields::{at_most, list, optional, required, role};
use crate::v1::ConstraintOperator as Operator;
use crate::{DISPLAY_NAME_BYTES_MAX, WireError, v1};

impl From<domain::DemandCall> for v1::Demand {
    fn from(call: domain::DemandCall) -> Self {
        Self { role: call.role.into(), version: call.version, shapes: shapes_to_wire(call.demand) }
    }
}

impl TryFrom<v1::Demand> for domain::DemandCall {
    type Error = WireError;
    fn try_from(wire: v1::Demand) -> Result<Self, WireError> {
        Ok(Self { role: role(&wire.role, "role")?, version: wire.version, demand: shapes(wire.shapes, "shapes")? })
    }
}

/// Writes the shapes of a demand.
pub(super) fn shapes_to_wire(demand: Demand) -> Vec<v1::Shape> {
    demand.shapes.into_iter().map(Into::into).collect()
}

/// Reads the shapes of a demand.
pub(super) fn shapes(wire: Vec<v1::Shape>, field: &str) -> Result<Demand, WireError> {
    at_most(wire.len(), SHAPES_MAX, field)?;
    Ok(Demand { shapes: list(wire, field)? })
}

impl From<domain::ExplainCall> for v1::Explain {
    fn from(call: domain::ExplainCall) -> Self {
        Self { role: call.role.into(), shape: call.shape.map(Into::into) }
    }
}

impl TryFrom<v1::Explain> for domain::ExplainCall {
    type Error = WireError;
    fn try_from(wire: v1::Explain) -> Result<Self, WireError> {
        Ok(Self { role: role(&wire.role, "role")?, shape: optional(wire.shape, "shape")? })
    }
}

impl From<domain::Shape> for v1::Shape {
    fn from(shape: domain::Shape) -> Self {
        Self {
            resources: Some(shape.resources.into()),
            any_ports: shape.any_ports,
            copies: shape.copies,
            constraints: shape.constraints.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Shape> for domain::Shape {
    type Error = WireError;
    fn try_from(wire: v1::Shape) -> Result<Self, WireError> {
        at_most(wire.constraints.len(), CONSTRAINTS_MAX, "constraints")?;
        Ok(Self {
            resources: required(wire.resources, "resources")?,
            any_ports: wire.any_ports,
            copies: wire.copies,
            constraints: list(wire.constraints, "constraints")?,
        })
    }
}

impl From<domain::Constraint> for v1::Constraint {
    fn from(constraint: domain::Constraint) -> Self {
        let (operator, values) = match constraint.test {
            Test::Exists => (Operator::Exists, BTreeSet::new()),
            Test::NotExists => (Operator::NotExists, BTreeSet::new()),
            Test::OneOf(values) => (Operator::OneOf, values),
            Test::NoneOf(values) => (Operator::NoneOf, values),
        };
        Self { attribute: constraint.subject.to_string(), operator: operator.into(), values: values.into_iter().collect() }
    }
}

impl TryFrom<v1::Constraint> for domain::Constraint {
    type Error = WireError;
    fn try_from(wire: v1::Constraint) -> Result<Self, WireError> {
        let subject: Subject = wire.attribute.parse().map_err(|error| WireError::from(error).within("attribute"))?;
        let unknown = |_| WireError::new("operator", format!("{} is not a value known here", wire.operator));
        let test = match Operator::try_from(wire.operator).map_err(unknown)? {
            Operator::Unspecified => return Err(WireError::new("operator", "it is not specified")),
            Operator::Exists => compared_with_nothing(&wire.values, Test::Exists)?,
            Operator::NotExists => compared_with_nothing(&wire.values, Test::NotExists)?,
            Operator::OneOf => Test::OneOf(values(wire.values)?),
            Operator::NoneOf => Test::NoneOf(values(wire.values)?),
        };
        Ok(Self { subject, test })
    }
}

fn compared_with_nothing(values: &[String], test: Test) -> Result<Test, WireError> {
    match values.is_empty() {
        true => Ok(test),
        false => Err(WireError::new("values", "there are some, and this operator compares with none")),
    }
}

/// Takes what a constraint's text can say, so that whoever is shown the text is shown the constraint.
fn values(values: Vec<String>) -> Result<BTreeSet<String>, WireError> {
    if values.is_empty() {
        return Err(WireError::new("values", "at least one is needed"));
    }
    at_most(values.len(), CONSTRAINT_VALUES_MAX, "values")?;
    let checked = |(at, value): (usize, String)| match fault(&value) {
        Some(reason) => Err(WireError::new("", reason).within_item("values", at)),
        None => Ok(value),
    };
    values.into_iter().enumerate().map(checked).collect()
}

fn fault(value: &str) -> Option<&'static str> {
    match value {
        "" => Some("it is empty"),
        _ if value.len() > DISPLAY_NAME_BYTES_MAX => Some("it is longer than 256 bytes"),
        _ if value.contains(',') || value.contains(char::is_control) => Some("it has a comma or a control character"),
        _ if value.trim().len() < value.len() => Some("it has a space at its beginning or end"),
        _ => None,
    }
}
