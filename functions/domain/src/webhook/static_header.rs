//! One header with a fixed secret value, as SentinelOne's webhooks and many others send it. It proves who knows the value
//! and nothing about the body, so it is for senders that can do no better.

use super::{Headers, Slots, mac};

pub(super) fn verifies<S: AsRef<[u8]>>(values: &Slots<S>, name: &str, headers: &Headers) -> bool {
    let found = headers.only(name);
    let [current, previous] = values.keys();
    mac::same(current, found) | mac::same(previous, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_under_its_own_name_or_nothing() {
        let values = Slots { current: Some(b"present-value".as_slice()), previous: Some(b"former-value") };
        let verify =
            |name: &str, value: &str| verifies(&values, "x-webhook-secret", &[(name, value)].into_iter().collect());
        assert!(verify("X-Webhook-Secret", "present-value") && verify("x-webhook-secret", "former-value"));
        for (name, value) in [
            ("x-webhook-secret", "present-valu"),
            ("x-webhook-secret", "present-value "),
            ("x-webhook-secret", "PRESENT-VALUE"),
            ("x-webhook-secret", ""),
            ("x-other", "present-value"),
        ] {
            assert!(!verify(name, value), "{name}: {value}");
        }
        let empty = Slots::one(b"".as_slice());
        assert!(!verifies(&empty, "x-webhook-secret", &[("x-webhook-secret", "")].into_iter().collect()));
        assert!(!verifies(&Slots::<&[u8]>::default(), "x-a", &[("x-a", "no such key")].into_iter().collect()));
    }
}
