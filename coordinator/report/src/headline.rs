//! One sentence: what the set is about.

use crate::{
    caps, language,
    number::{count, grouped, plural},
    shown::Shown,
    summary::{Count, Counts, Listed, Topic},
};

/// A language or kind is named when at least this share of the analysed documents have it.
const MOSTLY: f64 = 0.6;
/// And named without "mostly" from this share on.
const ALL: f64 = 0.999;

/// How a language or kind that could not be told is counted.
const UNKNOWN: &str = "unknown";

/// One sentence: what the set is about.
pub(crate) fn headline(
    counts: &Counts,
    topics: &Listed<Topic>,
    languages: &Listed<Count>,
    kinds: &Listed<Count>,
) -> Shown {
    let text = match (counts.total, counts.ok) {
        (0, _) => "No documents were given.".to_owned(),
        (1, 0) => "The document could not be analysed.".to_owned(),
        (total, 0) => format!("None of {} documents could be analysed.", grouped(total)),
        (_, ok) => {
            let kind = common(kinds, ok);
            let documents = match kind {
                Some((kind, share)) if share >= ALL => count(ok, kind),
                Some((kind, _)) => format!("{}, mostly {}", count(ok, "document"), plural(kind)),
                None => count(ok, "document"),
            };
            format!("{documents}{}{}.", in_language(languages, ok, kind.is_some()), about(topics, ok))
        }
    };
    Shown::new(&text, caps::MESSAGE)
}

/// What most documents have in common, and the share of them.
fn common(counts: &Listed<Count>, ok: u64) -> Option<(&str, f64)> {
    let first = counts.items.first().filter(|first| first.name.as_str() != UNKNOWN)?;
    let share = first.documents as f64 / ok as f64;
    (share >= MOSTLY).then_some((first.name.as_str(), share))
}

fn in_language(languages: &Listed<Count>, ok: u64, kind_named: bool) -> String {
    let named = common(languages, ok).and_then(|(code, share)| Some((language::name(code)?, share)));
    let known =
        languages.total - u64::from(languages.items.iter().any(|count| count.name.as_str() == UNKNOWN));
    match named {
        Some((name, share)) if share >= ALL => format!(" in {name}"),
        Some((name, _)) if kind_named => format!(" and mostly in {name}"),
        Some((name, _)) => format!(", mostly in {name}"),
        None if known > 1 => format!(" in {} languages", grouped(known)),
        None => String::new(),
    }
}

fn about(topics: &Listed<Topic>, ok: u64) -> String {
    let named: Vec<_> = topics.items.iter().take(3).map(|topic| topic.text.as_str()).collect();
    match named.as_slice() {
        [] if ok > 1 => " that share no key phrase".to_owned(),
        [] => String::new(),
        [one] => format!(", about {one}"),
        [one, two] => format!(", about {one} and {two}"),
        [one, two, three, ..] => format!(", about {one}, {two} and {three}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(names: &[(&str, u64)]) -> Listed<Count> {
        let count = |&(name, documents): &(&str, u64)| Count { name: Shown::new(name, 40), documents };
        Listed { total: names.len() as u64, items: names.iter().map(count).collect() }
    }

    fn said(ok: u64, topics: &[&str], languages: &[(&str, u64)], kinds: &[(&str, u64)]) -> String {
        let topic = |text: &&str| Topic { text: Shown::new(text, 40), documents: 2, examples: Vec::new() };
        let topics = Listed { total: topics.len() as u64, items: topics.iter().map(topic).collect() };
        let counts = Counts { total: ok, ok, ..Counts::default() };
        headline(&counts, &topics, &counted(languages), &counted(kinds)).to_string()
    }

    #[test]
    fn a_sentence_says_what_most_documents_share() {
        let all = said(2_000, &["tides"], &[("en", 2_000)], &[("article", 2_000)]);
        assert_eq!(all, "2,000 articles in English, about tides.");
        let most = said(
            10,
            &["tides", "dykes", "marshes", "mud"],
            &[("de", 8), ("en", 2)],
            &[("report", 7), ("faq", 3)],
        );
        assert_eq!(
            most,
            "10 documents, mostly reports and mostly in German, about tides, dykes and marshes."
        );
        let few = said(10, &[], &[("de", 4), ("en", 4), (UNKNOWN, 2)], &[(UNKNOWN, 10)]);
        assert_eq!(few, "10 documents in 2 languages that share no key phrase.");
        assert_eq!(said(1, &[], &[("en", 1)], &[("forum", 1)]), "1 forum page in English.");
    }
}
