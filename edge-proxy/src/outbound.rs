//! The one place that makes HTTP clients: rustls over ring, roots compiled in, no redirects, no proxy from the
//! environment, bounded answers.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};
use std::sync::Arc;
use std::time::Duration;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be configured")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refuses.
    #[error("the HTTP client cannot be made")]
    Http(#[from] reqwest::Error),
}

/// A client with a limit for each whole request.
///
/// # Errors
/// [`ClientError`].
pub fn client(timeout: Duration) -> Result<reqwest::Client, ClientError> {
    trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, timeout)
}

/// A client that believes this one certificate and no other, by whatever name or address it is reached.
///
/// # Errors
/// [`ClientError`].
pub(crate) fn client_of_only(
    certificate: CertificateDer<'static>,
    timeout: Duration,
) -> Result<reqwest::Client, ClientError> {
    let known = crypto::ring::default_provider().signature_verification_algorithms;
    let tls = tls()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Only { certificate, known }))
        .with_no_client_auth();
    speaking(tls, timeout)
}

fn trusting(roots: RootCertStore, timeout: Duration) -> Result<reqwest::Client, ClientError> {
    speaking(tls()?.with_root_certificates(roots).with_no_client_auth(), timeout)
}

/// TLS over ring, to be told what it trusts.
fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
}

fn speaking(tls: ClientConfig, timeout: Duration) -> Result<reqwest::Client, ClientError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .timeout(timeout)
        .user_agent(concat!("vyrox-edge-proxy/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Believes a server that shows this certificate, byte for byte, and proves that it has its key.
#[derive(Debug)]
struct Only {
    certificate: CertificateDer<'static>,
    known: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_schemes()
    }
}

/// Reads an answer's body up to a bound; what is longer is cut, and will not parse.
///
/// # Errors
/// The connection's.
pub async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_ANSWER {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::chain;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};

    // Made for these tests alone: an authority, and a server's certificate for localhost that it signed.
    const AUTHORITY: &[u8] = include_bytes!("../tests/tls/authority.pem");
    const SERVER: &[u8] = include_bytes!("../tests/tls/server.pem");
    const SERVER_KEY: &[u8] = include_bytes!("../tests/tls/server-key.pem");

    /// Answers 200 to whoever completes the handshake, until the test ends.
    fn server() -> SocketAddr {
        let chain = vec![CertificateDer::from_pem_slice(SERVER).unwrap()];
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut tls = rustls::Stream::new(&mut connection, &mut stream);
                if tls.read(&mut [0; 4096]).is_ok() {
                    let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                }
            }
        });
        address
    }

    fn authority() -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
        roots
    }

    async fn ask(client: &reqwest::Client, host: &str, address: SocketAddr) -> Result<u16, String> {
        let asked = client.get(format!("https://{host}:{}/", address.port())).send().await;
        asked.map(|answer| answer.status().as_u16()).map_err(|error| chain(&error))
    }

    #[tokio::test]
    async fn a_server_is_believed_only_with_a_certificate_of_a_known_authority_and_its_own_name() {
        let (address, timeout) = (server(), Duration::from_secs(10));
        let knowing = trusting(authority(), timeout).unwrap();
        assert_eq!(ask(&knowing, "localhost", address).await, Ok(200));
        let refused = ask(&knowing, "127.0.0.1", address).await.unwrap_err();
        assert!(refused.contains("not valid for name"), "{refused}");
        let refused = ask(&client(timeout).unwrap(), "localhost", address).await.unwrap_err();
        assert!(refused.contains("UnknownIssuer"), "{refused}");
    }

    #[tokio::test]
    async fn one_certificate_is_believed_by_any_name_and_only_that_one() {
        let (address, timeout) = (server(), Duration::from_secs(10));
        let only = |pem| client_of_only(CertificateDer::from_pem_slice(pem).unwrap(), timeout).unwrap();
        assert_eq!(ask(&only(SERVER), "127.0.0.1", address).await, Ok(200));
        // Not even one that its authority has signed.
        let refused = ask(&only(AUTHORITY), "localhost", address).await.unwrap_err();
        assert!(refused.contains("ApplicationVerificationFailure"), "{refused}");
    }
}
