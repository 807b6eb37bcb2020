//! Gathering records one at a time.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_common::{
    fault::FaultKind,
    record::{CacheKind, DecidedBy, Record, Status},
};

use crate::{
    caps,
    duplicates::{Copies, Near},
    facts::RunFacts,
    faults::Faults,
    headline::headline,
    labels::Labels,
    latency::Latency,
    lengths::LengthTally,
    number::grouped,
    outliers::{Ground, outliers},
    rows::Rows,
    savings::Savings,
    shown::{Shown, Source},
    summary::{Advised, CostOf, Count, Counts, Listed, Month, Summary},
    tally::Tally,
    topics::Topics,
};

/// Gathers a summary from records, one at a time and in any order.
///
/// It keeps no record: some hundred bytes of each document's name up to [`caps::LABELS`], its fingerprint up to
/// [`caps::COMPARED`], a bit up to [`caps::SHARING`], and tables of fixed size. As long as no cap is reached, the order of
/// the records makes no difference.
pub struct SummaryBuilder {
    run: RunFacts,
    counts: Counts,
    labels: Labels,
    topics: Topics,
    /// Documents whose topics are counted, among those with labels.
    counted: BTreeSet<u64>,
    lengths: LengthTally,
    copies: Copies,
    near: Near,
    faults: Faults,
    languages: Tally,
    document_types: Tally,
    content_types: Tally,
    hosts: Tally,
    flags: Tally,
    reasons: Tally,
    advised: BTreeMap<(u64, u64), Vec<Shown>>,
    advised_total: u64,
    published: BTreeMap<(u16, u8), u64>,
    confidence: [u64; 10],
    stages: [Latency; 5],
    model_documents: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// Billionths of a dollar: an integer, so that the order of adding makes no difference.
    nano_usd: u64,
    savings: Savings,
    rows: Rows,
}

impl SummaryBuilder {
    /// No records yet.
    pub fn new(run: RunFacts) -> Self {
        let kinds = || Tally::new(caps::KINDS, caps::OUTLIERS);
        Self {
            run,
            counts: Counts::default(),
            labels: Labels::default(),
            topics: Topics::new(),
            counted: BTreeSet::new(),
            lengths: LengthTally::new(),
            copies: Copies::default(),
            near: Near::new(),
            faults: Faults::default(),
            languages: kinds(),
            document_types: kinds(),
            content_types: kinds(),
            hosts: kinds(),
            flags: kinds(),
            reasons: kinds(),
            advised: BTreeMap::new(),
            advised_total: 0,
            published: BTreeMap::new(),
            confidence: [0; 10],
            stages: ["queue", "fetch", "parse", "rules", "llm"].map(Latency::new),
            model_documents: 0,
            input_tokens: 0,
            output_tokens: 0,
            nano_usd: 0,
            savings: Savings::default(),
            rows: Rows::default(),
        }
    }

    /// Takes in the record of the document at place `sequence` of the input.
    pub fn add(&mut self, sequence: u64, record: &Record) {
        self.rows.add(sequence, record);
        self.labels.add(sequence, record);
        self.count(record);
        self.add_cost(record);
        if let Some(host) = Source::new(&record.source).host() {
            count_name(&mut self.hosts, &host, sequence);
        }
        if let Some(fault) = &record.error {
            self.faults.add(sequence, record.status, fault);
        }
        let copy_of = record.cache.of.as_ref().filter(|_| record.cache.is_copy());
        if let Some(original) = copy_of {
            self.copies.add(sequence, original);
        } else if record.error.as_ref().is_some_and(|fault| fault.kind == FaultKind::Duplicate)
            && let Some(original) = &record.cache.of
        {
            self.copies.add(sequence, original);
        }
        if record.status == Status::Ok {
            self.add_content(sequence, record, copy_of.is_some());
        }
    }

