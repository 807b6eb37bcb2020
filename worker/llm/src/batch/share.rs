//! What one request took, shared out among its units so that the shares add up to it. Pure.

use crate::{
    answer::TokenUsage,
    budget::{Cost, NanoDollars},
};

/// What a unit had of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Tokens of the input, by estimate.
    pub(super) input: u64,
    /// Length of its answer, in any unit.
    pub(super) output: u64,
}

/// The cost of each unit: input by what it sent, output by what it received, money by both.
pub(super) fn shares(cost: Cost, weights: &[Weight]) -> Vec<Cost> {
    let inputs: Vec<u64> = weights.iter().map(|weight| weight.input).collect();
    let outputs: Vec<u64> = weights.iter().map(|weight| weight.output).collect();
    let inputs = apportioned(cost.tokens.input, &inputs);
    let outputs = apportioned(cost.tokens.output, &outputs);
    let both: Vec<u64> =
        inputs.iter().zip(&outputs).map(|(input, output)| input.saturating_add(*output)).collect();
    let money = apportioned(cost.money.0, &both);
    let tokens = inputs.into_iter().zip(outputs).map(|(input, output)| TokenUsage { input, output });
    money.into_iter().zip(tokens).map(|(money, tokens)| Cost { money: NanoDollars(money), tokens }).collect()
}

/// A whole shared out in proportion, by largest remainder (Hamilton's method); equally where nothing has weight. Of equal
/// remainders the first goes first.
fn apportioned(whole: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let weight = |weight: u64| if sum == 0 { 1 } else { u128::from(weight) };
    let sum = if sum == 0 { weights.len() as u128 } else { sum };
    let quotas: Vec<(u64, u128)> = weights
        .iter()
        .map(|one| {
            let exact = u128::from(whole) * weight(*one);
            // A share is at most the whole, which fits.
            ((exact / sum) as u64, exact % sum)
        })
        .collect();
    let mut shares: Vec<u64> = quotas.iter().map(|(share, _)| *share).collect();
    let left = whole - shares.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(quotas.get(*index).map_or(0, |(_, rest)| *rest)));
    for index in order.into_iter().take(left as usize) {
        if let Some(share) = shares.get_mut(index) {
            *share += 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        assert_eq!(apportioned(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportioned(10, &[3, 2, 2]), [4, 3, 3]);
        assert_eq!(apportioned(5, &[0, 0]), [3, 2]);
        assert_eq!(apportioned(u64::MAX, &[u64::MAX, u64::MAX])[0], u64::MAX / 2 + 1);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_within_one_of_their_quota(
            whole in 0..1_000_000_000_000u64,
            weights in prop::collection::vec(0..100_000u64, 1..40),
        ) {
            let shares = apportioned(whole, &weights);
            prop_assert_eq!(shares.iter().sum::<u64>(), whole);
            let sum: u64 = weights.iter().sum();
            if sum > 0 {
                for (share, weight) in shares.iter().zip(&weights) {
                    let quota = whole as f64 * *weight as f64 / sum as f64;
                    prop_assert!((*share as f64 - quota).abs() <= 1.0 + quota * 1e-9, "{} of {}", share, quota);
                }
            }
            let cost = Cost { money: NanoDollars(whole), tokens: TokenUsage { input: whole / 3, output: 7 } };
            let weights: Vec<Weight> =
                weights.iter().map(|weight| Weight { input: *weight, output: weight % 7 }).collect();
            let sum = shares_sum(&shares_of(cost, &weights));
            prop_assert_eq!(sum, cost);
        }
    }

    fn shares_of(cost: Cost, weights: &[Weight]) -> Vec<Cost> {
        super::shares(cost, weights)
    }

    fn shares_sum(shares: &[Cost]) -> Cost {
        shares.iter().fold(Cost::default(), |sum, share| sum.and(*share))
    }
}
