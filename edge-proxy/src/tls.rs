//! The proxy's own certificate and key: TLS for those who push, where nothing in front of it ends TLS.

use crate::config::TlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate.
    #[error("the certificate file holds no certificate that can be read")]
    Certificate(#[source] pem::Error),
    /// No key.
    #[error("the key file holds no private key that can be read")]
    Key(#[source] pem::Error),
    /// The key is not the certificate's, or not of a kind that is supported.
    #[error("certificate and key do not go together")]
    Pair(#[from] rustls::Error),
}

/// Reads both files.
///
/// # Errors
/// [`TlsError`].
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let certificates = CertificateDer::pem_file_iter(&config.certificate_file).map_err(TlsError::Certificate)?;
    let chain = certificates.collect::<Result<Vec<_>, _>>().map_err(TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key_file).map_err(TlsError::Key)?;
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// The proxy's own certificate, as the file has it now.
///
/// # Errors
/// [`TlsError::Certificate`].
pub(crate) fn own_certificate(config: &TlsConfig) -> Result<CertificateDer<'static>, TlsError> {
    CertificateDer::from_pem_file(&config.certificate_file).map_err(TlsError::Certificate)
}
