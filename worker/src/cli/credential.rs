//! What a program shows to a coordinator, and what it tells the right one by.

#![allow(clippy::doc_markdown, reason = "help is plain text")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use sheaf_common::{
    fault::said,
    fleet::Token,
    wire::fleet::{ClientTls, ReachSettings},
};

/// The secret that the coordinator shares.
const TOKEN: &str = "SHEAF_TOKEN";

/// Flags of every program that reaches a coordinator.
#[derive(Debug, Args)]
pub struct CredentialArguments {
    /// The secret that the coordinator shares, in this file or in SHEAF_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Authority of the coordinator's certificate, PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    tls_authority: Option<PathBuf>,

    /// One's own certificate, PEM, for mutual TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl CredentialArguments {
    /// How the coordinator at `url`, which --coordinator named, is reached.
    ///
    /// # Errors
    ///
    /// A sentence for the person: a file cannot be used, the token is none, or the URL is none of a coordinator.
    pub fn reach(&self, url: &str) -> Result<ReachSettings, String> {
        let token = token(self.token_file.as_deref())?;
        let shown = self.tls_certificate.as_deref().zip(self.tls_key.as_deref());
        let tls = match (&self.tls_authority, shown) {
            (None, None) => None,
            (authority, shown) => {
                Some(ClientTls::read(authority.as_deref(), shown).map_err(|error| error.to_string())?)
            }
        };
        let settings = ReachSettings { url: url.to_owned(), token, tls };
        settings.check().map_err(|error| format!("--coordinator {error}"))?;
        Ok(settings)
    }
}

/// The secret of a fleet, from the file that --token-file named or else from the environment.
///
/// # Errors
///
/// A sentence for the person: the file cannot be read, or what was given is no token.
pub fn token(file: Option<&Path>) -> Result<Option<Token>, String> {
    let token = match file {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                format!("--token-file {} cannot be read: {}", path.display(), said(&error))
            })?;
            Some(text.trim().to_owned())
        }
        None => env::var(TOKEN).ok(),
    };
    token.map(Token::new).transpose().map_err(|error| error.to_string())
}
