//! Falcon's API: a token, one read, one write. No decisions.

use crate::config::CrowdstrikeConfig;
use crate::outbound::{self, ClientError};
use crate::secret::Secret;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use vyrox_contract::{DeviceId, Operation};

/// The longest wait that a 429 may ask for.
const MAX_RATE_WAIT: Duration = Duration::from_secs(10);
/// A token is renewed this long before it ends.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// A Falcon device id: exactly 32 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aid(String);

impl Aid {
    /// From a contract's device id; dashes are dropped, since one of the vendor's spellings is a UUID.
    pub fn of(device_id: &DeviceId) -> Option<Self> {
        let text: String = device_id.as_str().chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
        (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(Self(text))
    }

    pub(super) fn first_byte(&self) -> u8 {
        u8::from_str_radix(&self.0[..2], 16).expect("32 hex digits")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What Falcon knows about a device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Device {
    pub(super) device_id: String,
    #[serde(default)]
    pub(super) hostname: Option<String>,
    pub(super) status: String,
}

/// Falcon's answer to a change that it did not refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) already: bool,
    pub(super) trace: Option<String>,
}

/// Why a call did not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum FalconError {
    /// Sent, perhaps, and no whole answer.
    #[error("no answer from the EDR")]
    NoAnswer(#[source] reqwest::Error),
    /// Not even connected.
    #[error("the EDR cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// 401 with a new token, or no token.
    #[error("the EDR does not accept the credentials, or not from this address")]
    Credentials,
    /// 403.
    #[error("the EDR denies it: the API client needs the scope {0}, or an allow-listed address")]
    Permission(&'static str),
    /// 429 twice, or a wait that is too long.
    #[error("the EDR is over its rate limit")]
    RateLimit,
    /// 5xx.
    #[error("the EDR failed with HTTP {0}")]
    Server(u16),
    /// Another status when asked for a token: nothing was asked of the EDR itself yet.
    #[error("the EDR answered HTTP {0} when asked for a token")]
    NoToken(u16),
    /// Another status, or an error for the host.
    #[error("the EDR refused: {0}")]
    Refused(String),
    /// 2xx, but not what the API documents.
    #[error("the EDR's answer is not understood")]
    Answer,
}

impl FalconError {
    /// Whether the change may have been taken all the same.
    pub(super) fn is_unclear(&self) -> bool {
        matches!(self, Self::NoAnswer(_) | Self::Server(_) | Self::Answer)
    }
}

#[derive(Deserialize)]
struct Answer<T> {
    // Each of the three can be missing or null.
    meta: Option<Meta>,
    resources: Option<Vec<T>>,
    errors: Option<Vec<ApiError>>,
}

#[derive(Deserialize)]
struct Meta {
    trace_id: Option<String>,
}

#[derive(Deserialize)]
struct ApiError {
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Affected {
    id: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    until: Instant,
}

/// The client. Its base URL is fixed; `X-Cs-Region` and redirects are not followed.
#[derive(Debug)]
pub(super) struct Falcon {
    http: reqwest::Client,
    config: CrowdstrikeConfig,
    token: tokio::sync::Mutex<Option<Token>>,
}

impl Falcon {
    pub(super) fn new(config: CrowdstrikeConfig) -> Result<Self, ClientError> {
        let http = outbound::client(config.request_timeout)?;
        Ok(Self { http, config, token: tokio::sync::Mutex::new(None) })
    }

    pub(super) fn config(&self) -> &CrowdstrikeConfig {
        &self.config
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base.url())
    }

    /// Reads one device; `None` if there is none of this id.
    pub(super) async fn device(&self, aid: &Aid) -> Result<Option<Device>, FalconError> {
        let request = self.http.get(self.url("/devices/entities/devices/v2")).query(&[("ids", aid.as_str())]);
        let (answer, _) = self.call::<Device>(&request, StatusCode::OK, "Hosts: READ").await?;
        Ok(answer.resources.unwrap_or_default().into_iter().find(|device| device.device_id == aid.as_str()))
    }

    /// Contains or lifts. The same URL has actions that hide hosts: only these two names are ever sent.
    pub(super) async fn change(&self, aid: &Aid, operation: Operation) -> Result<Accepted, FalconError> {
        let name = match operation {
            Operation::Execute => "contain",
            Operation::Rollback => "lift_containment",
        };
        let request = self.http.post(self.url("/devices/entities/devices-actions/v2")).query(&[("action_name", name)]);
        let request = request.json(&json!({"ids": [aid.as_str()]}));
        let (answer, trace) = self.call::<Affected>(&request, StatusCode::ACCEPTED, "Hosts: WRITE").await?;
        // 202 is the answer of the queue; each host has its own, and for the one host asked about an error counts.
        if let Some(error) = answer.errors.unwrap_or_default().into_iter().next() {
            if error.code == 409 && error.message.contains(aid.as_str()) {
                return Ok(Accepted { already: true, trace });
            }
            return Err(FalconError::Refused(format!("code {}: {}", error.code, printable(&error.message, 160))));
        }
        if answer.resources.unwrap_or_default().iter().any(|affected| affected.id == aid.as_str()) {
            return Ok(Accepted { already: false, trace });
        }
        Err(FalconError::Answer)
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        request: &RequestBuilder,
        success: StatusCode,
        scope: &'static str,
    ) -> Result<(Answer<T>, Option<String>), FalconError> {
        let (mut renewed, mut waited) = (false, false);
        loop {
            let token = self.token().await?;
            let request = request.try_clone().expect("its body is no stream").bearer_auth(token.expose());
            let response = request.send().await.map_err(lost)?;
            let status = response.status();
            match status {
                StatusCode::UNAUTHORIZED if !renewed => {
                    renewed = true;
                    // Only the token that was refused: another caller may have a new one already.
                    self.token.lock().await.take_if(|cached| cached.text.expose() == token.expose());
                }
                StatusCode::TOO_MANY_REQUESTS if !waited => {
                    waited = true;
                    tokio::time::sleep(rate_wait(&response).ok_or(FalconError::RateLimit)?).await;
                }
                StatusCode::UNAUTHORIZED => return Err(FalconError::Credentials),
                StatusCode::FORBIDDEN => return Err(FalconError::Permission(scope)),
                StatusCode::TOO_MANY_REQUESTS => return Err(FalconError::RateLimit),
                _ if status.is_server_error() => return Err(FalconError::Server(status.as_u16())),
                _ if status != success => return Err(FalconError::Refused(format!("HTTP {}", status.as_u16()))),
                _ => {
                    let header =
                        response.headers().get("X-Cs-Traceid").and_then(|v| v.to_str().ok()).map(str::to_owned);
                    let body = outbound::body(response).await.map_err(FalconError::NoAnswer)?;
                    let answer: Answer<T> = serde_json::from_slice(&body).map_err(|_| FalconError::Answer)?;
                    let trace = answer
                        .meta
                        .as_ref()
                        .and_then(|meta| meta.trace_id.clone())
                        .or(header)
                        .map(|text| printable(&text, 64));
                    return Ok((answer, trace));
                }
            }
        }
    }

    /// The cached token, or a new one. One caller at a time asks for it.
    async fn token(&self) -> Result<Secret, FalconError> {
        let mut cached = self.token.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(token.text.clone());
        }
        let form =
            [("client_id", self.config.client_id.as_str()), ("client_secret", self.config.client_secret.expose())];
        // Without a token nothing was asked of the EDR yet, so a lost answer here is only "unreachable".
        let response =
            self.http.post(self.url("/oauth2/token")).form(&form).send().await.map_err(FalconError::Unreachable)?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(FalconError::RateLimit),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(FalconError::Credentials);
            }
            status => return Err(FalconError::NoToken(status.as_u16())),
        }
        let body = outbound::body(response).await.map_err(FalconError::Unreachable)?;
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| FalconError::Credentials)?;
        let text = Secret::new(answer.access_token);
        let life = Duration::from_secs(answer.expires_in.min(3600)).saturating_sub(TOKEN_MARGIN);
        *cached = Some(Token { text: text.clone(), until: Instant::now() + life });
        Ok(text)
    }
}

