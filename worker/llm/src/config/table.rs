//! One `[[backend]]` table of `sheaf.toml`.

use std::{sync::Arc, time::Duration};

use toml::Spanned;

use super::{
    BackendConfig, BackendRole, ConfigError, Credential, Dialect, Provider, Said, Structure,
    address::address,
    file,
    resolve::{MOST_PARALLEL, Resolver, bounded},
};

/// Longest time limit of a request that can be said, seconds.
const LONGEST_TIMEOUT_S: u32 = 3600;

impl Resolver<'_> {
    /// The backend of one table.
    pub(super) fn of_file(&self, spanned: &Spanned<file::Backend>) -> Result<BackendConfig, ConfigError> {
        let said = spanned.get_ref();
        let line = |byte: usize| file::at(self.name, self.text, byte);
        let table = line(spanned.span().start);
        let place = |field: &str, byte: usize| format!("{}, field {field}", line(byte));
        let provider = match &said.provider {
            Some(name) => Some(name.get_ref().parse::<Provider>().map_err(|error| {
                ConfigError::new(
                    place("provider", name.span().start),
                    error.to_string(),
                    "Check its spelling.",
                )
            })?),
            None => None,
        };
        let url_place = said.base_url.as_ref().map(|url| place("base_url", url.span().start));
        let (provider, url) = match (provider, &said.base_url) {
            (provider, Some(text)) => {
                let url_place = url_place.unwrap_or_default();
                let guessed = address(text.get_ref(), Dialect::OpenAi, &url_place)?;
                let provider = provider.or_else(|| Provider::of_url(&guessed)).unwrap_or(Provider::Custom);
                (provider, address(text.get_ref(), provider.dialect(), &url_place)?)
            }
            (Some(provider), None) => match provider.usual_url() {
                Some(usual) => (provider, address(usual, provider.dialect(), &table)?),
                None => return Err(ConfigError::new(table, "this backend has no base_url", "Give it one.")),
            },
            (None, None) => {
                let hint = "Give it a provider, a base_url or both.";
                return Err(ConfigError::new(table, "this backend has neither provider nor base_url", hint));
            }
        };
        let official = Provider::of_url(&url) == Some(provider);
        let mut backend = BackendConfig::new(said.name.clone().unwrap_or_default(), provider, url);
        backend.model.clone_from(&said.model);
        backend.role = if said.embedding { BackendRole::Embedding } else { BackendRole::Chat };
        backend.rpm = said.rpm.filter(|limit| *limit > 0);
        backend.tpm = said.tpm.filter(|limit| *limit > 0);
        backend.context = said.context.filter(|tokens| *tokens > 0);
        backend.credential = self.credential_of_file(said, &place)?;
        if backend.credential.is_none() && official {
            backend.credential = provider.key_variable().and_then(|name| self.key(name));
            if provider.needs_key() && backend.credential.is_none() {
                let what = format!("provider {provider} needs a key, and none is named");
                return Err(ConfigError::new(
                    table,
                    what,
                    "Name the variable that holds it: api_key_env = \"…\".",
                ));
            }
        }
        if !provider.tells_model() && backend.model.is_none() {
            let what = format!("provider {provider} needs a model, and none is named");
            return Err(ConfigError::new(table, what, "Give it: model = \"…\"."));
        }
        if let Some(number) = &said.max_parallel {
            let place = place("max_parallel", number.span().start);
            let number = bounded(*number.get_ref(), 1, MOST_PARALLEL, &place)?;
            backend.most_parallel = Some(Said { number, place });
        }
        if let Some(seconds) = &said.request_timeout_s {
            let place = place("request_timeout_s", seconds.span().start);
            let seconds = bounded(*seconds.get_ref(), 1, LONGEST_TIMEOUT_S, &place)?;
            backend.request_timeout = Duration::from_secs(u64::from(seconds));
        }
        if let Some(structure) = said.structure {
            backend.structure = match structure {
                file::Structure::Schema => Structure::Schema,
                file::Structure::Object => Structure::Object,
                file::Structure::Instructions => Structure::Instructions,
            };
        }
        backend.place = table;
        Ok(backend)
    }

    fn credential_of_file(
        &self,
        said: &file::Backend,
        place: &dyn Fn(&str, usize) -> String,
    ) -> Result<Option<Credential>, ConfigError> {
        let (field, variable, whole) = match (&said.api_key_env, &said.authorization_env) {
            (Some(variable), _) => ("api_key_env", variable, false),
            (None, Some(variable)) => ("authorization_env", variable, true),
            (None, None) => return Ok(None),
        };
        let place = place(field, variable.span().start);
        let name = variable.get_ref();
        let is_name = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            // Not shown: it may be the key itself.
            let what = "this is not the name of a variable";
            let hint = "Name the variable that holds the key, in capitals; never write the key itself here.";
            return Err(ConfigError::new(place, what, hint));
        }
        let found = if whole { self.authorization(name) } else { self.key(name) };
        match found {
            Some(credential) => Ok(Some(credential)),
            None => {
                Err(ConfigError::new(place, format!("{name} is not set"), format!("Set {name} to the key.")))
            }
        }
    }
}

/// Gives a name to each backend without one, and refuses doubles.
pub(super) fn name_all(backends: &mut [BackendConfig]) -> Result<(), ConfigError> {
    let mut names: Vec<Arc<str>> = Vec::with_capacity(backends.len());
    for (place, backend) in backends.iter_mut().enumerate() {
        let given = !backend.name.trim().is_empty();
        if !given {
            let first = Arc::from(backend.provider.name());
            backend.name = if names.contains(&first) {
                format!("{}-{}", backend.provider, place + 1).into()
            } else {
                first
            };
        }
        if names.contains(&backend.name) {
            let what = format!("two backends are named {}", backend.name);
            return Err(ConfigError::new(backend.place.clone(), what, "Give each its own name."));
        }
        names.push(Arc::clone(&backend.name));
    }
    Ok(())
}
