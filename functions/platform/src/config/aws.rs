//! Where AWS is, and as whom.

use super::reader::Reader;
use super::{BadConfiguration, Lookup};
use crate::secrets::Secret;

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The region.
    pub region: String,
    /// Another endpoint than AWS's own, for emulators.
    pub endpoint_url: Option<String>,
    /// Another one for DynamoDB alone.
    pub dynamodb_endpoint_url: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: Secret,
    /// The session token that Lambda's own credentials carry.
    pub session_token: Option<Secret>,
}

impl Aws {
    /// An emulator on this machine, which takes any credentials.
    #[must_use]
    pub fn local(endpoint_url: &str) -> Self {
        Self {
            region: "us-east-1".to_owned(),
            endpoint_url: Some(endpoint_url.to_owned()),
            dynamodb_endpoint_url: None,
            access_key_id: "test".to_owned(),
            secret_access_key: Secret::new(b"test".to_vec()),
            session_token: None,
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            region: reader.required("AWS_REGION"),
            endpoint_url: endpoint(reader, "AWS_ENDPOINT_URL"),
            dynamodb_endpoint_url: endpoint(reader, "AWS_ENDPOINT_URL_DYNAMODB"),
            access_key_id: reader.required("AWS_ACCESS_KEY_ID"),
            secret_access_key: Secret::new(reader.required("AWS_SECRET_ACCESS_KEY").into_bytes()),
            session_token: reader.optional("AWS_SESSION_TOKEN").map(|token| Secret::new(token.into_bytes())),
        }
    }

    /// For the operator's command line, which needs nothing else.
    ///
    /// # Errors
    /// [`BadConfiguration`].
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Self, BadConfiguration> {
        let mut reader = Reader::new(lookup);
        let aws = Self::read(&mut reader);
        reader.done(aws)
    }
}

/// A URL that may be left out.
fn endpoint(reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
    reader.optional(name).map(|_| reader.url(name))
}
