//! A model of a dozen words, whole and broken in every way.

use std::{borrow::Cow, fs, path::Path};

use futures::FutureExt;
use half::f16;
use proptest::prelude::*;
use safetensors::{Dtype, View, serialize};
use serde_json::{Value, json};

use super::{EmbedError, Embedder, StaticModel};

const WORDS: [&str; 12] =
    ["[UNK]", "the", "harbour", "storm", "closed", "open", "bread", "dough", "##s", "in", "east", "west"];
const DIMENSION: usize = 4;

#[derive(Clone)]
struct Tensor(Dtype, Vec<usize>, Vec<u8>);

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.0
    }

    fn shape(&self) -> &[usize] {
        &self.1
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.2)
    }

    fn data_len(&self) -> usize {
        self.2.len()
    }
}

/// Whole numbers, so that they are the same in every type: a token's row holds its number, its square, 1 and a remainder.
fn row(token: usize) -> [i8; DIMENSION] {
    [token as i8, (token * token % 100) as i8, 1, (token % 3) as i8 - 1]
}

fn table(numbers: Dtype) -> Tensor {
    let all = (0..WORDS.len()).flat_map(row);
    let bytes = match numbers {
        Dtype::F32 => all.flat_map(|number| f32::from(number).to_le_bytes()).collect(),
        Dtype::F16 => all.flat_map(|number| f16::from_f32(f32::from(number)).to_le_bytes()).collect(),
        _ => all.map(i8::cast_unsigned).collect(),
    };
    Tensor(numbers, vec![WORDS.len(), DIMENSION], bytes)
}

fn doubles(numbers: &[f64]) -> Tensor {
    Tensor(Dtype::F64, vec![numbers.len()], numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

fn integers(numbers: &[i64]) -> Tensor {
    Tensor(Dtype::I64, vec![numbers.len()], numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

fn file(tensors: &[(&str, &Tensor)]) -> Vec<u8> {
    serialize(tensors.iter().copied(), None).unwrap()
}

fn tokenizer() -> Value {
    let words: serde_json::Map<String, Value> =
        WORDS.iter().enumerate().map(|(token, word)| ((*word).to_owned(), json!(token))).collect();
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 },
        "padding": null,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": words,
        },
    })
}

fn write(folder: &Path, vectors: &[u8]) {
    fs::write(folder.join("config.json"), r#"{"model_type":"model2vec","normalize":true}"#).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    fs::write(folder.join("model.safetensors"), vectors).unwrap();
}

/// The model with these tensors.
fn model(tensors: &[(&str, &Tensor)]) -> StaticModel {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &file(tensors));
    StaticModel::open(folder.path()).unwrap()
}

/// The file at fault and what is wrong with it, once `file` of a whole model has `bytes`.
fn refused(file_name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &file(&[("embeddings", &table(Dtype::F32))]));
    fs::write(folder.path().join(file_name), bytes).unwrap();
    let error = StaticModel::open(folder.path()).unwrap_err();
    let name = error.file().file_name().unwrap().to_string_lossy().into_owned();
    assert!(error.to_string().contains(&name), "{error}");
    format!("{name}: {}", error.what())
}

fn assert_parallel(vector: &[f32], sum: [f32; DIMENSION], what: &str) {
    let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
    assert_eq!(vector.len(), DIMENSION);
    for (number, expected) in vector.iter().zip(sum) {
        assert!((number - expected / length).abs() < 1e-5, "{what}: {vector:?} is not along {sum:?}");
    }
}

fn sum(tokens: &[(usize, f32)]) -> [f32; DIMENSION] {
    let mut sum = [0.0; DIMENSION];
    for (token, weight) in tokens {
        for (sum, number) in sum.iter_mut().zip(row(*token)) {
            *sum += weight * f32::from(number);
        }
    }
    sum
}

