//! The AWS SDK's clients: each built once, in a function's init, with one shared connection pool.

use crate::config::Aws;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::sync::LazyLock;
use std::time::Duration;

/// The roots of Amazon Trust Services (CA 1 to 4, and Starfield Services G2), under which AWS's endpoints are certified:
/// <https://www.amazontrust.com/repository/>. Mozilla's list has the same, which a test compares.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// How long a connection may take to open: short enough that one which died while the function slept is opened anew within
/// the answer's deadline.
const CONNECT: Duration = Duration::from_secs(1);

/// A client that is built when it is first asked for.
pub type Lazy<C> = LazyLock<C, Box<dyn FnOnce() -> C + Send>>;

/// The three services. To build a client is to read AWS's table of regions, each its own copy: half a million instructions.
/// No function that needs one or two of them waits for the third.
#[derive(Debug)]
pub struct Clients {
    /// The table.
    pub dynamodb: Lazy<aws_sdk_dynamodb::Client>,
    /// The queues.
    pub sqs: Lazy<aws_sdk_sqs::Client>,
    /// The keys.
    pub kms: Lazy<aws_sdk_kms::Client>,
    aws: Aws,
    http: SharedHttpClient,
}

impl Clone for Clients {
    /// Others on the same connections.
    fn clone(&self) -> Self {
        Self::over(self.http.clone(), &self.aws)
    }
}

impl Clients {
    /// No connection is opened yet.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        Self::over(http_client(aws), aws)
    }

    fn over(http: SharedHttpClient, aws: &Aws) -> Self {
        let credentials = Credentials::new(
            &aws.access_key_id,
            aws.secret_access_key.expose(),
            aws.session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "environment",
        );
        let retry = RetryConfig::standard().with_max_attempts(3);
        let timeout = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(1_500))
            .operation_timeout(Duration::from_secs(6))
            .build();
        // The three builders have no trait in common.
        macro_rules! client {
            ($sdk:ident, $timeout:expr, $endpoint:expr) => {{
                let mut config = $sdk::Config::builder()
                    .behavior_version($sdk::config::BehaviorVersion::latest())
                    .region($sdk::config::Region::new(aws.region.clone()))
                    .credentials_provider(credentials.clone())
                    .retry_config(retry.clone())
                    // It watches bodies that trickle; those of these services are small, and an attempt's time is bounded.
                    .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
                    .timeout_config($timeout)
                    .http_client(http.clone());
                if let Some(endpoint) = $endpoint {
                    config = config.endpoint_url(endpoint);
                }
                LazyLock::new(Box::new(move || $sdk::Client::from_conf(config.build())))
            }};
        }
        // A long poll takes up to 20 s by itself.
        let polling = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(25)).build();
        let endpoint = aws.endpoint_url.as_ref();
        Self {
            dynamodb: client!(aws_sdk_dynamodb, timeout.clone(), aws.dynamodb_endpoint_url.as_ref().or(endpoint)),
            sqs: client!(aws_sdk_sqs, polling, endpoint),
            kms: client!(aws_sdk_kms, timeout, endpoint),
            aws: aws.clone(),
            http,
        }
    }
}

/// One connector for all of them. The SDK's own client would make one, with its roots and its TLS settings, for each client
/// that is built, and then those that are used.
fn http_client(aws: &Aws) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(connector(aws));
    http_client_fn(move |_, _| connector.clone())
}

/// What a connection trusts: Amazon's own roots on the way to AWS, so that neither another authority's certificate counts
/// nor the machine's hundred and fifty are read at every cold start; for an endpoint that was asked for by name, whatever
/// the machine trusts (`SSL_CERT_FILE` included); nothing where that is plain HTTP.
fn connector(aws: &Aws) -> Connector {
    let builder =
        Connector::builder().connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT).build());
    let mut named = aws.endpoint_url.iter().chain(&aws.dynamodb_endpoint_url);
    let trusted = if named.any(|url| !url.starts_with("http://")) {
        TrustStore::default()
    } else if aws.endpoint_url.is_some() {
        return builder.build_http();
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let tls = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
    tls.tls_context(context.expect("a trust store alone is a context")).build()
}

#[cfg(test)]
mod tests {
    use super::AMAZON_ROOTS;
    use rustls::RootCertStore;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn the_five_roots_of_amazon_are_those_of_mozillas_list() {
        let mut ours = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes()) {
            ours.add(certificate.expect("a PEM block")).expect("a root certificate");
        }
        assert_eq!(ours.len(), 5);
        for root in &ours.roots {
            assert!(webpki_roots::TLS_SERVER_ROOTS.contains(root), "{root:?}");
        }
    }
}
