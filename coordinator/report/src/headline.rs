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
            let of_all = |of: Option<&Count>| of.map_or(0.0, |of| of.documents as f64 / ok as f64);
            let language = languages.items.first().filter(|first| of_all(Some(first)) >= MOSTLY);
            let language = language.and_then(|first| {
                language::name(first.name.as_str()).map(|name| (name, of_all(Some(first))))
            });
            let kind = kinds
                .items
                .first()
                .filter(|first| first.name.as_str() != "unknown" && of_all(Some(first)) >= MOSTLY);
            let mut text = match kind {
                Some(kind) if of_all(Some(kind)) >= ALL => count(ok, kind.name.as_str()),
                Some(kind) => format!("{}, mostly {}", count(ok, "document"), plural(kind.name.as_str())),
                None => count(ok, "document"),
            };
            match language {
                Some((name, share)) if share >= ALL => text.push_str(&format!(" in {name}")),
                Some((name, _)) if kind.is_some() => text.push_str(&format!(" and mostly in {name}")),
                Some((name, _)) => text.push_str(&format!(", mostly in {name}")),
                None if languages.total > 1 => text.push_str(&format!(" in {} languages", languages.total)),
                None => {}
            }
            let named: Vec<_> = topics.items.iter().take(3).map(|topic| topic.text.as_str()).collect();
            match named.as_slice() {
                [] if ok > 1 => text.push_str(" that share no topic"),
                [] => {}
                [one] => text.push_str(&format!(", about {one}")),
                [one, two] => text.push_str(&format!(", about {one} and {two}")),
                [one, two, three, ..] => text.push_str(&format!(", about {one}, {two} and {three}")),
            }
            text + "."
        }
    };
    Shown::new(&text, caps::MESSAGE)
}
