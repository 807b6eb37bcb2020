//! The end of a run: records in input order, `run.json`, the reports.

mod spill;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use serde::Serialize;
use sheaf_report::{Draft, HtmlReport, MarkdownReport, Render, RunFacts, Summary, SummaryBuilder};
use spill::DiskSpill;

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

/// Where a report is brought together, within the run's own state; the file has no name once it is open.
const SPILL: &str = "report";

/// Finishes the folder of a complete run.
pub fn finish(
    folder: &RunFolder,
    accepted: &AcceptedLog,
    results: ResultsFile,
    facts: RunFacts,
) -> Result<Summary, FolderError> {
    let spill = DiskSpill::at(folder.state_file(SPILL));
    let unspilled = |error| folder.unwritten(".sheaf/report", error);
    let mut builder = SummaryBuilder::new(facts, spill).map_err(unspilled)?;
    results.finish(folder, accepted, |sequence, record| builder.add(sequence, record).map_err(unspilled))?;
    let mut draft = builder.finish().map_err(unspilled)?;
    name_documents(folder, &mut draft).map_err(|error| folder.unwritten("results.jsonl", error))?;
    let summary = draft.summary();
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

/// Gives the records of the documents that a report names to its draft once more.
fn name_documents(folder: &RunFolder, draft: &mut Draft) -> io::Result<()> {
    let mut results = BufReader::with_capacity(1 << 16, File::open(folder.file("results.jsonl"))?);
    let mut line = Vec::new();
    let mut next = 0;
    // The finished file has a line for each place in the input: other lines are passed over unread.
    for sequence in draft.wanted().collect::<Vec<_>>() {
        while next < sequence && results.skip_until(b'\n')? > 0 {
            next += 1;
        }
        line.clear();
        results.read_until(b'\n', &mut line)?;
        if next < sequence || line.is_empty() {
            break;
        }
        next += 1;
        draft.name(sequence, &serde_json::from_slice(&line)?);
    }
    Ok(())
}
