//! A report as one self-contained page: it loads nothing, has no scripts, and says so in its content security policy.
//!
//! | module | noun |
//! | --- | --- |
//! | `chart` | bars of one figure beside what it is judged by |
//! | `section` | one scenario |

mod chart;
mod section;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sheaf_common::id::ContentHash;

use crate::report::Report;

const STYLE: &str = include_str!("page/style.css");

/// The page.
pub(crate) fn render(report: &Report) -> String {
    let style = STANDARD.encode(ContentHash::of(STYLE.as_bytes()).0);
    let policy =
        format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "Sheaf measured" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the figures" }
                header { (header(report)) }
                nav aria-label="Scenarios" {
                    ul {
                        @for (number, sheet) in report.sheets.iter().enumerate() {
                            li { a href=(format!("#s{number}")) { (shown(&sheet.scenario)) } }
                        }
                        li { a href="#machine" { "machine" } }
                    }
                }
                main id="main" {
                    @for (number, sheet) in report.sheets.iter().enumerate() { (section::section(number, sheet)) }
                    (machine(report))
                }
                footer {
                    p {
                        "Every ratio on this page was computed from figures of one run on one machine; absolute figures of \
                         different machines do not compare. This page loads nothing from anywhere and runs no scripts."
                    }
                }
            }
        }
    }
    .into_string()
}

fn header(report: &Report) -> Markup {
    let verdicts = report.verdicts();
    html! {
        h1 { "Sheaf measured" }
        p class="lead" {
            "Beside what arithmetic allows, what the bare engine underneath does, and what others do, in one run. Bars are \
             medians; the line over each bar is its spread, lowest to highest round."
        }
        p class="facts" {
            (report.begun.strftime("%Y-%m-%d %H:%M UTC").to_string()) ", " (format!("{:.0} s", report.seconds))
            ", " (shown(&report.machine.processor)) ", " (report.machine.cores) " cores"
        }
        @if !report.is_sound() {
            p class="broken" {
                strong { "Not everything held. " } "Scenarios with a broken promise or an error are marked; their figures mean nothing."
            }
        }
        dl class="tiles" {
            div { dt { "targets met" } dd { (verdicts.met) } }
            div { dt { "missed" } dd { (verdicts.missed) } }
            div { dt { "not measured" } dd { (verdicts.unmeasured) } }
            div { dt { "scenarios" } dd { (report.sheets.len()) } }
        }
    }
}

fn machine(report: &Report) -> Markup {
    html! {
        section id="machine" {
            h2 { "Machine, and how to repeat this" }
            dl class="pairs" {
                @for (name, value) in report.machine.lines() { dt { (name) } dd { (shown(&value)) } }
            }
            pre { (shown(&report.command)) }
        }
    }
}

/// Text without what would reorder or hide the text around it: control characters and marks of direction.
fn shown(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_hides_or_reorders_is_shown_as_such() {
        assert_eq!(shown("a\u{202e}b\u{0}c\nd"), "a\u{fffd}b\u{fffd}c\nd");
    }

    #[test]
    fn nothing_is_loaded_and_nothing_runs() {
        let mut report = Report::begin("<script>alert(1)</script>".to_owned());
        report.machine.processor = "</dd><img src=x onerror=alert(1)>".to_owned();
        let page = render(&report);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<link"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }
}
