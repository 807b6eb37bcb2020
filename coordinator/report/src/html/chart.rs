//! Charts as inline SVG. Horizontal positions are percentages and vertical ones pixels, so that charts fit a phone and a
//! wall without scaling their text.

use maud::{Markup, html};

use crate::{
    number::{grouped, milliseconds, percent},
    summary::{Counts, StageTimes},
};
use sheaf_common::record::Status;

/// A percentage for an SVG attribute.
fn at(share: f64) -> String {
    format!("{:.2}%", share.clamp(0.0, 1.0) * 100.0)
}

/// A horizontal bar on a track; its number stands beside it as text, so it is hidden from screen readers.
pub(super) fn bar(part: u64, whole: u64, class: &str) -> Markup {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    html! {
        svg width="100%" height="8" aria-hidden="true" focusable="false" {
            rect class="track" width="100%" height="8" rx="4" {}
            rect class=(class) width=(at(share.max(0.01))) height="8" rx="4" {}
        }
    }
}

/// How documents ended, as one bar, with a legend.
pub(super) fn statuses(counts: &Counts) -> Markup {
    let present: Vec<_> = Status::ALL.into_iter().filter(|&status| counts.of(status) > 0).collect();
    let described: Vec<_> =
        present.iter().map(|&status| format!("{} {}", grouped(counts.of(status)), word(status))).collect();
    let mut from = 0.0;
    let parts: Vec<_> = present
        .iter()
        .map(|&status| {
            let share = counts.of(status) as f64 / counts.total.max(1) as f64;
            let part = (status, from, share);
            from += share;
            part
        })
        .collect();
    html! {
        div class="status" {
            svg width="100%" height="14" role="img" aria-labelledby="status-title status-desc" {
                title id="status-title" { "How documents ended" }
                desc id="status-desc" { (described.join(", ")) }
                rect class="track" width="100%" height="14" rx="6" {}
                @for (status, from, share) in parts {
                    rect class=(format!("f-{}", status.name())) x=(at(from)) width=(at(share)) height="14" {}
                }
            }
            ul class="legend" {
                @for status in present {
                    li {
                        span class=(format!("dot {}", status.name())) {}
                        b { (grouped(counts.of(status))) } " " (word(status)) " "
                        span class="muted" { (percent(counts.of(status), counts.total)) }
                    }
                }
            }
        }
    }
}

/// A status as a word in a sentence.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "analysed",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::Incomplete => "incomplete",
    }
}

/// Columns side by side: a label below each, its number above.
pub(super) fn columns(
    id: &str,
    title: &str,
    description: &str,
    steps: &[(String, u64)],
    class: &str,
) -> Markup {
    const HEIGHT: f64 = 96.0;
    const TOP: f64 = 18.0;
    let highest = steps.iter().map(|&(_, count)| count).max().unwrap_or(0).max(1) as f64;
    let width = 1.0 / steps.len().max(1) as f64;
    // A label needs some 8 % of a phone's width.
    let every = steps.len().div_ceil(12).max(1);
    html! {
        svg width="100%" height=(TOP + HEIGHT + 20.0) role="img" aria-labelledby=(format!("{id}-title {id}-desc")) {
            title id=(format!("{id}-title")) { (title) }
            desc id=(format!("{id}-desc")) { (description) }
            line class="axis" x1="0" x2="100%" y1=(TOP + HEIGHT) y2=(TOP + HEIGHT) {}
            @for (number, (label, count)) in steps.iter().enumerate() {
                @let left = number as f64 * width;
                @let height = (*count as f64 / highest * HEIGHT).max(if *count > 0 { 2.0 } else { 0.0 });
                @let middle = at(left + width / 2.0);
                rect class=(class) x=(at(left + width * 0.1)) width=(at(width * 0.8)) y=(format!("{:.1}", TOP + HEIGHT - height)) height=(format!("{height:.1}")) rx="2" {
                    title { (label) ": " (grouped(*count)) }
                }
                @if number % every == 0 {
                    text x=(middle) y=(TOP + HEIGHT + 15.0) text-anchor="middle" { (label) }
                    @if *count > 0 && every == 1 {
                        text class="value" x=(middle) y=(format!("{:.1}", TOP + HEIGHT - height - 5.0)) text-anchor="middle" { (grouped(*count)) }
                    }
                }
            }
        }
    }
}

/// Times of the steps on a logarithmic axis: the median, and how far the slowest are from it.
pub(super) fn latencies(stages: &[StageTimes]) -> Markup {
    const ROW: usize = 46;
    let lowest =
        stages.iter().map(|stage| stage.p50_ms).fold(f64::INFINITY, f64::min).max(0.001).log10().floor();
    let highest =
        stages.iter().map(|stage| stage.p99_ms).fold(0.001, f64::max).log10().ceil().max(lowest + 1.0);
    let position = |value: f64| at((value.max(0.001).log10() - lowest) / (highest - lowest) * 0.96 + 0.02);
    let decades = (0..=(highest - lowest) as i32).map(|step| 10_f64.powi(lowest as i32 + step));
    let bottom = stages.len() * ROW + 6;
    let described: Vec<_> = stages
        .iter()
        .map(|stage| {
            format!(
                "{}: half within {}, 99 of 100 within {}",
                stage.stage,
                milliseconds(stage.p50_ms),
                milliseconds(stage.p99_ms)
            )
        })
        .collect();
    html! {
        svg width="100%" height=(bottom + 22) role="img" aria-labelledby="times-title times-desc" {
            title id="times-title" { "Time of each step" }
            desc id="times-desc" { (described.join("; ")) "." }
            @for decade in decades {
                line class="axis" x1=(position(decade)) x2=(position(decade)) y1="4" y2=(bottom) {}
                text x=(position(decade)) y=(bottom + 16) text-anchor="middle" { (axis_label(decade)) }
            }
            @for (number, stage) in stages.iter().enumerate() {
                @let y = number * ROW + 36;
                text class="strong" x="0" y=(y - 17) { (stage_name(stage.stage)) }
                text x="100%" y=(y - 17) text-anchor="end" {
                    (milliseconds(stage.p50_ms)) " · " (milliseconds(stage.p95_ms)) " · " (milliseconds(stage.p99_ms))
                }
                line class="tail" x1=(position(stage.p95_ms)) x2=(position(stage.p99_ms)) y1=(y) y2=(y) {}
                line class="range" x1=(position(stage.p50_ms)) x2=(position(stage.p95_ms)) y1=(y) y2=(y) {}
                line class="p99" x1=(position(stage.p99_ms)) x2=(position(stage.p99_ms)) y1=(y - 5) y2=(y + 5) {}
                circle class="p95" cx=(position(stage.p95_ms)) cy=(y) r="4.5" {}
                circle class="p50" cx=(position(stage.p50_ms)) cy=(y) r="5.5" {}
            }
        }
    }
}

fn axis_label(ms: f64) -> String {
    match ms {
        v if v < 0.9 => format!("{:.0} µs", v * 1_000.0),
        v if v < 900.0 => format!("{v:.0} ms"),
        v => format!("{} s", grouped((v / 1_000.0).round() as u64)),
    }
}

/// A step of the data path as a person calls it.
pub(super) fn stage_name(stage: &'static str) -> &'static str {
    match stage {
        "queue" => "Queue",
        "fetch" => "Fetching",
        "parse" => "Parsing",
        "rules" => "Rules",
        "llm" => "Model",
        other => other,
    }
}
