//! `report.html`.

use maud::{DOCTYPE, html};

use crate::{render::Render, summary::Summary};

/// `report.html`: one self-contained page without scripts.
#[derive(Debug, Clone, Copy, Default)]
pub struct HtmlReport;

impl Render for HtmlReport {
    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, summary: &Summary) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { "Sheaf report" } }
                body {
                    h1 { (summary.headline.as_str()) }
                    ul { @for row in &summary.rows { li { (row.document.title.as_str()) } } }
                }
            }
        }
        .into_string()
    }
}
