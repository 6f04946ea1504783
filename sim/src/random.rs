//! Every draw of the simulation. Owned: one stream of numbers per purpose, so that a draw more for the network changes
//! nothing about the tasks. Absent: any source but the seed.

use std::time::Duration;

use meros_types::IdSource;

/// Random numbers that follow from a seed alone.
#[derive(Clone, Debug)]
pub struct Random(IdSource);

impl Random {
    /// The numbers of `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self(IdSource::seeded(seed))
    }

    /// The numbers of `seed` for one `purpose`, independent of those for any other.
    pub(crate) fn for_purpose(seed: u64, purpose: &str) -> Self {
        Self::seeded(seed ^ digest(purpose.as_bytes()))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `limit - 1`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_u64().checked_rem(limit).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// A time from `low` to `high`.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.range(nanos(low), nanos(high)))
    }

    /// One of `items`; none when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(items.len() as u64);
        items.get(at as usize)
    }
}

/// The 64-bit FNV-1a digest: tells two byte strings apart in a log. Not for secrets.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Random::seeded(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.range(3, 5)));
            assert!(random.below(2) < 2);
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.range(7, 7), 7);
        assert!(random.chance(1_000) && !random.chance(0));
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn purposes_are_independent_and_reproducible() {
        let first = |purpose| Random::for_purpose(9, purpose).next_u64();
        assert_eq!(first("network"), first("network"));
        assert_ne!(first("network"), first("tasks"));
    }
}
