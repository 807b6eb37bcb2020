//! The vectors of a model's tokens, as a safetensors file has them.

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::MOST_DIMENSION;

/// Names that model2vec and sentence-transformers give the table of vectors.
const TABLES: [&str; 3] = ["embeddings", "embedding.weight", "0"];

/// A table of vectors, a row for each token. The file stays as it was read: nothing is unpacked but the rows asked for.
pub(super) struct TokenVectors {
    file: Vec<u8>,
    /// Where the table begins in the file.
    start: usize,
    numbers: Numbers,
    dimension: usize,
    rows: usize,
    /// What a token's vector counts for; without, each counts for one.
    weights: Option<Vec<f32>>,
    /// Which row a token has, where several share one; without, the row of its number.
    mapping: Option<Vec<usize>>,
}

#[derive(Debug, Clone, Copy)]
enum Numbers {
    F32,
    F16,
    /// One scale for the whole table, which is lost when a mean is brought to length 1.
    I8,
}

impl Numbers {
    fn of(view: &TensorView<'_>) -> Result<Self, String> {
        match view.dtype() {
            Dtype::F32 => Ok(Self::F32),
            Dtype::F16 => Ok(Self::F16),
            Dtype::I8 => Ok(Self::I8),
            other => Err(format!("its vectors are of {other:?}; F32, F16 and I8 are read")),
        }
    }

    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::I8 => 1,
        }
    }

    /// Hands `each` the numbers in `bytes`, in their order.
    fn read(self, bytes: &[u8], mut each: impl FnMut(f32)) {
        match self {
            Self::F32 => bytes.as_chunks().0.iter().for_each(|four| each(f32::from_le_bytes(*four))),
            Self::F16 => bytes.as_chunks().0.iter().for_each(|two| each(f16::from_le_bytes(*two).to_f32())),
            Self::I8 => bytes.iter().for_each(|one| each(f32::from(one.cast_signed()))),
        }
    }
}

impl TokenVectors {
    /// Reads a file; the error says what is wrong with it.
    pub(super) fn read(file: Vec<u8>) -> Result<Self, String> {
        let wrong = |error: safetensors::SafeTensorError| format!("it is no whole safetensors file: {error}");
        let (header, metadata) = SafeTensors::read_metadata(&file).map_err(wrong)?;
        let tensors = SafeTensors::deserialize(&file).map_err(wrong)?;
        let Some(name) = TABLES.into_iter().find(|name| metadata.info(name).is_some()) else {
            return Err(format!("it has no tensor called {}", TABLES.join(" or ")));
        };
        let table = tensors.tensor(name).map_err(wrong)?;
        let [rows, dimension] = *table.shape() else {
            return Err(format!(
                "its vectors have the shape {:?}; a row for each token is read",
                table.shape()
            ));
        };
        if rows == 0 || dimension == 0 || dimension > MOST_DIMENSION {
            return Err(format!(
                "it has {rows} vectors of {dimension} numbers; up to {MOST_DIMENSION} are read"
            ));
        }
        let numbers = Numbers::of(&table)?;
        let mut finite = true;
        numbers.read(table.data(), |number| finite &= number.is_finite());
        if !finite {
            return Err("some of its numbers are infinite or none at all".to_owned());
        }
        let weights = tensors.tensor("weights").ok().map(|view| weights(&view)).transpose()?;
        let mapping = tensors.tensor("mapping").ok().map(|view| mapping(&view, rows)).transpose()?;
        // Its own header says where the table is: the view has it, but borrows the file.
        let start = 8 + header + metadata.info(name).map_or(0, |info| info.data_offsets.0);
        Ok(Self { file, start, numbers, dimension, rows, weights, mapping })
    }

    /// Numbers of a vector.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Tokens that have a vector: those numbered below this.
    pub(super) fn tokens(&self) -> usize {
        let mapped = self.mapping.as_ref().map_or(self.rows, Vec::len);
        self.weights.as_ref().map_or(mapped, |weights| mapped.min(weights.len()))
    }

    /// The weighted sum of the vectors of `tokens`; those without a vector are left out. Its direction is the mean's.
    pub(super) fn sum(&self, tokens: impl Iterator<Item = u32>) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimension];
        let length = self.dimension * self.numbers.size();
        for token in tokens.map(|token| token as usize).filter(|token| *token < self.tokens()) {
            let row = self.mapping.as_ref().map_or(Some(token), |rows| rows.get(token).copied());
            let weight = self.weights.as_ref().map_or(Some(1.0), |weights| weights.get(token).copied());
            let (Some(row), Some(weight)) = (row, weight) else { continue };
            let start = self.start + row * length;
            let Some(bytes) = self.file.get(start..start + length) else { continue };
            let mut places = sum.iter_mut();
            self.numbers.read(bytes, |number| {
                if let Some(place) = places.next() {
                    *place += weight * number;
                }
            });
        }
        sum
    }
}

fn weights(view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let mut weights = Vec::new();
    match view.dtype() {
        Dtype::F64 => {
            weights.extend(view.data().as_chunks().0.iter().map(|eight| f64::from_le_bytes(*eight) as f32));
        }
        Dtype::F32 => Numbers::F32.read(view.data(), |weight| weights.push(weight)),
        Dtype::F16 => Numbers::F16.read(view.data(), |weight| weights.push(weight)),
        other => return Err(format!("its weights are of {other:?}; F64, F32 and F16 are read")),
    }
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err("some of its weights are infinite or none at all".to_owned());
    }
    Ok(weights)
}

fn mapping(view: &TensorView<'_>, rows: usize) -> Result<Vec<usize>, String> {
    let numbers: Vec<i64> = match view.dtype() {
        Dtype::I64 => view.data().as_chunks().0.iter().map(|eight| i64::from_le_bytes(*eight)).collect(),
        Dtype::I32 => {
            view.data().as_chunks().0.iter().map(|four| i64::from(i32::from_le_bytes(*four))).collect()
        }
        other => return Err(format!("its mapping is of {other:?}; I64 and I32 are read")),
    };
    let row = |number: i64| {
        usize::try_from(number)
            .ok()
            .filter(|row| *row < rows)
            .ok_or_else(|| format!("its mapping leads to row {number} of {rows}"))
    };
    numbers.into_iter().map(row).collect()
}
