//! The configuration out of its four places.

use std::collections::HashMap;

use super::*;

fn resolve(
    options: &ModelOptions,
    variables: &[(&str, &str)],
    dotenv: &str,
    file: &str,
) -> Result<Option<PoolConfig>, ConfigError> {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    PoolConfig::resolve(&Sources {
        options,
        environment: &|name| variables.get(name).cloned(),
        dotenv: Some((".env", dotenv)),
        file: Some(("sheaf.toml", file)),
    })
}

fn pool(variables: &[(&str, &str)], dotenv: &str, file: &str) -> PoolConfig {
    resolve(&ModelOptions::default(), variables, dotenv, file).unwrap().unwrap()
}

fn error(variables: &[(&str, &str)], file: &str) -> ConfigError {
    resolve(&ModelOptions::default(), variables, "", file).unwrap_err()
}

fn key(backend: &BackendConfig) -> Option<(String, Scheme, String)> {
    let credential = backend.credential.clone()?;
    Some((credential.secret.expose().to_owned(), credential.scheme, credential.variable))
}

#[test]
fn nothing_said_is_rules_only() {
    assert!(resolve(&ModelOptions::default(), &[], "", "").unwrap().is_none());
    let unasked = resolve(&ModelOptions::default(), &[("OPENAI_API_KEY", "sk-1")], "", "").unwrap();
    assert!(unasked.is_none(), "a key that is there for other programs sends nothing anywhere");
    let limits = resolve(&ModelOptions { rpm: Some(5), ..ModelOptions::default() }, &[], "", "").unwrap();
    assert!(limits.is_none());
}

#[test]
fn one_backend_by_the_environment() {
    let pool = pool(
        &[("LLM_PROVIDER", "openai"), ("OPENAI_API_KEY", "sk-own"), ("LLM_MODEL", "gpt-4o-mini")],
        "LLM_API_KEY=sk-dotenv\nLLM_MODEL=other\n",
        "",
    );
    let backend = pool.primary().unwrap();
    assert_eq!(&*backend.name, "openai");
    assert_eq!(backend.base_url.as_str(), "https://api.openai.com/v1");
    assert_eq!(backend.model.as_deref(), Some("gpt-4o-mini"), "the environment is over .env");
    let expected = ("sk-dotenv".to_owned(), Scheme::Key, "LLM_API_KEY in .env".to_owned());
    assert_eq!(key(backend), Some(expected));
    assert_eq!(pool.sentence(), "a single backend: openai (https://api.openai.com/v1)");
}

#[test]
fn providers_are_guessed_where_they_are_plain() {
    let provider = |variables: &[(&str, &str)]| pool(variables, "", "").primary().unwrap().provider;
    assert_eq!(provider(&[("LLM_API_KEY", "sk-ant-1"), ("LLM_MODEL", "m")]), Provider::Anthropic);
    assert_eq!(
        provider(&[("LLM_MODEL", "claude-haiku-4-5"), ("ANTHROPIC_API_KEY", "k")]),
        Provider::Anthropic
    );
    assert_eq!(provider(&[("LLM_MODEL", "qwen/qwen3"), ("OPENROUTER_API_KEY", "k")]), Provider::OpenRouter);
    assert_eq!(provider(&[("LLM_BASE_URL", "http://box:9000")]), Provider::Custom);
    assert_eq!(provider(&[("LLM_BASE_URL", "http://box:11434"), ("LLM_MODEL", "m")]), Provider::Ollama);
    let lost = error(&[("LLM_MODEL", "mystery")], "");
    assert!(lost.hint.contains("LLM_PROVIDER"), "{lost:?}");
}

#[test]
fn each_provider_by_name() {
    for (provider, url) in [
        ("openai", "https://api.openai.com/v1"),
        ("openrouter", "https://openrouter.ai/api/v1"),
        ("anthropic", "https://api.anthropic.com/"),
        ("ollama", "http://127.0.0.1:11434/"),
        ("llamacpp", "http://127.0.0.1:8080/v1"),
        ("vllm", "http://127.0.0.1:8000/v1"),
    ] {
        let pool = pool(&[("LLM_PROVIDER", provider), ("LLM_API_KEY", "k"), ("LLM_MODEL", "m")], "", "");
        assert_eq!(pool.primary().unwrap().base_url.as_str(), url);
    }
    assert!(error(&[("LLM_PROVIDER", "custom")], "").hint.contains("LLM_BASE_URL"));
}

