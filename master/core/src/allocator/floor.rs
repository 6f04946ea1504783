//! Lower bounds of what somebody would take: what makes it cheap to see that nobody can use something.

use meros_types::{COMMON_SCALARS, Resources};

/// The common scalars, and last whether there is anything else (ports, user-named scalars) at all.
pub(super) type Amounts = [u64; COMMON_SCALARS + 1];

/// How many alternatives a floor keeps apart. More are melted into their common lower bound.
const ALTERNATIVES_MAX: usize = 4;

/// Whatever is taken contains one of these. With no alternative, nothing is taken at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Floor {
    alternatives: [Amounts; ALTERNATIVES_MAX],
    count: usize,
}

/// Of a client, or of everybody below a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Floors {
    /// What must be free on an agent.
    pub(super) free: Floor,
    /// What a ceiling (a limit's headroom, or what guarantees leave) must leave.
    pub(super) claim: Floor,
}

pub(super) fn amounts(resources: &Resources) -> Amounts {
    let [cpu, memory, disk, gpu] = *resources.common();
    [cpu, memory, disk, gpu, u64::from(!resources.custom().is_empty() || !resources.ports().is_empty())]
}

fn is_within(amounts: &Amounts, have: &Amounts) -> bool {
    amounts.iter().zip(have).all(|(amount, have)| amount <= have)
}

impl Floor {
    pub(super) fn add(&mut self, new: Amounts) {
        if self.met_by(&new) {
            return;
        }
        let mut kept = 0;
        for at in 0..self.count {
            if !is_within(&new, &self.alternatives[at]) {
                self.alternatives[kept] = self.alternatives[at];
                kept += 1;
            }
        }
        self.count = kept;
        if self.count == ALTERNATIVES_MAX {
            let lower = |low: Amounts, other: &Amounts| std::array::from_fn(|at| low[at].min(other[at]));
            self.alternatives[0] = self.alternatives.iter().fold(new, lower);
            self.count = 1;
        } else {
            self.alternatives[self.count] = new;
            self.count += 1;
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        other.alternatives[..other.count].iter().for_each(|new| self.add(*new));
    }

    pub(super) fn met_by(&self, have: &Amounts) -> bool {
        self.alternatives[..self.count].iter().any(|amounts| is_within(amounts, have))
    }

    pub(super) fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Whether it is enough whichever alternative is taken.
    pub(super) fn wholly_met_by(&self, have: &Amounts) -> bool {
        self.alternatives[..self.count].iter().all(|amounts| is_within(amounts, have))
    }
}

impl Floors {
    pub(super) fn add_all(&mut self, other: &Self) {
        self.free.add_all(&other.free);
        self.claim.add_all(&other.claim);
    }
}