fn lost(error: reqwest::Error) -> FalconError {
    if error.is_connect() { FalconError::Unreachable(error) } else { FalconError::NoAnswer(error) }
}

/// How long a 429 asks to wait (`X-Ratelimit-Retryafter`, unix seconds); `None` if that is too long.
fn rate_wait(response: &reqwest::Response) -> Option<Duration> {
    let Some(at) = response.headers().get("X-Ratelimit-Retryafter") else { return Some(Duration::from_secs(1)) };
    let at: u64 = at.to_str().ok()?.parse().ok()?;
    // The vendor's clock against the answer's own Date header, so that this machine's clock does not matter.
    let date = response.headers().get("Date")?.to_str().ok()?;
    let now = httpdate::parse_http_date(date).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let wait = Duration::from_secs(at).saturating_sub(now);
    (wait <= MAX_RATE_WAIT).then_some(wait.max(Duration::from_millis(100)))
}

/// A vendor's text as it may stand in the audit: bounded, without control characters.
fn printable(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::Aid;

    #[test]
    fn a_device_id_is_32_hex_digits_and_nothing_else() {
        let aid = |text: &str| Aid::of(&text.parse().unwrap());
        assert_eq!(aid("0123456789ABCDEF0123456789abcdef").unwrap().as_str(), "0123456789abcdef0123456789abcdef");
        assert_eq!(aid("01234567-89ab-cdef-0123-456789abcdef").unwrap().as_str(), "0123456789abcdef0123456789abcdef");
        for bad in [
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdefa",
            "g123456789abcdef0123456789abcdef",
            "1",
        ] {
            assert!(aid(bad).is_none(), "{bad}");
        }
    }
}
