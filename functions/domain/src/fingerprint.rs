//! Has the same been asked before? The name of a cached answer.
//!
//! SHA-256 over the canonical JSON (keys sorted, no white space) of exactly what a model's answer depends on:
//!
//! | member | what |
//! |---|---|
//! | `format` | 1; another one is another meaning of this table |
//! | `prompt` | [`PROMPT_VERSION`] |
//! | `ruleset` | the version of the rules |
//! | `band` | the level that the rules alone give, before any injection evidence: their exact confidence also depends on words that are generalised below |
//! | `rules` | the ids of the rules that matched, sorted |
//! | `shown` | the summary's lines in order, each `[field, value]`, whole: before they are cut for the model |
//!
//! So it is over platform, process, command line, parent, the user's CLASS, the vendor's severity, tactic, technique and
//! title, with secrets redacted and the names of this host, this user and users' folders generalised; and over nothing that
//! the model was not shown: no host, no user, no id, no time. White space is normalised, case is not: encoded payloads
//! differ by it, and what differs must be asked anew. Numbers, paths and addresses are not generalised for the same reason.
//!
//! The tenant is not in it: it is the partition that the answer is stored in, so one tenant's answer cannot be found from
//! another's alert.

use crate::heuristics::deterministic_level;
use crate::llm::{PROMPT_VERSION, Summary};
use crate::verdict::{Confidence, Evidence};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a summary that is about to be asked about. `rules_alone` is the confidence of the rules.
    #[must_use]
    pub fn of(summary: &Summary, ruleset: &str, rules_alone: Confidence, evidence: &[Evidence]) -> Self {
        let rules: BTreeSet<&str> = evidence.iter().map(|item| item.rule_id.as_str()).collect();
        let judged = json!({
            "format": 1,
            "prompt": PROMPT_VERSION,
            "ruleset": ruleset,
            "band": deterministic_level(rules_alone),
            "rules": rules,
            "shown": summary.lines(),
        });
        let bytes = vyrox_contract::canonical::to_bytes(&judged).expect("there are strings and integers only");
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::alert::{NormalizedAlert, Platform, VendorSeverity};
    use crate::heuristics::Ruleset;
    use crate::judgement::Judgement;
    use crate::stage;

    fn fingerprint(alert: &NormalizedAlert) -> String {
        Judgement::of(alert, Ruleset::built_in()).fingerprint(alert).to_string()
    }

    #[test]
    fn the_same_behaviour_elsewhere_has_the_same_fingerprint() {
        let mut first = stage::alert();
        first.process_cmdline = Some(r"cmd /c type C:\Users\svc-app\notes.txt > \\WS-042\out".into());
        let wanted = fingerprint(&first);
        let mut other = first;
        other.raw_id = "ldt:2".into();
        other.id = crate::alert::alert_id(&other.tenant_id, other.source, "ldt:2");
        other.timestamp += 100;
        other.received_at += 100;
        other.revision = 3;
        other.hostname = Some("SRV-DB-01".into());
        other.username = Some(r"CORP\svc-backup".into());
        other.device_id = Some("00000000000000000000000000000000".parse().unwrap());
        other.sha256 = None;
        other.process_cmdline = Some(r"cmd /c  type C:\Users\svc-backup\notes.txt > \\srv-db-01\out".into());
        assert_eq!(fingerprint(&other), wanted);
    }

    #[test]
    fn whatever_a_model_is_shown_is_in_the_fingerprint() {
        type Change = fn(&mut NormalizedAlert);
        let changes: [(&str, Change); 12] = [
            ("platform", |alert| alert.platform = Some(Platform::Linux)),
            ("severity", |alert| alert.vendor_severity = VendorSeverity::Low),
            ("title", |alert| alert.title = Some("Another".into())),
            ("tactic", |alert| alert.tactic = Some("Impact".into())),
            ("technique", |alert| alert.technique = Some("T1486".into())),
            ("process", |alert| alert.process_name = Some("other.exe".into())),
            ("path", |alert| alert.process_path = Some(r"C:\other.exe".into())),
            ("command line", |alert| alert.process_cmdline = Some("other".into())),
            ("its case", |alert| {
                alert.process_cmdline = alert.process_cmdline.as_ref().map(|line| line.to_uppercase())
            }),
            ("parent", |alert| alert.parent_process = None),
            ("parent's command line", |alert| alert.parent_cmdline = Some("x".into())),
            ("user class", |alert| alert.username = Some("root".into())),
        ];
        let unchanged = fingerprint(&stage::alert());
        for (what, change) in changes {
            let mut alert = stage::alert();
            change(&mut alert);
            assert_ne!(fingerprint(&alert), unchanged, "{what}");
        }
    }

    #[test]
    fn what_is_cut_for_the_model_still_counts() {
        let mut one = stage::alert();
        one.process_cmdline = Some(format!("{} a {}", "x".repeat(2_000), "y".repeat(2_000)));
        let mut other = one.clone();
        other.process_cmdline = Some(format!("{} b {}", "x".repeat(2_000), "y".repeat(2_000)));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}
