//! What answers that were given before have saved.

use sheaf_common::record::CacheUse;

use crate::{
    number::{count, dollars, grouped},
    summary::{Cached, Summary},
};

/// The normal distribution's quantile of a two-sided interval of 95%.
const Z: f64 = 1.96;

/// Savings, gathered record by record. Shares of requests and of cents are added as whole billionths, so that the sum does
/// not depend on the order.
#[derive(Debug, Default)]
pub(crate) struct Savings {
    documents: u64,
    nano_requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    nano_usd: u64,
    checked: u64,
    disagreed: u64,
}

impl Savings {
    pub(crate) fn add(&mut self, cache: &CacheUse) {
        if let Some(saved) = &cache.saved {
            self.documents += 1;
            self.nano_requests = self.nano_requests.saturating_add(billionths(saved.requests));
            self.input_tokens = self.input_tokens.saturating_add(saved.usage.input_tokens);
            self.output_tokens = self.output_tokens.saturating_add(saved.usage.output_tokens);
            self.nano_usd = self.nano_usd.saturating_add(billionths(saved.usage.cost_usd));
        }
        if let Some(checked) = &cache.checked {
            self.checked += 1;
            self.disagreed += u64::from(!checked.agreed);
        }
    }

    pub(crate) fn cached(&self) -> Cached {
        Cached {
            documents: self.documents,
            requests: self.nano_requests as f64 / 1e9,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost_usd: self.nano_usd as f64 / 1e9,
            checked: self.checked,
            disagreed: self.disagreed,
            false_hits_at_most: (self.checked > 0).then(|| at_most(self.disagreed, self.checked)),
        }
    }
}

/// Negative and unreadable numbers, which only a record written by hand has, count as nothing.
fn billionths(number: f64) -> u64 {
    (number * 1e9).round() as u64
}

/// The upper end of Wilson's interval for a share (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
/// Inference", 1927).
fn at_most(found: u64, of: u64) -> f64 {
    let (n, share) = (of as f64, found as f64 / of as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle + half) / (1.0 + Z * Z / n)).min(1.0)
}

/// What was spent and saved, in a sentence or two.
pub(crate) fn spending(summary: &Summary) -> String {
    let (cost, cached) = (&summary.cost, &summary.cached);
    let mut said = match (cost.documents, cached.documents) {
        (0, 0) => "No model was used, nothing was spent: every answer comes from the rules.".to_owned(),
        (0, _) => "No model was asked, nothing was spent.".to_owned(),
        (asked, _) => {
            format!("{} went to a model, for {} in all.", count(asked, "document"), dollars(cost.cost_usd))
        }
    };
    if cached.documents > 0 {
        said += &format!(
            " {} had an answer that was given before, which saved about {} and {}.",
            count(cached.documents, "document"),
            count(cached.requests.round() as u64, "request"),
            dollars(cached.cost_usd)
        );
    }
    said
}

/// What answers that were given before have saved; empty when none served.
pub(crate) fn rows(summary: &Summary) -> Vec<(&'static str, String)> {
    let cached = &summary.cached;
    let mut rows = Vec::new();
    if cached.documents > 0 {
        rows.extend([
            ("Requests saved", format!("{:.1}", cached.requests)),
            ("Tokens saved", grouped(cached.input_tokens.saturating_add(cached.output_tokens))),
            ("Money saved", dollars(cached.cost_usd)),
        ]);
    }
    if let Some(at_most) = cached.false_hits_at_most {
        let share = format!(
            "{} of {} compared with a fresh one (at most {:.1}% with 95% confidence)",
            grouped(cached.disagreed),
            grouped(cached.checked),
            at_most * 100.0
        );
        rows.push(("Wrong answers about similar texts", share));
    }
    rows
}

#[cfg(test)]
mod tests {
    use sheaf_common::{
        id::DocumentId,
        record::{CacheKind, Checked, Saved, Usage},
    };

    use super::*;

    #[test]
    fn shares_of_requests_add_up() {
        let mut savings = Savings::default();
        let usage = Usage { input_tokens: 100, output_tokens: 10, cost_usd: 0.1 };
        for _ in 0..3 {
            let saved = Some(Saved { requests: 1.0 / 3.0, usage });
            savings.add(&CacheUse { kind: CacheKind::Exact, saved, ..CacheUse::default() });
        }
        savings.add(&CacheUse::copy_of(DocumentId::of_source(b"a")));
        let cached = savings.cached();
        assert_eq!((cached.documents, cached.input_tokens, cached.output_tokens), (3, 300, 30));
        assert!((cached.requests - 1.0).abs() < 1e-8 && (cached.cost_usd - 0.3).abs() < 1e-9);
        assert_eq!(cached.false_hits_at_most, None);
    }

    #[test]
    fn few_comparisons_leave_much_open() {
        let mut savings = Savings::default();
        let checked = |agreed| Some(Checked { of: DocumentId::of_source(b"a"), similarity: 0.9, agreed });
        savings.add(&CacheUse { checked: checked(true), ..CacheUse::default() });
        // None of one: Wilson's interval reaches to 0.793.
        assert!((savings.cached().false_hits_at_most.unwrap() - 0.793).abs() < 1e-3);
        for at in 1..100 {
            savings.add(&CacheUse { checked: checked(at != 50), ..CacheUse::default() });
        }
        let cached = savings.cached();
        assert_eq!((cached.checked, cached.disagreed), (100, 1));
        // One of a hundred: to 0.0545.
        assert!((cached.false_hits_at_most.unwrap() - 0.0545).abs() < 1e-3);
    }
}
