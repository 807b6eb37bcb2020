//! The end of a run: records in input order, `run.json`, the reports.

mod spill;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use serde::Serialize;
use sheaf_common::heap;
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
    tidy(folder)?;
    let spill = DiskSpill::at(folder.state_file(SPILL));
    let unspilled = |error| folder.unwritten(".sheaf/report", error);
    let mut builder = SummaryBuilder::new(facts, spill).map_err(unspilled)?;
    results.finish(folder, accepted, |sequence, record| builder.add(sequence, record).map_err(unspilled))?;
    let mut draft = builder.finish().map_err(unspilled)?;
    name_documents(folder, &mut draft).map_err(|error| folder.unwritten("results.jsonl", error))?;
    let summary = draft.summary();
    tidy(folder)?;
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

/// Leaves the next step the memory that it would find after a short run, however long this one was: much came and went, and
/// what is free lies in pieces.
fn tidy(folder: &RunFolder) -> Result<(), FolderError> {
    folder.tables().rest()?;
    heap::give_back();
    Ok(())
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

#[cfg(test)]
mod tests {
    use sheaf_common::{
        id::{DocumentId, RunId},
        record::Record,
    };

    use super::*;
    use crate::{folder::Configuration, sample::analysed, source::Candidate};

    /// A record of an analysed document with one key phrase.
    fn about(id: &DocumentId, source: &str, sha256: &str, keyword: &str) -> Record {
        let analysis = serde_json::json!({
            "summary": "", "key_points": [], "keywords": [{"text": keyword, "score": 0.5}], "entities": [],
            "document_type": "article", "confidence": 0.9, "review": {"advised": false, "reasons": []},
            "flags": [], "readability": null,
        });
        let analysis = serde_json::from_value(analysis).unwrap();
        Record { analysis: Some(analysis), ..analysed(id, source, sha256, source) }
    }

    #[test]
    fn documents_in_lists_have_the_names_of_their_records() {
        let room = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(room.path(), Configuration::new([]), false).unwrap();
        let mut log = AcceptedLog::open(&folder).unwrap();
        let mut results = ResultsFile::open(&folder, |_, _| Ok(())).unwrap();
        let ids: Vec<_> = (0..2_000)
            .map(|at: usize| log.accept(Candidate::file(at.to_string().into())).unwrap().unwrap().id)
            .collect();
        // The tides are in the last two; document 1,500 is a copy of 700.
        for (at, id) in ids.iter().enumerate().rev() {
            let (content, keyword) = match at {
                700 | 1_500 => ("twice".to_owned(), "mud".to_owned()),
                1_998.. => (at.to_string(), "Tides".to_owned()),
                _ => (at.to_string(), format!("rare {at}")),
            };
            let source = format!("source {}", if at == 1_500 { 700 } else { at });
            results.append(&about(id, &source, &content, &keyword)).unwrap();
        }
        let summary = finish(&folder, &log, results, RunFacts::new(RunId::new("run"))).unwrap();
        let named = |documents: &[sheaf_report::DocumentRef]| -> Vec<(u64, String)> {
            documents.iter().map(|of| (of.sequence, of.source.shown().to_string())).collect()
        };
        assert_eq!(
            named(&summary.exact_duplicates.items[0].members),
            [(700, "source 700".to_owned()), (1_500, "source 700".to_owned())]
        );
        let topic = &summary.topics.items[0];
        assert_eq!((topic.text.as_str(), topic.documents), ("Tides", 2));
        assert_eq!(
            named(&topic.examples),
            [(1_998, "source 1998".to_owned()), (1_999, "source 1999".to_owned())]
        );
        assert!(room.path().join("report.html").exists() && !folder.state_file(SPILL).exists());
    }
}
