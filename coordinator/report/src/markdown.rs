//! `report.md`.

use crate::{render::Render, summary::Summary};

/// `report.md`: the same in `CommonMark` with tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct MarkdownReport;

impl Render for MarkdownReport {
    fn file_name(&self) -> &'static str {
        "report.md"
    }

    fn render(&self, summary: &Summary) -> String {
        format!("# Sheaf report\n\n{} documents.\n", summary.counts.total)
    }
}
