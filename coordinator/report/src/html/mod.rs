//! `report.html`.

mod chart;
mod content;
mod document;
mod overview;
mod running;
mod text;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sheaf_common::id::ContentHash;

use crate::{render::Render, summary::Summary};

/// `report.html`: one self-contained page. It loads nothing and has no scripts, and says so in its content security
/// policy: should a text ever slip through the escaping of the templates, a browser still would not run or load it.
#[derive(Debug, Clone, Copy, Default)]
pub struct HtmlReport;

const STYLE: &str = include_str!("style.css");

impl Render for HtmlReport {
    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, summary: &Summary) -> String {
        let style = STANDARD.encode(ContentHash::of(STYLE.as_bytes()).0);
        let policy =
            format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
        let sections: Vec<Section> = [
            content::topics(summary),
            overview::glance(summary),
            document::documents(summary),
            content::duplicates(summary),
            content::outliers(summary),
            content::advised(summary),
            content::faults(summary),
            running::times(summary),
            running::cost(summary),
            running::configuration(summary),
        ]
        .into_iter()
        .flatten()
        .collect();
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
                    title { "Sheaf report: " (summary.headline.as_str()) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a class="skip" href="#main" { "Skip to the report" }
                    header { (overview::header(summary)) }
                    nav aria-label="Sections" {
                        ul { @for section in &sections { li { a href=(format!("#{}", section.id)) { (section.short) } } } }
                    }
                    main id="main" {
                        @for section in &sections {
                            section id=(section.id) aria-labelledby=(format!("{}-heading", section.id)) {
                                h2 id=(format!("{}-heading", section.id)) { (section.title) }
                                (section.body)
                            }
                        }
                    }
                    footer {
                        p {
                            "Every document's full record is in " code { "results.jsonl" } ", the numbers of this page in "
                            code { "run.json" } ". This page loads nothing from anywhere and runs no scripts."
                        }
                    }
                }
            }
        }
        .into_string()
    }
}

/// A part of the page with a heading.
struct Section {
    id: &'static str,
    /// In the navigation.
    short: &'static str,
    title: String,
    body: Markup,
}

impl Section {
    fn new(id: &'static str, short: &'static str, title: impl Into<String>, body: Markup) -> Self {
        Self { id, short, title: title.into(), body }
    }
}
