//! Who may speak to the fleet from where.

use std::{net::SocketAddr, path::PathBuf};

use sheaf_common::{
    fleet::Token,
    wire::fleet::{ServeSettings, ServerTls, TlsError},
};

/// How the fleet's service is guarded.
#[derive(Debug, Clone, Default)]
pub struct GuardSettings {
    /// The secret that workers and operators carry.
    pub token: Option<Token>,
    /// Files for TLS.
    pub tls: Option<TlsFiles>,
    /// Listen to everybody and ask nobody, on a person's word.
    pub insecure: bool,
}

/// Files in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The service's certificate, with the chain to its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority that signs the certificates of workers and operators; with it, TLS is mutual.
    pub client_authority: Option<PathBuf>,
}

/// Why the fleet's service does not listen.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Anybody who reaches the address could take documents, and give answers.
    #[error(
        "workers would register at {listen}, which other hosts reach, and nobody would be asked who they are: give a \
         token, or a certificate with the authority of the workers' certificates, or say --insecure if the network \
         lets nobody else through"
    )]
    Open {
        /// The address.
        listen: SocketAddr,
    },
    /// The files for TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl GuardSettings {
    /// What the service is to ask of whoever reaches it at `listen`.
    ///
    /// # Errors
    ///
    /// When `listen` is not loopback and nobody would be asked anything, or a file cannot be used.
    pub fn at(&self, listen: SocketAddr) -> Result<ServeSettings, GuardError> {
        let tls = match &self.tls {
            None => None,
            Some(files) => {
                let authority = files.client_authority.as_deref();
                Some(ServerTls::read(&files.certificate, &files.key, authority)?)
            }
        };
        if !listen.ip().to_canonical().is_loopback() {
            let asked = self.token.is_some() || tls.as_ref().is_some_and(ServerTls::is_mutual);
            if !asked && !self.insecure {
                return Err(GuardError::Open { listen });
            }
            if tls.is_none() {
                tracing::warn!(
                    %listen,
                    "workers register without TLS: whoever reads the network reads the token and the address of Redis"
                );
            }
        }
        Ok(ServeSettings { tls, token: self.token.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: &str, settings: &GuardSettings) -> Result<ServeSettings, GuardError> {
        settings.at(listen.parse().unwrap())
    }

    #[test]
    fn other_hosts_are_let_in_only_when_they_are_asked() {
        let open = GuardSettings::default();
        let token = GuardSettings { token: Some(Token::new("0123456789abcdef").unwrap()), ..open.clone() };
        let insecure = GuardSettings { insecure: true, ..open.clone() };
        for loopback in ["127.0.0.1:7700", "127.8.8.8:0", "[::1]:7700", "[::ffff:127.0.0.1]:7700"] {
            assert!(at(loopback, &open).is_ok(), "{loopback}");
        }
        for reached in ["0.0.0.0:7700", "[::]:7700", "10.0.0.1:7700", "[::ffff:10.0.0.1]:7700"] {
            let said = at(reached, &open).unwrap_err().to_string();
            assert!(said.contains("--insecure") && said.contains(":7700"), "{said}");
            assert!(at(reached, &token).is_ok_and(|asks| asks.token.is_some()), "{reached}");
            assert!(at(reached, &insecure).is_ok(), "{reached}");
        }
    }

    #[test]
    fn errors_of_files_name_them() {
        let files =
            TlsFiles { certificate: "/nowhere/c.pem".into(), key: "k.pem".into(), client_authority: None };
        let settings = GuardSettings { tls: Some(files), ..GuardSettings::default() };
        let said = at("127.0.0.1:0", &settings).unwrap_err().to_string();
        assert!(said.contains("/nowhere/c.pem"), "{said}");
    }
}
