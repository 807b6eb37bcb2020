//! Answers that were given before, as a reviewer serves them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sheaf_cache::{
    ExactCache, ExactSettings, MemoryCache, ResultCache, Scope, SemanticCache, SemanticSettings,
    embedder::Lexical,
};
use sheaf_common::{
    fleet::CacheSettings,
    id::DocumentId,
    record::{CacheKind, Finding, Review},
};
use sheaf_llm::{
    BackendSpec, BatchSize, Client, ClientSettings, ModelAnswer, ModelError, ModelRequest, Parallelism,
    Price, RateHeaders, Stage, StopReason, TokenUsage, ToldLimits,
};
use sheaf_worker::{Policy, Reviewer};
use tower::service_fn;

const RECIPE: &str = include_str!("../llm/src/recipes/overview.toml");

const TEXT: &str = "The harbour of Ostra was dredged over nine weeks in spring. Two barges carried the silt to the old quarry \
                    behind the hill. The council paid 48,000 for the work and found the price fair. Ferries ran on time \
                    throughout, and the fishing boats moved to the outer mole.";

fn finding(text: &str) -> Finding {
    serde_json::from_value(json!({
        "document": {"title": "Harbour", "content_type": "text/plain", "language": "en", "words": 40, "sha256": "0",
                     "published": null, "author": null, "extraction_confidence": 1.0, "text": text},
        "analysis": {"summary": "s", "key_points": [], "keywords": [], "entities": [], "document_type": "unknown",
                     "confidence": 0.1, "review": {"advised": true, "reasons": []}, "flags": [], "readability": null},
        "parse_ms": 0.0, "rules_ms": 0.0,
    }))
    .unwrap()
}

/// What a model says of these texts: its quotes stand in all of them.
fn said() -> Value {
    json!({
        "summary": "A harbour was dredged.",
        "key_points": [{"text": "Silt went to a quarry.", "quote": "to the old quarry behind the hill"},
                       {"text": "Ferries ran.", "quote": "Ferries ran on time"}],
        "keywords": ["harbour"], "document_type": "report", "confidence": 0.9,
    })
}

/// A model, and the answers that a process keeps.
struct Scene {
    asked: Arc<AtomicUsize>,
    memory: MemoryCache,
}

impl Scene {
    fn new() -> Self {
        Self { asked: Arc::default(), memory: MemoryCache::new(1 << 20) }
    }

