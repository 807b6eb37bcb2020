//! How the run went: times, cost, configuration.

use maud::{Markup, html};

use super::{Section, chart, text::text};
use crate::{
    facts::Setting,
    number::{count, dollars, grouped, milliseconds, seconds},
    savings,
    shown::Shown,
    summary::Summary,
};

pub(super) fn times(summary: &Summary) -> Option<Section> {
    if summary.stages.is_empty() {
        return None;
    }
    Some(Section::new(
        "times",
        "Times",
        "How long it took",
        html! {
            p class="lead" {
                "Time of each step for one document, on a logarithmic axis. The dot is the median (p50), the ring p95, the mark p99: "
                "half, 95 and 99 of 100 documents took at most that long."
            }
            div class="panel" { (chart::latencies(&summary.stages)) }
            div class="wide sub" {
                table {
                    caption { "Time of each step" }
                    thead { tr {
                        th scope="col" { "Step" }
                        @for head in ["Documents", "p50", "p95", "p99", "Longest", "All together"] { th class="n" scope="col" { (head) } }
                    } }
                    tbody {
                        @for stage in &summary.stages {
                            tr {
                                th scope="row" { (chart::stage_name(stage.stage)) }
                                td class="n" { (grouped(stage.documents)) }
                                @for time in [stage.p50_ms, stage.p95_ms, stage.p99_ms, stage.max_ms] { td class="n" { (milliseconds(time)) } }
                                td class="n" { (seconds(stage.total_seconds)) }
                            }
                        }
                    }
                }
            }
            p class="muted" { "Steps of different documents overlap, so all together can be more than the run took." }
        },
    ))
}

pub(super) fn cost(summary: &Summary) -> Option<Section> {
    if summary.counts.total == 0 {
        return None;
    }
    let cost = &summary.cost;
    let counts = &summary.counts;
    let requests: Vec<_> = summary.run.model_requests.iter().filter(|(_, requests)| **requests > 0).collect();
    let rows: Vec<(String, String)> =
        [
            ("Decided by rules", grouped(counts.decided_by_rules)),
            ("Decided by a model", grouped(counts.decided_by_llm)),
            ("Copies of another document", grouped(counts.copied)),
            ("Answered before, about the same text", grouped(counts.cache_exact)),
            ("Answered before, about a text that says the same", grouped(counts.cache_semantic)),
            ("Tokens sent", grouped(cost.input_tokens)),
            ("Tokens received", grouped(cost.output_tokens)),
            ("Spent", dollars(cost.cost_usd)),
        ]
        .into_iter()
        .chain(savings::rows(summary))
        .map(|(name, value)| (name.to_owned(), value))
        .chain(requests.into_iter().map(|(name, requests)| {
            (format!("Model requests: {}", Shown::new(name, 60)), grouped(*requests))
        }))
        .collect();
    Some(Section::new(
        "cost",
        "Cost",
        "What it cost",
        html! {
            p class="lead" {
                (savings::spending(summary))
            }
            table {
                caption { "Who decided, and what models used" }
                tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td class="n" { (value) } } } }
            }
        },
    ))
}

pub(super) fn configuration(summary: &Summary) -> Option<Section> {
    let run = &summary.run;
    if run.command.is_empty() && run.options.is_empty() && run.versions.is_empty() {
        return None;
    }
    Some(Section::new(
        "configuration",
        "Configuration",
        "How it was run",
        html! {
            @if !run.command.is_empty() { pre { code { (run.command.as_str()) } } }
            @if !run.options.is_empty() {
                details {
                    summary class="muted" { "The exact configuration, keys left out (" (count(run.options.len() as u64, "setting")) ")" }
                    (settings("Configuration", &run.options))
                }
            }
            @if !run.versions.is_empty() { div class="sub" { (settings("Versions", &run.versions)) } }
        },
    ))
}

fn settings(caption: &str, settings: &[Setting]) -> Markup {
    html! {
        table {
            caption { (caption) }
            tbody {
                @for setting in settings.iter().take(crate::caps::SETTINGS) {
                    tr { th scope="row" { (text(&setting.name)) } td { (text(&setting.value)) } }
                }
            }
        }
    }
}