#[test]
fn llama_cpp_addresses_with_their_authorisation() {
    let pool = pool(
        &[
            ("LLAMA_CPP_URL", "http://a:1"),
            ("LLAMA_CPP_URL_AUTH", "Bearer key-a"),
            ("LLAMA_CPP_URL_2", "http://b:2/v1"),
            ("LLAMA_CPP_URL_2_AUTH", "Basic Zm9v"),
            ("LLAMA_CPP_URL_7", "http://c:3/"),
            ("LLAMA_CPP_URL_EMBEDDING", "http://e:4"),
            ("LLAMA_CPP_URL_EMBEDDING_AUTH", "Bearer key-e"),
            ("LLM_MODEL", "smol"),
        ],
        "",
        "",
    );
    let names: Vec<&str> = pool.backends.iter().map(|backend| &*backend.name).collect();
    assert_eq!(names, ["llamacpp", "llamacpp-2", "llamacpp-7", "llamacpp-embedding"]);
    assert_eq!(pool.chat().count(), 3);
    assert_eq!(pool.embedding().unwrap().base_url.as_str(), "http://e:4/v1");
    assert_eq!(pool.primary().unwrap().model.as_deref(), Some("smol"));
    let keys: Vec<_> =
        pool.backends.iter().map(|backend| key(backend).map(|(key, scheme, _)| (key, scheme))).collect();
    assert_eq!(
        keys,
        [
            Some(("key-a".to_owned(), Scheme::Key)),
            Some(("Basic Zm9v".to_owned(), Scheme::Authorization)),
            None,
            Some(("key-e".to_owned(), Scheme::Key)),
        ]
    );
    assert!(
        pool.sentence().starts_with("a pool of 3 backends: llamacpp (http://a:1/v1), "),
        "{}",
        pool.sentence()
    );
}

#[test]
fn requests_at_once() {
    let said = |options: &ModelOptions, variables: &[(&str, &str)], file: &str| {
        let variables: Vec<_> = variables.iter().copied().chain([("LLAMA_CPP_URL", "http://a:1")]).collect();
        resolve(options, &variables, "", file).unwrap().unwrap().parallel
    };
    let none = ModelOptions::default();
    assert_eq!(said(&none, &[], ""), Parallel::Automatic);
    assert_eq!(said(&none, &[("LLM_PARALLEL_REQUESTS_ENABLED", "false")], "").most(), Some(1));
    let both = [("LLM_MAX_PARALLEL_REQUESTS", "8"), ("LLM_MAX_CONCURRENT_CALLS", "6")];
    assert_eq!(said(&none, &both, ""), Parallel::AtMost(6, "LLM_MAX_CONCURRENT_CALLS".to_owned()));
    let flag = ModelOptions { max_parallel: Some(3), ..ModelOptions::default() };
    assert_eq!(said(&flag, &both, ""), Parallel::AtMost(3, "--max-parallel".to_owned()), "flags win");
    let off = ModelOptions { no_parallel: true, ..flag };
    assert_eq!(said(&off, &both, ""), Parallel::Off("--no-parallel".to_owned()));
    assert_eq!(said(&none, &[], "[pool]\nmax_parallel = 5\n").most(), Some(5));
    for wrong in ["0", "1001", "ten", "-1"] {
        let wrong = error(&[("LLAMA_CPP_URL", "http://a:1"), ("LLM_MAX_CONCURRENT_CALLS", wrong)], "");
        assert_eq!(wrong.place, "LLM_MAX_CONCURRENT_CALLS");
        assert!(wrong.hint.contains("1 to 1000"), "{wrong:?}");
    }
}

#[test]
fn a_single_backend_is_told_what_is_said_of_all() {
    let one = [("LLAMA_CPP_URL", "http://a:1"), ("LLM_MAX_PARALLEL_REQUESTS", "8")];
    assert_eq!(pool(&one, "", "").primary().unwrap().most_parallel.as_ref().map(|said| said.number), Some(8));
    let two = [one[0], one[1], ("LLAMA_CPP_URL_1", "http://b:1")];
    assert_eq!(pool(&two, "", "").primary().unwrap().most_parallel, None);
}

const FILE: &str = r#"
[pool]
max_parallel = 40

[[backend]]
name = "big"
provider = "openai"
model = "gpt-4o"
api_key_env = "BIG_KEY"
rpm = 500
tpm = 30000
max_parallel = 20

[[backend]]
base_url = "http://box:9000"
context = 8192
structure = "object"
request_timeout_s = 300

[[backend]]
provider = "ollama"
model = "nomic-embed-text"
embedding = true
"#;

