//! The set: pages and texts, all different.

use std::{fs, io, path::Path};

use fastrand::Rng;
use sheaf_common::id::ContentHash;

use crate::check::{Expected, Known};

/// Documents in one folder of the set.
const FOLDER: usize = 500;
/// One in so many is a text, the others are pages.
const TEXTS: usize = 4;

const WORDS: [&str; 40] = [
    "the", "of", "and", "a", "to", "in", "was", "at", "by", "with", "river", "bridge", "toll", "ferry",
    "engineer", "council", "flood", "level", "pier", "timber", "steel", "opened", "closed", "measured",
    "repaired", "carried", "crossing", "season", "report", "winter", "spring", "span", "traffic", "cost",
    "rose", "fell", "between", "villages", "market", "mill",
];

/// Words of a sentence, sentences of a paragraph.
const SENTENCE: usize = 13;
const PARAGRAPH: usize = 7;
/// Words of a title, and of what stands around the main text of a page: links and the footer.
const TITLE: usize = 7;
const AROUND: usize = 3;

/// A set that follows from three numbers, so that it need not be remembered to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) documents: usize,
    /// Paragraphs of each document: about 560 bytes each.
    pub(crate) paragraphs: usize,
    pub(crate) seed: u64,
}

impl Set {
    /// Writes it below `folder`.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        for number in 0..self.documents {
            let below = folder.join(format!("{:04}", number / FOLDER));
            if number.is_multiple_of(FOLDER) {
                fs::create_dir_all(&below)?;
            }
            let (ending, text) = document(number, self.paragraphs, self.seed);
            fs::write(below.join(format!("{number:07}.{ending}")), text)?;
        }
        Ok(())
    }
}

impl Known for Set {
    fn count(&self) -> usize {
        self.documents
    }

    fn number(&self, source: &str) -> Option<usize> {
        let name = source.rsplit_once('/').map_or(source, |(_, name)| name);
        name.split_once('.')?.0.parse().ok()
    }

    fn expected(&self, number: usize) -> Expected {
        let (_, text) = document(number, self.paragraphs, self.seed);
        let words = (self.paragraphs * PARAGRAPH * SENTENCE) as u64;
        Expected {
            sha256: ContentHash::of(text.as_bytes()).to_string(),
            title: title(number, self.seed),
            words: words..=words + (TITLE + AROUND) as u64,
        }
    }
}

/// The source of randomness of a document, which begins with its title.
fn random(number: usize, seed: u64) -> Rng {
    Rng::with_seed(seed.wrapping_add(number as u64))
}

fn title(number: usize, seed: u64) -> String {
    format!("Crossing {number}: {}", sentence(&mut random(number, seed), TITLE - 2))
}

fn document(number: usize, paragraphs: usize, seed: u64) -> (&'static str, String) {
    let mut random = random(number, seed);
    let title = format!("Crossing {number}: {}", sentence(&mut random, TITLE - 2));
    let paragraphs: Vec<String> = (0..paragraphs)
        .map(|_| (0..PARAGRAPH).map(|_| sentence(&mut random, SENTENCE) + ".").collect::<Vec<_>>().join(" "))
        .collect();
    if number.is_multiple_of(TEXTS) {
        return ("txt", format!("{title}\n\n{}\n", paragraphs.join("\n\n")));
    }
    let body: String = paragraphs.iter().map(|paragraph| format!("<p>{paragraph}</p>")).collect();
    let page = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head><body>\
         <nav><a href=/>Start</a> <a href=/all>Crossings</a></nav><main><h1>{title}</h1>{body}</main>\
         <footer>Imprint</footer></body></html>"
    );
    ("html", page)
}

fn sentence(random: &mut Rng, words: usize) -> String {
    let words: Vec<_> = (0..words).map(|_| WORDS[random.usize(..WORDS.len())]).collect();
    let mut text = words.join(" ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_differ_and_a_seed_gives_the_same_again() {
        let all = |seed| (0..500).map(|number| document(number, 2, seed).1).collect::<Vec<_>>();
        assert_eq!(all(3).iter().collect::<HashSet<_>>().len(), 500);
        assert_eq!(all(3), all(3));
        assert_ne!(all(3), all(4));
        assert!(document(7, 2, 3).1.contains(&title(7, 3)));
    }
}
