//! Short documents that a model decides: what the model said of each can be held to what its provider knows.

use std::{fs, io, path::Path};

use serde_json::Value;

use crate::{
    AnyError,
    ledger::Ledger,
    provider::{NOTICE, Provider, digest_of},
    sheet::Sheet,
};

/// What has a model decide every document, one a request, and nothing be remembered from run to run.
pub(crate) const ASKED: [&str; 6] = ["--llm", "always", "--batch-size", "1", "--cache", "off"];

/// Writes so many below `folder`, no two alike.
pub(crate) fn write(folder: &Path, count: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for number in 0..count {
        let text = format!(
            "{NOTICE}{number}\n\nThe board of the harbour met on the east quay and agreed to replace crane {number}.\n"
        );
        fs::write(folder.join(format!("{number:05}.txt")), text)?;
    }
    Ok(())
}

/// The variables by which a program finds the provider.
pub(crate) fn variables(url: &str) -> [(&str, &str); 3] {
    [("LLM_PROVIDER", "custom"), ("LLM_BASE_URL", url), ("LLM_MODEL", "bench")]
}

/// Holds the records of a run in `out` to what the provider knows: one for each notice, decided by the model.
pub(crate) fn check(
    out: &Path,
    count: usize,
    provider: &Provider,
    sheet: &mut Sheet,
) -> Result<(), AnyError> {
    let mut ledger = Ledger::new(count);
    for line in fs::read_to_string(out.join("results.jsonl"))?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let source = record["source"].as_str().unwrap_or_default();
        let name = source.rsplit_once('/').map_or(source, |(_, name)| name);
        let number = name.strip_suffix(".txt").and_then(|number| number.parse().ok()).unwrap_or(u64::MAX);
        let summary = record["analysis"]["summary"].as_str().unwrap_or_default();
        ledger.take(number, digest_of(NOTICE, summary, number).filter(|_| record["decided_by"] == "llm"));
    }
    sheet.check(
        "every document has one record, decided by the model, with the answer to its own request",
        &ledger.breaches(|number| provider.secret(number)),
    );
    Ok(())
}
