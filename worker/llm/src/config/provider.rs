//! Whose models, and how one speaks with them.

use std::{fmt, str::FromStr};

use url::Url;

/// Who serves a model, as `LLM_PROVIDER` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI's own API.
    OpenAi,
    /// OpenRouter.
    OpenRouter,
    /// Anthropic's own API.
    Anthropic,
    /// An Ollama server.
    Ollama,
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// A vLLM server.
    Vllm,
    /// Any other server that speaks as OpenAI's does.
    Custom,
}

/// How a provider is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `/v1/chat/completions` and `/v1/embeddings`.
    OpenAi,
    /// `/v1/messages`.
    Anthropic,
    /// `/api/chat` and `/api/embed`.
    Ollama,
}

impl Provider {
    /// All of them, in the order in which help shows them.
    pub const ALL: [Self; 7] = [
        Self::OpenAi,
        Self::OpenRouter,
        Self::Anthropic,
        Self::Ollama,
        Self::LlamaCpp,
        Self::Vllm,
        Self::Custom,
    ];

    /// The name that configuration uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenRouter => "openrouter",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llamacpp",
            Self::Vllm => "vllm",
            Self::Custom => "custom",
        }
    }

    /// How it is spoken with.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Anthropic => Dialect::Anthropic,
            Self::Ollama => Dialect::Ollama,
            Self::OpenAi | Self::OpenRouter | Self::LlamaCpp | Self::Vllm | Self::Custom => Dialect::OpenAi,
        }
    }

    /// Where it is when nobody says: the public address, or the port that its server takes by default.
    pub const fn usual_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::OpenRouter => Some("https://openrouter.ai/api/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::LlamaCpp => Some("http://127.0.0.1:8080/v1"),
            Self::Vllm => Some("http://127.0.0.1:8000/v1"),
            Self::Custom => None,
        }
    }

    /// The provider's own usual name for the variable that holds its key.
    pub const fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("OPENAI_API_KEY"),
            Self::OpenRouter => Some("OPENROUTER_API_KEY"),
            Self::Anthropic => Some("ANTHROPIC_API_KEY"),
            Self::Ollama | Self::LlamaCpp | Self::Vllm | Self::Custom => None,
        }
    }

    /// Whether it answers nobody without a key.
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::OpenAi | Self::OpenRouter | Self::Anthropic)
    }

    /// Whether the server itself tells which model it has, so that none need be named.
    pub const fn tells_model(self) -> bool {
        matches!(self, Self::LlamaCpp | Self::Vllm | Self::Custom)
    }

    /// Whether it runs on somebody's own machine, where connections are cheap and kept alive for seconds only.
    pub const fn self_hosted(self) -> bool {
        !self.needs_key()
    }

    /// Whose address `url` is, when it is a well-known one.
    pub fn of_url(url: &Url) -> Option<Self> {
        match url.host_str()? {
            "api.openai.com" => Some(Self::OpenAi),
            "openrouter.ai" => Some(Self::OpenRouter),
            "api.anthropic.com" => Some(Self::Anthropic),
            _ if url.port() == Some(11_434) => Some(Self::Ollama),
            _ => None,
        }
    }

    /// Whose key `key` is, by the prefix that the provider gives its keys.
    pub fn of_key(key: &str) -> Option<Self> {
        [("sk-ant-", Self::Anthropic), ("sk-or-", Self::OpenRouter), ("sk-", Self::OpenAi)]
            .into_iter()
            .find_map(|(prefix, provider)| key.starts_with(prefix).then_some(provider))
    }

    /// Whose model `model` is, by its name.
    pub fn of_model(model: &str) -> Option<Self> {
        let openai = ["gpt-", "o1", "o3", "o4"];
        if model.starts_with("claude-") {
            Some(Self::Anthropic)
        } else if openai.iter().any(|prefix| model.starts_with(prefix)) && !model.starts_with("gpt-oss") {
            Some(Self::OpenAi)
        } else {
            None
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        Self::ALL.into_iter().find(|provider| provider.name() == wanted).ok_or(UnknownProvider)
    }
}

/// The name is none of the providers'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a provider: use one of openai, openrouter, anthropic, ollama, llamacpp, vllm, custom")]
pub struct UnknownProvider;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
        }
        assert_eq!("llama.cpp".parse(), Ok(Provider::LlamaCpp));
        assert_eq!("OpenAI".parse(), Ok(Provider::OpenAi));
        assert_eq!("mainframe".parse::<Provider>(), Err(UnknownProvider));
    }

    #[test]
    fn the_error_names_every_provider() {
        for provider in Provider::ALL {
            assert!(UnknownProvider.to_string().contains(provider.name()), "{provider}");
        }
    }

    #[test]
    fn guesses() {
        let url = |text| Url::parse(text).unwrap();
        assert_eq!(Provider::of_url(&url("https://api.openai.com/v1")), Some(Provider::OpenAi));
        assert_eq!(Provider::of_url(&url("http://box:11434")), Some(Provider::Ollama));
        assert_eq!(Provider::of_url(&url("http://box:9")), None);
        assert_eq!(Provider::of_key("sk-ant-1"), Some(Provider::Anthropic));
        assert_eq!(Provider::of_key("sk-or-1"), Some(Provider::OpenRouter));
        assert_eq!(Provider::of_key("sk-proj-1"), Some(Provider::OpenAi));
        assert_eq!(Provider::of_model("claude-sonnet-4-5"), Some(Provider::Anthropic));
        assert_eq!(Provider::of_model("gpt-oss-20b"), None);
        assert_eq!(Provider::of_model("o3-mini"), Some(Provider::OpenAi));
    }
}
