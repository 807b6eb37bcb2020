//! Writes the report pages of a made-up set into a folder, to look at:
//! `cargo run -p sheaf-report --example sample FOLDER [TIMES]`. With TIMES the set is repeated that often, to see how
//! time, memory and the page grow.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::{env, fs, io, path::PathBuf};

use sheaf_report::{HtmlReport, MarkdownReport, Render};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("sample-report"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    let times = env::args().nth(2).and_then(|times| times.parse().ok()).unwrap_or(1);
    let records = sample::records();
    let summary = sample::summary(std::iter::repeat_n(&records, times).flatten());
    for report in [&HtmlReport as &dyn Render, &MarkdownReport] {
        fs::write(folder.join(report.file_name()), report.render(&summary))?;
    }
    fs::write(folder.join("summary.json"), serde_json::to_string_pretty(&summary)?)
}
