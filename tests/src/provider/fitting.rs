//! An answer that satisfies any schema of the kind that recipes have. Pure.

use serde_json::{Map, Value, json};

/// Characters of a quote.
const QUOTE: usize = 60;

/// The answer to a prompt: about its one document, or where the schema is one for several, about each by its id.
pub(super) fn answer_to(schema: &Value, prompt: &str) -> Value {
    let Some(each) = schema.pointer("/properties/answers/items/properties/answer") else {
        return fitting(schema, document(prompt));
    };
    let items: Vec<Value> = documents(prompt)
        .into_iter()
        .map(|(id, document)| json!({"id": id, "answer": fitting(each, document)}))
        .collect();
    json!({"answers": items})
}

/// A value that satisfies `schema`: objects, arrays, enumerations, strings, numbers and booleans. Quotes and keywords
/// come from `document`; other words are made up.
fn fitting(schema: &Value, document: &str) -> Value {
    value("answer", schema, document)
}

fn value(name: &str, schema: &Value, document: &str) -> Value {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices.first().cloned().unwrap_or_default();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields = properties.into_iter().flatten();
            Value::Object(
                fields
                    .map(|(name, schema)| (name.clone(), value(name, schema, document)))
                    .collect::<Map<_, _>>(),
            )
        }
        Some("array") => {
            let item = schema.get("items").map_or(Value::Null, |item| value(name, item, document));
            let fewest = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).max(1);
            Value::Array(vec![item; fewest as usize])
        }
        Some("integer") => json!(bound(schema, "minimum", 1.0) as i64),
        Some("number") => {
            let (low, high) = (bound(schema, "minimum", 0.0), bound(schema, "maximum", 1.0));
            json!(low + (high - low) * 0.75)
        }
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!(match name {
            "quote" => quote(document),
            "keywords" => document.split_whitespace().next().unwrap_or("nothing").to_owned(),
            name => format!("The {} of this document.", name.replace('_', " ")),
        }),
    }
}

fn bound(schema: &Value, name: &str, otherwise: f64) -> f64 {
    schema.get(name).and_then(Value::as_f64).unwrap_or(otherwise)
}

/// The beginning of the first line that says something.
fn quote(document: &str) -> String {
    let line = document.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(QUOTE) {
        // Up to a word's end.
        Some((cut, _)) => {
            let start = &line[..cut];
            start.rsplit_once(' ').map_or(start, |(words, _)| words).to_owned()
        }
        None => line.to_owned(),
    }
}

/// The document in a prompt: what stands between the tags `<document-…>`, or all of it.
fn document(prompt: &str) -> &str {
    let inside = || {
        let (_, rest) = prompt.split_once("<document-")?;
        let (_, rest) = rest.split_once('>')?;
        Some(rest.rsplit_once("</document-")?.0.trim())
    };
    inside().unwrap_or(prompt)
}

/// The documents in a prompt with their ids: what stands between `<document-ID>` and `</document-ID>`.
fn documents(prompt: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = prompt;
    while let Some((id, after)) = rest.split_once("<document-").and_then(|(_, after)| after.split_once('>')) {
        let Some((document, after)) = after.split_once(&format!("</document-{id}>")) else { break };
        found.push((id, document.trim()));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_its_schema_and_quotes_the_document() {
        let schema = json!({
            "type": "object",
            "properties": {
                "points": {"type": "array", "items": {"type": "object", "properties": {"quote": {"type": "string"}}}},
                "kind": {"enum": ["a", "b"]},
                "sure": {"type": "number", "minimum": 0, "maximum": 1},
            },
        });
        let prompt = "Title: x\n<document-12ab>\nThe harbour was dredged.\nMore.\n</document-12ab>";
        let fits = json!({"points": [{"quote": "The harbour was dredged."}], "kind": "a", "sure": 0.75});
        assert_eq!(answer_to(&schema, prompt), fits);
    }

    #[test]
    fn answers_about_several_by_their_ids() {
        let each = json!({"type": "object", "properties": {"quote": {"type": "string"}}});
        let item = json!({"type": "object", "properties": {"id": {"type": "string"}, "answer": each}});
        let schema = json!({"type": "object", "properties": {"answers": {"type": "array", "items": item}}});
        let prompt = "<document-a1>\nOne.\n</document-a1>\n\nTitle: x\n<document-b2>\nTwo.\n</document-b2>";
        let answers = json!([
            {"id": "a1", "answer": {"quote": "One."}},
            {"id": "b2", "answer": {"quote": "Two."}},
        ]);
        assert_eq!(answer_to(&schema, prompt), json!({"answers": answers}));
    }
}
