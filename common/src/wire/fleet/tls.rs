//! Certificates and keys from files.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use crate::fault::said;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Largest file with certificates or a key, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{what} {} cannot be read: {}", .path.display(), said(.error))]
    Unreadable {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that holds something else.
    #[error("{} holds no {what} in PEM form: {why}", .path.display())]
    NotPem {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A certificate and a key that are not one another's, or an authority that can vouch for nobody.
    #[error("TLS cannot be set up with {files}: {why}")]
    Unfit {
        /// The files.
        files: String,
        /// Why.
        why: String,
    },
}

/// A server's TLS: its certificate and, for mutual TLS, the authority that signs its clients'.
#[derive(Clone)]
pub struct ServerTls {
    config: ServerTlsConfig,
    mutual: bool,
}

impl ServerTls {
    /// Reads a certificate (with the chain to its authority) and its key. With `client_authority`, only clients that show
    /// a certificate signed by it are served.
    pub fn read(certificate: &Path, key: &Path, client_authority: Option<&Path>) -> Result<Self, TlsError> {
        settle_provider();
        let mut config = ServerTlsConfig::new().identity(identity(certificate, key)?).timeout(HANDSHAKE);
        if let Some(path) = client_authority {
            config = config.client_ca_root(Certificate::from_pem(certificates(path)?));
        }
        let mut files = vec![certificate, key];
        files.extend(client_authority);
        // Only building the acceptor tells whether certificate and key are one another's.
        tonic::transport::Server::builder()
            .tls_config(config.clone())
            .map_err(|error| unfit(&files, &error))?;
        Ok(Self { config, mutual: client_authority.is_some() })
    }

    /// Whether clients show certificates.
    pub fn is_mutual(&self) -> bool {
        self.mutual
    }

    pub(super) fn config(self) -> ServerTlsConfig {
        self.config
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServerTls").field("mutual", &self.mutual).finish_non_exhaustive()
    }
}

/// A client's TLS: whom it trusts and, for mutual TLS, its own certificate.
#[derive(Clone)]
pub struct ClientTls {
    config: ClientTlsConfig,
}

impl ClientTls {
    /// Trusts the authorities that the system trusts.
    pub fn of_the_system() -> Self {
        settle_provider();
        Self { config: ClientTlsConfig::new().with_native_roots().timeout(HANDSHAKE) }
    }

    /// Trusts this authority alone, or those of the system; and shows the certificate of `identity` (a certificate and
    /// its key) to a coordinator that asks for one.
    pub fn read(authority: Option<&Path>, shown: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let mut tls = Self::of_the_system();
        let mut files = Vec::new();
        if let Some(path) = authority {
            let authority = Certificate::from_pem(certificates(path)?);
            tls.config = ClientTlsConfig::new().ca_certificate(authority).timeout(HANDSHAKE);
            files.push(path);
        }
        if let Some((certificate, key)) = shown {
            tls.config = tls.config.identity(identity(certificate, key)?);
            files.extend([certificate, key]);
        }
        // Only building the connector tells whether certificate and key are one another's.
        tonic::transport::Endpoint::from_static("https://localhost")
            .tls_config(tls.config.clone())
            .map_err(|error| unfit(&files, &error))?;
        Ok(tls)
    }

    pub(super) fn config(self) -> ClientTlsConfig {
        self.config
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// One provider of cryptography for the process, whichever others a dependency brings: without one chosen, a server's
/// configuration would panic where there are two.
fn settle_provider() {
    // Whoever was first has chosen already.
    let _chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let chain = certificates(certificate)?;
    let what = "private key";
    let text = read(what, key)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| not_pem(what, key, &error))?;
    Ok(Identity::from_pem(chain, text))
}

/// A file with at least one certificate.
fn certificates(path: &Path) -> Result<Vec<u8>, TlsError> {
    let what = "certificate";
    let text = read(what, path)?;
    let mut found = CertificateDer::pem_slice_iter(&text);
    let first = found.next().unwrap_or(Err(pem::Error::NoItemsFound));
    for certificate in std::iter::once(first).chain(found) {
        certificate.map_err(|error| not_pem(what, path, &error))?;
    }
    Ok(text)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable { what, path: path.to_owned(), error };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST_FILE {
        return Err(not_pem(what, path, &format!("it has more than {} MiB", LARGEST_FILE >> 20)));
    }
    fs::read(path).map_err(unreadable)
}

fn not_pem(what: &'static str, path: &Path, why: &dyn fmt::Display) -> TlsError {
    TlsError::NotPem { what, path: path.to_owned(), why: why.to_string() }
}

fn unfit(files: &[&Path], error: &tonic::transport::Error) -> TlsError {
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    TlsError::Unfit { files: files.join(", "), why: crate::cause::root(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file_and_what_it_should_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
        fs::write(&empty, "").unwrap();
        let said = ServerTls::read(&missing, &missing, None).unwrap_err().to_string();
        assert!(said.contains("certificate") && said.contains("missing.pem"), "{said}");
        let said = ServerTls::read(&empty, &missing, None).unwrap_err().to_string();
        assert!(said.contains("empty.pem holds no certificate"), "{said}");
        let said = ClientTls::read(Some(&empty), None).unwrap_err().to_string();
        assert!(said.contains("empty.pem holds no certificate"), "{said}");
    }
}