#[tokio::test]
async fn a_text_is_the_mean_of_the_tokens_it_knows_and_nothing_is_cut() {
    for numbers in [Dtype::F32, Dtype::F16, Dtype::I8] {
        for name in ["embeddings", "embedding.weight", "0"] {
            let model = model(&[(name, &table(numbers))]);
            let vector = model.embed("The Storms closed, unheard-of: the harbour.").await.unwrap();
            let expected = sum(&[(1, 2.0), (3, 1.0), (8, 1.0), (4, 1.0), (2, 1.0)]);
            assert_parallel(&vector, expected, &format!("{name} of {numbers:?}"));
        }
    }
}

#[tokio::test]
async fn a_long_text_has_the_vector_that_it_would_have_where_it_stands() {
    let model = model(&[("embeddings", &table(Dtype::F32))]);
    let short = model.embed("harbour storm").await.unwrap();
    let long = model.embed(&"harbour storm ".repeat(300)).await.unwrap();
    assert!(short.iter().zip(&long).all(|(one, other)| (one - other).abs() < 1e-5));
}

#[tokio::test]
async fn weights_and_shared_rows_are_the_tokens_own() {
    let mut weights = vec![1.0; WORDS.len()];
    weights[1] = 0.25;
    let mut rows: Vec<i64> = (0..12).collect();
    rows[11] = 10;
    let model = model(&[
        ("embeddings", &table(Dtype::F32)),
        ("weights", &doubles(&weights)),
        ("mapping", &integers(&rows)),
    ]);
    let vector = model.embed("the bread in the west").await.unwrap();
    assert_parallel(&vector, sum(&[(1, 0.5), (6, 1.0), (9, 1.0), (10, 1.0)]), "weighed");
}

#[tokio::test]
async fn a_text_without_a_known_word_has_no_vector() {
    let model = model(&[("embeddings", &table(Dtype::F32))]);
    for text in ["", "xylophone", "東京 \u{0} \u{10ffff}"] {
        assert!(matches!(model.embed(text).await, Err(EmbedError::Vector { .. })), "{text:?}");
    }
}

#[test]
fn models_that_differ_have_other_ids() {
    let one = model(&[("embeddings", &table(Dtype::F32))]);
    assert_eq!(one.id(), model(&[("embeddings", &table(Dtype::F32))]).id());
    assert!(one.id().name().starts_with("static-") && one.id().dimension() == DIMENSION);
    let mut other = table(Dtype::F32);
    other.2[0] ^= 1;
    assert_ne!(one.id(), model(&[("embeddings", &other)]).id());

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &file(&[("embeddings", &table(Dtype::F32))]));
    let mut cased = tokenizer();
    cased["normalizer"] = Value::Null;
    fs::write(folder.path().join("tokenizer.json"), cased.to_string()).unwrap();
    assert_ne!(one.id(), StaticModel::open(folder.path()).unwrap().id());
}

