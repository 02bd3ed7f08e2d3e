//! The headers of our own answers, and the one HTTP client for everything that is not AWS: rustls over ring, roots compiled in, no redirects, no proxy guessed.

use reqwest::header::{self, HeaderName};
use std::sync::Arc;
use std::time::Duration;

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The TLS settings are not accepted.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The client cannot be built.
    #[error("HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

/// On every answer that a person's browser may end up with: what it is told to do, which is nothing.
pub const SECURITY_HEADERS: [(HeaderName, &str); 7] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "geolocation=(), camera=(), microphone=()"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

/// A client whose requests end after `timeout`.
///
/// # Errors
/// [`HttpClientError`].
pub fn client(timeout: Duration) -> Result<reqwest::Client, HttpClientError> {
    Ok(builder(timeout)?.build()?)
}

/// The same, to be built with more.
pub(crate) fn builder(timeout: Duration) -> Result<reqwest::ClientBuilder, HttpClientError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(3)))
}
