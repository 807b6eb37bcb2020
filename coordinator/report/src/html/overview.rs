//! The top of the page, and the set at a glance.

use maud::{Markup, html};

use super::{Section, chart, text::text};
use crate::{
    language,
    number::{count, dollars, grouped, seconds},
    shown::Shown,
    summary::{Count, Listed, Month, Summary},
};

/// The top of the page: what the set is about, and the numbers one wants first.
pub(super) fn header(summary: &Summary) -> Markup {
    let run = &summary.run;
    let rate = summary.counts.total as f64 / run.wall_seconds;
    html! {
        div class="brand" {
            svg viewBox="0 0 26 26" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" {
                path d="M13 24V3M13 24C12 17 9 11 5 6M13 24c1-7 4-13 8-18M13 24C11.500 18 6 14 2.500 12M13 24c1.500-6 7-10 10.500-12" {}
                path d="M9.300 17.500h7.400" stroke-width="2.400" {}
            }
            span { strong { "Sheaf" } " report" }
        }
        h1 { (text(&summary.headline)) }
        p class="facts" {
            "Run " code { (Shown::new(run.run.as_str(), crate::caps::NAME).as_str()) }
            @if let Some(ended) = run.ended.or(run.started) { ", " (ended.strftime("%-d %B %Y, %H:%M UTC").to_string()) }
            @if run.wall_seconds > 0.0 {
                ", took " (seconds(run.wall_seconds))
                @if run.cores > 0 { " on " (count(run.cores as u64, "core")) }
                @if summary.counts.total > 1 && rate.is_finite() { " (" (rate_text(rate)) ")" }
            }
            "."
        }
        @if run.interrupted {
            p class="notice" {
                "This run was cut short: not every source has been read yet. The same command with the same output folder carries on where it stopped."
            }
        }
        @if summary.counts.total > 0 { (chart::statuses(&summary.counts)) }
        (tiles(summary))
    }
}

fn rate_text(rate: f64) -> String {
    if rate >= 10.0 {
        format!("{} documents a second", grouped(rate.round() as u64))
    } else {
        format!("{rate:.1} documents a second")
    }
}

fn tiles(summary: &Summary) -> Markup {
    let failed = summary.counts.failed + summary.counts.incomplete;
    let repeated = summary.near_duplicate_documents + summary.copies;
    let tiles = [
        (grouped(summary.lengths.words), "words read", None),
        (grouped(summary.topics.total), "key phrases shared", (summary.counts.ok > 0).then_some("#topics")),
        (grouped(repeated), "copies and near-copies", (repeated > 0).then_some("#duplicates")),
        (
            grouped(summary.advised.total),
            "for a model to see",
            (summary.advised.total > 0).then_some("#advised"),
        ),
        (grouped(failed), "failed or incomplete", (failed > 0).then_some("#faults")),
        (dollars(summary.cost.cost_usd), "spent on models", (summary.counts.total > 0).then_some("#cost")),
    ];
    html! {
        dl class="tiles" {
            @for (value, label, link) in tiles {
                div {
                    dt { (label) }
                    dd { @if let Some(link) = link { a href=(link) { (value) } } @else { (value) } }
                }
            }
        }
    }
}

