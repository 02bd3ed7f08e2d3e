//! The other side of every scheme: what a sender adds to a body, so that [`super::authenticate`] takes it.

use super::{CROWDSTRIKE_SIGNATURE_HEADER, SIGNATURE_HEADER, Scheme, crowdstrike, mac, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a sender knows.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// How it proves itself.
    pub scheme: Scheme,
    /// The header with the value (`static_header`, which needs one) or the signature (`crowdstrike_hmac`, if it was renamed).
    pub header: Option<&'a str>,
    /// The key, the token or the value; of `standard_webhooks` the key's bytes, not their base64.
    pub secret: &'a [u8],
}

/// A secret that no header can carry, or a scheme without its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotProve {
    /// Values and tokens travel as they are.
    #[error("the secret is not text, so no header can carry it")]
    NotText,
    /// There is no usual name.
    #[error("static_header needs its header's name")]
    NoHeader,
    /// What proves a notification of Graph is in its body.
    #[error("graph_client_state is proven by clientState in every item of the body, not by a header")]
    InBody,
    /// It cannot be written as a date.
    #[error("the time is no date")]
    Time,
}

impl Sender<'_> {
    /// The headers that prove `body` at `now` (unix seconds). `id` is the delivery's own, for schemes that sign one.
    ///
    /// # Errors
    /// [`CannotProve`].
    pub fn proof(&self, id: &str, body: &[u8], now: i64) -> Result<Vec<(String, String)>, CannotProve> {
        let text = || std::str::from_utf8(self.secret).map(str::to_owned).map_err(|_| CannotProve::NotText);
        let named = |name: &str, value: String| (name.to_owned(), value);
        Ok(match self.scheme {
            Scheme::VyroxHmac => vec![named(SIGNATURE_HEADER, sign(self.secret, body))],
            Scheme::Bearer => vec![named("Authorization", format!("Bearer {}", text()?))],
            Scheme::StaticHeader => vec![named(self.header.ok_or(CannotProve::NoHeader)?, text()?)],
            Scheme::GraphClientState => return Err(CannotProve::InBody),
            Scheme::CrowdstrikeHmac => {
                let time = OffsetDateTime::from_unix_timestamp(now).ok().and_then(|time| time.format(&Rfc3339).ok());
                let time = time.ok_or(CannotProve::Time)?;
                let signature = STANDARD.encode(mac::hmac(self.secret, &[body, time.as_bytes()]));
                vec![
                    named(self.header.unwrap_or(CROWDSTRIKE_SIGNATURE_HEADER), signature),
                    named(crowdstrike::TIMESTAMP_HEADER, time),
                ]
            }
            Scheme::StandardWebhooks => {
                let time = now.to_string();
                let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
                let signature = STANDARD.encode(mac::hmac(self.secret, &parts));
                vec![
                    named("webhook-id", id.to_owned()),
                    named("webhook-timestamp", time),
                    named("webhook-signature", format!("v1,{signature}")),
                ]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Keyring, RawDelivery, Slots, Unauthenticated, authenticate, token_hash};
    use super::*;

    const NOW: i64 = 1_795_186_800;
    const BODY: &[u8] = br#"{"a":1}"#;
    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    /// Everything that knows this secret.
    fn keyring(secret: &'static [u8]) -> Keyring<&'static [u8]> {
        Keyring {
            vyrox_hmac: Slots::one(secret),
            bearer: Slots::one(token_hash(secret)),
            crowdstrike_hmac: Slots::one(secret),
            crowdstrike_header: "x-acme-signature".to_owned(),
            static_header: Slots::one(secret),
            static_header_name: "x-acme-signature".to_owned(),
            graph_client_state: Slots::one(secret),
            standard_webhooks: Slots::one(secret),
        }
    }

    fn proven(scheme: Scheme, keyring: &Keyring<&'static [u8]>) -> Result<Scheme, Unauthenticated> {
        let sender = Sender { scheme, header: Some("X-Acme-Signature"), secret: SECRET };
        let headers = sender.proof("msg_1", BODY, NOW).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        authenticate(RawDelivery { body: BODY, headers }, keyring, NOW).map(|authentic| authentic.scheme())
    }

    #[test]
    fn what_a_sender_adds_proves_its_body_to_whoever_has_the_secret() {
        for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::GraphClientState) {
            assert_eq!(proven(scheme, &keyring(SECRET)), Ok(scheme));
            assert_eq!(proven(scheme, &keyring(b"another key, as long as this one")), Err(Unauthenticated), "{scheme}");
        }
    }

    #[test]
    fn what_cannot_be_proven_by_headers_is_said() {
        let proof = |scheme, header, secret| Sender { scheme, header, secret }.proof("msg_1", BODY, NOW).unwrap_err();
        assert_eq!(proof(Scheme::GraphClientState, None, SECRET), CannotProve::InBody);
        assert_eq!(proof(Scheme::StaticHeader, None, SECRET), CannotProve::NoHeader);
        assert_eq!(proof(Scheme::Bearer, None, b"\xff"), CannotProve::NotText);
    }
}
