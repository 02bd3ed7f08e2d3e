//! SDK clients for an endpoint that authenticates nobody.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::{Builder, tls};

/// One client per service, all for the same endpoint.
#[derive(Debug, Clone)]
pub struct ClientSet {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// KMS.
    pub kms: aws_sdk_kms::Client,
}

impl ClientSet {
    /// Clients for `endpoint_url`, with the credentials `test`/`test` that every local AWS takes, in us-east-1.
    #[must_use]
    pub fn new(endpoint_url: &str) -> Self {
        Self::signing_as(endpoint_url, "test")
    }

    /// The same with another access key, such as a role's name ([`Roles`](crate::Roles)).
    #[must_use]
    pub fn signing_as(endpoint_url: &str, access_key: &str) -> Self {
        let http =
            Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
        let credentials = Credentials::new(access_key, "test", None, None, "local");
        let region = Region::from_static(crate::sqs::REGION);
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .endpoint_url(endpoint_url)
                        .region(region.clone())
                        .credentials_provider(credentials.clone())
                        .http_client(http.clone())
                        .build(),
                )
            };
        }
        Self { dynamodb: client!(aws_sdk_dynamodb), sqs: client!(aws_sdk_sqs), kms: client!(aws_sdk_kms) }
    }
}
