//! Reservations: claims of roles on parts of an agent, and what is kept apart by them.
//!
//! Owned here: claims, lots, who may use what, and the arithmetic of it. Deliberately absent: how claims come and go, which is
//! in [`operation`](crate::operation).
//!
//! Everywhere an amount of [`Resources`] is the sum over all reservations; beside it stand the [`Lots`], the reserved part of it.
//! Whoever doesn't care for reservations reads the sum alone.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AddError, FrameworkId, Resources, Role, Shortfall};

/// How many claims may stand on each other.
pub const CLAIMS_MAX: usize = 8;
/// How many labels one claim may have.
pub const LABELS_MAX: usize = 16;
/// How many lots one agent may have.
pub const LOTS_MAX: usize = 1_000;

/// Who made a claim, and may give it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The agent's configuration: the claim ends when that says so.
    Agent,
    /// An operator.
    Operator,
    /// A framework, and frameworks of the same role. When it is removed for good, the claim is given up.
    Framework(FrameworkId),
}

/// One claim of a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// For this role and those below it.
    pub role: Role,
    /// Who made it.
    pub owner: Owner,
    /// What its maker wants to find it by; at most [`LABELS_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Claims that stand on each other, the outermost first: each is for a role below that of the one before it. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Claim>", into = "Vec<Claim>")]
pub struct Reservation(Vec<Claim>);

/// Claims that don't make a reservation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReservationError(String);

impl Reservation {
    /// Takes claims from the outermost to the innermost.
    ///
    /// # Errors
    /// When there is none, or more than [`CLAIMS_MAX`]; when one is for `*`, which is everybody, or not below the one before it;
    /// when one has more than [`LABELS_MAX`] labels, or one that is too long.
    pub fn new(claims: Vec<Claim>) -> Result<Self, ReservationError> {
        let error = |reason: String| Err(ReservationError(reason));
        if claims.is_empty() || claims.len() > CLAIMS_MAX {
            return error(format!("a reservation has 1 to {CLAIMS_MAX} claims, not {}", claims.len()));
        }
        for claim in &claims {
            claim.check()?;
        }
        let steps = claims.iter().zip(&claims[1..]);
        if let Some((outer, inner)) = steps.into_iter().find(|(outer, inner)| !is_below(&inner.role, &outer.role)) {
            return error(format!("role {} is not below {}, whose claim it would stand on", inner.role, outer.role));
        }
        Ok(Self(claims))
    }

    /// The claims, the outermost first.
    pub fn claims(&self) -> &[Claim] {
        &self.0
    }

    /// The innermost claim, which says who may use it.
    pub fn innermost(&self) -> &Claim {
        self.0.last().expect("a reservation has at least one claim: nothing makes one without")
    }

    /// Whether a framework in this role may use what is reserved so.
    pub fn is_for(&self, role: &Role) -> bool {
        role.is_within(&self.innermost().role)
    }

    /// The same with a further claim on it.
    ///
    /// # Errors
    /// As [`Reservation::new`].
    pub fn with(&self, claim: Claim) -> Result<Self, ReservationError> {
        Self::new(self.0.iter().cloned().chain([claim]).collect())
    }

    /// The same without its innermost claim; none when that was the only one.
    pub fn without_innermost(&self) -> Option<Self> {
        let rest = &self.0[..self.0.len() - 1];
        (!rest.is_empty()).then(|| Self(rest.to_vec()))
    }
}

fn is_below(inner: &Role, outer: &Role) -> bool {
    inner != outer && inner.is_within(outer)
}

