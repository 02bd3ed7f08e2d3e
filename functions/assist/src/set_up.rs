//! `/vyrox setup`: a source with a secret that is made here, shown once, and stored sealed.

use crate::{Asked, Assist, AssistError, warn};
use serde_json::json;
use vyrox_contract::Vendor;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::text::Shown;
use vyrox_domain::webhook::Scheme;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::made_secret::MadeSecret;
use vyrox_platform::secrets::Secret;
use vyrox_platform::source::{Credential, Previous, Source};
use vyrox_platform::table::{Lookup, SortKey};

/// How long a secret that was replaced still counts, in seconds.
const OVERLAP: i64 = 24 * 3_600;

impl Assist {
    pub(crate) async fn set_up(
        &self,
        asked: &Asked,
        vendor: Vendor,
        scheme: Scheme,
        header: Option<&str>,
    ) -> Result<Ephemeral, AssistError> {
        let (tenant_id, now) = (asked.tenant_id(), self.clock.now());
        let key = SortKey::source(vendor);
        let found = self.table.read::<Source>(tenant_id, &key, now).await?;
        let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
        let source = found.map_or_else(|| Source::new(vendor, tenant_id.as_str()), |found| found.value);
        let name = Lookup::account(vendor, &source.account);
        if self.table.owners(&name).await?.iter().any(|(owner, _)| owner != tenant_id) {
            return Ok(warn("Another tenant receives this account's alerts. Ask your operator."));
        }
        let existing = source.credential(scheme);
        let previous = match existing {
            // Its answer did not arrive: the secret that nobody has seen is replaced, not kept.
            Some(credential) if asked.command.stored => credential.previous.clone(),
            Some(credential) => {
                Some(Previous { secret: credential.secret.clone(), until: now.saturating_add(OVERLAP) })
            }
            None => None,
        };
        let kind = if previous.is_some() { "SOURCE_SECRET_ROTATED" } else { "SOURCE_ADDED" };
        let header = header.map(str::to_owned).or_else(|| existing.and_then(|credential| credential.header.clone()));
        let made = MadeSecret::for_scheme(scheme);
        let kept = self.secrets.keep(tenant_id, vendor, scheme, &made.secret).await?;
        let until = previous.as_ref().map(|previous| previous.until);
        let credential = Credential { header: header.clone(), previous, ..Credential::new(scheme, kept) };
        let source = source.with(credential);
        let mut entry = self.entry(asked, kind);
        entry.detail.insert("source".to_owned(), json!(vendor));
        entry.detail.insert("scheme".to_owned(), json!(scheme));
        entry.detail.insert("account".to_owned(), json!(source.account));
        let changes = [Change::put(key, &source, expect).known_as(name), Self::stored(asked)];
        self.ledger.commit(tenant_id, &changes, &entry).await?;
        let url = format!("{}/webhook/{vendor}/{tenant_id}", self.ingest_url);
        Ok(shown(&url, vendor, scheme, header.as_deref(), &made.shown, until))
    }
}

fn shown(
    url: &str,
    vendor: Vendor,
    scheme: Scheme,
    header: Option<&str>,
    secret: &Secret,
    until: Option<i64>,
) -> Ephemeral {
    let mut text = vec![
        Shown::literal("Enter both in the console of your EDR. The secret is shown this once, to you only."),
        way(scheme, header),
    ];
    if let Some(until) = until {
        text.push(Shown::join([
            Shown::literal("The secret before it still counts until "),
            Shown::time(until, 'f'),
            Shown::literal("."),
        ]));
    }
    text.push(Shown::literal("Then: `/vyrox onboard`"));
    Ephemeral::panel(
        Shown::join([Shown::literal("Alerts can be sent from "), Shown::span(vendor.as_str(), 40)]),
        Tone::Good,
        "Source",
        Shown::lines(text),
        [
            (Shown::literal("Webhook URL"), Shown::fence(url, 400)),
            (Shown::literal("Secret"), Shown::fence(secret.expose(), 200)),
        ],
    )
}

/// How a delivery carries the proof.
fn way(scheme: Scheme, header: Option<&str>) -> Shown {
    match scheme {
        Scheme::VyroxHmac => {
            Shown::literal("Header `X-Vyrox-Signature`: `sha256=` and the hex HMAC-SHA256 of the raw body.")
        }
        Scheme::Bearer => Shown::literal("Header `Authorization`: `Bearer` and the secret."),
        Scheme::CrowdstrikeHmac => Shown::literal("In Falcon Fusion's webhook: HMAC signing with this key."),
        Scheme::StaticHeader => Shown::join([
            Shown::literal("Header "),
            Shown::span(header.unwrap_or("-"), 64),
            Shown::literal(" with the secret as its value."),
        ]),
        Scheme::GraphClientState => Shown::literal("The subscription's `clientState` is the secret."),
        Scheme::StandardWebhooks => Shown::literal("The Standard Webhooks signing secret."),
    }
}
