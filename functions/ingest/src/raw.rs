//! A delivery's body as evidence: secrets redacted, and of a body with several alerts each one's own part.
//!
//! Where the parts cannot be told apart without doubt, each alert has the whole body, but within a share of the bound: a
//! body of two hundred alerts must not cost two hundred times a body.

use std::borrow::Cow;
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::parts::own_parts;
use vyrox_domain::redact::Redactor;
use vyrox_platform::evidence::{MOST_STORED, Part};

/// However many alerts are in a body, each may have this much of it, in stored bytes.
const LEAST_STORED: usize = 2 * 1024;

/// A body.
#[derive(Debug)]
pub(crate) struct Raw<'a> {
    body: Cow<'a, str>,
    redactor: Redactor,
    /// How many alerts are in it.
    alerts: usize,
    texts: Texts,
}

#[derive(Debug)]
enum Texts {
    /// Redacted: each alert has this.
    Whole(String),
    /// As received, one for each alert.
    Own(Vec<String>),
}

/// What is kept for one alert.
#[derive(Debug)]
pub(crate) struct RawEvidence<'a> {
    /// Redacted.
    pub(crate) text: Cow<'a, str>,
    pub(crate) part: Part,
    /// How many bytes it may take when stored.
    pub(crate) most: usize,
}

impl<'a> Raw<'a> {
    /// The evidence in a body that these alerts were read from.
    pub(crate) fn of(body: &'a [u8], alerts: &[NormalizedAlert], redactor: Redactor) -> Self {
        let body = String::from_utf8_lossy(body);
        let ids: Vec<&str> = alerts.iter().map(|alert| alert.raw_id.as_str()).collect();
        let texts = own_parts(&body, &ids).map_or_else(|| Texts::Whole(redacted(redactor, &body)), Texts::Own);
        Self { body, redactor, alerts: alerts.len(), texts }
    }

    /// What is kept for the alert of this number.
    pub(crate) fn evidence(&self, index: usize) -> RawEvidence<'_> {
        let most = (MOST_STORED / self.alerts.max(1)).max(LEAST_STORED);
        match &self.texts {
            Texts::Whole(text) => RawEvidence { text: Cow::Borrowed(text), part: Part::Whole, most },
            Texts::Own(parts) => {
                let text = redacted(self.redactor, parts.get(index).map_or(&*self.body, String::as_str));
                RawEvidence { text: Cow::Owned(text), part: Part::Own, most }
            }
        }
    }
}

/// Every body has been read as JSON before; should one not be, it is redacted as any text.
fn redacted(redactor: Redactor, text: &str) -> String {
    redactor.json(text).unwrap_or_else(|_| redactor.text(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert(raw_id: &str) -> NormalizedAlert {
        serde_json::from_value(json!({
            "tenant_id": "acme", "id": "00000000-0000-5000-8000-000000000000", "source": "defender", "raw_id": raw_id,
            "timestamp": 1, "vendor_severity": "HIGH", "received_at": 1, "revision": 0,
        }))
        .unwrap()
    }

    #[test]
    fn each_alert_of_a_body_has_its_own_part_redacted() {
        let body = br#"{"value":[{"id":"a-1","cmd":"mysql -pS3cret"},{"id":"a-2","cmd":"whoami"}]}"#;
        let raw = Raw::of(body, &[alert("a-2"), alert("a-1")], Redactor::default());
        let texts = [raw.evidence(0), raw.evidence(1)].map(|evidence| (evidence.text.into_owned(), evidence.part));
        assert_eq!(texts[0], (r#"{"value":[{"id":"a-2","cmd":"whoami"}]}"#.to_owned(), Part::Own));
        assert_eq!(texts[1].0, r#"{"value":[{"id":"a-1","cmd":"mysql -p[redacted:password]"}]}"#);
    }

    #[test]
    fn what_cannot_be_taken_apart_is_each_ones_within_a_share() {
        let body = br#"{"joined":"a-1 a-2","password":"x"}"#;
        let raw = Raw::of(body, &[alert("a-1"), alert("a-2")], Redactor::default());
        let evidence = raw.evidence(1);
        assert_eq!((evidence.part, evidence.most), (Part::Whole, MOST_STORED / 2));
        assert_eq!(evidence.text, r#"{"joined":"a-1 a-2","password":"[redacted:password]"}"#);
    }
}