/// The set at a glance: languages, kinds, lengths, dates, sites, quality.
pub(super) fn glance(summary: &Summary) -> Option<Section> {
    if summary.counts.ok == 0 {
        return None;
    }
    let whole = summary.counts.ok;
    let language_name = |count: &Count| {
        language::name(count.name.as_str()).map_or_else(|| count.name.clone(), |name| Shown::new(name, 40))
    };
    let as_is = |count: &Count| Shown::new(&count.name.as_str().replace('_', " "), crate::caps::MESSAGE);
    let steps: Vec<_> = summary.lengths.steps.iter().map(|&(from, count)| (short(from), count)).collect();
    let certain: Vec<_> =
        (0..10).zip(summary.confidence).map(|(step, count)| (format!(".{step}"), count)).collect();
    let (periods, by) = periods(&summary.published);
    let dated: u64 = summary.published.iter().map(|month| month.documents).sum();
    Some(Section::new(
        "glance",
        "At a glance",
        "At a glance",
        html! {
            div class="panels" {
                (bars("Languages", &summary.languages, whole, language_name))
                (bars("Kinds of document", &summary.document_types, whole, as_is))
                (bars("Formats", &summary.content_types, whole, |count| Shown::new(format_name(count.name.as_str()), 80)))
                @if !summary.hosts.is_empty() { (bars("Sites", &summary.hosts, summary.counts.total, |count| count.name.clone())) }
                @if !summary.flags.is_empty() { (bars("Quality flags", &summary.flags, whole, as_is)) }
                div class="panel" {
                    h3 { "Length in words" }
                    (chart::columns("lengths", "Documents by length in words", &description(&steps, "words or more"), &steps, "bar"))
                    p class="muted" {
                        "Half have at most " (grouped(summary.lengths.median)) " words, 95 of 100 at most " (grouped(summary.lengths.p95))
                        ", the longest " (grouped(summary.lengths.longest)) "."
                    }
                }
                div class="panel" {
                    h3 { "Confidence of the analysis" }
                    (chart::columns("confidence", "Documents by confidence of the analysis", &description(&certain, "or more"), &certain, "bar2"))
                    p class="muted" { "How likely an analysis is right and complete, from 0 to 1, as the rules or the model estimate it." }
                }
                @if periods.len() > 1 {
                    div class="panel" {
                        h3 { "Published, by " (by) }
                        (chart::columns("published", &format!("Documents by {by} of publication"), &description(&periods, ""), &periods, "bar2"))
                        p class="muted" { (grouped(dated)) " of " (count(whole, "document")) " say when they were published." }
                    }
                }
            }
        },
    ))
}

fn bars(title: &str, counts: &Listed<Count>, whole: u64, name: impl Fn(&Count) -> Shown) -> Markup {
    html! {
        div class="panel" {
            table class="bars" {
                caption { (title) }
                tbody {
                    @for item in &counts.items {
                        tr {
                            th scope="row" { (text(&name(item))) }
                            td { (chart::bar(item.documents, whole, "bar")) }
                            td class="n" { (grouped(item.documents)) }
                        }
                    }
                }
            }
            @if counts.left_out() > 0 { p class="muted" { "and " (grouped(counts.left_out())) " more" } }
        }
    }
}

fn description(steps: &[(String, u64)], unit: &str) -> String {
    let steps = steps.iter().filter(|(_, count)| *count > 0);
    steps
        .map(|(label, documents)| format!("{label} {unit}: {}", grouped(*documents)))
        .collect::<Vec<_>>()
        .join("; ")
}

fn short(number: u64) -> String {
    if number >= 1_000 { format!("{}k", number / 1_000) } else { number.to_string() }
}

/// Most columns of the chart of publication dates.
const PERIODS: u16 = 48;

/// Months when they are few, else years, else decades; without gaps.
fn periods(published: &[Month]) -> (Vec<(String, u64)>, &'static str) {
    let (Some(first), Some(last)) = (published.first(), published.last()) else {
        return (Vec::new(), "month");
    };
    let count =
        |wanted: &dyn Fn(&&Month) -> bool| published.iter().filter(wanted).map(|month| month.documents).sum();
    let years = last.year - first.year;
    if years <= 1 && published.iter().all(|month| month.month > 0) {
        let number = |month: &Month| month.year * 12 + u16::from(month.month) - 1;
        let all = number(first)..=number(last);
        let column =
            |at: u16| (format!("{}-{:02}", at / 12, at % 12 + 1), count(&|month| number(month) == at));
        return (all.map(column).collect(), "month");
    }
    if years < PERIODS {
        return (
            (first.year..=last.year)
                .map(|year| (year.to_string(), count(&|month| month.year == year)))
                .collect(),
            "year",
        );
    }
    let decades = first.year / 10..=last.year / 10;
    (
        decades.map(|decade| (format!("{decade}0s"), count(&|month| month.year / 10 == decade))).collect(),
        "decade",
    )
}

fn format_name(media_type: &str) -> &str {
    match media_type {
        "text/html" => "HTML",
        "text/markdown" => "Markdown",
        "text/plain" => "Plain text",
        "application/pdf" => "PDF",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "Word (DOCX)",
        other => other,
    }
}
