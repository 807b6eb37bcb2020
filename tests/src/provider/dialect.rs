//! How requests and answers look in each interface. Pure.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::limit::Left;

/// An interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/v1/messages`
    Anthropic,
    /// `/api/chat`
    Ollama,
}

/// What a request asks.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    /// The person's first words, which hold the document.
    pub(super) prompt: &'a str,
    /// Their last ones: a complaint about an answer, where there was one.
    pub(super) last: &'a str,
    pub(super) schema: Option<&'a Value>,
    /// Whether the answer is to be the input of a tool.
    by_tool: bool,
    /// Bytes of the whole conversation ÷ 4.
    pub(super) tokens: u64,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Length,
    Refusal,
}

/// Tokens as this provider counts them.
pub(super) fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

impl Dialect {
    /// Reads a request's body.
    pub(super) fn read(self, body: &Value) -> Asked<'_> {
        let messages = || body.get("messages").and_then(Value::as_array).into_iter().flatten();
        let text = |message: &Value| message.get("content").and_then(Value::as_str).map(str::len);
        let system = body.get("system").and_then(Value::as_str).map_or(0, str::len);
        let by_user = |message: &&Value| message.get("role").is_some_and(|role| role == "user");
        let mut said = messages().filter(by_user).filter_map(|message| message.get("content")?.as_str());
        let prompt = said.next().unwrap_or_default();
        let tool = body.pointer("/tools/0/input_schema").filter(|_| self == Self::Anthropic);
        let schema = match self {
            Self::OpenAi => body.pointer("/response_format/json_schema/schema"),
            Self::Anthropic => body.pointer("/output_config/format/schema").or(tool),
            Self::Ollama => body.get("format").filter(|format| format.is_object()),
        };
        Asked {
            model: body.get("model").and_then(Value::as_str).unwrap_or("scripted-model"),
            prompt,
            last: said.next_back().unwrap_or(prompt),
            schema,
            by_tool: tool.is_some(),
            tokens: tokens(messages().filter_map(text).sum::<usize>() + system),
        }
    }

    /// The body of an answer.
    pub(super) fn answer(self, asked: &Asked<'_>, text: &str, end: End, output: u64) -> Value {
        let (model, input) = (asked.model, asked.tokens);
        match self {
            Self::OpenAi => {
                let message = match end {
                    End::Refusal => json!({"role": "assistant", "content": null, "refusal": text}),
                    _ => json!({"role": "assistant", "content": text}),
                };
                let finish = if end == End::Length { "length" } else { "stop" };
                json!({
                    "id": "chatcmpl-1",
                    "object": "chat.completion",
                    "model": model,
                    "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                    "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
                })
            }
            Self::Anthropic => {
                let reason = match end {
                    End::Done if asked.by_tool => "tool_use",
                    End::Done => "end_turn",
                    End::Length => "max_tokens",
                    End::Refusal => "refusal",
                };
                let content = match serde_json::from_str::<Value>(text) {
                    Ok(answer) if asked.by_tool => {
                        json!({"type": "tool_use", "id": "toolu_1", "name": "answer", "input": answer})
                    }
                    _ => json!({"type": "text", "text": text}),
                };
                json!({
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": [content],
                    "stop_reason": reason,
                    "usage": {"input_tokens": input, "output_tokens": output},
                })
            }
            Self::Ollama => json!({
                "model": model,
                "message": {"role": "assistant", "content": text},
                "done": true,
                "done_reason": if end == End::Length { "length" } else { "stop" },
                "prompt_eval_count": input,
                "eval_count": output,
            }),
        }
    }

    /// The body of an error.
    pub(super) fn error(self, kind: &str, words: &str) -> Value {
        match self {
            Self::OpenAi => json!({"error": {"message": words, "type": kind, "param": null, "code": kind}}),
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": words}}),
            Self::Ollama => json!({"error": words}),
        }
    }

    /// Headers that say what is left of a limit.
    pub(super) fn rates(self, left: &Left) -> Vec<(String, String)> {
        let what = if left.tokens { "tokens" } else { "requests" };
        let (limit, remaining) = (left.per_minute.to_string(), left.remaining.to_string());
        match self {
            Self::OpenAi => vec![
                (format!("x-ratelimit-limit-{what}"), limit),
                (format!("x-ratelimit-remaining-{what}"), remaining),
                (format!("x-ratelimit-reset-{what}"), format!("{}ms", left.reset.as_millis())),
            ],
            Self::Anthropic => vec![
                (format!("anthropic-ratelimit-{what}-limit"), limit),
                (format!("anthropic-ratelimit-{what}-remaining"), remaining),
                (format!("anthropic-ratelimit-{what}-reset"), rfc3339(SystemTime::now() + left.reset)),
            ],
            Self::Ollama => Vec::new(),
        }
    }
}

/// A time as RFC 3339 writes it, in whole seconds, rounded up. Civil dates from days: Hinnant, chrono-Compatible
/// Low-Level Date Algorithms.
pub(super) fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = |seconds| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_795_219_199), "2026-11-20T23:59:59Z");
    }
}
