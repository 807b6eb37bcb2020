//! Addresses as people write them.

use url::Url;

use super::{ConfigError, Dialect};

/// An address made fit for a dialect: whatever of the interface's own path was pasted with it is taken off, and for the
/// dialect of OpenAI `/v1` is put where no path is given.
pub(super) fn address(text: &str, dialect: Dialect, place: &str) -> Result<Url, ConfigError> {
    let wrong = |what: &str, hint: &str| ConfigError::new(place, what, hint);
    let like = "Write it as http://host:port or https://host/path.";
    let mut url = Url::parse(text.trim())
        .map_err(|error| wrong(&format!("the address cannot be read ({error})"), like))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("the address is not one of http or https", like));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "the address holds a user name or a password, which would be shown in logs",
            "Take it out, and put it in a variable of its own: LLM_API_KEY, or the address's _AUTH.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the address has a query or a fragment", like));
    }
    let ends: &[&str] = match dialect {
        Dialect::OpenAi => &["/chat/completions", "/completions", "/embeddings", "/models"],
        Dialect::Anthropic => &["/messages", "/v1"],
        Dialect::Ollama => &["/chat", "/embed", "/generate", "/api", "/v1"],
    };
    let mut path = url.path().trim_end_matches('/');
    for end in ends {
        path = path.strip_suffix(end).unwrap_or(path);
    }
    let path = match (dialect, path) {
        (Dialect::OpenAi, "") => "/v1".to_owned(),
        (_, path) => path.to_owned(),
    };
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_write_them() {
        for (dialect, text, expected) in [
            (Dialect::OpenAi, "http://box:8080", "http://box:8080/v1"),
            (Dialect::OpenAi, " http://box:8080/v1/ ", "http://box:8080/v1"),
            (Dialect::OpenAi, "https://h/api/v1/chat/completions", "https://h/api/v1"),
            (Dialect::Anthropic, "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/"),
            (Dialect::Anthropic, "https://proxy/anthropic", "https://proxy/anthropic"),
            (Dialect::Ollama, "http://box:11434/api/chat", "http://box:11434/"),
            (Dialect::Ollama, "http://box:11434/v1", "http://box:11434/"),
        ] {
            assert_eq!(address(text, dialect, "X").unwrap().as_str(), expected, "{text}");
        }
    }

    #[test]
    fn refused_without_showing_a_password() {
        for text in ["box:8080", "ftp://box", "http://me:hunter22@box", "http://box?key=hunter22", ""] {
            let error = address(text, Dialect::OpenAi, "LLM_BASE_URL").unwrap_err();
            assert!(error.to_string().starts_with("LLM_BASE_URL: "), "{error}");
            assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
        }
    }
}
