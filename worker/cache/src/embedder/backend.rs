//! A backend that makes embeddings.

use std::fmt;

use futures::future::{BoxFuture, try_join_all};
use sheaf_llm::{EmbeddingClient, HttpBackend, ModelError};

use super::{EmbedError, Embedder, EmbedderId, Thresholds, normalised, window};

/// Bytes of a text for each token of a window, at the least: English has about four, other languages fewer.
const BYTES_A_TOKEN: usize = 2;
/// Windows of the longest text. The mean of many windows says little of any of them.
const WINDOWS: usize = 8;

/// Whatever turns texts into vectors, in their order: a backend, or a batcher before it.
pub trait TextVectors: fmt::Debug + Send + Sync {
    /// The vectors of `texts`, of one length.
    fn vectors<'a>(&'a self, texts: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, ModelError>>;
}

impl TextVectors for HttpBackend {
    fn vectors<'a>(&'a self, texts: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, ModelError>> {
        Box::pin(async move { Ok(self.embed(texts).await?.vectors) })
    }
}

/// Asked for all at once: the client makes few requests of them.
impl TextVectors for EmbeddingClient {
    fn vectors<'a>(&'a self, texts: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, ModelError>> {
        Box::pin(try_join_all(texts.iter().map(|text| self.embed((*text).to_owned()))))
    }
}

/// An embedder over a backend.
#[derive(Debug)]
pub struct BackendEmbedder<V> {
    id: EmbedderId,
    source: V,
    window: usize,
    thresholds: Thresholds,
}

impl<V: TextVectors> BackendEmbedder<V> {
    /// Asks the backend for one vector, to learn how long they are. `model` names the model and its version; `context` is
    /// how many tokens it takes in at once. The thresholds are those that the pairs in `tests/pairs` bear out for
    /// all-MiniLM-L6-v2.
    pub async fn open(source: V, model: &str, context: u32) -> Result<Self, EmbedError> {
        let first = source.vectors(&["a text"]).await?;
        let dimension = first.first().map_or(0, Vec::len);
        let id = EmbedderId::new(model, dimension);
        if dimension == 0 {
            return Err(EmbedError::Vector { embedder: model.to_owned(), what: "no number".to_owned() });
        }
        let window = (context as usize).saturating_mul(BYTES_A_TOKEN).max(64);
        Ok(Self { id, source, window, thresholds: Thresholds { same_words: 0.8, reworded: Some(0.85) } })
    }

    /// The same, with other thresholds.
    #[must_use]
    pub fn with_thresholds(self, thresholds: Thresholds) -> Self {
        Self { thresholds, ..self }
    }
}

impl<V: TextVectors> Embedder for BackendEmbedder<V> {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    fn longest(&self) -> usize {
        self.window.saturating_mul(WINDOWS)
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move {
            let windows = window::windows(text, self.window);
            let vectors = self.source.vectors(&windows).await?;
            let wrong = |what: String| EmbedError::Vector { embedder: self.id.name().to_owned(), what };
            if vectors.len() != windows.len() {
                return Err(wrong(format!("{} vectors for {} texts", vectors.len(), windows.len())));
            }
            if let Some(odd) = vectors.iter().find(|vector| vector.len() != self.id.dimension()) {
                return Err(wrong(format!("a vector of {} numbers", odd.len())));
            }
            match vectors.as_slice() {
                [one] => normalised(one.clone()),
                _ => window::pooled(&windows, &vectors),
            }
            .ok_or_else(|| wrong("a vector without a direction".to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fake(Vec<f32>);

    impl TextVectors for Fake {
        fn vectors<'a>(&'a self, texts: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Vec<f32>>, ModelError>> {
            let mut vectors = vec![self.0.clone(); texts.len()];
            if texts.contains(&"odd") {
                vectors.push(vec![1.0]);
            }
            if texts.contains(&"short") {
                for vector in &mut vectors {
                    vector.truncate(1);
                }
            }
            Box::pin(async move { Ok(vectors) })
        }
    }

    #[tokio::test]
    async fn vectors_are_checked_and_brought_to_length_one() {
        let embedder = BackendEmbedder::open(Fake(vec![3.0, 4.0]), "fake", 32).await.unwrap();
        assert_eq!(embedder.id().name(), "fake/2");
        assert_eq!(embedder.longest(), 512);
        for text in ["a", &"word ".repeat(60)] {
            let vector = embedder.embed(text).await.unwrap();
            assert!((vector[0] - 0.6).abs() < 1e-5 && (vector[1] - 0.8).abs() < 1e-5);
        }
        for text in ["odd", "short"] {
            assert!(matches!(embedder.embed(text).await, Err(EmbedError::Vector { .. })), "{text}");
        }
        assert!(BackendEmbedder::open(Fake(vec![]), "fake", 32).await.is_err());
        let flat = BackendEmbedder::open(Fake(vec![0.0, 0.0]), "fake", 32).await.unwrap();
        assert!(flat.embed("a").await.is_err());
    }
}
