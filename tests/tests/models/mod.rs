//! A client over scripted providers, as tests of models share it.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{sync::Arc, time::Duration};

use sheaf_llm::{
    BackendSpec, Client, ClientSettings, HttpBackend, Message, ModelRequest, Parallelism, Price, RetryPolicy,
    Role, Secret, Target, ToldLimits,
    config::{BackendConfig, Credential, Provider as Whose, Scheme},
};
use sheaf_tests::provider::Provider;
use url::Url;

/// The key that every backend is asked with.
pub(crate) const KEY: &str = "sk-scripted-0123456789";

/// A backend of a client, before it is one.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) config: BackendConfig,
    pub(crate) spec: BackendSpec,
}

impl Backend {
    /// The interface of OpenAI, at a provider.
    pub(crate) fn at(name: &str, provider: &Provider, slots: usize) -> Self {
        Self::in_dialect(Whose::Custom, name, provider, slots)
    }

    /// Any interface, at a provider.
    pub(crate) fn in_dialect(whose: Whose, name: &str, provider: &Provider, slots: usize) -> Self {
        let url = match whose {
            Whose::Anthropic | Whose::Ollama => provider.root(),
            _ => provider.v1(),
        };
        let mut config = BackendConfig::new(name, whose, Url::parse(&url).unwrap());
        config.model = Some("scripted-model".to_owned());
        config.credential = Some(Credential {
            secret: Secret::new(KEY),
            scheme: Scheme::Key,
            variable: "LLM_API_KEY".to_owned(),
        });
        let spec = BackendSpec {
            name: Arc::from(name),
            model: "scripted-model".to_owned(),
            primary: false,
            context: None,
            price: Some(Price { input: 1.0, output: 1.0 }),
            parallelism: Parallelism::Fixed(slots),
            key: name.to_owned(),
            limits: ToldLimits::default(),
        };
        Self { config, spec }
    }

    /// The same with as many tokens of context.
    pub(crate) fn context(mut self, tokens: u64) -> Self {
        self.spec.context = Some(tokens);
        self
    }

    /// The same with slots that may change, up to those that it begins with.
    pub(crate) fn adaptive(mut self) -> Self {
        if let Parallelism::Fixed(start) = self.spec.parallelism {
            self.spec.parallelism = Parallelism::Adaptive { start, most: start };
        }
        self
    }

    /// The same, told of so many requests a minute.
    pub(crate) fn told(mut self, per_minute: u64) -> Self {
        self.spec.limits.requests_per_minute = Some(per_minute);
        self
    }
}

pub(crate) fn client(settings: ClientSettings, backends: impl IntoIterator<Item = Backend>) -> Client {
    let builder = backends.into_iter().fold(Client::builder(settings), |builder, backend| {
        builder.backend(backend.spec, HttpBackend::new(&backend.config).unwrap())
    });
    builder.build().unwrap()
}

/// Settings in which nothing takes long, but for the backoff between attempts.
pub(crate) fn settings(attempts: u32) -> ClientSettings {
    let retry = RetryPolicy {
        attempts,
        timeouts: 2,
        patience: Duration::from_secs(30),
        longest_wait: Duration::from_millis(300),
        cooling: Duration::from_millis(300),
    };
    ClientSettings { retry, time_limit: Duration::from_secs(30), ..ClientSettings::default() }
}

/// A request whose answer repeats its number: `You said: Document number 7.`
pub(crate) fn request(id: u64) -> ModelRequest {
    ModelRequest {
        id,
        stage: Arc::from("test"),
        messages: Arc::from([Message { role: Role::User, text: said(id) }]),
        schema: None,
        most_output_tokens: 20,
        target: Target::Any,
        deadline: None,
    }
}

pub(crate) fn said(id: u64) -> String {
    format!("Document number {id}.")
}

pub(crate) fn requests(count: u64) -> Vec<ModelRequest> {
    (0..count).map(request).collect()
}

/// Whether every request was answered, each with its own answer.
pub(crate) fn all_answered(answers: &[Result<sheaf_llm::Answered, sheaf_llm::ModelError>]) -> bool {
    (0..).zip(answers).all(|(id, answer)| match answer {
        Ok(answered) => answered.answer.id == id && answered.answer.text.ends_with(&said(id)),
        Err(error) => panic!("request {id}: {error}"),
    })
}
