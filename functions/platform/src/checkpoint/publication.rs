//! Checkpoints published where nobody can change them: an S3 bucket with object lock, one object per checkpoint.
//!
//! One signed PUT with the client that is there already. The SDK's S3 crate would bring its own checksums, XML and
//! endpoint rules for this one request and make every cold start of the function longer.

use crate::config::Aws;
use crate::table::{SortKey, Table, TableError};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use std::time::{Duration, UNIX_EPOCH};
use vyrox_audit::Entry;
use vyrox_contract::TenantId;

use PublicationError as Error;

/// A checkpoint was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The request could not be signed.
    #[error("the request cannot be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// S3 did not answer.
    #[error("S3 cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// S3 said no.
    #[error("S3 refused with status {0}")]
    Refused(u16),
}

/// Where checkpoints are published.
#[derive(Debug, Clone)]
pub struct Publication {
    http: reqwest::Client,
    aws: Aws,
    bucket: String,
}

impl Publication {
    /// Into this bucket.
    #[must_use]
    pub fn new(http: reqwest::Client, aws: &Aws, bucket: &str) -> Self {
        Self { http, aws: aws.clone(), bucket: bucket.to_owned() }
    }

    /// Puts a checkpoint's line into the bucket, as `<tenant>/<n, 20 digits>.json`. One that is there already stays and is
    /// fine: the object is never written twice. `now` is unix seconds.
    ///
    /// # Errors
    /// [`PublicationError`].
    pub async fn publish(&self, tenant: &TenantId, checkpoint: &Entry, now: i64) -> Result<(), Error> {
        let url = self.url(&format!("{tenant}/{:020}.json", checkpoint.seq()));
        let body = checkpoint.to_line() + "\n";
        let checksum = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&body));
        // An upload into a bucket with object lock needs a checksum.
        let headers =
            [("content-type", "application/json"), ("if-none-match", "*"), ("x-amz-checksum-sha256", &checksum)];
        let signed = self.sign(&url, &headers, body.as_bytes(), now)?;
        let mut request = self.http.put(&url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| Error::Unreachable(error.without_url()))?;
        match answer.status().as_u16() {
            // 412: it is there already.
            200..=299 | 412 => Ok(()),
            status => Err(Error::Refused(status)),
        }
    }

    fn url(&self, key: &str) -> String {
        match &self.aws.endpoint_url {
            Some(endpoint) => format!("{}/{}/{key}", endpoint.trim_end_matches('/'), self.bucket),
            None => format!("https://{}.s3.{}.amazonaws.com/{key}", self.bucket, self.aws.region),
        }
    }

    fn sign(&self, url: &str, headers: &[(&str, &str)], body: &[u8], now: i64) -> Result<Vec<(String, String)>, Error> {
        let aws = &self.aws;
        let token = aws.session_token.as_ref().map(|token| token.expose().to_owned());
        let identity =
            Credentials::new(&aws.access_key_id, aws.secret_access_key.expose(), token, None, "environment").into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&aws.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap_or(0)))
            .settings(settings)
            .build()
            .map_err(|error| Error::Signing(error.into()))?
            .into();
        let request = SignableRequest::new("PUT", url, headers.iter().copied(), SignableBody::Bytes(body))
            .map_err(|error| Error::Signing(error.into()))?;
        let (instructions, _) = sign(request, &parameters).map_err(|error| Error::Signing(error.into()))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The last checkpoint that is known to be published. `now` is unix seconds.
///
/// # Errors
/// [`TableError`].
pub async fn published(table: &Table, tenant: &TenantId, now: i64) -> Result<Option<u64>, TableError> {
    Ok(table.read::<u64>(tenant, &SortKey::published_checkpoint(), now).await?.map(|found| found.value))
}

/// Notes how far publication has got. No audit entry: the note only saves publishing again, which would change nothing.
///
/// # Errors
/// [`TableError`].
pub async fn mark_published(table: &Table, tenant: &TenantId, n: u64) -> Result<(), TableError> {
    let request = table
        .client()
        .put_item()
        .table_name(table.name())
        .item("tenant_id", AttributeValue::S(tenant.to_string()))
        .item("sk", AttributeValue::S(SortKey::published_checkpoint().as_str().to_owned()))
        .item("version", AttributeValue::N("1".to_owned()))
        .item("body", AttributeValue::S(n.to_string()));
    request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
    Ok(())
}
