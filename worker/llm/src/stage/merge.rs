//! One answer out of the answers for a document's parts.
//!
//! Summaries are joined in order. Key points are taken in turn: the first of each part, then the second of each, up to
//! the number that one answer may have, and then put in document order. Keywords that more parts name come first. The
//! kind of document is the one that most parts name, the earliest of equals. Confidence is the parts' mean.

use std::collections::HashMap;

use super::overview::Overview;

/// Key points of a document.
pub(crate) const MOST_KEY_POINTS: usize = 8;
/// Keywords of a document.
pub(crate) const MOST_KEYWORDS: usize = 12;

/// Merges the answers for parts, in document order.
pub(crate) fn merge(mut parts: Vec<Overview>) -> Overview {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let summaries: Vec<&str> = parts.iter().map(|part| part.summary.trim()).collect();
    let summary = summaries.join(" ");
    let confidence = parts.iter().map(|part| part.confidence).sum::<f64>() / parts.len().max(1) as f64;
    let document_type = most_named(parts.iter().map(|part| part.document_type.as_str())).into_iter().next();
    let document_type = document_type.unwrap_or("unknown").to_owned();
    let keywords = most_named(parts.iter().flat_map(|part| part.keywords.iter().map(String::as_str)));
    let keywords = keywords.into_iter().take(MOST_KEYWORDS).map(str::to_owned).collect();
    let longest = parts.iter().map(|part| part.key_points.len()).max().unwrap_or(0);
    let mut chosen: Vec<(usize, usize)> = (0..longest)
        .flat_map(|rank| (0..parts.len()).map(move |part| (part, rank)))
        .filter(|(part, rank)| parts.get(*part).is_some_and(|part| *rank < part.key_points.len()))
        .take(MOST_KEY_POINTS)
        .collect();
    chosen.sort_unstable();
    let key_points = chosen
        .into_iter()
        .filter_map(|(part, rank)| parts.get(part)?.key_points.get(rank).cloned())
        .collect();
    Overview { summary, key_points, keywords, document_type, confidence }
}

/// Each once, case aside: those named most often first, and of equals the first named.
fn most_named<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut order: Vec<(&str, String)> = Vec::new();
    for name in names {
        let key = name.trim().to_lowercase();
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 {
            order.push((name.trim(), key));
        }
    }
    order.sort_by_key(|(_, key)| std::cmp::Reverse(counts.get(key).copied().unwrap_or(0)));
    order.into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::overview::Point;

    fn part(
        summary: &str,
        points: usize,
        keywords: &[&str],
        document_type: &str,
        confidence: f64,
    ) -> Overview {
        Overview {
            summary: summary.to_owned(),
            key_points: (0..points)
                .map(|rank| Point { text: format!("{summary}{rank}"), quote: String::new() })
                .collect(),
            keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
            document_type: document_type.to_owned(),
            confidence,
        }
    }

    #[test]
    fn parts_become_one() {
        let merged = merge(vec![
            part("A.", 8, &["Tide", "moon"], "report", 0.9),
            part("B.", 1, &["gauge", "tide"], "article", 0.6),
            part("C.", 8, &["gauge"], "article", 0.9),
        ]);
        assert_eq!(merged.summary, "A. B. C.");
        assert_eq!(merged.keywords, ["Tide", "gauge", "moon"]);
        assert_eq!(merged.document_type, "article");
        assert!((merged.confidence - 0.8).abs() < 1e-12);
        let points: Vec<_> = merged.key_points.iter().map(|point| point.text.as_str()).collect();
        assert_eq!(points, ["A.0", "A.1", "A.2", "A.3", "B.0", "C.0", "C.1", "C.2"]);
    }
}
