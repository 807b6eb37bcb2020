//! Texts as vectors.
//!
//! | module | noun |
//! | --- | --- |
//! | `lexical` | hashed words and pieces of words: built in, finds near-duplicates only |
//! | `backend` | a backend that makes embeddings |
//! | `model2vec` | a static model from a folder |
//! | `vectors` | the vectors of a model's tokens |
//! | `window` | a long text in windows, their vectors pooled |

mod backend;
mod lexical;
mod model2vec;
mod vectors;
mod window;

#[cfg(test)]
mod model2vec_tests;

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

pub use backend::{BackendEmbedder, TextVectors};
pub use lexical::Lexical;
pub use model2vec::{StaticModel, StaticModelError};

/// Numbers of the longest vector that is taken from elsewhere: the widest embedding models have as many.
pub(crate) const MOST_DIMENSION: usize = 4_096;

/// Turns a text into a vector.
///
/// Implementers: the same text gives the same vector in every process that has the same [`EmbedderId`]; a text longer
/// than [`Embedder::longest`] is never asked for; work of more than about a millisecond is done off the runtime.
pub trait Embedder: fmt::Debug + Send + Sync {
    /// What tells its vectors from another's: they never meet.
    fn id(&self) -> &EmbedderId;

    /// From which likeness on it is worth comparing two texts.
    fn thresholds(&self) -> Thresholds;

    /// Bytes of the longest text that it can honestly take in.
    fn longest(&self) -> usize;

    /// The vector of a text: of [`EmbedderId::dimension`] finite numbers, of length 1.
    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>>;
}

/// Which embedder a vector is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmbedderId {
    name: Arc<str>,
    dimension: usize,
}

impl EmbedderId {
    /// An embedder called `name`, its version being part of the name, whose vectors have `dimension` numbers.
    pub fn new(name: &str, dimension: usize) -> Self {
        Self { name: format!("{name}/{dimension}").into(), dimension }
    }

    /// Its name, with the dimension.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Numbers of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }
}

/// Likenesses (cosines, 0 to 1) from which on two texts may share an answer, if the guards agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Of texts of the same words.
    pub same_words: f32,
    /// Of texts of other words; `None` where the embedder knows words, not meanings.
    pub reworded: Option<f32>,
}

/// A text that has no vector.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EmbedError {
    /// The backend failed.
    #[error(transparent)]
    Backend(Box<sheaf_llm::ModelError>),
    /// What came is no vector of this embedder.
    #[error("{embedder} gave {what}; its vectors cannot be compared")]
    Vector {
        /// The embedder's name.
        embedder: String,
        /// What it gave.
        what: String,
    },
    /// The task that computed it ended early.
    #[error("the task that computes vectors ended early: the program is ending")]
    Ended,
}

impl From<sheaf_llm::ModelError> for EmbedError {
    fn from(error: sheaf_llm::ModelError) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// Brings a vector to length 1; `None` when it has no direction.
pub(crate) fn normalised(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_normal() {
        return None;
    }
    for number in &mut vector {
        *number = (f64::from(*number) / length) as f32;
    }
    Some(vector)
}
