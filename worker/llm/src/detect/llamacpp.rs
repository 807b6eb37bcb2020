//! What llama.cpp's `llama-server` says of itself. Pure.

use serde::Deserialize;
use serde_json::Value;

/// `GET /props`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Props {
    /// Requests that it works on at once.
    pub(crate) slots: Option<u32>,
    /// Tokens of context of each slot.
    pub(crate) context: Option<u32>,
    /// The model's name.
    pub(crate) model: Option<String>,
}

/// `GET /slots`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    /// How many there are.
    pub(crate) count: u32,
    /// Tokens of context of the smallest.
    pub(crate) context: Option<u32>,
    /// How many are at work.
    pub(crate) busy: u32,
}

/// Reads `/props`; `None` when it is not llama.cpp that answers.
pub(crate) fn props(body: &[u8]) -> Option<Props> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let slots = value.get("total_slots")?.as_u64();
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Older servers give no alias; the file's name is told then.
    let file = || text("model_path").and_then(|path| path.rsplit(['/', '\\']).next());
    Some(Props {
        slots: slots.and_then(positive),
        context: value
            .pointer("/default_generation_settings/n_ctx")
            .and_then(Value::as_u64)
            .and_then(positive),
        model: text("model_alias").or_else(file).map(str::to_owned),
    })
}

/// Reads `/slots`; `None` when the server hides them or has none.
pub(crate) fn slots(body: &[u8]) -> Option<Slots> {
    #[derive(Deserialize)]
    struct Slot {
        #[serde(default)]
        n_ctx: Option<u64>,
        #[serde(default)]
        is_processing: bool,
    }
    let slots: Vec<Slot> = serde_json::from_slice(body).ok()?;
    Some(Slots {
        count: u32::try_from(slots.len()).ok().filter(|count| *count > 0)?,
        context: slots.iter().filter_map(|slot| positive(slot.n_ctx?)).min(),
        busy: u32::try_from(slots.iter().filter(|slot| slot.is_processing).count()).unwrap_or(u32::MAX),
    })
}

/// Whether `/health` says that the model is still being loaded.
pub(crate) fn loading(status: u16, body: &[u8]) -> bool {
    let says = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let words = value.pointer("/error/message").or_else(|| value.get("status"))?.as_str()?.to_lowercase();
        Some(words.contains("loading"))
    });
    status == 503 && says.unwrap_or(false)
}

fn positive(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded() {
        let props = props(include_bytes!("../../tests/recorded/llamacpp_props.json")).unwrap();
        let model = Some("smollm2-135m-instruct".to_owned());
        assert_eq!(props, Props { slots: Some(4), context: Some(4096), model });
        let slots = slots(include_bytes!("../../tests/recorded/llamacpp_slots.json")).unwrap();
        assert_eq!(slots, Slots { count: 4, context: Some(4096), busy: 0 });
        assert!(loading(503, include_bytes!("../../tests/recorded/llamacpp_health_loading.json")));
        assert!(!loading(200, include_bytes!("../../tests/recorded/llamacpp_health.json")));
    }

    #[test]
    fn others() {
        assert_eq!(props(b"{\"error\":\"not found\"}"), None);
        assert_eq!(props(b"<html>"), None);
        let old = props(br#"{"total_slots":1,"model_path":"/models/llama.gguf"}"#).unwrap();
        assert_eq!(old, Props { slots: Some(1), context: None, model: Some("llama.gguf".to_owned()) });
        assert_eq!(props(br#"{"total_slots":-1}"#).unwrap().slots, None);
        assert_eq!(slots(b"[]"), None);
        assert_eq!(slots(br#"{"error":{"code":501}}"#), None);
        assert!(!loading(503, b"busy"));
    }
}
