//! A long text in windows, their vectors pooled.

use super::normalised;

/// Cuts a text into pieces of at most `most` bytes, between words where there is a space in the second half.
pub(super) fn windows(text: &str, most: usize) -> Vec<&str> {
    let mut windows = Vec::new();
    let mut rest = text.trim();
    while rest.len() > most {
        let most = rest.floor_char_boundary(most.max(4));
        let head = rest.get(..most).unwrap_or(rest);
        let cut = head.rfind(char::is_whitespace).filter(|at| *at > most / 2).unwrap_or(most);
        let (window, after) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        windows.push(window);
        rest = after.trim_start();
    }
    if !rest.is_empty() || windows.is_empty() {
        windows.push(rest);
    }
    windows
}

/// The mean of the windows' vectors, each weighed by its bytes, of length 1; `None` when it has no direction.
pub(super) fn pooled(windows: &[&str], vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0; vectors.first()?.len()];
    for (window, vector) in windows.iter().zip(vectors) {
        let weight = window.len().max(1) as f32;
        for (sum, number) in sum.iter_mut().zip(normalised(vector.clone())?) {
            *sum += weight * number;
        }
    }
    normalised(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_but_space_is_lost(text in "\\PC{0,200}", most in 4_usize..40) {
            let windows = windows(&text, most);
            prop_assert!(windows.iter().all(|window| window.len() <= most));
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&windows.concat()), bare(&text));
        }
    }

    #[test]
    fn a_mean_is_weighed_by_length() {
        let mean = pooled(&["aaaa", "b"], &[vec![1.0, 0.0], vec![0.0, 3.0]]).unwrap();
        assert!((mean[0] / mean[1] - 4.0).abs() < 1e-5);
        assert_eq!(pooled(&["a"], &[vec![0.0, 0.0]]), None);
    }
}
