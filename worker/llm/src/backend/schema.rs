//! JSON schemas as providers take them. Pure.
//!
//! Providers enforce a part of JSON Schema only. What they do not enforce is left to the validation of answers, which
//! always happens.

use serde_json::{Map, Value};

/// Keywords that Anthropic's structured outputs refuse.
const REFUSED: [&str; 14] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
    "$schema",
];

/// Deepest schema that is walked.
const DEEPEST: usize = 64;

/// Whether OpenAI's strict mode takes the schema: every object names all its properties as required and allows no others.
pub(crate) fn is_strict(schema: &Value) -> bool {
    strict(schema, DEEPEST)
}

fn strict(schema: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match schema {
        Value::Object(keywords) => {
            let closed = keywords.get("properties").and_then(Value::as_object).is_none_or(|properties| {
                let required = keywords.get("required").and_then(Value::as_array);
                keywords.get("additionalProperties") == Some(&Value::Bool(false))
                    && required.is_some_and(|required| {
                        properties.keys().all(|name| required.iter().any(|one| one.as_str() == Some(name)))
                    })
            });
            closed && keywords.values().all(|inner| strict(inner, depth))
        }
        Value::Array(items) => items.iter().all(|inner| strict(inner, depth)),
        _ => true,
    }
}

/// The schema without what Anthropic's structured outputs refuse, and with every object closed.
pub(crate) fn for_anthropic(schema: &Value) -> Value {
    pruned(schema, DEEPEST)
}

fn pruned(schema: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return schema.clone() };
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut kept = Map::new();
    for (keyword, value) in keywords {
        let value = match keyword.as_str() {
            refused if REFUSED.contains(&refused) => continue,
            // Zero and one are the only ones taken.
            "minItems" if value.as_u64().is_none_or(|least| least > 1) => continue,
            "properties" | "$defs" | "definitions" => match value {
                Value::Object(named) => Value::Object(
                    named.iter().map(|(name, inner)| (name.clone(), pruned(inner, depth))).collect(),
                ),
                _ => value.clone(),
            },
            "anyOf" | "allOf" | "oneOf" | "prefixItems" => match value {
                Value::Array(inner) => Value::Array(inner.iter().map(|inner| pruned(inner, depth)).collect()),
                _ => value.clone(),
            },
            "items" => pruned(value, depth),
            _ => value.clone(),
        };
        kept.insert(keyword.clone(), value);
    }
    if kept.contains_key("properties") || kept.get("type").and_then(Value::as_str) == Some("object") {
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strict_schemas() {
        let strict = json!({
            "type": "object", "additionalProperties": false, "required": ["a"],
            "properties": { "a": { "type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": [], "properties": {}
            } } }
        });
        assert!(is_strict(&strict));
        let mut open = strict.clone();
        open["properties"]["a"]["items"]["additionalProperties"] = json!(true);
        assert!(!is_strict(&open));
        let mut optional = strict;
        optional["required"] = json!([]);
        assert!(!is_strict(&optional));
    }

    #[test]
    fn anthropic_gets_what_it_takes() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "required": ["minLength"],
            "properties": {
                "minLength": { "type": "string", "minLength": 3, "enum": ["one", "two"] },
                "list": { "type": "array", "minItems": 2, "maxItems": 5, "items": { "type": "number", "minimum": 0 } }
            }
        });
        assert_eq!(
            for_anthropic(&schema),
            json!({
                "type": "object", "required": ["minLength"], "additionalProperties": false,
                "properties": {
                    "minLength": { "type": "string", "enum": ["one", "two"] },
                    "list": { "type": "array", "items": { "type": "number" } }
                }
            }),
            "a property may be named as a keyword is"
        );
    }
}