#[test]
fn vectors_that_are_damaged_are_refused() {
    let whole = file(&[("embeddings", &table(Dtype::F32))]);
    for length in [0, 7, 8, 20, whole.len() - 1] {
        let said = refused("model.safetensors", &whole[..length]);
        assert!(said.starts_with("model.safetensors: it is no whole safetensors file"), "{length}: {said}");
    }
    let with = |name: &str, tensor: &Tensor| refused("model.safetensors", &file(&[(name, tensor)]));
    let beside = |name: &str, tensor: &Tensor| {
        refused("model.safetensors", &file(&[("embeddings", &table(Dtype::F32)), (name, tensor)]))
    };
    let mut longer = whole.clone();
    longer.push(0);
    let mut infinite = table(Dtype::F32);
    infinite.2[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let mut none = table(Dtype::F16);
    none.2[2..4].copy_from_slice(&f16::NAN.to_le_bytes());
    let few = Tensor(Dtype::I8, vec![11, DIMENSION], vec![1; 11 * DIMENSION]);
    let wide = Tensor(Dtype::I8, vec![12, 5_000], vec![1; 60_000]);
    let bare = Tensor(Dtype::I8, vec![0, DIMENSION], vec![]);
    for (said, expected) in [
        (refused("model.safetensors", &longer), "no whole safetensors file"),
        (with("embeddings", &infinite), "infinite or none at all"),
        (with("embeddings", &none), "infinite or none at all"),
        (with("other", &table(Dtype::F32)), "no tensor called embeddings or embedding.weight or 0"),
        (with("embeddings", &integers(&[1, 2])), "the shape [2]"),
        (with("embeddings", &Tensor(Dtype::I64, vec![1, 1], vec![0; 8])), "of I64; F32, F16 and I8 are read"),
        (with("embeddings", &few), "vectors for 11 tokens, the tokenizer 12"),
        (with("embeddings", &wide), "12 vectors of 5000 numbers; up to 4096"),
        (with("embeddings", &bare), "0 vectors of 4 numbers"),
        (beside("weights", &doubles(&[1.0; 11])), "vectors for 11 tokens"),
        (beside("weights", &doubles(&[f64::NAN; 12])), "weights are infinite or none at all"),
        (beside("weights", &integers(&[1; 12])), "weights are of I64"),
        (beside("mapping", &integers(&[0; 11])), "vectors for 11 tokens"),
        (beside("mapping", &integers(&[12; 12])), "row 12 of 12"),
        (beside("mapping", &integers(&[-1; 12])), "row -1 of 12"),
        (beside("mapping", &doubles(&[0.0; 12])), "mapping is of F64"),
    ] {
        assert!(said.starts_with("model.safetensors: ") && said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn other_files_that_are_damaged_are_refused() {
    let mut unlike = tokenizer();
    unlike["model"]["type"] = json!("Unheard");
    let mut empty = tokenizer();
    empty["model"]["vocab"] = json!({});
    let mut high = tokenizer();
    high["model"]["vocab"]["the"] = json!(u32::MAX);
    for (file, bytes, expected) in [
        ("config.json", b"[".to_vec(), "config.json: it is no configuration"),
        ("config.json", br#"{"model_type":"bert"}"#.to_vec(), "of type \"bert\", not model2vec"),
        ("config.json", vec![b' '; (1 << 20) + 1], "cannot be read: it has more than 1 MiB"),
        ("tokenizer.json", b"{}".to_vec(), "tokenizer.json: it is no tokenizer"),
        ("tokenizer.json", "[".repeat(100_000).into_bytes(), "tokenizer.json: it is no tokenizer"),
        ("tokenizer.json", unlike.to_string().into_bytes(), "tokenizer.json: it is no tokenizer"),
        ("tokenizer.json", empty.to_string().into_bytes(), "the tokenizer 0"),
        ("tokenizer.json", high.to_string().into_bytes(), "the tokenizer 4294967296"),
    ] {
        let said = refused(file, &bytes);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for missing in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &file(&[("embeddings", &table(Dtype::F32))]));
        fs::remove_file(folder.path().join(missing)).unwrap();
        assert!(StaticModel::open(folder.path()).unwrap_err().file().ends_with(missing));
        fs::create_dir(folder.path().join(missing)).unwrap();
        let error = StaticModel::open(folder.path()).unwrap_err();
        assert!(error.what().contains("no plain file"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_panics(at in 0_usize..600, byte: u8, which in 0_usize..3) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &file(&[("embeddings", &table(Dtype::F16))]));
        let path = folder.path().join(["config.json", "tokenizer.json", "model.safetensors"][which]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(&path, &bytes).unwrap();
        if let Ok(model) = StaticModel::open(folder.path()) {
            let vector = model.embed("the harbour").now_or_never().unwrap();
            prop_assert!(vector.unwrap_or_default().iter().all(|number| number.is_finite()));
        }
    }
}
