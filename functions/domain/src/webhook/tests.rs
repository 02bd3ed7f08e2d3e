//! All schemes together: what each takes, that none takes another's proof, and that no change of a byte passes.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

const NOW: i64 = 1_700_000_000;
const TIME: &str = "2023-11-14T22:13:20Z";
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A keyring with this one scheme.
fn only(scheme: Scheme) -> Keyring<&'static str> {
    let mut keyring = Keyring { static_header_name: "x-webhook-secret".to_owned(), ..Keyring::default() };
    match scheme {
        Scheme::VyroxHmac => keyring.vyrox_hmac = Slots::one(KEY),
        Scheme::Bearer => keyring.bearer = Slots::one(token_hash(KEY.as_bytes())),
        Scheme::CrowdstrikeHmac => keyring.crowdstrike_hmac = Slots::one(KEY),
        Scheme::StaticHeader => keyring.static_header = Slots::one(KEY),
        Scheme::GraphClientState => keyring.graph_client_state = Slots::one(KEY),
        Scheme::StandardWebhooks => keyring.standard_webhooks = Slots::one(KEY),
    }
    keyring
}

/// A body as this scheme's sender posts it, and its headers.
fn sent(scheme: Scheme, body: &[u8]) -> (Vec<u8>, Vec<(String, String)>) {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let headers = match scheme {
        Scheme::VyroxHmac => vec![header(SIGNATURE_HEADER, sign(KEY.as_bytes(), body))],
        Scheme::Bearer => vec![header("Authorization", format!("Bearer {KEY}"))],
        Scheme::CrowdstrikeHmac => vec![
            header(CROWDSTRIKE_SIGNATURE_HEADER, STANDARD.encode(mac::hmac(KEY.as_bytes(), &[body, TIME.as_bytes()]))),
            header(crowdstrike::TIMESTAMP_HEADER, TIME.to_owned()),
        ],
        Scheme::StaticHeader => vec![header("X-Webhook-Secret", KEY.to_owned())],
        Scheme::GraphClientState => {
            return (format!(r#"{{"value":[{{"clientState":"{KEY}"}}]}}"#).into_bytes(), Vec::new());
        }
        Scheme::StandardWebhooks => {
            let signed = mac::hmac(KEY.as_bytes(), &[b"msg_1.", NOW.to_string().as_bytes(), b".", body]);
            vec![
                header("webhook-id", "msg_1".to_owned()),
                header("webhook-timestamp", NOW.to_string()),
                header("webhook-signature", format!("v1,{}", STANDARD.encode(signed))),
            ]
        }
    };
    (body.to_vec(), headers)
}

fn verify(
    keyring: &Keyring<&'static str>,
    (body, headers): &(Vec<u8>, Vec<(String, String)>),
) -> Result<Scheme, Unauthenticated> {
    let headers = headers.iter().map(|(name, value)| (name, value)).collect();
    authenticate(RawDelivery { body, headers }, keyring, NOW).map(|proven| proven.scheme())
}

#[test]
fn each_scheme_takes_its_own_proof_and_no_other() {
    for sender in Scheme::ALL {
        let delivery = sent(sender, br#"{"a":1}"#);
        for source in Scheme::ALL {
            let wanted = if sender == source { Ok(sender) } else { Err(Unauthenticated) };
            assert_eq!(verify(&only(source), &delivery), wanted, "{sender} at a source with {source}");
        }
        assert_eq!(verify(&Keyring::default(), &delivery), Err(Unauthenticated), "{sender} at nobody's");
    }
}

#[test]
fn several_schemes_are_active_at_once_and_the_one_that_proved_is_named() {
    let all = Keyring { bearer: Slots::one(token_hash(KEY.as_bytes())), ..only(Scheme::VyroxHmac) };
    for (sender, wanted) in [
        (Scheme::VyroxHmac, Ok(Scheme::VyroxHmac)),
        (Scheme::Bearer, Ok(Scheme::Bearer)),
        (Scheme::StaticHeader, Err(Unauthenticated)),
    ] {
        assert_eq!(verify(&all, &sent(sender, b"{}")), wanted, "{sender}");
    }
    // A wrong proof beside a right one takes nothing away.
    let (body, mut headers) = sent(Scheme::Bearer, b"{}");
    headers.push((SIGNATURE_HEADER.to_owned(), sign(b"wrong", b"{}")));
    assert_eq!(verify(&all, &(body, headers)), Ok(Scheme::Bearer));
}

#[test]
fn a_header_that_came_twice_proves_nothing() {
    for sender in Scheme::ALL {
        let (body, headers) = sent(sender, b"{}");
        for index in 0..headers.len() {
            let mut headers = headers.clone();
            headers.push(headers[index].clone());
            let delivery = (body.clone(), headers);
            assert_eq!(verify(&only(sender), &delivery), Err(Unauthenticated), "{sender}: {:?}", delivery.1[index].0);
        }
    }
}

#[test]
fn no_header_may_be_missing() {
    for sender in Scheme::ALL {
        let (body, headers) = sent(sender, b"{}");
        for index in 0..headers.len() {
            let mut headers = headers.clone();
            let (name, _) = headers.remove(index);
            assert_eq!(
                verify(&only(sender), &(body.clone(), headers)),
                Err(Unauthenticated),
                "{sender} without {name}"
            );
        }
    }
}

/// The schemes whose proof covers the body.
const SIGNING: [Scheme; 3] = [Scheme::VyroxHmac, Scheme::CrowdstrikeHmac, Scheme::StandardWebhooks];

proptest! {
    #[test]
    fn no_changed_body_keeps_its_signature(
        body in prop::collection::vec(any::<u8>(), 1..256),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        scheme in prop::sample::select(SIGNING.to_vec()),
    ) {
        let (body, headers) = sent(scheme, &body);
        prop_assert_eq!(verify(&only(scheme), &(body.clone(), headers.clone())), Ok(scheme));
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(verify(&only(scheme), &(changed, headers.clone())), Err(Unauthenticated));
        let mut longer = body;
        longer.push(b' ');
        prop_assert_eq!(verify(&only(scheme), &(longer, headers)), Err(Unauthenticated));
    }

    #[test]
    fn no_changed_header_passes(
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in b' '..=b'~',
    ) {
        let (body, mut headers) = sent(scheme, br#"{"a":1}"#);
        prop_assume!(!headers.is_empty());
        let which = which.index(headers.len());
        let (name, value) = &mut headers[which];
        let mut changed = value.clone().into_bytes();
        let index = at.index(changed.len());
        prop_assume!(!changed[index].eq_ignore_ascii_case(&byte));
        changed[index] = byte;
        *value = String::from_utf8(changed).unwrap();
        let case = format!("{scheme} {name}: {value}");
        prop_assert_eq!(verify(&only(scheme), &(body, headers)), Err(Unauthenticated), "{}", case);
    }

    #[test]
    fn no_changed_client_state_passes(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (mut body, headers) = sent(Scheme::GraphClientState, b"");
        let start = body.windows(KEY.len()).position(|window| window == KEY.as_bytes()).unwrap();
        let index = start + at.index(KEY.len());
        prop_assume!(body[index] != byte);
        body[index] = byte;
        prop_assert_eq!(verify(&only(Scheme::GraphClientState), &(body, headers)), Err(Unauthenticated));
    }

    #[test]
    fn any_bytes_anywhere_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..256),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 7),
    ) {
        let names = [
            SIGNATURE_HEADER, "authorization", CROWDSTRIKE_SIGNATURE_HEADER, crowdstrike::TIMESTAMP_HEADER,
            "webhook-id", "webhook-timestamp", "webhook-signature",
        ];
        for scheme in Scheme::ALL {
            let headers = names.iter().zip(&values).collect();
            let delivery = RawDelivery { body: &body, headers };
            prop_assert!(authenticate(delivery, &only(scheme), NOW).is_err());
        }
    }
}
