//! Which agents have enough free: a segment tree of the most that any of a range of agents has of each scalar.
//!
//! A range whose maxima don't contain a floor has no agent that does, so that the next agent of use is found in a logarithmic
//! number of steps, however many between have nothing.

use meros_types::COMMON_SCALARS;

use super::floor::{Amounts, Floor};

const NOTHING: Amounts = [0; COMMON_SCALARS + 1];

/// Agents by their place. Those that may not be offered have nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeIndex {
    /// The root at 1, the children of `n` at `2n` and `2n + 1`, the agents in the second half.
    most: Vec<Amounts>,
}

impl FreeIndex {
    fn width(&self) -> usize {
        self.most.len() / 2
    }

    pub(super) fn set(&mut self, place: usize, free: Amounts) {
        if place >= self.width() {
            self.widen(place + 1);
        }
        let mut at = self.width() + place;
        self.most[at] = free;
        while at > 1 {
            at /= 2;
            let most = larger(&self.most[2 * at], &self.most[2 * at + 1]);
            if most == self.most[at] {
                return;
            }
            self.most[at] = most;
        }
    }

    fn widen(&mut self, places: usize) {
        let before = self.width();
        let width = places.next_power_of_two();
        let mut most = vec![NOTHING; 2 * width];
        most[width..width + before].copy_from_slice(&self.most[before..]);
        for at in (1..width).rev() {
            most[at] = larger(&most[2 * at], &most[2 * at + 1]);
        }
        self.most = most;
    }

    /// The first agent from this place on that has enough for one alternative of the floor.
    pub(super) fn next(&self, from: usize, floor: &Floor) -> Option<usize> {
        if from >= self.width() {
            return None;
        }
        let mut at = self.width() + from;
        loop {
            if floor.met_by(&self.most[at]) {
                if at >= self.width() {
                    return Some(at - self.width());
                }
                at *= 2;
                continue;
            }
            // To the next range on the right: up past every range that ends here.
            while at % 2 == 1 {
                at /= 2;
            }
            if at == 0 {
                return None;
            }
            at += 1;
        }
    }

    /// What is recorded of an agent.
    pub(super) fn get(&self, place: usize) -> Amounts {
        if place < self.width() { self.most[self.width() + place] } else { NOTHING }
    }
}

fn larger(one: &Amounts, other: &Amounts) -> Amounts {
    std::array::from_fn(|at| one[at].max(other[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_agent_is_the_one_that_a_walk_finds() {
        let mut index = FreeIndex::default();
        let free = |place: u64| [place * 7 % 5, place * 3 % 4, 0, 0, 0];
        (0..100).for_each(|place| index.set(place as usize, free(place)));
        index.set(50, [9, 9, 0, 0, 0]);
        index.set(3, NOTHING);
        for (cpu, memory) in [(0, 0), (4, 3), (4, 0), (9, 9), (9, 10)] {
            let mut floor = Floor::default();
            floor.add([cpu, memory, 0, 0, 0]);
            for from in 0..200 {
                let walk = (from..128).find(|place| floor.met_by(&index.get(*place)));
                assert_eq!(index.next(from, &floor), walk, "{cpu} {memory} from {from}");
            }
        }
    }
}
