//! How good a result will be.

use crate::extraction::Method;

/// Points of a curve from what the block model promises to the F1 that pages with such a promise had when the model was
/// tried on pages it had not been trained on; printed by `train/train.py`.
type Curve = [(f64, f64); 7];

const ALONE: Curve =
    [(0.0, 0.0), (0.4, 0.567), (0.6, 0.603), (0.7, 0.673), (0.8, 0.769), (0.9, 0.886), (1.0, 0.962)];
const STACKED: Curve =
    [(0.0, 0.0), (0.4, 0.478), (0.6, 0.538), (0.7, 0.652), (0.8, 0.755), (0.9, 0.886), (1.0, 0.965)];

/// Expected F1 of a result, 0 to 1.
pub(crate) fn of(method: Method, promise: f64) -> f64 {
    let curve = if method == Method::Stacked { &STACKED } else { &ALONE };
    curve
        .windows(2)
        .find_map(|pair| match *pair {
            [(x0, y0), (x1, y1)] if promise <= x1 => {
                Some(y0 + (y1 - y0) * ((promise - x0) / (x1 - x0)).max(0.0))
            }
            _ => None,
        })
        .unwrap_or(1.0)
        .clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_promise_is_more_confidence() {
        for method in [Method::Blocks, Method::Stacked] {
            let curve: Vec<f64> = (0..=100).map(|i| of(method, f64::from(i) / 100.0)).collect();
            assert!(curve.windows(2).all(|pair| pair[0] <= pair[1]), "{curve:?}");
            assert!((0.0..=1.0).contains(&curve[0]) && (0.0..=1.0).contains(&curve[100]));
        }
    }
}
