//! Texts to be embedded, several in one request, against a scripted backend in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod provider;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use provider::failure;
use sheaf_llm::{
    EmbeddingClient, Embeddings, MemoryLimiter, ModelError, ModelErrorKind, RateHeaders, ToldLimits,
    batch::{Embed, EmbeddingSettings},
};
use tokio::time::{Instant, sleep};

/// 100 ms a request; vectors that tell texts apart. Fails as `fails` says for a request's number and texts.
#[derive(Clone)]
struct Scripted {
    asked: Arc<Mutex<Vec<usize>>>,
    at_once: Arc<Mutex<(usize, usize)>>,
    fails: fn(usize, &[&str]) -> Option<ModelError>,
}

impl Scripted {
    fn new(fails: fn(usize, &[&str]) -> Option<ModelError>) -> Self {
        Self { asked: Arc::default(), at_once: Arc::default(), fails }
    }

    fn client(&self, told: ToldLimits) -> EmbeddingClient {
        let limiter = Arc::new(MemoryLimiter::new(told));
        EmbeddingClient::new(self.clone(), limiter, EmbeddingSettings::default())
    }

    fn sizes(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

fn vector(text: &str) -> Vec<f32> {
    let sum: u32 = text.bytes().map(u32::from).sum();
    vec![text.len() as f32, sum as f32]
}

impl Embed for Scripted {
    async fn embed(&self, texts: &[&str]) -> Result<Embeddings, ModelError> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(texts.len());
            asked.len() - 1
        };
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        let latency = Duration::from_millis(100);
        sleep(latency).await;
        self.at_once.lock().unwrap().0 -= 1;
        if let Some(error) = (self.fails)(number, texts) {
            return Err(error);
        }
        Ok(Embeddings {
            vectors: texts.iter().map(|text| vector(text)).collect(),
            model: "scripted".to_owned(),
            backend: Arc::from("scripted"),
            usage: None,
            rates: RateHeaders::default(),
            latency,
        })
    }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("Text number {number} of the harbour.")).collect()
}

async fn embed_all(client: &EmbeddingClient, texts: &[String]) -> Vec<Result<Vec<f32>, ModelError>> {
    join_all(texts.iter().map(|text| client.embed(text.clone()))).await
}

#[tokio::test(start_paused = true)]
async fn many_texts_share_few_requests_and_each_gets_its_own_vector() {
    let backend = Scripted::new(|_, _| None);
    let client = backend.client(ToldLimits::default());
    let texts = texts(300);
    for (text, made) in texts.iter().zip(embed_all(&client, &texts).await) {
        assert_eq!(made.unwrap(), vector(text));
    }
    let sizes = backend.sizes();
    assert!(sizes.len() <= 40 && sizes.iter().all(|size| *size <= 64), "{sizes:?}");
    assert_eq!(backend.at_once.lock().unwrap().1, EmbeddingSettings::default().at_once);
}

#[tokio::test(start_paused = true)]
async fn a_lone_text_waits_for_a_hundredth_of_a_second() {
    let backend = Scripted::new(|_, _| None);
    let client = backend.client(ToldLimits::default());
    let began = Instant::now();
    client.embed("alone".to_owned()).await.unwrap();
    let took = began.elapsed();
    assert!((Duration::from_millis(110)..=Duration::from_millis(112)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_text_that_cannot_be_embedded_takes_no_other_with_it() {
    let backend = Scripted::new(|_, texts| {
        let poison = texts.iter().any(|text| text.contains("number 3 "));
        poison.then(|| failure(ModelErrorKind::BadRequest, 400, None))
    });
    let client = backend.client(ToldLimits::default());
    let texts = texts(12);
    for (number, made) in embed_all(&client, &texts).await.into_iter().enumerate() {
        match made {
            Ok(made) => assert_eq!(made, vector(&texts[number])),
            Err(error) => assert_eq!((number, error.kind), (3, ModelErrorKind::BadRequest)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_within_the_keys_limit() {
    let backend = Scripted::new(|number, _| match number {
        0 => Some(failure(ModelErrorKind::Server, 500, None)),
        1 => Some(failure(ModelErrorKind::RateLimited, 429, Some(3.0))),
        _ => None,
    });
    let client = backend.client(ToldLimits::default());
    let began = Instant::now();
    assert_eq!(client.embed("again".to_owned()).await.unwrap(), vector("again"));
    assert_eq!(backend.sizes().len(), 3);
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}
