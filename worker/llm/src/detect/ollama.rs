//! What an Ollama server says of its models. Pure.

use serde::Deserialize;
use serde_json::Value;

/// A model that is on the server's disk (`GET /api/tags`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Stored {
    /// Its name with its tag, such as `llama3.1:8b`.
    pub(crate) name: String,
    /// Its size, bytes.
    #[serde(default)]
    pub(crate) size: u64,
}

/// A model that is loaded (`GET /api/ps`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Loaded {
    /// Its name with its tag.
    pub(crate) name: String,
    /// What it takes, contexts included, bytes.
    #[serde(default)]
    pub(crate) size: u64,
    /// What of it is in the memory of GPUs, bytes.
    #[serde(default)]
    pub(crate) size_vram: u64,
    /// Tokens of context of one request.
    #[serde(default)]
    pub(crate) context_length: Option<u32>,
}

/// What is known of one model (`POST /api/show`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What it can do: `completion`, `embedding`, …; empty where the server is too old to say.
    pub(crate) capabilities: Vec<String>,
    /// Longest context that it was made for, tokens.
    pub(crate) context: Option<u32>,
}

/// Reads `/api/tags`; `None` when it is not Ollama that answers.
pub(crate) fn stored(body: &[u8]) -> Option<Vec<Stored>> {
    list(body)
}

/// Reads `/api/ps`.
pub(crate) fn loaded(body: &[u8]) -> Option<Vec<Loaded>> {
    list(body)
}

fn list<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Option<Vec<T>> {
    #[derive(Deserialize)]
    struct List<T> {
        models: Vec<T>,
    }
    Some(serde_json::from_slice::<List<T>>(body).ok()?.models)
}

/// Reads `/api/show`.
pub(crate) fn shown(body: &[u8]) -> Option<Shown> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let info = value.get("model_info").and_then(Value::as_object);
    let context = info.and_then(|info| {
        // The key begins with the architecture, which the same object names.
        let architecture = info.get("general.architecture").and_then(Value::as_str);
        let named = architecture.and_then(|name| info.get(&format!("{name}.context_length")));
        named
            .or_else(|| info.iter().find(|(key, _)| key.ends_with(".context_length")).map(|(_, value)| value))
    });
    Some(Shown {
        capabilities: value
            .get("capabilities")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        context: context.and_then(Value::as_u64).and_then(|tokens| u32::try_from(tokens).ok()),
    })
}

/// Whether two names are of one model: without a tag, `latest` is meant.
pub(crate) fn same_model(one: &str, other: &str) -> bool {
    let tagged = |name: &str| if name.contains(':') { name.to_owned() } else { format!("{name}:latest") };
    tagged(one) == tagged(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded() {
        let stored = stored(include_bytes!("../../tests/recorded/ollama_tags.json")).unwrap();
        assert_eq!(stored.first().unwrap(), &Stored { name: "llama3.1:8b".to_owned(), size: 4_920_753_328 });
        let loaded = loaded(include_bytes!("../../tests/recorded/ollama_ps.json")).unwrap();
        assert_eq!((loaded[0].size_vram, loaded[0].context_length), (6_654_289_920, Some(8192)));
        let shown = shown(include_bytes!("../../tests/recorded/ollama_show.json")).unwrap();
        assert_eq!(shown.capabilities, ["completion", "tools"]);
        assert_eq!(shown.context, Some(131_072));
    }

    #[test]
    fn others() {
        assert_eq!(stored(b"{}"), None);
        // llama.cpp lists its model with an empty size: not Ollama's.
        assert_eq!(stored(include_bytes!("../../tests/recorded/llamacpp_v1_models.json")), None);
        assert_eq!(shown(b"{}"), Some(Shown::default()));
        assert!(same_model("llama3.1", "llama3.1:latest"));
        assert!(!same_model("llama3.1", "llama3.1:8b"));
    }
}
