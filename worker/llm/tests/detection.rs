//! What is found of servers that answer as recorded ones do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::time::Duration;

use sheaf_llm::{
    ModelErrorKind, Secret,
    config::{BackendConfig, Credential, Provider, Said, Scheme},
    detect::{Detection, Gpus, Server as Kind, detect_with_gpus},
};
use tokio::time::timeout;
use url::Url;

use server::{Deed, PATIENCE, Server, reply};

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("recorded/", $name))
    };
}

const LLAMA_CPP: [(&str, u16, &str); 4] = [
    ("/health", 200, recorded!("llamacpp_health.json")),
    ("/props", 200, recorded!("llamacpp_props.json")),
    ("/slots", 200, recorded!("llamacpp_slots.json")),
    ("/v1/models", 200, recorded!("llamacpp_v1_models.json")),
];
const VLLM: [(&str, u16, &str); 2] =
    [("/v1/models", 200, recorded!("vllm_v1_models.json")), ("/metrics", 200, recorded!("vllm_metrics.txt"))];
const OLLAMA: [(&str, u16, &str); 3] = [
    ("/api/tags", 200, recorded!("ollama_tags.json")),
    ("/api/ps", 200, r#"{"models":[]}"#),
    ("/api/show", 200, recorded!("ollama_show.json")),
];

fn config(server: &Server, provider: Provider) -> BackendConfig {
    let path = if provider == Provider::Ollama { "" } else { "/v1" };
    BackendConfig::new("box", provider, Url::parse(&format!("{}{path}", server.url)).unwrap())
}

async fn detected(config: &BackendConfig, gpus: Option<Gpus>) -> Detection {
    timeout(PATIENCE, detect_with_gpus(config, async { gpus })).await.unwrap()
}

#[tokio::test]
async fn llama_cpp() {
    let server = Server::paths(&LLAMA_CPP).await;
    for provider in [Provider::LlamaCpp, Provider::Custom, Provider::Vllm] {
        let config = config(&server, provider);
        let found = detected(&config, None).await;
        assert_eq!(found.server, Kind::LlamaCpp, "whatever the person took it for");
        assert_eq!((found.slots, found.context), (Some(4), Some(4096)));
        assert_eq!((found.parallelism.start, found.parallelism.most), (4, Some(4)));
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        let line = found.to_string();
        let expected = "llama.cpp, model smollm2-135m-instruct, 4 slots of 4096 tokens, 4 at once: the server has 4 slots";
        assert!(line.starts_with("box (http://127.0.0.1:") && line.ends_with(expected), "{line}");

        let mut applied = config;
        found.apply(&mut applied);
        assert_eq!((applied.model.as_deref(), applied.context), (Some("smollm2-135m-instruct"), Some(4096)));
    }
}

#[tokio::test]
async fn llama_cpp_that_still_loads() {
    let loading = recorded!("llamacpp_health_loading.json");
    let paths = [("/health", 503, loading), ("/props", 503, loading), ("/v1/models", 503, loading)];
    let server = Server::paths(&paths).await;
    let found = detected(&config(&server, Provider::LlamaCpp), None).await;
    assert!(found.reached && found.loading);
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert!(!found.problems[0].stops(), "it will be there soon");
    assert_eq!((found.parallelism.start, found.parallelism.most), (4, None));
}

#[tokio::test]
async fn llama_cpp_with_a_wrong_key() {
    let no = r#"{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}"#;
    let models = recorded!("llamacpp_v1_models.json");
    let server = Server::paths(&[
        ("/health", 200, "{}"),
        ("/props", 401, no),
        ("/slots", 401, no),
        ("/v1/models", 200, models),
    ])
    .await;
    let mut config = config(&server, Provider::LlamaCpp);
    config.place = "LLAMA_CPP_URL_1".to_owned();
    let found = detected(&config, None).await;
    let problem = found.stopper().unwrap();
    assert_eq!(problem.kind, ModelErrorKind::Unauthorized);
    assert!(
        problem.what.contains("Invalid API Key") && problem.hint.contains("LLAMA_CPP_URL_1_AUTH"),
        "{problem}"
    );
}

#[tokio::test]
async fn vllm() {
    let server = Server::paths(&VLLM).await;
    let found = detected(&config(&server, Provider::Custom), None).await;
    assert_eq!(found.server, Kind::Vllm);
    assert_eq!(found.model.as_deref(), Some("Qwen/Qwen2.5-7B-Instruct"));
    assert_eq!(found.context, Some(32_768));
    assert_eq!(found.parallelism.start, 4, "two requests of others wait");

    let mut wrong = config(&server, Provider::Vllm);
    wrong.model = Some("Qwen/Qwen3".to_owned());
    let found = detected(&wrong, None).await;
    let problem = found.stopper().unwrap();
    assert_eq!(problem.kind, ModelErrorKind::UnknownModel);
    assert!(problem.hint.contains("Qwen/Qwen2.5-7B-Instruct"), "{problem}");
}

#[tokio::test]
async fn ollama_with_and_without_gpus() {
    let server = Server::paths(&OLLAMA).await;
    let mut config = config(&server, Provider::Ollama);
    config.model = Some("llama3.1:8b".to_owned());
    let gpus = Gpus { memory: vec![16 << 30; 8], tool: "nvidia-smi" };
    let found = detected(&config, Some(gpus)).await;
    assert_eq!(found.server, Kind::Ollama);
    assert_eq!(found.parallelism.start, 20, "8 × 16 GB and a model of 4.9 GB");
    assert_eq!(found.context, Some(8192));
    let found = detected(&config, None).await;
    assert_eq!(found.parallelism.start, 1);
    assert_eq!(found.parallelism.reason, "neither nvidia-smi nor rocm-smi finds a GPU");

    config.model = Some("llama3.2".to_owned());
    let problem = detected(&config, None).await.stopper().cloned().unwrap();
    assert!(problem.hint.contains("llama3.1:8b"), "{problem}");
}

#[tokio::test]
async fn the_person_wins() {
    let server = Server::paths(&LLAMA_CPP).await;
    let mut config = config(&server, Provider::LlamaCpp);
    config.most_parallel = Some(Said { number: 2, place: "--max-parallel".to_owned() });
    let found = detected(&config, None).await;
    assert_eq!((found.parallelism.start, found.parallelism.most), (2, Some(2)));
    assert_eq!(found.parallelism.reason, "--max-parallel says so");
}

#[tokio::test]
async fn a_server_that_tells_nothing_is_still_used() {
    let server = Server::paths(&[]).await;
    let found = detected(&config(&server, Provider::Custom), None).await;
    assert!(found.reached);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.parallelism.start, 10);
    let mut named = config(&server, Provider::OpenAi);
    named.model = Some("gpt-4o".to_owned());
    assert_eq!(detected(&named, None).await.parallelism.start, 50);
}

