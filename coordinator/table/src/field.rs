//! Keys and values as the database stores them.

use rusqlite::types::{FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// What a column holds.
pub trait Field: Sized + sealed::Stored {}

/// What a table is sorted by.
pub trait Key: Field + Copy {
    /// The columns of a table with this key.
    #[doc(hidden)]
    const COLUMNS: &'static str;
}

pub(crate) mod sealed {
    use super::{FromSqlResult, ToSqlOutput, ValueRef};

    /// Only this crate says what fits a column.
    pub trait Stored: Sized {
        fn store(&self) -> ToSqlOutput<'_>;
        fn load(stored: ValueRef<'_>) -> FromSqlResult<Self>;
    }
}

use sealed::Stored;

impl Field for u64 {}

/// The database's integers are signed: moved down by half their range, numbers keep their order.
impl Stored for u64 {
    fn store(&self) -> ToSqlOutput<'_> {
        (self ^ SIGN).cast_signed().into()
    }

    fn load(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(stored.as_i64()?.cast_unsigned() ^ SIGN)
    }
}

const SIGN: u64 = 1 << 63;

impl Key for u64 {
    // A key of this type is the row's own number and costs no second index.
    const COLUMNS: &'static str = "(key INTEGER PRIMARY KEY, value)";
}

impl<const BYTES: usize> Field for [u8; BYTES] {}

impl<const BYTES: usize> Stored for [u8; BYTES] {
    fn store(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }

    fn load(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let blob = stored.as_blob()?;
        blob.try_into()
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: BYTES, blob_size: blob.len() })
    }
}

impl Key for [u8; 16] {
    const COLUMNS: &'static str = "(key BLOB PRIMARY KEY, value) WITHOUT ROWID";
}

impl Field for (u64, u32) {}

impl Stored for (u64, u32) {
    fn store(&self) -> ToSqlOutput<'_> {
        [&self.0.to_le_bytes()[..], &self.1.to_le_bytes()].concat().into()
    }

    fn load(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let stored = <[u8; 12]>::load(stored)?;
        let (mut first, mut second) = ([0; 8], [0; 4]);
        first.copy_from_slice(&stored[..8]);
        second.copy_from_slice(&stored[8..]);
        Ok((u64::from_le_bytes(first), u32::from_le_bytes(second)))
    }
}

impl Field for Vec<u8> {}

impl Stored for Vec<u8> {
    fn store(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }

    fn load(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(stored.as_blob()?.to_vec())
    }
}
