//! The AWS SDK's clients: built once, in a function's init, with one shared connection pool.

use crate::config::Aws;
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::time::Duration;

/// The three services.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The keys.
    pub kms: aws_sdk_kms::Client,
}

impl Clients {
    /// Builds the clients. No connection is opened yet.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let credentials = Credentials::new(
            &aws.access_key_id,
            aws.secret_access_key.expose(),
            aws.session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "environment",
        );
        let retry = RetryConfig::standard().with_max_attempts(3);
        let timeout = TimeoutConfig::builder()
            // Short enough that a connection which died while the function slept is tried anew within the answer's deadline.
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_millis(1_500))
            .operation_timeout(Duration::from_secs(6))
            .build();
        // The three builders have no trait in common.
        macro_rules! client {
            ($sdk:ident, $timeout:expr) => {{
                let mut config = $sdk::Config::builder()
                    .behavior_version($sdk::config::BehaviorVersion::latest())
                    .region($sdk::config::Region::new(aws.region.clone()))
                    .credentials_provider(credentials.clone())
                    .retry_config(retry.clone())
                    .timeout_config($timeout)
                    .http_client(http.clone());
                if let Some(endpoint) = &aws.endpoint_url {
                    config = config.endpoint_url(endpoint);
                }
                $sdk::Client::from_conf(config.build())
            }};
        }
        // A long poll takes up to 20 s by itself.
        let polling = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(25))
            .build();
        Self {
            dynamodb: client!(aws_sdk_dynamodb, timeout.clone()),
            sqs: client!(aws_sdk_sqs, polling),
            kms: client!(aws_sdk_kms, timeout),
        }
    }
}