#[tokio::test]
async fn a_server_that_hangs_or_floods_holds_nobody_up() {
    for deed in [Deed::Hang, Deed::Flood, Deed::Leave] {
        let server = Server::always(deed).await;
        let begun = std::time::Instant::now();
        let found = detected(&config(&server, Provider::LlamaCpp), None).await;
        assert!(!found.reached);
        assert_eq!(found.problems.len(), 1);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn nobody_there_is_one_problem() {
    let config = BackendConfig::new("box", Provider::Custom, Url::parse("http://127.0.0.1:1/v1").unwrap());
    let found = detected(&config, None).await;
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert_eq!(found.problems[0].kind, ModelErrorKind::Connect);
    assert!(found.to_string().ends_with("not reached"), "{found}");
}

#[tokio::test]
async fn an_echoed_key_is_not_shown() {
    let key = "sk-test-0123456789abcdef";
    let body = format!(r#"{{"error":{{"message":"wrong key {key}"}}}}"#);
    let server = Server::always(Deed::Send(reply(401, &[], &body))).await;
    let mut config = config(&server, Provider::Custom);
    config.credential = Some(Credential {
        secret: Secret::new(key),
        scheme: Scheme::Key,
        variable: "LLM_API_KEY".to_owned(),
    });
    let found = detected(&config, None).await;
    assert_eq!(found.stopper().unwrap().hint, "Check the key in LLM_API_KEY.");
    assert!(!format!("{found:?} {found}").contains("0123456789"), "{found:?}");
}
