#![allow(clippy::print_stdout)] // A program for the terminal.
//! Scores the extraction and the floor: `score PAGES_FOLDER GOLD.json`.
//!
//! For each effort: mean F1 over bags of words for all pages and by kind, Spearman's correlation of confidence and F1, and
//! pages a second of one thread. The floor is the text of every `<p>`, as scraper finds it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Instant;

use scraper::{Html, Selector};
use sheaf_extract::score::{f1, mean, rank_correlation, words};
use sheaf_extract::{Effort, extract};

/// A page with its kind and its true main text.
struct Page {
    html: String,
    kind: String,
    words: Vec<String>,
}

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(gold)) = (args.next(), args.next()) else {
        return Err(io::Error::other("usage: score PAGES_FOLDER GOLD.json"));
    };
    let pages = load(Path::new(&folder), Path::new(&gold))?;
    let Ok(paragraph) = Selector::parse("p") else { return Err(io::Error::other("no selector")) };
    run("floor", &pages, |html| {
        let tree = Html::parse_document(html);
        let lines: Vec<String> = tree.select(&paragraph).map(|p| p.text().collect()).collect();
        (lines.join("\n"), 0.0)
    });
    for (name, effort) in [("fast", Effort::Fast), ("auto", Effort::Auto), ("best", Effort::Best)] {
        run(name, &pages, |html| {
            extract(html, effort).map_or((String::new(), 0.0), |page| (page.text, page.confidence))
        });
    }
    let kinds = pages.iter().filter(|page| {
        extract(&page.html, Effort::Fast).is_ok_and(|found| found.page_kind.as_str() == page.kind)
    });
    println!("page kind right on {} of {}", kinds.count(), pages.len());
    Ok(())
}

fn load(folder: &Path, gold: &Path) -> io::Result<Vec<Page>> {
    let gold: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&std::fs::read(gold)?)?;
    let page = |(name, want): (String, serde_json::Value)| {
        let html = std::fs::read(folder.join(format!("{name}.html")))?;
        let text = |key| want.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Ok(Page {
            html: String::from_utf8_lossy(&html).into_owned(),
            kind: text("type"),
            words: words(&text("text")),
        })
    };
    gold.into_iter().map(page).collect()
}

fn run(name: &str, pages: &[Page], read: impl Fn(&str) -> (String, f64)) {
    let start = Instant::now();
    let found: Vec<(String, f64)> = pages.iter().map(|page| read(&page.html)).collect();
    let speed = pages.len() as f64 / start.elapsed().as_secs_f64();
    let scores: Vec<f64> =
        pages.iter().zip(&found).map(|(page, (text, _))| f1(&words(text), &page.words)).collect();
    let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (page, &score) in pages.iter().zip(&scores) {
        kinds.entry(page.kind.as_str()).or_default().push(score);
    }
    let confidence: Vec<f64> = found.iter().map(|(_, confidence)| *confidence).collect();
    let rank = rank_correlation(&confidence, &scores);
    print!("{name:6} {speed:6.1} pages/s  rank {rank:.3}  all {:.3}", mean(&scores));
    for (kind, scores) in kinds {
        print!("  {kind} {:.3}", mean(&scores));
    }
    println!();
}
