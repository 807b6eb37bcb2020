//! A static model from a folder in model2vec format: a vector for each token, and no network to run.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::future::BoxFuture;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::{EmbedError, Embedder, EmbedderId, Thresholds, normalised, vectors::TokenVectors};

/// The files of a folder, and bytes of each at the most. The largest published model has 500,000 tokens of 256 numbers:
/// 512 MB, and a tokenizer of 30 MB.
const CONFIG: (&str, u64) = ("config.json", 1 << 20);
const TOKENIZER: (&str, u64) = ("tokenizer.json", 64 << 20);
const VECTORS: (&str, u64) = ("model.safetensors", 1 << 30);
/// Bytes of the longest text: some 1,500 words. The mean of many more words says little of any of them.
const LONGEST: usize = 8 << 10;
/// Bytes up to which a text is embedded where it stands: some 100 words, which take less than a millisecond.
const INLINE: usize = 512;

/// A static model: the mean of the vectors of a text's tokens, as the model weighs them. Tokens that it does not know are
/// left out.
///
/// Its vectors always have length 1, whatever `normalize` in its configuration says: cosines are the same either way.
#[derive(Clone)]
pub struct StaticModel {
    id: EmbedderId,
    inner: Arc<Inner>,
}

struct Inner {
    tokenizer: Tokenizer,
    unknown: Option<u32>,
    vectors: TokenVectors,
}

/// A folder that is no static model.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}; a folder in model2vec format has config.json, tokenizer.json and model.safetensors", file.display())]
pub struct StaticModelError {
    file: PathBuf,
    what: String,
}

impl StaticModelError {
    /// The file at fault.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is wrong with it.
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// What is read of a configuration. The rest says how the model was made.
#[derive(Deserialize)]
struct Config {
    model_type: Option<String>,
}

/// What is read of a tokenizer beside the tokenizer itself, which does not tell its unknown token in all of its kinds.
#[derive(Deserialize)]
struct Described {
    model: DescribedModel,
}

#[derive(Deserialize)]
struct DescribedModel {
    unk_token: Option<String>,
    unk_id: Option<u32>,
}

impl StaticModel {
    /// Reads a folder. Takes seconds with the largest models: not for the async runtime.
    ///
    /// # Errors
    ///
    /// The file that is missing, too large, damaged or does not fit the others, and why.
    pub fn open(folder: &Path) -> Result<Self, StaticModelError> {
        let error = |(name, _): (&str, u64), what: String| StaticModelError { file: folder.join(name), what };
        let read = |which: (&str, u64)| {
            read(&folder.join(which.0), which.1).map_err(|why| error(which, format!("cannot be read: {why}")))
        };
        let (config, tokenizer, vectors) = (read(CONFIG)?, read(TOKENIZER)?, read(VECTORS)?);
        // All three decide what the vectors are.
        let mut hash = Sha256::new();
        for file in [&config, &tokenizer, &vectors] {
            hash.update((file.len() as u64).to_le_bytes());
            hash.update(file);
        }
        let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();

        check_config(&config).map_err(|what| error(CONFIG, what))?;
        let (tokenizer, unknown) = read_tokenizer(&tokenizer).map_err(|what| error(TOKENIZER, what))?;
        let vectors = TokenVectors::read(vectors).map_err(|what| error(VECTORS, what))?;
        let tokens =
            tokenizer.get_vocab(true).into_values().max().map_or(0, |last| (last as usize).saturating_add(1));
        if tokens == 0 || tokens > vectors.tokens() {
            let what = format!("it has vectors for {} tokens, the tokenizer {tokens}", vectors.tokens());
            return Err(error(VECTORS, what));
        }
        let id = EmbedderId::new(&format!("static-{hash}"), vectors.dimension());
        Ok(Self { id, inner: Arc::new(Inner { tokenizer, unknown, vectors }) })
    }

    fn wrong(&self, what: String) -> EmbedError {
        EmbedError::Vector { embedder: self.id.name().to_owned(), what }
    }
}

impl Inner {
    fn vector(&self, text: &str) -> Result<Vec<f32>, String> {
        // The tokenizer's rules are data, and it was not made for data that nobody checked.
        let tokens = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(text, false)))
            .map_err(|_| "a panic of its tokenizer".to_owned())?
            .map_err(|why| format!("an error of its tokenizer ({why})"))?;
        let known = tokens.get_ids().iter().copied().filter(|token| Some(*token) != self.unknown);
        normalised(self.vectors.sum(known)).ok_or_else(|| "a vector without a direction".to_owned())
    }
}

impl fmt::Debug for StaticModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StaticModel").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Embedder for StaticModel {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    /// Those of all-MiniLM-L6-v2, from which the published static models are distilled; the guards do not depend on them.
    fn thresholds(&self) -> Thresholds {
        Thresholds { same_words: 0.8, reworded: Some(0.85) }
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        Box::pin(async move {
            let made = if text.len() <= INLINE {
                self.inner.vector(text)
            } else {
                let (inner, text) = (Arc::clone(&self.inner), text.to_owned());
                let made = tokio::task::spawn_blocking(move || inner.vector(&text)).await;
                made.map_err(|_| EmbedError::Ended)?
            };
            made.map_err(|what| self.wrong(what))
        })
    }
}

/// Reads a plain file of at most `most` bytes.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // A pipe would be waited for, so this is asked before it is opened.
    let length = match path.metadata()? {
        metadata if metadata.is_file() => metadata.len(),
        _ => return Err(io::Error::other("it is no plain file")),
    };
    let too_large = || io::Error::other(format!("it has more than {} MiB", most >> 20));
    if length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // It may grow while it is read.
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

fn check_config(bytes: &[u8]) -> Result<(), String> {
    let config: Config =
        serde_json::from_slice(bytes).map_err(|why| format!("it is no configuration: {why}"))?;
    match config.model_type {
        Some(other) if other != "model2vec" => Err(format!(
            "it is of a model of type {:?}, not model2vec",
            other.chars().take(40).collect::<String>()
        )),
        _ => Ok(()),
    }
}

/// The tokenizer, which neither cuts nor fills up, and its token for what it does not know.
fn read_tokenizer(bytes: &[u8]) -> Result<(Tokenizer, Option<u32>), String> {
    let wrong = |why: &dyn fmt::Display| format!("it is no tokenizer: {why}");
    let described: Described = serde_json::from_slice(bytes).map_err(|why| wrong(&why))?;
    let mut tokenizer = catch_unwind(|| Tokenizer::from_bytes(bytes))
        .map_err(|_| wrong(&"reading it panicked"))?
        .map_err(|why| wrong(&why))?;
    tokenizer.with_truncation(None).map_err(|why| wrong(&why))?;
    tokenizer.with_padding(None);
    let DescribedModel { unk_token, unk_id } = described.model;
    let unknown = unk_token.and_then(|token| tokenizer.token_to_id(&token)).or(unk_id);
    Ok((tokenizer, unknown))
}
