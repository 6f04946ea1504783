//! Quantities of what an agent has and a task needs: checked, fixed-width arithmetic.
//!
//! Scalars are integers: CPU in milli-cores, memory and disk in bytes, GPUs and user-named scalars in thousandths. Ports
//! are sets of ranges. The four common scalars live in an array, so that adding two quantities usually allocates nothing.
//! Absent for now: reservations, volumes and revocable resources, which will key a quantity beside its name.

mod json;
mod ports;
mod text;

use serde::{Deserialize, Serialize};

pub use ports::{PortRange, Ports};
pub use text::{AMOUNT_MAX, ResourcesError, parse_bytes, parse_milli, show_bytes, show_common, show_milli};

/// How many scalars have a place of their own.
pub const COMMON_SCALARS: usize = 4;
/// The names of the common scalars, by their place.
pub const COMMON_NAMES: [&str; COMMON_SCALARS] = ["cpus", "mem", "disk", "gpus"];
/// How many user-named scalars one quantity may have: they are searched in order, so that a few is what works well.
pub const CUSTOM_SCALARS_MAX: usize = 32;

const CPU: usize = 0;
const MEMORY: usize = 1;
const DISK: usize = 2;
const GPU: usize = 3;

/// An amount of each resource. The default is none of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    common: [u64; COMMON_SCALARS],
    /// Sorted by name, each above zero.
    custom: Vec<(Box<str>, u64)>,
    ports: Ports,
}

/// Why two quantities have no sum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The sum of a scalar is above 2^64 - 1.
    #[error("the sum of {name} is too large")]
    Overflow {
        /// The scalar.
        name: String,
    },
    /// A port is in both; a port exists once.
    #[error("ports {ports} are on both sides of the sum")]
    SamePorts {
        /// The ports in both.
        ports: Ports,
    },
}

/// The first resource of which there is not enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{name}: {wanted} wanted, {available} available")]
pub struct Shortfall {
    /// The resource.
    pub name: String,
    /// How much was wanted, as text with its unit.
    pub wanted: String,
    /// How much there was, likewise.
    pub available: String,
}

impl Resources {
    /// None of any resource.
    pub const fn none() -> Self {
        Self { common: [0; COMMON_SCALARS], custom: Vec::new(), ports: Ports::none() }
    }

    /// The same with this many milli-cores.
    #[must_use]
    pub fn with_cpu_milli(mut self, milli: u64) -> Self {
        self.common[CPU] = milli;
        self
    }

    /// The same with this much memory.
    #[must_use]
    pub fn with_memory_bytes(mut self, bytes: u64) -> Self {
        self.common[MEMORY] = bytes;
        self
    }

    /// The same with this much disk.
    #[must_use]
    pub fn with_disk_bytes(mut self, bytes: u64) -> Self {
        self.common[DISK] = bytes;
        self
    }

    /// The same with this many thousandths of a GPU.
    #[must_use]
    pub fn with_gpu_milli(mut self, milli: u64) -> Self {
        self.common[GPU] = milli;
        self
    }

    /// The same with these ports.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// The same with this amount of a user-named scalar.
    ///
    /// # Errors
    /// When the name is not one that a user may give (see [`Resources::parse`]), or there would be too many.
    pub fn with_custom(mut self, name: &str, milli: u64) -> Result<Self, ResourcesError> {
        text::check_custom_name(name)?;
        let place = self.custom.binary_search_by(|(n, _)| (**n).cmp(name));
        match (place, milli) {
            (Ok(at), 0) => drop(self.custom.remove(at)),
            (Ok(at), _) => self.custom[at].1 = milli,
            (Err(_), 0) => {}
            (Err(_), _) if self.custom.len() == CUSTOM_SCALARS_MAX => {
                return Err(ResourcesError::new(name, "a quantity may have 32 user-named scalars at the most"));
            }
            (Err(at), _) => self.custom.insert(at, (name.into(), milli)),
        }
        Ok(self)
    }

    /// CPU, in thousandths of a core.
    pub fn cpu_milli(&self) -> u64 {
        self.common[CPU]
    }

