//! `GET /v1/models`, which nearly all servers have, each with fields of its own. Pure.

use serde_json::Value;

/// Most models that are remembered; gateways list hundreds.
const MOST: usize = 1000;

/// A model that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Its name.
    pub(crate) id: String,
    /// Who owns it, as the server says; servers name themselves here (`vllm`, `llamacpp`).
    pub(crate) owner: String,
    /// Tokens of context of one request.
    pub(crate) context: Option<u32>,
}

/// Reads the list; `None` when it is none.
pub(crate) fn listing(body: &[u8]) -> Option<Vec<Offered>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let models = value.get("data")?.as_array()?;
    Some(models.iter().take(MOST).filter_map(offered).collect())
}

fn offered(model: &Value) -> Option<Offered> {
    let text = |name: &str| model.get(name).and_then(Value::as_str);
    // In turn: vLLM, OpenRouter, Anthropic, llama.cpp.
    let context = ["/max_model_len", "/context_length", "/max_input_tokens", "/meta/n_ctx"]
        .into_iter()
        .find_map(|path| model.pointer(path).and_then(Value::as_u64))
        .and_then(|tokens| u32::try_from(tokens).ok())
        .filter(|tokens| *tokens > 0);
    Some(Offered {
        id: text("id")?.to_owned(),
        owner: text("owned_by").unwrap_or_default().to_owned(),
        context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded() {
        let llama = listing(include_bytes!("../../tests/recorded/llamacpp_v1_models.json")).unwrap();
        let id = "smollm2-135m-instruct".to_owned();
        assert_eq!(llama, [Offered { id, owner: "llamacpp".to_owned(), context: Some(4096) }]);
        let vllm = listing(include_bytes!("../../tests/recorded/vllm_v1_models.json")).unwrap();
        let id = "Qwen/Qwen2.5-7B-Instruct".to_owned();
        assert_eq!(vllm, [Offered { id, owner: "vllm".to_owned(), context: Some(32_768) }]);
    }

    #[test]
    fn others() {
        assert_eq!(listing(b"[]"), None);
        assert_eq!(listing(b"<html>"), None);
        assert_eq!(listing(br#"{"data":[{"name":"x"}]}"#), Some(Vec::new()));
    }
}
