//! Several documents in one request: each between tags of its own, which nothing in any of them can close.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Stage, StageError, template::filled};
use crate::{
    request::{AnswerSchema, Message, Role},
    tokens,
};

/// Longest name of a schema.
const LONGEST_NAME: usize = 64;

/// A document among several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) text: &'a str,
}

/// The prompt with the schema of its answers: an object with the array of them, as strict modes want an object.
pub(super) fn prepared(
    prompt: String,
    schema: &AnswerSchema,
) -> Result<(String, Arc<AnswerSchema>), StageError> {
    if !prompt.contains("{ids}") {
        return Err(StageError::NoIds);
    }
    if schema.schema.to_string().contains("\"$ref\"") {
        return Err(StageError::Reference);
    }
    let answers = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["answers"],
        "properties": {
            "answers": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["id", "answer"],
                    "properties": {"id": {"type": "string"}, "answer": schema.schema},
                },
            },
        },
    });
    let stem: String = schema.name.chars().take(LONGEST_NAME - "-batch".len()).collect();
    Ok((prompt, Arc::new(AnswerSchema { name: format!("{stem}-batch"), schema: answers })))
}

impl Stage {
    /// Whether several documents may share a request.
    pub(crate) fn takes_several(&self) -> bool {
        self.batch.is_some()
    }

    /// The schema of an answer for several documents.
    pub(crate) fn schema_of_several(&self) -> Option<Arc<AnswerSchema>> {
        self.batch.as_ref().map(|(_, schema)| Arc::clone(schema))
    }

    /// The conversation over several documents, and their ids in order. `None` where the stage takes one at a time.
    pub(crate) fn messages_of_several(&self, entries: &[Entry<'_>]) -> Option<(Arc<[Message]>, Vec<String>)> {
        let (batch, _) = self.batch.as_ref()?;
        let ids = ids(entries);
        let system = filled(batch, &[("{ids}", &*ids.join(", "))]);
        let documents = entries.iter().zip(&ids).map(|(entry, id)| {
            self.document(&format!("document-{id}"), entry.title, None, entry.text).trim().to_owned()
        });
        let user = documents.collect::<Vec<_>>().join("\n\n");
        let messages =
            [Message { role: Role::System, text: system }, Message { role: Role::User, text: user }];
        Some((Arc::from(messages), ids))
    }

    /// Tokens of a request's input for several documents that are not theirs.
    pub(crate) fn overhead_of_several(&self) -> u64 {
        self.batch.as_ref().map_or(0, |(batch, schema)| {
            tokens::estimate(batch) + tokens::estimate(&schema.schema.to_string()) + 16
        })
    }

    /// Tokens that a document adds to the input of a request for several: its text, its title, its tags, and its id where
    /// the ids are listed.
    pub(crate) fn input_of(&self, entry: Entry<'_>) -> u64 {
        let around = self.document("document-00000000", entry.title, None, "");
        tokens::estimate(&around) + tokens::estimate(entry.text) + 8
    }
}

/// An id for each document, made of its content: the same document has the same id in any batch, unless one of the others
/// has its words or holds its tag. No id stands in any of the documents.
fn ids(entries: &[Entry<'_>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let is_free = |id: &str, taken: &BTreeSet<String>| {
        let stands = |text: &str| text.contains(id);
        !taken.contains(id)
            && !entries.iter().any(|entry| stands(entry.text) || entry.title.is_some_and(stands))
    };
    let mut ids = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut seed = xxh3_64_with_seed(entry.title.unwrap_or_default().as_bytes(), 0);
        let id = loop {
            let id = format!("{:08x}", xxh3_64_with_seed(entry.text.as_bytes(), seed) >> 32);
            if is_free(&id, &taken) {
                break id;
            }
            seed = seed.wrapping_add(1);
        };
        taken.insert(id.clone());
        ids.push(id);
    }
    ids
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::is_strict;

    #[test]
    fn each_document_stands_between_its_own_tags() {
        let stage = Stage::overview().unwrap();
        let entries = [
            Entry { title: Some("One"), text: "The first {ids}." },
            Entry { title: None, text: "The second." },
            Entry { title: None, text: "The second." },
        ];
        let (messages, ids) = stage.messages_of_several(&entries).unwrap();
        let expected = format!(
            "Title, as data: One\n<document-{0}>\nThe first {{ids}}.\n</document-{0}>\n\n\
             <document-{1}>\nThe second.\n</document-{1}>\n\n<document-{2}>\nThe second.\n</document-{2}>",
            ids[0], ids[1], ids[2],
        );
        assert_eq!(messages[1].text, expected);
        let system = &messages[0].text;
        assert!(system.contains(&ids.join(", ")) && system.contains("\"key_points\""), "{system}");
        assert!(!system.contains("{ids}") && !system.contains("{fields}"), "{system}");
        let alone: u64 = entries.iter().map(|entry| stage.input_of(*entry)).sum();
        let counted: u64 = messages.iter().map(|message| tokens::estimate(&message.text) + 8).sum();
        let schema = tokens::estimate(&stage.schema_of_several().unwrap().schema.to_string());
        assert!(stage.overhead_of_several() + alone >= counted + schema, "nothing is left out of account");
        assert!(is_strict(&stage.schema_of_several().unwrap().schema));
    }

    proptest! {
        #[test]
        fn ids_differ_and_stand_in_no_document(texts in prop::collection::vec("[a-f0-9]{0,12}", 1..12)) {
            let first = ids(&texts.iter().map(|text| Entry { title: None, text }).collect::<Vec<_>>());
            // A document that holds the ids of an earlier batch.
            let holds = first.join(" ");
            let texts: Vec<&str> = texts.iter().map(String::as_str).chain([&*holds, &*holds]).collect();
            let entries: Vec<Entry<'_>> = texts.iter().map(|text| Entry { title: None, text }).collect();
            let ids = ids(&entries);
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            for id in &ids {
                prop_assert!(texts.iter().all(|text| !text.contains(id.as_str())), "{}", id);
            }
        }
    }
}
