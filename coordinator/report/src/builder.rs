//! Gathering records one at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use sheaf_common::{
    fault::FaultKind,
    record::{CacheKind, DecidedBy, Record, Status},
};

use crate::{
    bits::Bits,
    caps, copies,
    draft::Draft,
    facts::RunFacts,
    faults::Faults,
    index::Index,
    latency::Latency,
    lengths::LengthTally,
    near::{NEARLY, Near},
    number::grouped,
    outliers::{Ground, outliers},
    rows::Rows,
    savings::Savings,
    shown::{Shown, Source},
    spill::Spill,
    summary::{Advised, CostOf, Count, Counts, DocumentRef, Listed, Month, Summary},
    tally::Tally,
    topics,
};

/// Gathers a summary from records, one at a time and in any order.
///
/// In memory it keeps tables of fixed size and two bits a document. What must be brought together from all documents (who
/// shares a phrase, who says nearly the same, who is a copy of whom) is written into files of the [`Spill`], some hundred
/// bytes a document and 600 more for each that is compared, and sorted there. As long as no cap is reached, the
/// order of the records makes no difference.
pub struct SummaryBuilder {
    run: RunFacts,
    spill: Box<dyn Spill>,
    index: Index,
    near: Near,
    counts: Counts,
    /// Documents with key phrases.
    with_phrases: Bits,
    lengths: LengthTally,
    copies: u64,
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
    /// No records yet. Fails when `spill` has no room to lend.
    pub fn new(run: RunFacts, spill: impl Spill + 'static) -> io::Result<Self> {
        let kinds = || Tally::new(caps::KINDS, 0);
        Ok(Self {
            run,
            index: Index::new(spill.file()?),
            near: Near::new(spill.file()?),
            spill: Box::new(spill),
            counts: Counts::default(),
            with_phrases: Bits::default(),
            lengths: LengthTally::new(),
            copies: 0,
            faults: Faults::default(),
            languages: Tally::new(caps::KINDS, caps::OUTLIERS),
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
        })
    }

    /// Takes in the record of the document at place `sequence` of the input; once for each document. Fails when what is to
    /// be brought together cannot be written.
    pub fn add(&mut self, sequence: u64, record: &Record) -> io::Result<()> {
        self.rows.add(sequence, record);
        self.count(record);
        self.add_cost(record);
        if let Some(host) = Source::new(&record.source).host() {
            count_name(&mut self.hosts, &host, sequence);
        }
        if let Some(fault) = &record.error {
            self.faults.add(sequence, record.status, fault);
        }
        if record.status == Status::Ok {
            self.add_content(sequence, record);
        }
        match u32::try_from(sequence) {
            Ok(document) => self.bring_together(document, record),
            // Beyond the four thousand millionth: counted, and compared with no other.
            Err(_) => Ok(()),
        }
    }

    /// Writes down what is to be brought together with other documents.
    fn bring_together(&mut self, document: u32, record: &Record) -> io::Result<()> {
        let shared = record.cache.is_copy();
        let left_out = record.error.as_ref().is_some_and(|fault| fault.kind == FaultKind::Duplicate);
        let copy_of = record.cache.of.as_ref().filter(|_| shared || left_out);
        self.copies += u64::from(copy_of.is_some());
        copies::add(document, &record.id, copy_of, &mut self.index)?;
        if record.status != Status::Ok || (shared && copy_of.is_some()) {
            return Ok(());
        }
        if let Some(fingerprint) = record.document.as_ref().and_then(|facts| facts.fingerprint.as_ref()) {
            self.near.add(document, fingerprint, &mut self.index)?;
        }
        let unread = |flag: &String| flag == "error_page" || flag == "garbled";
        if let Some(analysis) = record.analysis.as_ref().filter(|of| !of.flags.iter().any(unread))
            && topics::add(document, analysis, &mut self.index)?
        {
            self.with_phrases.set(document);
        }
        Ok(())
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

    fn add_content(&mut self, sequence: u64, record: &Record) {
        if let Some(facts) = &record.document {
            count_name(&mut self.content_types, facts.content_type.media_type(), sequence);
            count_name(&mut self.languages, facts.language.as_deref().unwrap_or("unknown"), sequence);
            self.lengths.add(sequence, facts.words as u64);
            if let Some(month) = facts.published.as_deref().and_then(month) {
                *self.published.entry(month).or_default() += 1;
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

    /// What is known when all records are in, but for names. Fails when what was written cannot be sorted.
    pub fn finish(self) -> io::Result<Draft> {
        // In the order of the tables.
        let mut tables = self.index.tables()?;
        let near_duplicates = self.near.groups(&mut tables, &*self.spill)?;
        let exact_duplicates = copies::groups(&mut tables)?;
        let (phrases, sharing) = topics::shared_phrases(&mut tables)?;
        let entities = topics::shared_entities(&mut tables)?;
        drop(tables);

        let (outliers, no_common_ground) = outliers(&Ground {
            documents: self.counts.ok,
            with_phrases: &self.with_phrases,
            sharing: &sharing,
            languages: &self.languages,
            lengths: &self.lengths,
        });
        let advised = self.advised.into_iter().map(|((thousandths, sequence), reasons)| Advised {
            document: DocumentRef::unnamed(sequence),
            confidence: thousandths as f64 / 1_000.0,
            reasons,
        });
        let mut remarks: Vec<_> = no_common_ground.into_iter().collect();
        if self.near.left_out() > 0 {
            let text = format!(
                "{} documents beyond the first {} were not compared for near-duplicates.",
                grouped(self.near.left_out()),
                grouped(caps::COMPARED)
            );
            remarks.push(Shown::new(&text, caps::MESSAGE));
        }
        let summary = Summary {
            // These come from the records that are seen once more.
            headline: Shown::default(),
            topics: Listed::default(),
            entities: Listed::default(),
            counts: self.counts,
            lengths: self.lengths.lengths(),
            near_duplicate_documents: near_duplicates.documents(),
            near_duplicates: near_duplicates.listed(NEARLY),
            copies: self.copies,
            exact_duplicates: exact_duplicates.listed(1.0),
            outliers,
            faults: self.faults.groups(),
            advised: Listed { total: self.advised_total, items: advised.collect() },
            advised_reasons: counts(&self.reasons),
            languages: counts(&self.languages),
            document_types: counts(&self.document_types),
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
        };
        Ok(Draft::new(summary, phrases, entities))
    }
}

fn count_name(tally: &mut Tally, name: &str, sequence: u64) {
    let shown = Shown::new(name, caps::MESSAGE);
    if !shown.is_empty() {
        tally.add(shown.as_str(), sequence);
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
