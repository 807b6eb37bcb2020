//! Prints what the parser makes of files: `cargo run -p sheaf-parse --example parse -- FILE...`
//!
//! Options before the files: `--fast`, `--best`, `--text` (the text alone), `--time` (one line a file with the time it took).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

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
    println!("== {} ({} bytes, {took:.1?}, {expected:?})", path.display(), body.len());
    match parsed {
        Ok(document) if time => println!(
            "{} {} words, confidence {:.2}, {:?}",
            document.content_type.media_type(),
            document.marks.page_words,
            document.extraction_confidence,
            document.title
        ),
        Ok(document) if text => println!("{}", document.text),
        Ok(document) => println!("{document:#?}"),
        Err(fault) => {
            println!("{}: {}\n  {}", fault.kind.name(), fault.message, fault.hint);
            return false;
        }
    }
    true
}
