//! The end of a run: records in input order, `run.json`, the reports.

use serde::Serialize;
use sheaf_report::{HtmlReport, MarkdownReport, Render, RunFacts, Summary, SummaryBuilder};

use crate::folder::{AcceptedLog, FolderError, ResultsFile, RunFolder};

/// `run.json`.
#[derive(Serialize)]
struct RunFile<'s> {
    format: u32,
    #[serde(flatten)]
    summary: &'s Summary,
}

/// Version of the shape of `run.json`.
const FORMAT: u32 = 1;

/// Finishes the folder of a complete run.
pub fn finish(
    folder: &RunFolder,
    accepted: &AcceptedLog,
    results: ResultsFile,
    facts: RunFacts,
) -> Result<Summary, FolderError> {
    let mut builder = SummaryBuilder::new(facts);
    results.finish(folder, accepted, |sequence, record| {
        builder.add(sequence, record);
        Ok::<(), FolderError>(())
    })?;
    let summary = builder.finish();
    let pages: [&dyn Render; 2] = [&HtmlReport, &MarkdownReport];
    for page in pages {
        folder.write_whole(page.file_name(), page.render(&summary).as_bytes())?;
    }
    let mut run = serde_json::to_vec_pretty(&RunFile { format: FORMAT, summary: &summary })
        .map_err(|error| folder.unwritten("run.json", error.into()))?;
    run.push(b'\n');
    folder.write_whole("run.json", &run)?;
    Ok(summary)
}
