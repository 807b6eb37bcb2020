//! How close an extracted text is to the true one: for benchmarks, behind the feature `score`.

use std::collections::HashMap;

/// Runs of letters, digits and `_` in lower case.
pub fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// F1 of two bags of words; two empty ones are alike.
pub fn f1(found: &[String], wanted: &[String]) -> f64 {
    if found.is_empty() || wanted.is_empty() {
        return f64::from(u8::from(found.is_empty() && wanted.is_empty()));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in wanted {
        *left.entry(word).or_default() += 1;
    }
    let mut both = 0;
    for word in found {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            both += 1;
        }
    }
    2.0 * f64::from(both) / (found.len() + wanted.len()) as f64
}

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Spearman's correlation: how far two lists of values rank alike.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    correlation(&ranks(a), &ranks(b))
}

/// Ranks of values; equal ones share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| other.total_cmp(value).is_eq()).count();
        below as f64 + equal as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let products = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum()
    };
    products(a, mean_a, b, mean_b) / (products(a, mean_a, a, mean_a) * products(b, mean_b, b, mean_b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(found: &str, wanted: &str) -> f64 {
        f1(&words(found), &words(wanted))
    }

    #[test]
    fn bags_of_words_are_compared() {
        assert_eq!(words("It's 3_4, Zoë!"), ["it", "s", "3_4", "zoë"]);
        let near = |one: f64, other: f64| (one - other).abs() < 1e-12;
        assert!(near(score("b a", "a b"), 1.0) && near(score("", ""), 1.0));
        assert!(near(score("", "a"), 0.0) && near(score("c", "a"), 0.0));
        assert!(near(score("a a a", "a"), 0.5), "what is said too often costs precision");
    }

    #[test]
    fn ranks_tell_order_and_not_size() {
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 999.0]) - 1.0).abs() < 1e-12);
        assert!((rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
    }
}
