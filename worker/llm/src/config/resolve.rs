//! One configuration out of four places.

use super::{
    BackendConfig, BackendRole, ConfigError, Credential, Dialect, Parallel, PoolConfig, Provider, Said,
    Scheme,
    address::address,
    file::{self, File},
    table,
    variables::{
        Environment, LLAMA_CPP_URL, LLAMA_CPP_URL_EMBEDDING, LLM_API_KEY, LLM_BASE_URL,
        LLM_MAX_CONCURRENT_CALLS, LLM_MAX_PARALLEL_REQUESTS, LLM_MODEL, LLM_PARALLEL_REQUESTS_ENABLED,
        LLM_PROVIDER, MOST_NUMBERED, Setting,
    },
};
use crate::Secret;

/// Most requests at once that can be said.
pub(super) const MOST_PARALLEL: u32 = 1000;

/// What the command line says of models. A key is no option: command lines are seen by everybody on a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelOptions {
    /// As `LLM_PROVIDER`.
    pub provider: Option<String>,
    /// As `LLM_BASE_URL`.
    pub base_url: Option<String>,
    /// As `LLM_MODEL`.
    pub model: Option<String>,
    /// `--no-parallel`
    pub no_parallel: bool,
    /// `--max-parallel`
    pub max_parallel: Option<u32>,
    /// `--rpm`, for every backend.
    pub rpm: Option<u64>,
    /// `--tpm`, for every backend.
    pub tpm: Option<u64>,
}

/// Where settings come from, the strongest first.
pub struct Sources<'a> {
    /// The command line.
    pub options: &'a ModelOptions,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Name and text of a `.env` file.
    pub dotenv: Option<(&'a str, &'a str)>,
    /// Name and text of a `sheaf.toml`.
    pub file: Option<(&'a str, &'a str)>,
}

impl PoolConfig {
    /// The configuration that the sources give together; `None` when they name no model at all.
    ///
    /// A provider's own key variable (such as `OPENAI_API_KEY`) alone names none: many have it set for other programs,
    /// and documents are sent nowhere unasked.
    pub fn resolve(sources: &Sources<'_>) -> Result<Option<Self>, ConfigError> {
        let environment = Environment::new(sources.environment, sources.dotenv)?;
        let (name, text) = sources.file.unwrap_or_default();
        let file = file::read(name, text)?;
        let resolver = Resolver { options: sources.options, environment: &environment, name, text };
        resolver.resolve(&file)
    }
}

/// What all steps look at.
pub(super) struct Resolver<'a> {
    options: &'a ModelOptions,
    environment: &'a Environment<'a>,
    /// Name of `sheaf.toml`.
    pub(super) name: &'a str,
    /// Its text.
    pub(super) text: &'a str,
}

