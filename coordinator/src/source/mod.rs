//! What a person names as sources, and the documents they stand for.
//!
//! [`Given`] is a source as given; [`Sources`] enumerates the [`Candidate`]s of all of them, in order: files as they
//! are, folders walked in the order of their names, lists line by line, sitemaps entry by entry.

mod enumerate;
mod filter;
mod given;
mod list;
mod reader;
mod sitemap;
mod walk;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sheaf_common::fault::Fault;
use url::Url;

pub use enumerate::Download;
pub use enumerate::Sources;
pub use filter::{Filter, FilterError};
pub use given::{Given, GivenError};
pub(crate) use reader::Reader;

/// A document that a source names, not yet known to be new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// As the person gave it or as it was discovered; what `results.jsonl` calls `source`.
    pub source: String,
    /// Where it is.
    pub at: Location,
    /// Links followed to get here; 0 for what was given.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// The person named a private address by hand, so this host may be fetched from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_allowed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(depth: &u32) -> bool {
    *depth == 0
}

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A file.
    File(#[serde(with = "path_bytes")] PathBuf),
    /// A web address.
    Url(Url),
    /// Nowhere: the source names a document that cannot be had.
    Nowhere(Fault),
}

impl Candidate {
    /// A source that names no document that can be had.
    pub fn broken(source: impl Into<String>, fault: Fault) -> Self {
        Self { source: source.into(), at: Location::Nowhere(fault), depth: 0, private_allowed: false }
    }

    /// A file.
    pub fn file(path: PathBuf) -> Self {
        let source = path.to_string_lossy().into_owned();
        Self { source, at: Location::File(path), depth: 0, private_allowed: false }
    }

    /// What tells this document from others: equal for two sources that name the same document.
    pub fn canonical(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        match &self.at {
            Location::Url(url) => sheaf_fetch::canonical_url(url).into_bytes(),
            // A file that vanished between naming and opening keeps the name it was given.
            Location::File(path) => {
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                path.as_os_str().as_bytes().to_vec()
            }
            Location::Nowhere(fault) => format!("nowhere:{}:{}", self.source, fault.message).into_bytes(),
        }
    }
}

/// Paths that are not UTF-8 keep their bytes: as text where they are text, else as a list of bytes.
mod path_bytes {
    use std::{
        ffi::OsString,
        os::unix::ffi::{OsStrExt, OsStringExt},
        path::{Path, PathBuf},
    };

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => Form::Bytes(path.as_os_str().as_bytes().to_vec()).serialize(serializer),
        }
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into(),
            Form::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    use super::*;

    #[test]
    fn a_path_that_is_not_utf8_survives_the_log() {
        for name in [b"plain.txt".to_vec(), b"line\nbreak".to_vec(), vec![0xff, b'a']] {
            let candidate = Candidate::file(OsString::from_vec(name).into());
            let line = serde_json::to_string(&candidate).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Candidate>(&line).unwrap(), candidate);
        }
    }
}