    async fn reviewer(&self, recipe: &str, semantic: Option<f64>) -> Reviewer {
        let asked = self.asked.clone();
        let model = service_fn(move |request: ModelRequest| {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = ModelAnswer {
                id: request.id,
                text: said().to_string(),
                stop: StopReason::End,
                model: "m".to_owned(),
                backend: Arc::from("b"),
                usage: Some(TokenUsage { input: 500, output: 80 }),
                rates: RateHeaders::default(),
                latency: Duration::ZERO,
            };
            async move { Ok::<_, ModelError>(answer) }
        });
        let spec = BackendSpec {
            name: Arc::from("b"),
            model: "m".to_owned(),
            primary: true,
            context: None,
            price: Some(Price::FREE),
            parallelism: Parallelism::Fixed(4),
            key: "k".to_owned(),
            limits: ToldLimits::default(),
        };
        let client = Client::builder(ClientSettings::default()).backend(spec, model).build().unwrap();
        let stage = Stage::parse(recipe).unwrap();
        let scope = Scope::new("t", &stage.name, &stage.semantics(), ["m"]);
        let settings = ExactSettings::from(&CacheSettings::default());
        let exact = ExactCache::open(&settings, self.memory.clone(), None).await;
        let semantic = semantic.map(|checked| {
            let settings = SemanticSettings { checked, ..SemanticSettings::default() };
            SemanticCache::open(settings, Arc::new(Lexical::new()), None)
        });
        Reviewer::new(client, stage, Policy::Every, BatchSize::from(1), 4)
            .with_cache(Some(ResultCache::new(exact, semantic, scope)))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn review(reviewer: &Reviewer, name: &str, text: &str) -> Review {
    let id = DocumentId::of_source(name.as_bytes());
    reviewer.review(0, &id, &finding(text), ()).await.unwrap()
}

#[tokio::test]
async fn an_answer_serves_until_the_recipe_means_something_else() {
    let scene = Scene::new();
    let first = review(&scene.reviewer(RECIPE, None).await, "a", TEXT).await;
    assert_eq!((first.cache.kind, first.usage.input_tokens, scene.asked()), (CacheKind::None, 500, 1));

    let again = review(&scene.reviewer(RECIPE, None).await, "b", TEXT).await;
    assert_eq!((again.cache.kind, again.usage.input_tokens, scene.asked()), (CacheKind::Exact, 0, 1));
    assert_eq!(again.cache.of, Some(DocumentId::of_source(b"a")));
    let saved = again.cache.saved.unwrap();
    assert_eq!(
        (saved.usage.input_tokens, saved.usage.output_tokens, saved.requests.round() as u64),
        (500, 80, 1)
    );
    assert_eq!(again.verdict, first.verdict);

    // A comment in the template, and its white space, are nothing that a model is told.
    let commented =
        RECIPE.replacen("You analyse documents.", "{#  for   maintainers \n #}You   analyse documents.", 1);
    assert_ne!(commented, RECIPE);
    let commented = format!("# another comment\n{commented}");
    assert_eq!(review(&scene.reviewer(&commented, None).await, "c", TEXT).await.cache.kind, CacheKind::Exact);
    let spaced = commented.replacen("{#  for   maintainers \n #}", "{# for maintainers #}", 1);
    assert_ne!(spaced, commented);
    assert_eq!(review(&scene.reviewer(&spaced, None).await, "d", TEXT).await.cache.kind, CacheKind::Exact);
    assert_eq!(scene.asked(), 1);

    let changed = RECIPE.replacen("You analyse documents.", "You judge documents.", 1);
    assert_eq!(review(&scene.reviewer(&changed, None).await, "e", TEXT).await.cache.kind, CacheKind::None);
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn a_text_that_says_the_same_serves_and_one_with_another_number_does_not() {
    let scene = Scene::new();
    let reviewer = scene.reviewer(RECIPE, Some(0.0)).await;
    review(&reviewer, "a", TEXT).await;
    let same = TEXT.replace(". ", ".\n\n").replace("The council", "the council");
    let near = review(&reviewer, "b", &same).await;
    assert_eq!((near.cache.kind, scene.asked()), (CacheKind::Semantic, 1));
    assert_eq!(near.cache.of, Some(DocumentId::of_source(b"a")));
    assert!(near.cache.similarity.unwrap() > 0.9 && near.cache.saved.is_some(), "{:?}", near.cache);

    let other = review(&reviewer, "c", &TEXT.replace("48,000", "43,000")).await;
    assert_eq!((other.cache.kind, scene.asked()), (CacheKind::None, 2));
}

#[tokio::test]
async fn a_hit_whose_quotes_are_not_in_the_document_is_asked_for() {
    let scene = Scene::new();
    let reviewer = scene.reviewer(RECIPE, Some(0.0)).await;
    review(&reviewer, "a", TEXT).await;
    // The same words in another order of clauses: near, but the quotes do not stand in it.
    let turned = TEXT
        .replace("to the old quarry behind the hill", "behind the hill to the old quarry")
        .replace("Ferries ran on time throughout", "Throughout, ferries ran on time");
    let review = review(&reviewer, "b", &turned).await;
    assert_eq!(review.cache.kind, CacheKind::None);
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn a_checked_hit_is_asked_afresh_and_the_record_says_what_came_of_it() {
    let scene = Scene::new();
    let reviewer = scene.reviewer(RECIPE, Some(1.0)).await;
    review(&reviewer, "a", TEXT).await;
    let checked = review(&reviewer, "b", &TEXT.replace(". ", ".\n\n")).await;
    assert_eq!((checked.cache.kind, scene.asked()), (CacheKind::None, 2));
    let check = checked.cache.checked.unwrap();
    assert!(check.agreed);
    assert_eq!(check.of, DocumentId::of_source(b"a"));
}
