//! Every environment variable that configures models: the one table, from which help is made.

use std::{collections::HashMap, fmt};

use super::ConfigError;

/// Most numbered llama.cpp addresses: `LLAMA_CPP_URL_1` to `LLAMA_CPP_URL_64`.
pub const MOST_NUMBERED: u32 = 64;

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name; `N` stands for a number from 1 to 64.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What holds when it is not set; empty when nothing does.
    pub default: &'static str,
    /// Whether its value is a secret.
    pub secret: bool,
}

/// Whose models.
pub(super) const LLM_PROVIDER: &str = "LLM_PROVIDER";
/// The key.
pub(super) const LLM_API_KEY: &str = "LLM_API_KEY";
/// The address.
pub(super) const LLM_BASE_URL: &str = "LLM_BASE_URL";
/// The model.
pub(super) const LLM_MODEL: &str = "LLM_MODEL";
/// Whether more than one request at once may be sent.
pub(super) const LLM_PARALLEL_REQUESTS_ENABLED: &str = "LLM_PARALLEL_REQUESTS_ENABLED";
/// Most requests at once.
pub(super) const LLM_MAX_PARALLEL_REQUESTS: &str = "LLM_MAX_PARALLEL_REQUESTS";
/// Most requests at once, 1 to 1000.
pub(super) const LLM_MAX_CONCURRENT_CALLS: &str = "LLM_MAX_CONCURRENT_CALLS";
/// Address of a llama.cpp server; with `_1`, `_2`, … those of more.
pub(super) const LLAMA_CPP_URL: &str = "LLAMA_CPP_URL";
/// Address of a llama.cpp server for embeddings.
pub(super) const LLAMA_CPP_URL_EMBEDDING: &str = "LLAMA_CPP_URL_EMBEDDING";

/// All of them, in the order in which help shows them.
pub const VARIABLES: [Variable; 16] = [
    plain(
        LLM_PROVIDER,
        "whose models: openai, openrouter, anthropic, ollama, llamacpp, vllm or custom",
        "told by the address, the key or the model",
    ),
    secret(LLM_API_KEY, "key of the provider"),
    secret("OPENAI_API_KEY", "key of OpenAI, where LLM_API_KEY is not set"),
    secret("OPENROUTER_API_KEY", "key of OpenRouter, where LLM_API_KEY is not set"),
    secret("ANTHROPIC_API_KEY", "key of Anthropic, where LLM_API_KEY is not set"),
    plain(
        LLM_BASE_URL,
        "address of the provider's interface, such as http://box:8000/v1",
        "the provider's own",
    ),
    plain(LLM_MODEL, "name of the model", "the one that the server has"),
    plain(LLM_PARALLEL_REQUESTS_ENABLED, "false: one request at a time", "true"),
    plain(LLM_MAX_PARALLEL_REQUESTS, "most requests at once", "found out"),
    plain(LLM_MAX_CONCURRENT_CALLS, "most requests at once, 1 to 1000", "10 where nothing can be found out"),
    plain(LLAMA_CPP_URL, "address of a llama.cpp server", ""),
    secret("LLAMA_CPP_URL_AUTH", "what it is authorised with: `Bearer …`"),
    plain("LLAMA_CPP_URL_N", "address of one more llama.cpp server, N from 1 to 64", ""),
    secret("LLAMA_CPP_URL_N_AUTH", "what that one is authorised with: `Bearer …`"),
    plain(LLAMA_CPP_URL_EMBEDDING, "address of a llama.cpp server for embeddings", ""),
    secret("LLAMA_CPP_URL_EMBEDDING_AUTH", "what that one is authorised with: `Bearer …`"),
];

const fn plain(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable { name, meaning, default, secret: false }
}

const fn secret(name: &'static str, meaning: &'static str) -> Variable {
    Variable { name, meaning, default: "", secret: true }
}

/// The table as help shows it, a line a variable.
pub fn help() -> String {
    let width = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for variable in VARIABLES {
        text.push_str(&format!("{:width$}  {}", variable.name, variable.meaning));
        if !variable.default.is_empty() {
            text.push_str(&format!(" [default: {}]", variable.default));
        }
        text.push('\n');
    }
    text
}

/// What the environment holds, and below it what a `.env` file holds. A value that is empty is not set.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    file_name: String,
    file: HashMap<String, String>,
}

/// The value of a variable, with where it is set.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// The value.
    pub value: String,
    /// The variable, with the file that sets it if one does.
    pub place: String,
}

impl<'a> Environment<'a> {
    /// The environment that `lookup` knows, over the text of a `.env` file, given with its name.
    pub fn new(
        lookup: &'a dyn Fn(&str) -> Option<String>,
        dotenv: Option<(&str, &str)>,
    ) -> Result<Self, ConfigError> {
        let (name, text) = dotenv.unwrap_or_default();
        let mut file = HashMap::new();
        for pair in dotenvy::from_read_iter(text.as_bytes()) {
            let (variable, value) = pair.map_err(|error| unreadable(name, text, &error))?;
            file.insert(variable, value);
        }
        Ok(Self { lookup, file_name: name.to_owned(), file })
    }

    /// A variable's value, without the white space around it.
    pub fn get(&self, name: &str) -> Option<Setting> {
        let filled = |value: &str| (!value.trim().is_empty()).then(|| value.trim().to_owned());
        if let Some(value) = (self.lookup)(name).as_deref().and_then(filled) {
            return Some(Setting { value, place: name.to_owned() });
        }
        let value = self.file.get(name).and_then(|value| filled(value))?;
        Some(Setting { value, place: format!("{name} in {}", self.file_name) })
    }
}

impl fmt::Debug for Environment<'_> {
    /// Names only: values may be keys.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.file.keys().collect();
        names.sort();
        out.debug_struct("Environment").field("file", &self.file_name).field("names", &names).finish()
    }
}

impl fmt::Debug for Setting {
    /// Its place only: the value may be a key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Setting({})", self.place)
    }
}

/// Names the line, and shows nothing of it: it may hold a key.
fn unreadable(name: &str, text: &str, error: &dotenvy::Error) -> ConfigError {
    let line = match error {
        dotenvy::Error::LineParse(bad, _) => {
            text.lines().position(|line| line.trim() == bad.trim()).map(|before| before + 1)
        }
        _ => None,
    };
    let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
    ConfigError::new(
        place,
        "this is not a setting",
        "Write NAME=value, with quotes around a value with spaces.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_over_the_file() {
        let lookup = |name: &str| match name {
            "BOTH" => Some("outside".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            _ => None,
        };
        let text = "BOTH=inside\nexport EMPTY='from the file'\n# a comment\nONE=\" 1 \"\n";
        let environment = Environment::new(&lookup, Some((".env", text))).unwrap();
        let get = |name| environment.get(name).map(|setting| (setting.value, setting.place));
        assert_eq!(get("BOTH"), Some(("outside".to_owned(), "BOTH".to_owned())));
        assert_eq!(get("EMPTY"), Some(("from the file".to_owned(), "EMPTY in .env".to_owned())));
        assert_eq!(get("ONE"), Some(("1".to_owned(), "ONE in .env".to_owned())));
        assert_eq!(get("NONE"), None);
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        let error = Environment::new(&|_| None, Some((".env", "A=1\nB='sk-secret\n"))).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sk-secret"), "{error}");
        assert!(error.to_string().starts_with(".env, line 2: "), "{error}");
    }

    #[test]
    fn help_names_all() {
        let help = help();
        for variable in VARIABLES {
            assert!(help.contains(variable.name));
        }
        assert!(help.lines().count() == VARIABLES.len());
    }
}