    fn count(&mut self, record: &Record) {
        let counts = &mut self.counts;
        counts.total += 1;
        match record.status {
            Status::Ok => counts.ok += 1,
            Status::Failed => counts.failed += 1,
            Status::Skipped => counts.skipped += 1,
            Status::Incomplete => counts.incomplete += 1,
        }
        match record.decided_by {
            Some(DecidedBy::Rules) => counts.decided_by_rules += 1,
            Some(DecidedBy::Llm) => counts.decided_by_llm += 1,
            None => {}
        }
        match record.cache.kind {
            CacheKind::None => {}
            CacheKind::Exact if record.cache.is_copy() => counts.copied += 1,
            CacheKind::Exact => counts.cache_exact += 1,
            CacheKind::Semantic => counts.cache_semantic += 1,
        }
    }

    fn add_cost(&mut self, record: &Record) {
        let timings = &record.timings_ms;
        let times = [timings.queue, timings.fetch, timings.parse, timings.rules, timings.llm];
        for (stage, time) in self.stages.iter_mut().zip(times) {
            stage.record(time);
        }
        let usage = &record.usage;
        self.model_documents += u64::from(usage.input_tokens > 0 || usage.output_tokens > 0);
        self.input_tokens = self.input_tokens.saturating_add(usage.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(usage.output_tokens);
        self.nano_usd = self.nano_usd.saturating_add((usage.cost_usd * 1e9).round() as u64);
        self.savings.add(&record.cache);
    }

    fn add_content(&mut self, sequence: u64, record: &Record, copy: bool) {
        if let Some(facts) = &record.document {
            count_name(&mut self.content_types, facts.content_type.media_type(), sequence);
            count_name(&mut self.languages, facts.language.as_deref().unwrap_or("unknown"), sequence);
            self.lengths.add(sequence, facts.words as u64);
            if let Some(month) = facts.published.as_deref().and_then(month) {
                *self.published.entry(month).or_default() += 1;
            }
            if let (Some(fingerprint), false) = (&facts.fingerprint, copy) {
                self.near.add(sequence, fingerprint);
            }
        }
        let Some(analysis) = &record.analysis else { return };
        count_name(&mut self.document_types, &analysis.document_type, sequence);
        for flag in analysis.flags.iter().take(caps::PHRASES_OF_DOCUMENT).collect::<BTreeSet<_>>() {
            count_name(&mut self.flags, flag, sequence);
        }
        let step = (analysis.confidence * 10.0) as usize;
        if let Some(count) = self.confidence.get_mut(step.min(9)) {
            *count += 1;
        }
        let reading = !analysis.flags.iter().any(|flag| flag == "error_page" || flag == "garbled");
        if reading && !copy {
            self.topics.add(sequence, analysis);
            if self.counted.len() < caps::LABELS && !analysis.keywords.is_empty() {
                self.counted.insert(sequence);
            }
        }
        if analysis.review.advised {
            self.advised_total += 1;
            let reasons: BTreeSet<_> =
                analysis.review.reasons.iter().take(caps::PHRASES_OF_DOCUMENT).collect();
            for reason in reasons {
                count_name(&mut self.reasons, reason, sequence);
            }
            let shown = analysis.review.reasons.iter().take(caps::PHRASES_OF_DOCUMENT);
            let shown = shown.map(|reason| Shown::new(reason, caps::MESSAGE)).collect();
            // The least certain first; a thousandth is as fine as confidence is shown.
            self.advised.insert(((analysis.confidence.clamp(0.0, 1.0) * 1_000.0) as u64, sequence), shown);
            if self.advised.len() > caps::ADVISED {
                self.advised.pop_last();
            }
        }
    }

    /// What is known when all records are in.
    pub fn finish(self) -> Summary {
        let labels = &self.labels;
        let ground = Ground {
            documents: self.counts.ok,
            labels,
            topics: &self.topics,
            languages: &self.languages,
            lengths: &self.lengths,
            counted: &|sequence| self.counted.contains(&sequence),
        };
        let (outliers, no_common_ground) = outliers(&ground);
        let topics = self.topics.topics(labels);
        let (near_duplicates, near_duplicate_documents) = self.near.groups(labels);
        let languages = counts(&self.languages);
        let document_types = counts(&self.document_types);
        let advised = self.advised.iter().map(|(&(thousandths, sequence), reasons)| Advised {
            document: labels.document(sequence),
            confidence: thousandths as f64 / 1_000.0,
            reasons: reasons.clone(),
        });
        let mut remarks: Vec<_> = no_common_ground.into_iter().collect();
        if self.topics.error() > 0 {
            let text = format!(
                "There were more different key phrases than are counted at once ({}); counts of shared topics may be up to {} too low.",
                grouped(caps::PHRASES as u64),
                grouped(self.topics.error())
            );
            remarks.push(Shown::new(&text, caps::MESSAGE));
        }
        if self.near.left_out() > 0 {
            let text = format!(
                "{} documents beyond the first {} were not compared for near-duplicates.",
                grouped(self.near.left_out()),
                grouped(caps::COMPARED as u64)
            );
            remarks.push(Shown::new(&text, caps::MESSAGE));
        }
        Summary {
            headline: headline(&self.counts, &topics, &languages, &document_types),
            counts: self.counts,
            lengths: self.lengths.lengths(),
            entities: self.topics.entities(labels),
            topics,
            near_duplicates,
            near_duplicate_documents,
            copies: self.copies.total(),
            exact_duplicates: self.copies.groups(labels),
            outliers,
            faults: self.faults.groups(labels),
            advised: Listed { total: self.advised_total, items: advised.collect() },
            advised_reasons: counts(&self.reasons),
            languages,
            document_types,
            content_types: counts(&self.content_types),
            hosts: counts(&self.hosts),
            flags: counts(&self.flags),
            published: self
                .published
                .iter()
                .map(|(&(year, month), &documents)| Month { year, month, documents })
                .collect(),
            confidence: self.confidence,
            stages: self.stages.iter().filter_map(Latency::times).collect(),
            cost: CostOf {
                documents: self.model_documents,
                input_tokens: self.input_tokens,
                output_tokens: self.output_tokens,
                cost_usd: self.nano_usd as f64 / 1e9,
            },
            cached: self.savings.cached(),
            rows: self.rows.into_rows(),
            remarks,
            run: self.run,
        }
    }
}

fn count_name(tally: &mut Tally, name: &str, sequence: u64) {
    let shown = Shown::new(name, caps::MESSAGE);
    if !shown.is_empty() {
        tally.add(shown.as_str(), shown.as_str(), sequence, 0);
    }
}

fn counts(tally: &Tally) -> Listed<Count> {
    let all = tally.by_count();
    let total = all.len() as u64;
    let first = all.into_iter().take(caps::COUNTS);
    let items =
        first.map(|(name, entry)| Count { name: Shown::new(name, caps::MESSAGE), documents: entry.count });
    Listed { total, items: items.collect() }
}

/// Year and month of an ISO 8601 date; month 0 when there is only a year. Years in which no document can be published
/// are left out.
fn month(date: &str) -> Option<(u16, u8)> {
    let year = date.get(..4)?.parse().ok().filter(|year| (1400..=2200).contains(year))?;
    let month = match date.get(4..7) {
        Some(rest) => rest.strip_prefix('-')?.parse().ok().filter(|month| (1..=12).contains(month))?,
        None => 0,
    };
    Some((year, month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_dates() {
        assert_eq!(month("2024-03-01T10:00:00Z"), Some((2024, 3)));
        assert_eq!(month("2024"), Some((2024, 0)));
        for odd in ["", "20é4", "2024-13", "0001-01-01", "yesterday", "2024/03"] {
            assert_eq!(month(odd), None, "{odd}");
        }
    }
}
