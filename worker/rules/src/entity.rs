//! Entities: dates, sums of money, shares in percent, addresses and names, with a normal form where there is one.

mod address;
mod amount;
mod date;
mod name;
mod number;

use crate::place::Places;
use crate::reading::Reading;
use foldhash::{HashMap, HashMapExt};
use sheaf_common::analysis::{Entity, EntityKind};
use std::ops::Range;

/// Different entities of one kind that a document keeps, the most frequent and then the first. Names are kept to
/// [`name::NAMES_MAX`].
const OF_A_KIND_MAX: usize = 50;

/// Something found, before counting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    kind: EntityKind,
    range: Range<usize>,
    value: Option<String>,
}

/// Where a document comes from, as far as it decides how its numbers are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Locale<'a> {
    language: Option<&'a str>,
    /// Region of the declared language tag, such as `US`.
    region: Option<&'a str>,
}

impl<'a> Locale<'a> {
    pub(crate) fn new(language: Option<&'a str>, declared: Option<&'a str>) -> Self {
        let region = declared.and_then(|tag| tag.split(['-', '_']).skip(1).find(|part| part.len() == 2));
        Self { language, region }
    }
}

/// The entities of a text in order of first appearance.
pub(crate) fn of(reading: &Reading<'_>, places: &Places<'_>, locale: Locale<'_>) -> Vec<Entity> {
    let text = reading.text;
    let mut found = address::find(text);
    let taken: Vec<Range<usize>> = found.iter().map(|found| found.range.clone()).collect();
    found.extend(date::find(text, locale));
    found.extend(amount::find(text, locale));
    // A date or an amount inside a web address is part of the address.
    let mut found: Vec<Found> = found
        .into_iter()
        .filter(|one| {
            let inside = |whole: &Range<usize>| whole.start <= one.range.start && one.range.end <= whole.end;
            let before = taken.partition_point(|whole| whole.start <= one.range.start);
            matches!(one.kind, EntityKind::Url | EntityKind::Email)
                || !before.checked_sub(1).and_then(|at| taken.get(at)).is_some_and(inside)
        })
        .collect();
    found.extend(name::find(reading));
    found.sort_by_key(|found| (found.range.start, found.range.end, found.kind));
    count(text, places, found)
}

fn count(text: &str, places: &Places<'_>, found: Vec<Found>) -> Vec<Entity> {
    let mut order: Vec<Entity> = Vec::new();
    let mut known: HashMap<(EntityKind, String), usize> = HashMap::new();
    for one in found {
        let Some(quote) = text.get(one.range.clone()) else { continue };
        let key = one.value.clone().unwrap_or_else(|| quote.split_whitespace().collect::<Vec<_>>().join(" "));
        if let Some(entity) = known.get(&(one.kind, key.clone())).and_then(|&at| order.get_mut(at)) {
            entity.count += 1;
            continue;
        }
        known.insert((one.kind, key), order.len());
        let place = places.place(one.range.start, one.range.end);
        order.push(Entity { kind: one.kind, text: quote.to_owned(), value: one.value, count: 1, place });
    }
    keep_the_most_frequent(order)
}

fn keep_the_most_frequent(order: Vec<Entity>) -> Vec<Entity> {
    let mut by_count: Vec<usize> = (0..order.len()).collect();
    by_count.sort_by_key(|&at| (std::cmp::Reverse(order.get(at).map_or(0, |entity| entity.count)), at));
    let mut kept: HashMap<EntityKind, usize> = HashMap::new();
    let mut keep = vec![false; order.len()];
    for at in by_count {
        let Some(entity) = order.get(at) else { continue };
        let room = if entity.kind == EntityKind::Name { name::NAMES_MAX } else { OF_A_KIND_MAX };
        let count = kept.entry(entity.kind).or_default();
        *count += 1;
        if let Some(slot) = keep.get_mut(at) {
            *slot = *count <= room;
        }
    }
    order.into_iter().zip(keep).filter_map(|(entity, keep)| keep.then_some(entity)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_common::document::Document;

    #[test]
    fn counts_and_keeps_the_first_place() {
        let text =
            "Été: write to Office@Orrin.example by 2026-03-12, or by 12 March 2026 to office@orrin.example.";
        let document = Document { text: text.into(), ..Document::default() };
        let reading = Reading::new(&document, Some("en"));
        let found = of(&reading, &Places::new(text), Locale::new(Some("en"), None));
        let all: Vec<_> = found
            .iter()
            .map(|e| (e.kind, e.text.as_str(), e.value.as_deref(), e.count, e.place.start))
            .collect();
        assert_eq!(
            all,
            [
                (EntityKind::Email, "Office@Orrin.example", Some("office@orrin.example"), 2, 14),
                (EntityKind::Date, "2026-03-12", Some("2026-03-12"), 2, 38),
            ]
        );
    }

    #[test]
    fn a_date_in_a_web_address_is_no_date() {
        let text = "See https://orrin.example/2026-03-12/tides for more.";
        let document = Document { text: text.into(), ..Document::default() };
        let found =
            of(&Reading::new(&document, Some("en")), &Places::new(text), Locale::new(Some("en"), None));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].value.as_deref(), Some("https://orrin.example/2026-03-12/tides"));
    }

    #[test]
    fn the_number_of_entities_is_bounded() {
        let text = (0..500).map(|n| format!("Mail a{n}@orrin.example today.")).collect::<Vec<_>>().join("\n");
        let document = Document { text: text.clone(), ..Document::default() };
        let found =
            of(&Reading::new(&document, Some("en")), &Places::new(&text), Locale::new(Some("en"), None));
        assert_eq!(found.len(), OF_A_KIND_MAX);
        assert_eq!(found[0].text, "a0@orrin.example");
    }
}
