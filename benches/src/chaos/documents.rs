//! The set: pages and texts, all different.

use std::{fs, io, path::Path};

use fastrand::Rng;

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

/// Writes so many documents of so many paragraphs each below `folder`. The same seed gives the same documents.
pub(super) fn write(folder: &Path, documents: usize, paragraphs: usize, seed: u64) -> io::Result<()> {
    for number in 0..documents {
        let below = folder.join(format!("{:04}", number / FOLDER));
        if number.is_multiple_of(FOLDER) {
            fs::create_dir_all(&below)?;
        }
        let (ending, text) = document(number, paragraphs, seed);
        fs::write(below.join(format!("{number:07}.{ending}")), text)?;
    }
    Ok(())
}

fn document(number: usize, paragraphs: usize, seed: u64) -> (&'static str, String) {
    let mut random = Rng::with_seed(seed.wrapping_add(number as u64));
    let title = format!("Crossing {number}: {}", sentence(&mut random, 5));
    let paragraphs: Vec<String> = (0..paragraphs)
        .map(|_| (0..7).map(|_| sentence(&mut random, 13) + ".").collect::<Vec<_>>().join(" "))
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
    }
}
