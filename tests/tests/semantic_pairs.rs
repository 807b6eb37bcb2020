//! The labelled pairs of `pairs/pairs.tsv`: which of them the semantic cache takes for the same, beside what plain
//! thresholds would do.
//!
//! Every second pair was kept aside while thresholds and guards were made; both halves are reported. The real embedding
//! server is asked where `SHEAF_EMBEDDINGS` names its address, such as `http://127.0.0.1:18081/v1`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use sheaf_cache::{
    Scope, SemanticCache, SemanticSettings, UnitKey,
    embedder::{BackendEmbedder, Embedder, Lexical, TextVectors},
};
use sheaf_common::id::DocumentId;
use sheaf_llm::{ModelError, ModelErrorKind};

/// Thresholds of cosine beside which the guards stand. `RedisVL`'s cache takes a distance of 0.1, that is 0.9, by default,
/// and `GPTCache` a rank of 0.8.
const PLAIN: [f32; 5] = [0.7, 0.8, 0.9, 0.95, 0.98];

struct Pair {
    id: String,
    kind: String,
    a: String,
    b: String,
    aside: bool,
}

fn pairs() -> Vec<Pair> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pairs/pairs.tsv");
    let text = fs::read_to_string(path).unwrap();
    let unescaped = |text: &str| text.replace("\\n", "\n");
    text.lines()
        .skip(1)
        .enumerate()
        .map(|(at, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, kind, a, b] = fields[..] else { panic!("{line}") };
            Pair { id: id.into(), kind: kind.into(), a: unescaped(a), b: unescaped(b), aside: at % 2 == 1 }
        })
        .collect()
}

fn is_same(kind: &str) -> bool {
    matches!(kind, "paraphrase" | "near_duplicate")
}

/// Of each kind: pairs, hits by the cache, hits by each plain threshold.
#[derive(Default)]
struct Tally {
    pairs: usize,
    hits: usize,
    plain: [usize; PLAIN.len()],
}

async fn measure(name: &str, embedder: Arc<dyn Embedder>) {
    let pairs = pairs();
    assert!(pairs.len() >= 300);
    let mut halves: [BTreeMap<String, Tally>; 2] = Default::default();
    let mut wrong = Vec::new();
    for pair in &pairs {
        let tally = halves[usize::from(pair.aside)].entry(pair.kind.clone()).or_default();
        let (a, b) = (embedder.embed(&pair.a).await.unwrap(), embedder.embed(&pair.b).await.unwrap());
        let cosine: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        for (hits, threshold) in tally.plain.iter_mut().zip(PLAIN) {
            *hits += usize::from(cosine >= threshold);
        }
        let cache = SemanticCache::open(SemanticSettings::default(), Arc::clone(&embedder), None);
        let scope = Scope::new("tenant", "overview", b"1", ["model"]);
        let probe = cache.probe(None, &pair.a).await.unwrap();
        cache.insert(UnitKey::new(scope, None, &pair.a), probe, &DocumentId::of_source(b"a")).await;
        let probe = cache.probe(None, &pair.b).await.unwrap();
        let hit = cache.lookup(&UnitKey::new(scope, None, &pair.b), &probe).await;
        tally.pairs += 1;
        tally.hits += usize::from(hit.is_some());
        if let Some(hit) = hit.filter(|_| !is_same(&pair.kind)) {
            wrong.push(format!(
                "{} ({:?}, {:.3})\n  {}\n  {}",
                pair.id, hit.alike, hit.similarity, pair.a, pair.b
            ));
        }
    }
    for (half, tallies) in ["tuned on", "kept aside"].iter().zip(&halves) {
        println!("{name}, {half}: hits with guards; by a plain threshold of {PLAIN:?}");
        for (kind, tally) in tallies {
            println!("  {kind:15} {:3} pairs  {:3}  {:?}", tally.pairs, tally.hits, tally.plain);
        }
    }
    assert!(wrong.is_empty(), "false hits:\n{}", wrong.join("\n"));
    for tallies in &halves {
        let near = &tallies["near_duplicate"];
        assert!(near.hits * 10 >= near.pairs * 9, "{} of {} near-duplicates", near.hits, near.pairs);
    }
}

#[tokio::test]
async fn no_altered_pair_is_a_hit_with_the_lexical_embedder() {
    measure("lexical", Arc::new(Lexical::new())).await;
}

/// An embedding server, asked once for each text.
#[derive(Debug)]
struct Server {
    url: String,
    client: reqwest::Client,
    known: Mutex<HashMap<String, Vec<f32>>>,
}

impl Server {
    async fn ask(&self, text: &str) -> Result<Vec<f32>, reqwest::Error> {
        let body = json!({ "input": [text], "model": "all-MiniLM-L6-v2" }).to_string();
        let ask =
            self.client.post(format!("{}/embeddings", self.url)).header("content-type", "application/json");
        let answer = ask.body(body).send().await?.error_for_status()?.bytes().await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        Ok(serde_json::from_value(answer["data"][0]["embedding"].clone()).unwrap())
    }
}

impl TextVectors for Server {
    fn vectors<'a>(&'a self, texts: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, ModelError>> {
        Box::pin(async move {
            let mut vectors = Vec::new();
            for text in texts {
                let known = self.known.lock().unwrap().get(*text).cloned();
                let vector = match known {
                    Some(vector) => vector,
                    None => self.ask(text).await.map_err(|error| {
                        ModelError::new(ModelErrorKind::Server, error.to_string(), "", "embeddings")
                    })?,
                };
                self.known.lock().unwrap().insert((*text).to_owned(), vector.clone());
                vectors.push(vector);
            }
            Ok(vectors)
        })
    }
}

#[tokio::test]
async fn no_altered_pair_is_a_hit_with_real_embeddings() {
    let Ok(url) = std::env::var("SHEAF_EMBEDDINGS") else {
        println!(
            "SHEAF_EMBEDDINGS names no embedding server: the pairs were tried with the lexical embedder only"
        );
        return;
    };
    let server = Server { url, client: reqwest::Client::new(), known: Mutex::default() };
    let embedder = BackendEmbedder::open(server, "all-MiniLM-L6-v2", 512).await.unwrap();
    measure("all-MiniLM-L6-v2", Arc::new(embedder)).await;
}
