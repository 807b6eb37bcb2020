//! From the answer of a batch to the answers of its units. Pure.
//!
//! Every item is judged by itself: it counts when its id is that of a unit and stands once, when its answer satisfies the
//! stage's schema, and when it is anchored in that unit's document (`anchor`). A unit without such an item is asked about
//! alone. Nothing is guessed from order, from what is left over, or from what is nearly an id.

use serde_json::Value;

use super::anchor::Anchors;
use crate::{
    schema::first_json,
    stage::{Stage, is_usable},
};

/// What a batch's answer holds for one of its units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Its answer, if it can be trusted; otherwise the unit is asked about alone.
    pub(super) answer: Option<Value>,
    /// Characters of what stands under its id.
    pub(super) length: u64,
}

/// Reads the answer for the documents `texts` under these ids, in order.
pub(super) fn read(stage: &Stage, ids: &[String], texts: &[&str], answer: &str) -> Vec<Item> {
    let whole = first_json(answer);
    let items = match &whole {
        Some(Value::Object(fields)) => fields.get("answers").and_then(Value::as_array),
        Some(Value::Array(items)) => Some(items),
        _ => None,
    };
    let items = items.map_or(&[][..], Vec::as_slice);
    let anchors = Anchors::new(texts.iter().copied());
    ids.iter()
        .enumerate()
        .map(|(number, id)| {
            let mut mine = items.iter().filter(|item| item.get("id").and_then(Value::as_str) == Some(id));
            let (first, second) = (mine.next().and_then(|item| item.get("answer")), mine.next());
            let length = first.map_or(0, |answer| answer.to_string().chars().count() as u64);
            let is_sound = |answer: &&Value| {
                second.is_none()
                    && stage.check().hold(answer).is_ok()
                    && is_usable(answer).is_ok()
                    && anchors.hold(number, answer)
            };
            Item { answer: first.filter(is_sound).cloned(), length }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn documents(count: usize) -> (Vec<String>, Vec<String>) {
        let text =
            |number| format!("Notice {number:02}. Crane {number:02} is replaced. The board met in May.");
        ((0..count).map(|number| format!("id-{number}")).collect(), (0..count).map(text).collect())
    }

    fn answer(number: usize) -> Value {
        json!({
            "summary": format!("About {number}."),
            "key_points": [{"text": "t", "quote": format!("Crane {number:02} is replaced")}],
            "keywords": [],
            "document_type": "news",
            "confidence": 0.5,
        })
    }

    fn read_items(ids: &[String], texts: &[String], items: &Value) -> Vec<Option<Value>> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let stage = Stage::overview().unwrap();
        let read = read(&stage, ids, &texts, &json!({"answers": items}).to_string());
        read.into_iter().map(|item| item.answer).collect()
    }

    #[test]
    fn what_is_missing_doubled_unknown_or_broken_is_asked_again_and_nothing_else() {
        let (ids, texts) = documents(6);
        let mut broken = answer(3);
        broken["confidence"] = json!("very");
        let mut empty = answer(4);
        empty["summary"] = json!(" ");
        let items = json!([
            {"id": "id-5", "answer": answer(5)},
            {"id": "id-1", "answer": answer(1)},
            {"id": "id-1", "answer": answer(1)},
            {"id": "id-2 ", "answer": answer(2)},
            {"id": "id-3", "answer": broken},
            {"id": "id-4", "answer": empty},
            {"id": "id-9", "answer": answer(2)},
            {"id": "id-0", "answer": answer(0)},
            7,
        ]);
        let read = read_items(&ids, &texts, &items);
        assert_eq!(read, [Some(answer(0)), None, None, None, None, Some(answer(5))]);
    }

    #[test]
    fn an_array_at_the_root_is_read_too_and_what_is_neither_is_nothing() {
        let (ids, texts) = documents(2);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let stage = Stage::overview().unwrap();
        let array = format!("Here:\n```json\n{}\n```", json!([{"id": "id-0", "answer": answer(0)}]));
        let items = read(&stage, &ids, &texts, &array);
        assert_eq!((items[0].answer.as_ref(), items[1].answer.as_ref()), (Some(&answer(0)), None));
        for nothing in ["", "sorry", "{\"answers\": 3}", "{\"answers\": [{\"id\"", "[1, 2]"] {
            assert!(
                read(&stage, &ids, &texts, nothing).iter().all(|item| item.answer.is_none()),
                "{nothing}"
            );
        }
    }

    proptest! {
        /// Whatever a provider does to a batch's items, no unit gets another one's answer, and one whose item is as it
        /// should be gets its own.
        #[test]
        fn no_unit_gets_anothers_answer(count in 2usize..8, deeds in prop::collection::vec((0u8..6, any::<usize>()), 8)) {
            let (ids, texts) = documents(count);
            let mut items: Vec<Value> = (0..count).map(|number| json!({"id": ids[number], "answer": answer(number)})).collect();
            let mut touched = vec![false; count];
            for (place, (deed, other)) in deeds.into_iter().enumerate().take(count) {
                let other = other % count;
                match deed {
                    0 => items[place] = json!(null),
                    1 => items.push(items[place].clone()),
                    2 => items[place]["answer"]["confidence"] = json!("?"),
                    3 if other != place => {
                        items.swap(place, other);
                        let (one, two) = (items[place]["id"].clone(), items[other]["id"].clone());
                        (items[place]["id"], items[other]["id"]) = (two, one);
                    }
                    4 => items[place]["id"] = json!("none"),
                    _ => continue,
                }
                touched[place] = true;
                touched[other] |= deed == 3;
            }
            let read = read_items(&ids, &texts, &Value::Array(items));
            for (number, read) in read.into_iter().enumerate() {
                if let Some(read) = read {
                    prop_assert_eq!(read, answer(number));
                } else {
                    prop_assert!(touched.contains(&true));
                }
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let (ids, texts) = documents(2);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let _ = read(&Stage::overview().unwrap(), &ids, &texts, &text);
        }
    }
}