#[test]
fn backends_by_the_file() {
    let pool = pool(&[("BIG_KEY", "sk-big")], "", FILE);
    let names: Vec<&str> = pool.backends.iter().map(|backend| &*backend.name).collect();
    assert_eq!(names, ["big", "custom", "ollama"]);
    let big = pool.primary().unwrap();
    assert_eq!((big.rpm, big.tpm), (Some(500), Some(30_000)));
    let said = big.most_parallel.clone().unwrap();
    assert_eq!((said.number, said.place.as_str()), (20, "sheaf.toml, line 12, field max_parallel"));
    let custom = pool.chat().nth(1).unwrap();
    assert_eq!((custom.context, custom.structure), (Some(8192), Structure::Object));
    assert_eq!(custom.request_timeout.as_secs(), 300);
    assert_eq!(&*pool.embedding().unwrap().name, "ollama");
    assert_eq!(pool.parallel.most(), Some(40));
}

#[test]
fn what_is_stronger_wins() {
    let options =
        ModelOptions { rpm: Some(60), model: Some("gpt-4.1".to_owned()), ..ModelOptions::default() };
    let with_options = resolve(&options, &[("BIG_KEY", "sk-big")], "", FILE).unwrap().unwrap();
    let big = with_options.primary().unwrap();
    assert_eq!((&*big.name, big.rpm, big.model.as_deref()), ("big", Some(60), Some("gpt-4.1")));
    let by_environment = pool(&[("BIG_KEY", "sk-big"), ("LLAMA_CPP_URL", "http://a:1")], "", FILE);
    assert_eq!(by_environment.chat().count(), 1, "a list of backends is one setting");
    assert_eq!(&*by_environment.embedding().unwrap().name, "ollama");
    assert_eq!(by_environment.notes, ["the 2 backends of sheaf.toml are not used, as LLAMA_CPP_URL is set"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 9] = [
        (&[("LLM_PROVIDER", "openia")], "", "LLM_PROVIDER: "),
        (&[("LLM_PROVIDER", "openai"), ("LLM_MODEL", "m")], "", "LLM_PROVIDER: provider openai needs a key"),
        (
            &[("LLM_PROVIDER", "openai"), ("LLM_API_KEY", "k")],
            "",
            "LLM_PROVIDER: provider openai needs a model",
        ),
        (&[("LLM_BASE_URL", "box")], "", "LLM_BASE_URL: "),
        (&[("LLAMA_CPP_URL_3", "box")], "", "LLAMA_CPP_URL_3: "),
        (&[], FILE, "sheaf.toml, line 9, field api_key_env: BIG_KEY is not set"),
        (&[], "[[backend]]\nmodel = \"m\"\n", "sheaf.toml, line 1: this backend has neither"),
        (
            &[],
            "[[backend]]\nbase_url = \"http://a\"\nname = \"x\"\n[[backend]]\nbase_url = \"http://b\"\nname = \"x\"",
            "sheaf.toml, line 4: two",
        ),
        (&[], "[pools]\n", "sheaf.toml, line 1: unknown field"),
    ];
    for (variables, file, expected) in cases {
        let error = error(variables, file);
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.hint.is_empty(), "{error}");
    }
}

#[test]
fn keys_are_shown_nowhere() {
    let key = "sk-proj-0123456789";
    let toml = format!("[[backend]]\nprovider = \"openai\"\nmodel = \"m\"\napi_key_env = \"{key}\"\n");
    let refused = error(&[], &toml);
    let pool = pool(
        &[
            ("LLM_PROVIDER", "openai"),
            ("LLM_API_KEY", key),
            ("LLM_MODEL", "m"),
            ("LLAMA_CPP_URL", "http://a:1"),
            ("LLAMA_CPP_URL_AUTH", key),
        ],
        "",
        "",
    );
    let shown = format!("{refused} {refused:?} {pool:?} {} {}", pool.redacted(), pool.sentence());
    assert!(!shown.contains("0123456789"), "{shown}");
}

#[test]
fn a_quota_belongs_to_a_key() {
    let pool = pool(
        &[
            ("LLAMA_CPP_URL", "http://a:1"),
            ("LLAMA_CPP_URL_1", "http://b:1"),
            ("LLAMA_CPP_URL_2", "http://a:1"),
        ],
        "",
        "",
    );
    let [first, second, third] = pool.backends.as_slice() else { panic!("three") };
    assert!(!first.shares_quota_with(second));
    assert!(first.shares_quota_with(third));
    assert_eq!(&*pool.quota_of(third), "llamacpp");
    assert_eq!(&*pool.quota_of(second), "llamacpp-1");
}
