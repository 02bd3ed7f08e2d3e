//! Discord's routine checks of an interactions URL: a PING, and requests that must be refused.

use super::click::ClickError;
use super::deliver::DEADLINE;
use super::rules::{Origin, Problems, judge_callback};
use super::shared::Shared;
use super::signing::SignatureHeaders;
use crate::clock;
use serde::Serialize;
use serde_json::{Value, json};

/// What a probe found. Statuses are 0 where there was no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// The PING's status.
    pub ping_status: u16,
    /// Whether the PING was answered 200 with `{"type":1}` and a JSON content type.
    pub ping_ok: bool,
    /// The status for a signature by the right key over another body.
    pub bad_signature_status: u16,
    /// The status for a request without signature headers.
    pub missing_signature_status: u16,
}

impl ProbeReport {
    /// Whether Discord would keep the URL: PING answered, everything else 401.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.ping_ok && self.bad_signature_status == 401 && self.missing_signature_status == 401
    }
}

/// Send the probes, keep the report; a failed one is a violation.
pub(super) async fn probe(shared: &Shared) -> Result<ProbeReport, ClickError> {
    let url = shared.read(|state| state.interactions_url.clone()).ok_or(ClickError::NoInteractionsUrl)?;
    let now = clock::unix_millis();
    let id = shared.edit(|state| state.ids.make(now));
    let body = json!({
        "id": id, "application_id": shared.options.application_id, "type": 1, "version": 1, "token": format!("ping_{id}"),
        "user": null, "entitlements": [],
    });
    let bytes = body.to_string().into_bytes();
    let good = shared.signer.sign(now / 1000, &bytes);
    let bad = shared.signer.sign(now / 1000, &[bytes.as_slice(), b" "].concat());
    let (ping_status, ping) = send(shared, &url, &bytes, Some(good)).await;
    let (bad_signature_status, _) = send(shared, &url, &bytes, Some(bad)).await;
    let (missing_signature_status, _) = send(shared, &url, &bytes, None).await;
    let ping_ok = ping_status == 200 && ping.is_some_and(|answer| is_pong(&answer));
    let report = ProbeReport { ping_status, ping_ok, bad_signature_status, missing_signature_status };
    if !report.passed() {
        let problem = json!({"message": "Discord would remove the interactions URL", "report": report});
        shared.report("interactions URL", problem, Value::Null);
    }
    shared.edit(|state| {
        state.probed = true;
        state.probes.push(report.clone());
    });
    Ok(report)
}

fn is_pong(answer: &Value) -> bool {
    let mut problems = Problems::default();
    judge_callback(answer, Origin::Ping, &mut problems);
    problems.is_empty()
}

async fn send(shared: &Shared, url: &str, body: &[u8], headers: Option<SignatureHeaders>) -> (u16, Option<Value>) {
    let mut request =
        shared.http.post(url).timeout(DEADLINE).header("content-type", "application/json").body(body.to_vec());
    if let Some(headers) = headers {
        request =
            request.header("x-signature-ed25519", headers.signature).header("x-signature-timestamp", headers.timestamp);
    }
    let Ok(response) = request.send().await else { return (0, None) };
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let json = kind.starts_with("application/json");
    let answer = response.bytes().await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    (status, answer.filter(|_| json))
}
