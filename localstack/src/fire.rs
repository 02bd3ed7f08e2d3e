//! Firing alerts as a vendor's webhook does: a real body, signed over its raw bytes.

use crate::scenario::Scenario;
use serde::Deserialize;
use std::time::Duration;
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_platform::http::{self, HttpClientError};

/// An alert was not fired, or not accepted.
#[derive(Debug, thiserror::Error)]
pub enum FireError {
    /// No client.
    #[error("no HTTP client")]
    Client(#[from] HttpClientError),
    /// Nobody answered.
    #[error("nobody answers there; is it running?")]
    Unreachable(#[source] reqwest::Error),
    /// Something else than 202 came back.
    #[error("answered {status}: {body}{advice}")]
    Refused {
        /// The status.
        status: u16,
        /// The body.
        body: String,
        /// What to do about it, on a line of its own; nothing where nobody knows.
        advice: &'static str,
    },
}

/// What to do about an answer.
const fn advice(status: u16) -> &'static str {
    match status {
        401 => {
            "\n  The tenant, its source or the secret is another one, or the tenant is suspended: `up` prints what belongs together."
        }
        404 => "\n  Give --url as `up` prints it before /webhook.",
        429 => "\n  The tenant's rate is used up: wait a minute, or fire fewer.",
        _ => "",
    }
}

/// What ingest answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fired {
    /// `queued`, `duplicate` or `ignored`.
    pub status: String,
    /// The alert's id, unless ignored.
    pub alert_id: Option<String>,
}

/// Where to fire: what stands before `/webhook`, the tenant, its secret.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    /// What stands before `/webhook`.
    pub base_url: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// Its source's secret.
    pub secret: &'a str,
}

/// A vendor's webhook sender, aimed.
#[derive(Debug)]
pub struct Simulator<'a> {
    aim: Aim<'a>,
    client: reqwest::Client,
}

impl<'a> Simulator<'a> {
    /// A sender for this aim.
    ///
    /// # Errors
    /// [`FireError::Client`].
    pub fn new(aim: Aim<'a>) -> Result<Self, FireError> {
        Ok(Self { aim, client: http::client(Duration::from_secs(10))? })
    }

    /// Fires one alert with its own id. `now` is unix seconds.
    ///
    /// # Errors
    /// [`FireError`].
    pub async fn fire(&self, scenario: &Scenario, unique: &str, now: i64) -> Result<Fired, FireError> {
        let Aim { base_url, tenant, secret } = self.aim;
        let body = scenario.body(unique, tenant, now);
        let url = format!("{}/webhook/{}/{tenant}", base_url.trim_end_matches('/'), scenario.vendor);
        let response = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, sign(secret.as_bytes(), &body))
            .body(body)
            .send()
            .await
            .map_err(FireError::Unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(FireError::Unreachable)?;
        match serde_json::from_str(&text) {
            Ok(fired) if status == 202 => Ok(fired),
            _ => {
                let (status, body) = (status.as_u16(), text.chars().take(300).collect());
                Err(FireError::Refused { status, body, advice: advice(status) })
            }
        }
    }
}
