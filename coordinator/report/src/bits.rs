//! Sets of small numbers.

use crate::caps;

/// A set of numbers below [`caps::REMEMBERED`], a bit each; larger ones are left out.
#[derive(Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    count: u64,
}

impl Bits {
    /// Puts a number into the set.
    pub(crate) fn set(&mut self, number: u32) {
        if number >= caps::REMEMBERED {
            return;
        }
        let at = (number / 64) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (number % 64);
        if let Some(word) = self.words.get_mut(at)
            && *word & bit == 0
        {
            *word |= bit;
            self.count += 1;
        }
    }

    /// How many numbers are in the set.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The numbers that are in this set and not in the other one, in ascending order.
    pub(crate) fn without<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = u64> + 's {
        (0..).zip(&self.words).flat_map(move |(at, &word)| {
            let left = word & !other.words.get(at as usize).copied().unwrap_or(0);
            (0..64).filter(move |bit| left >> bit & 1 == 1).map(move |bit: u64| at * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_another() {
        let (mut one, mut other) = (Bits::default(), Bits::default());
        for number in [0, 63, 64, 64, 700, caps::REMEMBERED] {
            one.set(number);
        }
        for number in [63, 5, 64] {
            other.set(number);
        }
        assert_eq!((one.count(), one.without(&other).collect::<Vec<_>>()), (4, vec![0, 700]));
    }
}