impl Resolver<'_> {
    fn resolve(&self, file: &File) -> Result<Option<PoolConfig>, ConfigError> {
        let mut of_file =
            file.backend.iter().map(|backend| self.of_file(backend)).collect::<Result<Vec<_>, _>>()?;
        table::name_all(&mut of_file)?;
        let (file_chat, file_embedding): (Vec<_>, Vec<_>) =
            of_file.into_iter().partition(|backend| backend.role == BackendRole::Chat);

        let mut notes = Vec::new();
        let mut chat = self.of_environment(file_chat.is_empty())?;
        if chat.is_empty() {
            chat = file_chat;
            // The model alone is said: it is the primary's.
            if let (Some(model), Some(primary)) = (self.model(), chat.first_mut()) {
                primary.model = Some(model.value);
            }
        } else if !file_chat.is_empty() {
            notes.push(format!(
                "the {} of {} not used, as {} is set",
                counted(file_chat.len()),
                if file_chat.len() == 1 { format!("{} is", self.name) } else { format!("{} are", self.name) },
                chat.first().map(|first| first.place.clone()).unwrap_or_default(),
            ));
        }
        let mut embedding: Vec<_> = self.embedding_of_environment()?.into_iter().collect();
        if embedding.is_empty() {
            embedding = file_embedding;
        }
        if chat.is_empty() && embedding.is_empty() {
            return Ok(None);
        }

        let parallel = self.parallel(file)?;
        if let ([only], Some(most)) = (chat.as_mut_slice(), parallel.most())
            && only.most_parallel.is_none()
        {
            // With one backend, what is said of all is said of it.
            let (Parallel::Off(place) | Parallel::AtMost(_, place)) = &parallel else { return Ok(None) };
            only.most_parallel = Some(Said { number: most, place: place.clone() });
        }
        let mut backends = chat;
        backends.append(&mut embedding);
        for backend in &mut backends {
            backend.rpm = self.options.rpm.or(backend.rpm);
            backend.tpm = self.options.tpm.or(backend.tpm);
        }
        for (limit, place) in [(self.options.rpm, "--rpm"), (self.options.tpm, "--tpm")] {
            if limit == Some(0) {
                return Err(ConfigError::new(
                    place,
                    "a limit of 0 allows nothing",
                    "Leave it out to have it learned.",
                ));
            }
        }
        Ok(Some(PoolConfig { backends, parallel, notes }))
    }

    /// Backends that options and the environment name, the primary first.
    fn of_environment(&self, nothing_else: bool) -> Result<Vec<BackendConfig>, ConfigError> {
        let llama = self.llama_addresses();
        let provider = match self.said(self.options.provider.as_deref(), "--provider", LLM_PROVIDER) {
            Some(said) => Some(said.value.parse::<Provider>().map_err(|error| {
                ConfigError::new(said.place.clone(), error.to_string(), "Check its spelling.")
            })?),
            None => None,
        };
        let base_url = self.said(self.options.base_url.as_deref(), "--base-url", LLM_BASE_URL);
        let mut backends = Vec::new();
        let named_by_llama = !llama.is_empty()
            && base_url.is_none()
            && provider.is_none_or(|provider| provider == Provider::LlamaCpp);
        let named = provider.is_some()
            || base_url.is_some()
            || (nothing_else && (self.model().is_some() || self.environment.get(LLM_API_KEY).is_some()));
        if named && !named_by_llama {
            backends.push(self.primary(provider, base_url)?);
        }
        for setting in &llama {
            let mut backend = self.llama(setting, BackendRole::Chat)?;
            if named_by_llama {
                backend.model = self.model().map(|model| model.value);
                if backend.credential.is_none() && provider.is_some() {
                    backend.credential = self.key(LLM_API_KEY);
                }
            }
            backends.push(backend);
        }
        Ok(backends)
    }

    fn primary(
        &self,
        said: Option<Provider>,
        base_url: Option<Setting>,
    ) -> Result<BackendConfig, ConfigError> {
        let model = self.model();
        let key = self.environment.get(LLM_API_KEY);
        let provider = match said {
            Some(provider) => provider,
            None => match &base_url {
                // Somebody's own address: whose server it is is found out.
                Some(setting) => {
                    let url = address(&setting.value, Dialect::OpenAi, &setting.place)?;
                    Provider::of_url(&url).unwrap_or(Provider::Custom)
                }
                None => self.guess(model.as_ref(), key.as_ref())?,
            },
        };
        let place = [
            self.said(self.options.provider.as_deref(), "--provider", LLM_PROVIDER),
            base_url.clone(),
            model.clone(),
            key,
        ]
        .into_iter()
        .flatten()
        .next()
        .map(|setting| setting.place)
        .unwrap_or_default();
        let url = match (base_url, provider.usual_url()) {
            (Some(setting), _) => address(&setting.value, provider.dialect(), &setting.place)?,
            (None, Some(usual)) => address(usual, provider.dialect(), &place)?,
            (None, None) => {
                let what = format!("provider {provider} has no address of its own");
                return Err(ConfigError::new(
                    place,
                    what,
                    format!("Set {LLM_BASE_URL} to the server's address."),
                ));
            }
        };
        let own_server = Provider::of_url(&url) != Some(provider);
        let mut backend = BackendConfig::new(provider.name(), provider, url);
        let own = provider.key_variable();
        backend.credential = self.key(LLM_API_KEY).or_else(|| own.and_then(|name| self.key(name)));
        backend.model = model.map(|model| model.value);
        if provider.needs_key() && !own_server && backend.credential.is_none() {
            let own = own.map(|name| format!(" or {name}")).unwrap_or_default();
            let what = format!("provider {provider} needs a key, and none is set");
            return Err(ConfigError::new(place, what, format!("Set {LLM_API_KEY}{own}.")));
        }
        if !provider.tells_model() && backend.model.is_none() {
            let what = format!("provider {provider} needs a model, and none is named");
            return Err(ConfigError::new(place, what, format!("Set {LLM_MODEL}.")));
        }
        backend.place = place;
        Ok(backend)
    }

    /// Whose model it is, where nobody says and no address is given: by the key, by the key's variable, by the model.
    fn guess(&self, model: Option<&Setting>, key: Option<&Setting>) -> Result<Provider, ConfigError> {
        let by_key = key.and_then(|key| Provider::of_key(&key.value));
        let by_model = || model.and_then(|model| Provider::of_model(&model.value));
        let by_variable = || {
            let mut set = Provider::ALL.into_iter().filter(|provider| {
                provider.key_variable().is_some_and(|name| self.environment.get(name).is_some())
            });
            match (set.next(), set.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            }
        };
        by_key.or_else(by_model).or_else(by_variable).ok_or_else(|| {
            let place = model.or(key).map(|setting| setting.place.clone()).unwrap_or_default();
            ConfigError::new(
                place,
                "it is set, but nothing says whose model it is",
                format!("Set {LLM_PROVIDER}, or {LLM_BASE_URL} for a server of your own."),
            )
        })
    }

    fn llama_addresses(&self) -> Vec<Setting> {
        let numbered = (1..=MOST_NUMBERED).map(|number| format!("{LLAMA_CPP_URL}_{number}"));
        std::iter::once(LLAMA_CPP_URL.to_owned())
            .chain(numbered)
            .filter_map(|name| {
                let setting = self.environment.get(&name)?;
                // The name alone, as the variable of its authorisation is made of it.
                Some(Setting { place: name, ..setting })
            })
            .collect()
    }

    fn embedding_of_environment(&self) -> Result<Option<BackendConfig>, ConfigError> {
        let setting = self.environment.get(LLAMA_CPP_URL_EMBEDDING);
        setting
            .map(|setting| {
                let setting = Setting { place: LLAMA_CPP_URL_EMBEDDING.to_owned(), ..setting };
                self.llama(&setting, BackendRole::Embedding)
            })
            .transpose()
    }

    /// The llama.cpp server of one variable, with what the variable's `_AUTH` says.
    fn llama(&self, setting: &Setting, role: BackendRole) -> Result<BackendConfig, ConfigError> {
        let url = address(&setting.value, Dialect::OpenAi, &setting.place)?;
        let suffix = setting.place.strip_prefix(LLAMA_CPP_URL).unwrap_or_default();
        let name = format!("llamacpp{}", suffix.to_lowercase().replace('_', "-"));
        let mut backend = BackendConfig::new(name, Provider::LlamaCpp, url);
        backend.role = role;
        backend.credential = self.authorization(&format!("{}_AUTH", setting.place));
        backend.place.clone_from(&setting.place);
        Ok(backend)
    }

    /// What the person says of requests at once: the command line, else the environment, else the file.
    fn parallel(&self, file: &File) -> Result<Parallel, ConfigError> {
        if self.options.no_parallel {
            return Ok(Parallel::Off("--no-parallel".to_owned()));
        }
        if let Some(most) = self.options.max_parallel {
            let place = "--max-parallel";
            return Ok(Parallel::AtMost(bounded(most, 1, MOST_PARALLEL, place)?, place.to_owned()));
        }
        let enabled = self.environment.get(LLM_PARALLEL_REQUESTS_ENABLED);
        let enabled = enabled.map(|setting| Ok((truth(&setting)?, setting.place))).transpose()?;
        if let Some((false, place)) = enabled {
            return Ok(Parallel::Off(place));
        }
        let of_environment = [LLM_MAX_PARALLEL_REQUESTS, LLM_MAX_CONCURRENT_CALLS]
            .into_iter()
            .filter_map(|name| self.environment.get(name))
            .map(|setting| {
                let number = setting.value.parse().map_err(|_| {
                    let what = "this is not a whole number";
                    ConfigError::new(setting.place.clone(), what, format!("Set it to 1 to {MOST_PARALLEL}."))
                })?;
                Ok((bounded(number, 1, MOST_PARALLEL, &setting.place)?, setting.place))
            })
            .collect::<Result<Vec<_>, ConfigError>>()?;
        if let Some((most, place)) = of_environment.into_iter().min_by_key(|(most, _)| *most) {
            return Ok(Parallel::AtMost(most, place));
        }
        let place = |field: &str| format!("{}, [pool], field {field}", self.name);
        match (file.pool.parallel, file.pool.max_parallel) {
            (Some(false), _) if enabled.is_none() => Ok(Parallel::Off(place("parallel"))),
            (_, Some(most)) => {
                let place = place("max_parallel");
                Ok(Parallel::AtMost(bounded(most, 1, MOST_PARALLEL, &place)?, place))
            }
            _ => Ok(Parallel::Automatic),
        }
    }

    fn model(&self) -> Option<Setting> {
        self.said(self.options.model.as_deref(), "--model", LLM_MODEL)
    }

    /// An option, else the variable.
    fn said(&self, option: Option<&str>, flag: &str, variable: &str) -> Option<Setting> {
        match option.map(str::trim).filter(|value| !value.is_empty()) {
            Some(value) => Some(Setting { value: value.to_owned(), place: flag.to_owned() }),
            None => self.environment.get(variable),
        }
    }

    /// The key that a variable holds. A `Bearer` that was pasted with it is taken off.
    pub(super) fn key(&self, variable: &str) -> Option<Credential> {
        let setting = self.environment.get(variable)?;
        let key = bearer(&setting.value).unwrap_or(&setting.value);
        Some(Credential { secret: Secret::new(key), scheme: Scheme::Key, variable: setting.place })
    }

    /// What a variable says for `Authorization`; a bare key is one too.
    pub(super) fn authorization(&self, variable: &str) -> Option<Credential> {
        let setting = self.environment.get(variable)?;
        let (secret, scheme) = match bearer(&setting.value) {
            Some(key) => (key, Scheme::Key),
            None if setting.value.contains(' ') => (setting.value.as_str(), Scheme::Authorization),
            None => (setting.value.as_str(), Scheme::Key),
        };
        Some(Credential { secret: Secret::new(secret), scheme, variable: setting.place.clone() })
    }
}

/// What stands behind `Bearer`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

pub(super) fn bounded(number: u32, least: u32, most: u32, place: &str) -> Result<u32, ConfigError> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(ConfigError::new(place, format!("{number} is out of range"), format!("Set it to {least} to {most}.")))
}

fn truth(setting: &Setting) -> Result<bool, ConfigError> {
    match setting.value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(ConfigError::new(
            setting.place.clone(),
            "this is neither true nor false",
            "Set it to true or false.",
        )),
    }
}

fn counted(backends: usize) -> String {
    if backends == 1 { "backend".to_owned() } else { format!("{backends} backends") }
}
