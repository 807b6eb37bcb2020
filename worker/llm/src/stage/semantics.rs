//! What a stage means, as a hash: answers of stages that mean the same may stand for each other. Pure.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 over parts in order; lengths keep `ab` + `c` apart from `a` + `bc`.
pub(super) fn hash<'p>(parts: impl IntoIterator<Item = &'p str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// JSON with the fields of objects in order of their names and no white space, whatever order they were read in. Nested
/// as deep as what `serde_json` reads.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_has_one_form() {
        let value: Value =
            serde_json::from_str(r#"{ "b": [1, {"d": null, "c": "\"x"}], "a": 0.5 }"#).unwrap();
        assert_eq!(canonical(&value), r#"{"a":0.5,"b":[1,{"c":"\"x","d":null}]}"#);
        assert_eq!(serde_json::from_str::<Value>(&canonical(&value)).unwrap(), value);
        assert_ne!(canonical(&json!(["1"])), canonical(&json!([1])));
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_ne!(hash(["ab"]), hash(["ab", ""]));
    }
}
