//! Generated sets of documents.

use std::fmt::Write;

use fastrand::Rng;

use crate::program::Room;

const WORDS: [&str; 48] = [
    "harbour",
    "tide",
    "keeper",
    "lantern",
    "survey",
    "current",
    "gauge",
    "pilot",
    "channel",
    "dredging",
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "was",
    "measured",
    "at",
    "noon",
    "during",
    "storm",
    "committee",
    "agreed",
    "that",
    "report",
    "costs",
    "rose",
    "by",
    "percent",
    "while",
    "depth",
    "fell",
    "north",
    "breakwater",
    "repairs",
    "began",
    "after",
    "winter",
    "ships",
    "waited",
    "outside",
    "bar",
    "until",
    "water",
    "returned",
    "slowly",
    "again",
];

/// Writes `count` small documents below `folder`: text, Markdown and pages; every tenth is an exact copy of an earlier
/// one, every seventeenth is broken in some way. The same seed gives the same documents.
pub fn generate(room: &Room, folder: &str, count: usize, seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut earlier: Vec<(&str, Vec<u8>)> = Vec::new();
    for number in 0..count {
        let (ending, body) = match number {
            _ if number % 10 == 9 => earlier[random.usize(..earlier.len())].clone(),
            _ if number % 17 == 16 => broken(&mut random, number),
            _ => whole(&mut random, number),
        };
        room.write(format!("{folder}/{:02}/{number:05}.{ending}", number / 100), &body);
        earlier.push((ending, body));
    }
}

fn whole(random: &mut Rng, number: usize) -> (&'static str, Vec<u8>) {
    let title = format!("Notice {number}: {}", sentence(random, 4));
    let paragraphs: Vec<_> = (0..random.usize(1..5)).map(|_| paragraph(random)).collect();
    let (ending, text) = match random.u8(..3) {
        0 => ("txt", format!("{title}\n\n{}\n", paragraphs.join("\n\n"))),
        1 => ("md", format!("# {title}\n\n{}\n\n- one\n- two\n", paragraphs.join("\n\n## Part\n\n"))),
        _ => {
            let body: String = paragraphs.iter().fold(String::new(), |mut body, paragraph| {
                let _ = write!(body, "<p>{paragraph}</p>");
                body
            });
            let page = "<!doctype html><html lang=en><head><meta charset=utf-8>";
            let menu = "<nav><a href=/>Start</a> <a href=/a>Notices</a></nav>";
            (
                "html",
                format!(
                    "{page}<title>{title}</title></head><body>{menu}<h1>{title}</h1>{body}</body></html>"
                ),
            )
        }
    };
    (ending, text.into_bytes())
}

fn broken(random: &mut Rng, number: usize) -> (&'static str, Vec<u8>) {
    match random.u8(..5) {
        0 => ("txt", Vec::new()),
        1 => ("md", b" \n\t\n".to_vec()),
        2 => ("pdf", format!("%PDF-1.4\n% number {number}\ntruncated").into_bytes()),
        3 => ("docx", format!("number {number} is no archive").into_bytes()),
        _ => ("bin", [0xFF, 0x00, 0x9C, u8::try_from(number % 256).unwrap_or(0)].repeat(64)),
    }
}

fn paragraph(random: &mut Rng) -> String {
    let sentences: Vec<_> = (0..random.usize(2..6))
        .map(|_| {
            let words = random.usize(5..18);
            sentence(random, words) + "."
        })
        .collect();
    sentences.join(" ")
}

fn sentence(random: &mut Rng, words: usize) -> String {
    let words: Vec<_> = (0..words).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
    let mut text = words.join(" ");
    text[..1].make_ascii_uppercase();
    text
}
