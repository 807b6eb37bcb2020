//! One job to one finding: parse, then rules.
//!
//! Both steps are pure functions; this is the only place that times them. It runs unchanged on a thread and
//! in a child process, which is why all modes give the same results.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use sheaf_common::{
    document::Document,
    fault::{Fault, FaultKind},
    job::{AnalysisOptions, Job},
    record::{Facts, Finding},
};
use sheaf_parse::Input;

/// Analyses `job`. A panic of a parser or a rule is the document's fault, not the process's end.
pub fn analyse(job: &Job, options: AnalysisOptions) -> Result<Finding, Fault> {
    catch_unwind(AssertUnwindSafe(|| steps(job, options))).unwrap_or_else(|_| {
        Err(Fault::new(
            FaultKind::ParserCrash,
            "the analysis of this document panicked",
            "the other documents are not affected; please report the document as a defect of Sheaf",
        ))
    })
}

/// What the parser is given of a job.
pub(crate) fn input(job: &Job, options: AnalysisOptions) -> Input<'_> {
    Input {
        body: &job.body,
        declared_content_type: job.declared_content_type.as_deref(),
        file_name: job.file_name.as_deref(),
        extraction: options.extraction,
    }
}

fn steps(job: &Job, options: AnalysisOptions) -> Result<Finding, Fault> {
    let begun = Instant::now();
    let document = sheaf_parse::parse(input(job, options))?;
    let parse_ms = milliseconds(begun);

    let begun = Instant::now();
    let assessment = sheaf_rules::analyse(&document);
    let rules_ms = milliseconds(begun);

    let (links, base_href) = links_of(&document, options);
    Ok(Finding {
        document: Facts {
            title: document.title,
            content_type: document.content_type,
            language: assessment.language,
            words: assessment.words,
            sha256: job.hash.to_string(),
            published: document.published,
            author: document.author,
            extraction_confidence: rounded(document.extraction_confidence),
            extraction_method: document.extraction_method,
            fingerprint: assessment.fingerprint,
            remarks: document.marks.remarks,
            text: options.include_text.then_some(document.text),
        },
        analysis: assessment.analysis,
        links,
        base_href,
        parse_ms,
        rules_ms,
    })
}

/// The links a crawl may follow: none when the page asks robots not to.
fn links_of(document: &Document, options: AnalysisOptions) -> (Vec<String>, Option<String>) {
    if !options.include_links || document.marks.nofollow {
        return (Vec::new(), None);
    }
    let links = document.links.iter().filter(|link| !link.nofollow).map(|link| link.href.clone()).collect();
    (links, document.base_href.clone())
}

fn milliseconds(since: Instant) -> f64 {
    rounded(since.elapsed().as_secs_f64() * 1e3)
}

/// Three decimals: what is measured does not carry more.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
