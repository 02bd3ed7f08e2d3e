//! What the sender of each authentication scheme computes, written down here once more rather than taken from the product.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vyrox_domain::webhook::Scheme;

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The headers with which a sender proves a body at `now` (unix seconds). The static header is `x-webhook-secret`; a
/// notification of Graph has its proof in its body, see [`notification`].
///
/// # Panics
/// `now` is no time.
#[must_use]
pub fn proof(scheme: Scheme, secret: &[u8], body: &[u8], now: i64) -> Vec<(&'static str, String)> {
    let text = || String::from_utf8_lossy(secret).into_owned();
    match scheme {
        Scheme::VyroxHmac => vec![("X-Vyrox-Signature", format!("sha256={}", hex::encode(hmac(secret, &[body]))))],
        Scheme::Bearer => vec![("Authorization", format!("Bearer {}", text()))],
        Scheme::CrowdstrikeHmac => {
            let time = OffsetDateTime::from_unix_timestamp(now).ok().and_then(|time| time.format(&Rfc3339).ok());
            let time = time.expect("a time of this century can be written");
            let signature = STANDARD.encode(hmac(secret, &[body, time.as_bytes()]));
            vec![
                ("X-Cs-Primary-Signature", signature),
                ("X-Cs-Delivery-Timestamp", time),
                ("X-Cs-Signature-Algorithm", "HmacSHA256".to_owned()),
            ]
        }
        Scheme::StaticHeader => vec![("X-Webhook-Secret", text())],
        Scheme::GraphClientState => Vec::new(),
        Scheme::StandardWebhooks => {
            let (id, time) = ("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", now.to_string());
            let signature = STANDARD.encode(hmac(secret, &[id.as_bytes(), b".", time.as_bytes(), b".", body]));
            vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", time),
                ("webhook-signature", format!("v1,{signature}")),
            ]
        }
    }
}

/// A change notification of Microsoft Graph with one item for each `clientState`, for the Microsoft tenant `account`.
#[must_use]
pub fn notification(account: &str, states: &[&str]) -> Vec<u8> {
    let items: Vec<serde_json::Value> = states
        .iter()
        .map(|state| {
            serde_json::json!({
                "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                "clientState": state,
                "changeType": "updated",
                "resource": "security/alerts_v2/da637551227677560813_-961444813",
                "tenantId": account,
                "resourceData": {"@odata.type": "#microsoft.graph.alert", "id": "da637551227677560813_-961444813"},
            })
        })
        .collect();
    serde_json::json!({ "value": items }).to_string().into_bytes()
}
