//! The door between a summary and the pages made of it.

use crate::summary::Summary;

/// Makes a page of a summary.
///
/// A page is a function of the summary alone: no I/O, no clock. Its size is bounded because the summary's is, so it is
/// handed over whole. Every text in a summary is a [`Shown`](crate::Shown), already free of control and direction
/// characters and cut to its cap; what is left for an implementation is to escape it for its own format.
pub trait Render {
    /// Name of the file in the output folder.
    fn file_name(&self) -> &'static str;

    /// The whole page.
    fn render(&self, summary: &Summary) -> String;
}
