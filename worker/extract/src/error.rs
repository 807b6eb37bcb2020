//! Why a page gives nothing.

/// Why a page gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The page is longer than is ever read.
    #[error("the page has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Length of the page in bytes.
        bytes: usize,
        /// The most that is read, in bytes.
        limit: usize,
    },
}
