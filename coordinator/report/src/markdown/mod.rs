//! `report.md`.

mod document;
mod escape;
mod section;

use std::fmt;

use crate::{render::Render, summary::Summary};

/// `report.md`: the same in `CommonMark` with tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct MarkdownReport;

impl Render for MarkdownReport {
    fn file_name(&self) -> &'static str {
        "report.md"
    }

    fn render(&self, summary: &Summary) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = write(&mut page, summary);
        page
    }
}

fn write(page: &mut String, summary: &Summary) -> fmt::Result {
    section::header(page, summary)?;
    section::topics(page, summary)?;
    section::glance(page, summary)?;
    document::documents(page, summary)?;
    section::duplicates(page, summary)?;
    section::outliers(page, summary)?;
    section::advised(page, summary)?;
    section::faults(page, summary)?;
    section::times(page, summary)?;
    section::cost(page, summary)?;
    section::configuration(page, summary)
}
