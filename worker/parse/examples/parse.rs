//! Prints what the parser makes of files: `cargo run -p sheaf-parse --example parse -- FILE...`
//!
//! Options before the files: `--fast`, `--best`, `--text` (the text alone), `--time` (one line a file with the time it took).
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sheaf_common::job::Extraction;
use sheaf_parse::{Input, cost, parse};

fn main() -> ExitCode {
    let (mut extraction, mut text, mut time, mut failed) = (Extraction::Auto, false, false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--fast" => extraction = Extraction::Fast,
            "--best" => extraction = Extraction::Best,
            "--text" => text = true,
            "--time" => time = true,
            path => failed |= !show(Path::new(path), extraction, text, time),
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn show(path: &Path, extraction: Extraction, text: bool, time: bool) -> bool {
    let body = match std::fs::read(path) {
        Ok(body) => body,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return false;
        }
    };
    let file_name = path.file_name().and_then(|name| name.to_str());
    let input = Input { body: &body, declared_content_type: None, file_name, extraction };
    let expected = cost(&input);
    let start = Instant::now();
    let parsed = parse(input);
    let took = start.elapsed();
    let (said, ok) = match parsed {
        Ok(document) if time => {
            let (words, confidence) = (document.marks.page_words, document.extraction_confidence);
            let media_type = document.content_type.media_type();
            (format!("{media_type} {words} words, confidence {confidence:.2}, {:?}", document.title), true)
        }
        Ok(document) if text => (document.text, true),
        Ok(document) => (format!("{document:#?}"), true),
        Err(fault) => (format!("{}: {}\n  {}", fault.kind.name(), fault.message, fault.hint), false),
    };
    let head = format!("== {} ({} bytes, {took:.1?}, {expected:?})", path.display(), body.len());
    // Whoever reads this may have seen enough, as `head` has.
    let _ = writeln!(std::io::stdout(), "{head}\n{said}");
    ok
}
