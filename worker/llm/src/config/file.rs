//! `sheaf.toml`: backends and their limits.

use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    /// Backends, the primary first.
    pub backend: Vec<Spanned<Backend>>,
    /// What holds for all of them.
    pub pool: Pool,
}

/// `[pool]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pool {
    /// `false`: one request at a time.
    pub parallel: Option<bool>,
    /// Most requests at once, over all backends.
    pub max_parallel: Option<u32>,
}

/// `[[backend]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Backend {
    /// Name in logs and results.
    pub name: Option<String>,
    /// As `LLM_PROVIDER`.
    pub provider: Option<Spanned<String>>,
    /// As `LLM_BASE_URL`.
    pub base_url: Option<Spanned<String>>,
    /// As `LLM_MODEL`.
    pub model: Option<String>,
    /// Name of the variable that holds the key.
    pub api_key_env: Option<Spanned<String>>,
    /// Name of the variable that holds the whole value of `Authorization`.
    pub authorization_env: Option<Spanned<String>>,
    /// Requests per minute.
    pub rpm: Option<u64>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// Most requests at once to this backend.
    pub max_parallel: Option<Spanned<u32>>,
    /// Tokens of context of one request.
    pub context: Option<u32>,
    /// Whether it is for embeddings only.
    pub embedding: bool,
    /// `schema`, `object` or `instructions`.
    pub structure: Option<Structure>,
    /// Time limit of one request, seconds.
    pub request_timeout_s: Option<Spanned<u32>>,
}

/// How an answer of a certain shape is asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Structure {
    Schema,
    Object,
    Instructions,
}

/// Reads the file, given with its name.
pub(super) fn read(name: &str, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let place = match error.span() {
            Some(span) => at(name, text, span.start),
            None => name.to_owned(),
        };
        // The message alone: the whole error shows the line, which may hold a key in the wrong place.
        let what = error.message().split('\n').next().unwrap_or_default().to_owned();
        let hint = if what.contains("`api_key`") {
            "Name the variable that holds the key: api_key_env = \"LLM_API_KEY\"."
        } else {
            "See the README for the fields of sheaf.toml."
        };
        ConfigError::new(place, what, hint)
    })
}

/// The file with the line of a byte of it.
pub(super) fn at(name: &str, text: &str, byte: usize) -> String {
    let before = text.as_bytes().get(..byte).unwrap_or_default();
    let line = before.split(|&byte| byte == b'\n').count();
    format!("{name}, line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_named_with_their_line() {
        let error = read("sheaf.toml", "[[backend]]\nprovider = \"openai\"\nmodle = \"x\"\n").unwrap_err();
        assert!(error.to_string().starts_with("sheaf.toml, line 3: unknown field `modle`"), "{error}");
    }

    #[test]
    fn a_key_in_the_file_is_refused_and_not_shown() {
        let error = read("sheaf.toml", "[[backend]]\napi_key = \"sk-secret\"\n").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sk-secret"), "{error}");
        assert!(error.hint.contains("api_key_env"));
    }

    #[test]
    fn no_toml_at_all() {
        let error = read("sheaf.toml", "[[backend]\n").unwrap_err();
        assert!(error.place.starts_with("sheaf.toml, line "), "{error}");
    }
}
