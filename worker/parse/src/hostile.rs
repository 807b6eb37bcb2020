//! A document type whose parser misbehaves on request, so that tests can show that nobody else is hurt.
//!
//! The first line of such a document is `sheaf-hostile: ` and one of the words of [`parse`].

use std::{
    hint::black_box,
    os::unix::process::parent_id,
    path::Path,
    process::{self, Command},
    thread,
    time::Duration,
};

use sheaf_common::document::{ContentType, Document};
use sheaf_common::fault::{Fault, FaultKind};

const MAGIC: &[u8] = b"sheaf-hostile: ";

pub(crate) fn is_hostile(body: &[u8]) -> bool {
    body.starts_with(MAGIC)
}

/// Does what the document asks for: `loop`, `allocate`, `overflow`, `abort`, `panic`, `exit`, `chatter`, `kill` (the process
/// that has it parsed, unless the file that it names is there) or `sleep` (so many milliseconds, then it is a document like any other).
#[expect(clippy::panic, reason = "what this parser is for")]
pub(crate) fn parse(body: &[u8]) -> Result<Document, Fault> {
    let mut words = body.strip_prefix(MAGIC).unwrap_or_default().split(u8::is_ascii_whitespace);
    match words.next().unwrap_or_default() {
        b"loop" => loop {
            std::hint::spin_loop();
        },
        b"allocate" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                // Not zeros: pages of zeros cost nothing until they are written to.
                hoard.push(vec![0xA5; 16 * 1024 * 1024]);
                black_box(&hoard);
            }
        }
        b"overflow" => Ok(Document { text: dive(1).to_string(), ..Document::default() }),
        b"abort" => process::abort(),
        b"panic" => panic!("the hostile document asked for it"),
        b"exit" => process::exit(42),
        b"chatter" => {
            chatter();
            Ok(document("this document wrote on standard output"))
        }
        b"kill" => {
            // Mended since: the file that it names is there.
            let file = words.next().and_then(|word| str::from_utf8(word).ok()).map(Path::new);
            if file.is_some_and(Path::exists) {
                return Ok(document("this document kills no more"));
            }
            kill_parent();
            Ok(document("this document killed the process that had it parsed"))
        }
        b"sleep" => {
            let asked = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
            thread::sleep(Duration::from_millis(asked.unwrap_or_default()));
            Ok(document(&String::from_utf8_lossy(body)))
        }
        _ => Err(Fault::new(FaultKind::Malformed, "the hostile document asks for nothing that is known", "")),
    }
}

fn document(text: &str) -> Document {
    Document {
        content_type: ContentType::Hostile,
        text: text.to_owned(),
        extraction_confidence: 1.0,
        ..Document::default()
    }
}

/// Ends the process that started this one, as the system does when memory runs out.
fn kill_parent() {
    let killed = Command::new("sh").args(["-c", &format!("kill -9 {}", parent_id())]).status();
    // Without a shell the document is harmless, and the test that wants its harm fails.
    let _harmless = killed.is_err();
}

/// Writes 1 MiB that means nothing where only answers are expected.
#[expect(clippy::print_stdout, reason = "what this parser is for")]
fn chatter() {
    for _ in 0..1024 {
        println!("{}", "\u{1}chatter{\"".repeat(102));
    }
}

/// Recurses until the stack ends.
#[expect(unconditional_recursion, reason = "what this parser is for")]
fn dive(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    dive(depth + 1) + black_box(frame)[0]
}