impl Claim {
    fn check(&self) -> Result<(), ReservationError> {
        if self.role == Role::default() {
            return Err(ReservationError("nothing can be reserved for role *, which is everybody".to_owned()));
        }
        if self.labels.len() > LABELS_MAX {
            return Err(ReservationError(format!("a claim has at most {LABELS_MAX} labels, not {}", self.labels.len())));
        }
        let is_long = |text: &String| text.len() > crate::names::NAME_BYTES_MAX;
        match self.labels.iter().find(|(name, value)| name.is_empty() || is_long(name) || is_long(value)) {
            Some((name, _)) => Err(ReservationError(format!("label {name:?} is empty or longer than 256 bytes"))),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = &self.innermost().labels;
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match labels.is_empty() {
            true => f.pad(self.innermost().role.as_str()),
            false => f.pad(&format!("{}[{}]", self.innermost().role, labels.join(","))),
        }
    }
}

impl TryFrom<Vec<Claim>> for Reservation {
    type Error = ReservationError;
    fn try_from(claims: Vec<Claim>) -> Result<Self, ReservationError> {
        Self::new(claims)
    }
}

impl From<Reservation> for Vec<Claim> {
    fn from(reservation: Reservation) -> Self {
        reservation.0
    }
}

/// Disk that outlives its tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Volume {
    /// Its name, unique on its agent: 1 to 128 letters, digits, `_`, `.` and `-`.
    pub id: String,
}

/// Resources under one reservation, and on one volume if they are that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LotKey {
    /// Who may use it.
    pub reservation: Reservation,
    /// The volume that its disk is; none for plain resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
}

/// What is reserved of an agent, an offer or a task: an amount under each key, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(LotKey, Resources)>", into = "Vec<(LotKey, Resources)>")]
pub struct Lots(BTreeMap<LotKey, Resources>);

impl Lots {
    /// Nothing reserved.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether nothing is reserved.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Every lot, by its key.
    pub fn iter(&self) -> impl Iterator<Item = (&LotKey, &Resources)> {
        self.0.iter()
    }

    /// What is under this key.
    pub fn get(&self, key: &LotKey) -> Option<&Resources> {
        self.0.get(key)
    }

    /// The lot that is this volume.
    pub fn volume(&self, id: &str) -> Option<(&LotKey, &Resources)> {
        self.0.iter().find(|(key, _)| key.volume.as_ref().is_some_and(|volume| volume.id == id))
    }

    /// Everything together.
    pub fn sum(&self) -> Resources {
        let add = |sum: Resources, lot: &Resources| sum.checked_add(lot).unwrap_or(sum);
        self.0.values().fold(Resources::none(), add)
    }

    /// Puts more under a key.
    ///
    /// # Errors
    /// [`AddError`] as for [`Resources::checked_add`].
    pub fn add(&mut self, key: LotKey, resources: &Resources) -> Result<(), AddError> {
        if resources.is_none() {
            return Ok(());
        }
        let lot = self.0.entry(key).or_default();
        *lot = lot.checked_add(resources)?;
        Ok(())
    }

    /// Takes from under a key.
    ///
    /// # Errors
    /// The [`Shortfall`] when there is less.
    pub fn subtract(&mut self, key: &LotKey, resources: &Resources) -> Result<(), Shortfall> {
        let rest = self.0.get(key).unwrap_or(&Resources::none()).checked_sub(resources)?;
        match rest.is_none() {
            true => drop(self.0.remove(key)),
            false => drop(self.0.insert(key.clone(), rest)),
        }
        Ok(())
    }

    /// Whether each of these lots is here, with at least as much.
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(key, wanted)| self.get(key).is_some_and(|lot| lot.contains(wanted)))
    }
}

impl From<Vec<(LotKey, Resources)>> for Lots {
    /// What can't be added to what is under the same key already is left out: it stands twice.
    fn from(lots: Vec<(LotKey, Resources)>) -> Self {
        let mut all = Self::none();
        for (key, resources) in lots {
            let _ = all.add(key, &resources);
        }
        all
    }
}

impl From<Lots> for Vec<(LotKey, Resources)> {
    fn from(lots: Lots) -> Self {
        lots.0.into_iter().collect()
    }
}
