//! Prints what the rules say of a text file as JSON, and how long they took.
//!
//! `cargo run --release -p sheaf-rules --example rules -- FILE [LANGUAGE]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the terminal")]

use sheaf_common::document::Document;
use std::time::Instant;

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: rules FILE [LANGUAGE]");
        return 2.into();
    };
    let text = match std::fs::read(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            eprintln!("rules: {file} could not be read: {error}");
            return 1.into();
        }
    };
    let document = Document {
        text,
        extraction_confidence: 1.0,
        declared_language: arguments.next(),
        ..Document::default()
    };
    // The first analysis of a process also compiles the patterns.
    let mut times = [0.0; 5];
    for time in &mut times {
        let start = Instant::now();
        std::hint::black_box(sheaf_rules::analyse(&document));
        *time = start.elapsed().as_secs_f64() * 1_000.0;
    }
    let assessment = sheaf_rules::analyse(&document);
    let [first, later @ ..] = times;
    let best = later.into_iter().fold(f64::INFINITY, f64::min);
    let answer = serde_json::json!({
        "language": assessment.language,
        "words": assessment.words,
        "fingerprint": assessment.fingerprint,
        "analysis": assessment.analysis,
        "milliseconds": { "first": first, "best_of_four_later": best },
    });
    println!("{answer:#}");
    0.into()
}
