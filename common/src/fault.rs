//! Why a document has no finding, said so that a person knows what to do next.

use std::io;

use serde::{Deserialize, Serialize};

/// What went wrong with one document: what was tried, how often and for how long, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The kind, for programs.
    pub kind: FaultKind,
    /// One sentence for a person: what was tried, how often, for how long, and what came of it.
    pub message: String,
    /// What the person can do next; empty when there is nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Fault {
    /// A fault with a message and a hint.
    pub fn new(kind: FaultKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into() }
    }
}

/// What the operating system says of a failure, without its number, which helps nobody.
pub fn said(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((said, _)) => said.to_lowercase(),
        None => text,
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident = $name:literal,)+) => {
        /// Kinds of faults; their snake-case names stand in `results.jsonl` and are kept stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FaultKind {
            $($(#[$doc])+ $kind,)+
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The name in `results.jsonl` and on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// The source is not a URL, file or folder that can be read as one.
    BadSource = "bad_source",
    /// The file does not exist, or the server says 404 or 410.
    NotFound = "not_found",
    /// The file or folder exists and cannot be read.
    Unreadable = "unreadable",
    /// A symbolic link leads back to a folder it is in.
    SymlinkLoop = "symlink_loop",
    /// Another source of the run names the same document.
    Duplicate = "duplicate",
    /// The host name could not be resolved.
    Dns = "dns",
    /// No connection could be made.
    Connect = "connect",
    /// The TLS handshake or the certificate failed.
    Tls = "tls",
    /// The address is private, loopback, link-local or otherwise not public.
    AddressRefused = "address_refused",
    /// The site's robots.txt asks robots to stay away.
    Robots = "robots",
    /// Too many redirects, a loop of them, or one that leads nowhere.
    Redirect = "redirect",
    /// The server answered with an error status.
    HttpStatus = "http_status",
    /// The server asked to come back later more often than the fetcher is willing to.
    RateLimited = "rate_limited",
    /// A time limit of the download passed.
    FetchTimeout = "fetch_timeout",
    /// The body broke off, or its length or encoding was not as announced.
    Body = "body",
    /// The body, or what it unpacks to, is larger than the cap.
    TooLarge = "too_large",
    /// There is nothing in the document.
    Empty = "empty",
    /// There is no text in it (a scan, pictures only).
    NoText = "no_text",
    /// No parser for this type of document.
    UnsupportedType = "unsupported_type",
    /// The document is encrypted.
    Encrypted = "encrypted",
    /// The document is not well-formed enough to be read.
    Malformed = "malformed",
    /// Parsing took longer than the wall-clock cap.
    ParseTimeout = "parse_timeout",
    /// Parsing took more memory than the cap.
    ParseMemory = "parse_memory",
    /// The parser crashed.
    ParserCrash = "parser_crash",
    /// The parser's answer was larger than the cap.
    OutputTooLarge = "output_too_large",
    /// No model gave an answer that can be used; the rules' analysis stands.
    Model = "model",
    /// The budget had no room for the document; it is `incomplete`, and done when the ceiling is raised.
    Budget = "budget",
    /// The document killed the worker that held it too often.
    Poison = "poison",
    /// Something inside Sheaf failed.
    Internal = "internal",
}

impl FaultKind {
    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a document with this fault is `skipped` (there was nothing to analyse, or it must not be fetched)
    /// rather than `failed`.
    pub fn is_skip(self) -> bool {
        matches!(
            self,
            Self::Duplicate
                | Self::SymlinkLoop
                | Self::Robots
                | Self::Empty
                | Self::NoText
                | Self::UnsupportedType
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_the_names_in_json() {
        for &kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(FaultKind::from_name(kind.name()), Some(kind));
        }
    }
}
