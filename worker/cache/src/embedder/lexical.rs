//! The built-in embedder: hashed words and pieces of words. It needs nothing and knows no meanings.

use std::collections::HashMap;

use futures::future::BoxFuture;
use unicode_segmentation::UnicodeSegmentation;
use xxhash_rust::xxh3::xxh3_64;

use super::{EmbedError, Embedder, EmbedderId, Thresholds, normalised};

const DIMENSION: usize = 256;
/// Characters of a piece of a word.
const PIECE: usize = 4;
/// What a word, a pair of words and a piece of a word weigh. Pieces make up for endings and slips of the pen.
const WEIGHTS: [f32; 3] = [1.0, 0.7, 0.35];
/// Bytes up to which a text is embedded where it stands: some 500 words, which take less than a millisecond.
const INLINE: usize = 4 << 10;

/// Hashed n-grams (Weinberger et al. 2009: a feature's hash says its place and its sign, so that features that meet cancel
/// out in the mean), weighed by the logarithm of how often they occur.
#[derive(Debug, Clone)]
pub struct Lexical {
    id: EmbedderId,
}

impl Lexical {
    /// The embedder. All of one version are the same.
    pub fn new() -> Self {
        Self { id: EmbedderId::new("lexical-1", DIMENSION) }
    }

    fn vector(text: &str) -> Vec<f32> {
        let mut counts: HashMap<u64, (f32, f32)> = HashMap::new();
        let mut count = |kind: usize, feature: &[u8]| {
            let weight = WEIGHTS.get(kind).copied().unwrap_or_default();
            counts.entry(xxh3_64(feature) ^ kind as u64).or_insert((weight, 0.0)).1 += 1.0;
        };
        let mut before = String::new();
        let mut marked = Vec::new();
        for word in text.unicode_words() {
            let word = word.to_lowercase();
            count(0, word.as_bytes());
            if !before.is_empty() {
                count(1, format!("{before} {word}").as_bytes());
            }
            marked.clear();
            marked.extend(format!("<{word}>").char_indices().map(|(at, c)| (at, c.len_utf8())));
            let text = format!("<{word}>");
            for piece in marked.windows(PIECE) {
                if let (Some((start, _)), Some((last, length))) = (piece.first(), piece.last()) {
                    count(2, text.as_bytes().get(*start..last + length).unwrap_or_default());
                }
            }
            before = word;
        }
        let mut vector = vec![0.0; DIMENSION];
        // Sums of floats depend on their order, and that of a hash table is another in every process.
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, (weight, times)) in counts {
            let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
            if let Some(number) = vector.get_mut(hash as usize % DIMENSION) {
                *number += sign * weight * (1.0 + f32::ln(times));
            }
        }
        // A text without words is like no other but its own kind: the guards refuse it anyway.
        normalised(vector).unwrap_or_else(|| {
            let mut unit = vec![0.0; DIMENSION];
            unit.iter_mut().take(1).for_each(|number| *number = 1.0);
            unit
        })
    }
}

impl Default for Lexical {
    fn default() -> Self {
        Self::new()
    }
}

impl Embedder for Lexical {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds { same_words: 0.6, reworded: None }
    }

    fn longest(&self) -> usize {
        1 << 20
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move {
            if text.len() <= INLINE {
                return Ok(Self::vector(text));
            }
            let text = text.to_owned();
            tokio::task::spawn_blocking(move || Self::vector(&text)).await.map_err(|_| EmbedError::Ended)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(one: &str, other: &str) -> f32 {
        Lexical::vector(one).iter().zip(Lexical::vector(other)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn near_duplicates_are_near_and_others_are_not() {
        let text =
            "The harbour of Orrin was closed for repairs after the storm had torn away two of its walls.";
        assert!(cosine(text, &text.to_uppercase()) > 0.999);
        assert!(cosine(text, &text.replace("was closed", "has been closed")) > 0.85);
        assert!(cosine(text, "Knead the dough until it is smooth and let it rest under a cloth.") < 0.4);
    }

    #[tokio::test]
    async fn any_text_has_a_vector_of_length_one() {
        let long = "word ".repeat(10_000);
        for text in ["", "!?", "a", "東京", long.as_str()] {
            let vector = Lexical::new().embed(text).await.unwrap();
            assert_eq!(vector.len(), DIMENSION);
            let length: f32 = vector.iter().map(|number| number * number).sum();
            assert!((length - 1.0).abs() < 1e-4, "{text:.20}");
        }
    }
}
