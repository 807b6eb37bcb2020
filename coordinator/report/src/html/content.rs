//! What is in the set: topics, duplicates, outliers, what a model should see, what failed.

use maud::{Markup, html};

use super::{
    Section, chart,
    text::{left_out, reference, reference_with_source, text},
};
use crate::{
    number::{count, grouped},
    summary::{DocumentRef, DuplicateGroup, Listed, Summary, Topic},
};

pub(super) fn topics(summary: &Summary) -> Option<Section> {
    if summary.counts.ok == 0 {
        return None;
    }
    let most = summary.topics.items.iter().map(|topic| topic.documents).max().unwrap_or(1);
    Some(Section::new(
        "topics",
        "Topics",
        "What it is about",
        html! {
            @if summary.topics.is_empty() {
                p class="lead" { "No key phrase occurs in more than one document." }
            } @else {
                p class="lead" {
                    (count(summary.topics.total, "key phrase")) (if summary.topics.total == 1 { " occurs" } else { " occur" })
                    " in more than one document; these say the most. Open one to see where it stands."
                }
                div class="grid" {
                    @let half = summary.topics.items.len().div_ceil(2);
                    @for part in summary.topics.items.chunks(half.max(1)) {
                        div { @for topic in part { (topic_row(summary, topic, most)) } }
                    }
                }
            }
            @if !summary.entities.is_empty() {
                h3 { "Names that recur" }
                ul class="chips" {
                    @for entity in &summary.entities.items { li { (text(&entity.text)) small { (grouped(entity.documents)) } } }
                }
                (left_out(summary.entities.left_out(), "name"))
            }
        },
    ))
}

fn topic_row(summary: &Summary, topic: &Topic, most: u64) -> Markup {
    html! {
        details class="topic" {
            summary {
                b { (text(&topic.text)) }
                (chart::bar(topic.documents, most, "bar"))
                span { (count(topic.documents, "document")) }
            }
            (references(summary, &topic.examples, topic.documents))
        }
    }
}

fn references(summary: &Summary, documents: &[DocumentRef], total: u64) -> Markup {
    html! {
        ul {
            @for document in documents { li { (reference(summary, document)) } }
            @let more = total.saturating_sub(documents.len() as u64);
            @if more > 0 { li class="muted" { "and " (grouped(more)) " more" } }
        }
    }
}

pub(super) fn duplicates(summary: &Summary) -> Option<Section> {
    if summary.near_duplicates.is_empty() && summary.exact_duplicates.is_empty() {
        return None;
    }
    Some(Section::new(
        "duplicates",
        "Duplicates",
        "Said more than once",
        html! {
            @if !summary.near_duplicates.is_empty() {
                h3 { "Nearly the same" }
                p class="lead" {
                    (count(summary.near_duplicate_documents, "document")) " in " (count(summary.near_duplicates.total, "group"))
                    ": about 80 % or more of their word sequences are the same, as their fingerprints estimate it."
                }
                (groups(summary, &summary.near_duplicates))
            }
            @if !summary.exact_duplicates.is_empty() {
                h3 class="sub" { "Exactly the same" }
                p class="lead" { (count(summary.copies, "document")) (if summary.copies == 1 { " is a copy" } else { " are copies" }) " of an earlier one and took over its answer." }
                (groups(summary, &summary.exact_duplicates))
            }
        },
    ))
}

fn groups(summary: &Summary, groups: &Listed<DuplicateGroup>) -> Markup {
    html! {
        @for group in &groups.items {
            div class="group" {
                h3 { @if let Some(first) = group.members.first() { (reference_with_source(summary, first)) } span class="n" { (count(group.documents, "document")) } }
                ul {
                    @for member in group.members.iter().skip(1) { li { (reference_with_source(summary, member)) } }
                    @let more = group.documents.saturating_sub(group.members.len() as u64);
                    @if more > 0 { li class="muted" { "and " (grouped(more)) " more" } }
                }
            }
        }
        (left_out(groups.left_out(), "group"))
    }
}

pub(super) fn outliers(summary: &Summary) -> Option<Section> {
    if summary.outliers.is_empty() && summary.remarks.is_empty() {
        return None;
    }
    Some(Section::new(
        "outliers",
        "Outliers",
        "Unlike the rest",
        html! {
            @for remark in &summary.remarks { p class="lead" { (text(remark)) } }
            @if !summary.outliers.is_empty() {
                p class="lead" { (count(summary.outliers.total, "document")) (if summary.outliers.total == 1 { " stands" } else { " stand" }) " apart: by topic, by language or by length." }
                ul class="list" {
                    @for outlier in &summary.outliers.items {
                        li {
                            (reference(summary, &outlier.document))
                            p { @for (number, why) in outlier.why.iter().enumerate() { @if number > 0 { "; " } (text(why)) } }
                        }
                    }
                }
                (left_out(summary.outliers.left_out(), "document"))
            }
        },
    ))
}

/// From this many documents on, the reasons are counted before the documents are named.
const MANY_ADVISED: u64 = 5;

pub(super) fn advised(summary: &Summary) -> Option<Section> {
    if summary.advised.is_empty() {
        return None;
    }
    Some(Section::new(
        "advised",
        "For a model",
        "Documents a model should see",
        html! {
            p class="lead" {
                "The rules are unsure of " (count(summary.advised.total, "document"))
                ". With a model configured, only these go to it. The least certain first:"
            }
            @if summary.advised.total > MANY_ADVISED {
                ul class="chips" {
                    @for reason in &summary.advised_reasons.items { li { (text(&reason.name)) small { (grouped(reason.documents)) } } }
                }
            }
            ul class="list" {
                @for advised in &summary.advised.items {
                    li {
                        (reference(summary, &advised.document)) " "
                        span class="src" { "confidence " (format!("{:.2}", advised.confidence)) }
                        p { @for (number, reason) in advised.reasons.iter().enumerate() { @if number > 0 { "; " } (text(reason)) } }
                    }
                }
            }
            (left_out(summary.advised.left_out(), "document"))
            p class="muted" { "All of them, from the output folder:" }
            pre { code { "jq -r 'select(.analysis.review.advised) | .source' results.jsonl" } }
        },
    ))
}

pub(super) fn faults(summary: &Summary) -> Option<Section> {
    if summary.faults.is_empty() {
        return None;
    }
    Some(Section::new(
        "faults",
        "Failures",
        "What failed or was skipped, and why",
        html! {
            @for group in &summary.faults {
                div class="group" {
                    h3 {
                        code { (group.kind.name()) }
                        span class=(format!("tag {}", group.status.name())) { (count(group.documents, "document")) " " (chart::word(group.status)) }
                    }
                    @for hint in &group.hints { p class="hint" { (text(hint)) } }
                    ul class="list" {
                        @for (document, message) in &group.examples {
                            li { (reference(summary, document)) p { (text(message)) } }
                        }
                    }
                    (left_out(group.documents.saturating_sub(group.examples.len() as u64), "document"))
                }
            }
        },
    ))
}
