//! An amount of resources together with what of it is reserved.

use serde::{Deserialize, Serialize};

use crate::{AddError, LotKey, Lots, Resources, Role, Shortfall};

/// What an agent has, or an offer, or a task: everything, and the reserved part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Everything together.
    pub all: Resources,
    /// What of it is reserved.
    #[serde(default, skip_serializing_if = "Lots::is_none")]
    pub reserved: Lots,
}

impl From<Resources> for Holding {
    /// With nothing reserved.
    fn from(all: Resources) -> Self {
        Self { all, reserved: Lots::none() }
    }
}

impl Holding {
    /// Nothing.
    pub const fn none() -> Self {
        Self { all: Resources::none(), reserved: Lots::none() }
    }

    /// Whether there is nothing.
    pub fn is_none(&self) -> bool {
        self.all.is_none()
    }

    /// What is not reserved.
    pub fn plain(&self) -> Resources {
        match self.reserved.is_none() {
            true => self.all.clone(),
            false => self.all.saturating_sub(&self.reserved.sum()),
        }
    }

    /// What a framework in this role may use: what is not reserved, and what is reserved for the role or one around it. Volumes
    /// are not among it: they are used by name.
    pub fn usable_by(&self, role: &Role) -> Resources {
        let lots = self.reserved.iter().filter(|(key, _)| key.volume.is_none() && key.reservation.is_for(role));
        lots.fold(self.plain(), |sum, (_, lot)| sum.checked_add(lot).unwrap_or(sum))
    }

    /// The part that a framework in this role takes for these resources: what is reserved for it first, the nearest role first,
    /// then what is not reserved.
    ///
    /// # Errors
    /// The [`Shortfall`] when the role may not use as much.
    pub fn part_for(&self, role: &Role, wanted: &Resources) -> Result<Self, Shortfall> {
        if let Some(shortfall) = self.usable_by(role).shortfall(wanted) {
            return Err(shortfall);
        }
        let mut lots: Vec<(&LotKey, &Resources)> =
            self.reserved.iter().filter(|(key, _)| key.volume.is_none() && key.reservation.is_for(role)).collect();
        lots.sort_by_key(|(key, _)| std::cmp::Reverse(key.reservation.claims().len()));
        let (mut rest, mut reserved) = (wanted.clone(), Lots::none());
        for (key, lot) in lots {
            let taken = lot.common_part(&rest);
            rest = rest.saturating_sub(&taken);
            reserved.add(key.clone(), &taken).expect("a part of a lot, under a key that has none yet");
        }
        Ok(Self { all: wanted.clone(), reserved })
    }

    /// The sum.
    ///
    /// # Errors
    /// [`AddError`] as for [`Resources::checked_add`].
    pub fn checked_add(&self, other: &Self) -> Result<Self, AddError> {
        let mut sum = Self { all: self.all.checked_add(&other.all)?, reserved: self.reserved.clone() };
        for (key, lot) in other.reserved.iter() {
            sum.reserved.add(key.clone(), lot)?;
        }
        Ok(sum)
    }

    /// The difference, when there is enough under each reservation and without.
    ///
    /// # Errors
    /// The first [`Shortfall`].
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Shortfall> {
        if let Some(shortfall) = self.plain().shortfall(&other.plain()) {
            return Err(shortfall);
        }
        let mut rest = Self { all: self.all.checked_sub(&other.all)?, reserved: self.reserved.clone() };
        for (key, lot) in other.reserved.iter() {
            rest.reserved.subtract(key, lot)?;
        }
        Ok(rest)
    }

    /// The difference, with nothing where the other has more.
    #[must_use]
    pub fn saturating_sub(&self, other: &Self) -> Self {
        let plain = self.plain().saturating_sub(&other.plain());
        let lots = self.reserved.iter().map(|(key, lot)| {
            let taken = other.reserved.get(key);
            (key.clone(), taken.map_or_else(|| lot.clone(), |taken| lot.saturating_sub(taken)))
        });
        let reserved = Lots::from(lots.collect::<Vec<_>>());
        Self { all: plain.checked_add(&reserved.sum()).unwrap_or(plain), reserved }
    }

    /// Whether there is as much under each reservation and without.
    pub fn contains(&self, other: &Self) -> bool {
        self.plain().contains(&other.plain()) && self.reserved.contains(&other.reserved)
    }
}