    /// Memory, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.common[MEMORY]
    }

    /// Disk, in bytes.
    pub fn disk_bytes(&self) -> u64 {
        self.common[DISK]
    }

    /// GPUs, in thousandths.
    pub fn gpu_milli(&self) -> u64 {
        self.common[GPU]
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The common scalars, in the order of [`COMMON_NAMES`].
    pub fn common(&self) -> &[u64; COMMON_SCALARS] {
        &self.common
    }

    /// The user-named scalars in thousandths, sorted by name.
    pub fn custom(&self) -> &[(Box<str>, u64)] {
        &self.custom
    }

    /// The user-named scalar of this name in thousandths, zero when there is none.
    pub fn custom_milli(&self, name: &str) -> u64 {
        self.custom.binary_search_by(|(n, _)| (**n).cmp(name)).map_or(0, |at| self.custom[at].1)
    }

    /// Whether there is none of any resource.
    pub fn is_none(&self) -> bool {
        self.common == [0; COMMON_SCALARS] && self.custom.is_empty() && self.ports.is_empty()
    }

    /// The sum.
    ///
    /// # Errors
    /// [`AddError`] when a scalar overflows or a port is in both.
    pub fn checked_add(&self, other: &Self) -> Result<Self, AddError> {
        let mut sum = self.clone();
        for ((sum, add), name) in sum.common.iter_mut().zip(other.common).zip(COMMON_NAMES) {
            *sum = sum.checked_add(add).ok_or_else(|| AddError::Overflow { name: name.to_owned() })?;
        }
        for (name, add) in &other.custom {
            match sum.custom.binary_search_by(|(n, _)| n.cmp(name)) {
                Ok(at) => {
                    let value = &mut sum.custom[at].1;
                    *value = value.checked_add(*add).ok_or_else(|| AddError::Overflow { name: name.to_string() })?;
                }
                Err(at) => sum.custom.insert(at, (name.clone(), *add)),
            }
        }
        sum.ports = sum.ports.disjoint_union(&other.ports).map_err(|ports| AddError::SamePorts { ports })?;
        Ok(sum)
    }

    /// The difference, when there is enough of everything.
    ///
    /// # Errors
    /// The [`Shortfall`] of the first resource that `other` has more of.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Shortfall> {
        match self.shortfall(other) {
            Some(shortfall) => Err(shortfall),
            None => Ok(self.saturating_sub(other)),
        }
    }

    /// The difference, with zero where `other` has more.
    #[must_use]
    pub fn saturating_sub(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (rest, sub) in rest.common.iter_mut().zip(other.common) {
            *rest = rest.saturating_sub(sub);
        }
        if !other.custom.is_empty() {
            for (name, rest) in &mut rest.custom {
                *rest = rest.saturating_sub(other.custom_milli(name));
            }
            rest.custom.retain(|(_, value)| *value > 0);
        }
        rest.ports = rest.ports.minus(&other.ports);
        rest
    }

    /// What is in both: the smaller amount of each scalar, and the ports that both have.
    #[must_use]
    pub fn common_part(&self, other: &Self) -> Self {
        self.saturating_sub(&self.saturating_sub(other))
    }

    /// Whether there is at least as much of everything as in `other`.
    pub fn contains(&self, other: &Self) -> bool {
        self.common.iter().zip(&other.common).all(|(have, want)| have >= want)
            && other.custom.iter().all(|(name, want)| self.custom_milli(name) >= *want)
            && self.ports.contains_all(&other.ports)
    }

    /// The first resource of which `wanted` has more than there is here; none exactly when this contains it.
    pub fn shortfall(&self, wanted: &Self) -> Option<Shortfall> {
        for (at, name) in COMMON_NAMES.iter().enumerate() {
            if self.common[at] < wanted.common[at] {
                let show = |value| text::show_common(at, value);
                return Some(Shortfall {
                    name: (*name).to_owned(),
                    wanted: show(wanted.common[at]),
                    available: show(self.common[at]),
                });
            }
        }
        for (name, want) in &wanted.custom {
            let have = self.custom_milli(name);
            if have < *want {
                return Some(Shortfall { name: name.to_string(), wanted: show_milli(*want), available: show_milli(have) });
            }
        }
        (!self.ports.contains_all(&wanted.ports)).then(|| Shortfall {
            name: "ports".to_owned(),
            wanted: wanted.ports.to_string(),
            available: self.ports.to_string(),
        })
    }

    /// How many times the scalars of `unit` fit in these; `u64::MAX` when it has none. Ports don't count.
    pub fn scalar_copies(&self, unit: &Self) -> u64 {
        let common = self.common.iter().zip(&unit.common).filter_map(|(have, want)| have.checked_div(*want));
        let custom = unit.custom.iter().map(|(name, want)| self.custom_milli(name) / want);
        common.chain(custom).min().unwrap_or(u64::MAX)
    }

    /// The scalars `copies` times over, each at most 2^64 - 1, without ports.
    #[must_use]
    pub fn scalars_times(&self, copies: u64) -> Self {
        let custom = self.custom.iter().map(|(name, value)| (name.clone(), value.saturating_mul(copies)));
        Self {
            common: self.common.map(|value| value.saturating_mul(copies)),
            custom: if copies == 0 { Vec::new() } else { custom.collect() },
            ports: Ports::none(),
        }
    }
}
