//! The vendor adapters from outside: signed bytes in, alerts out.
//!
//! | a new test goes to | if it is about |
//! |---|---|
//! | `golden` | one payload: put the file into `events/<vendor>/`, run with `VYROX_BLESS=1`, read what it wrote beside it |
//! | `documented` | what the documentation shows |
//! | `invention` | what must hold for every payload there could be |
//! | `toy` | the steps by which a vendor is added |
//! | `samples` | a folder of payloads that stays outside this tree (`VYROX_SAMPLES`) |

mod documented;
mod golden;
mod invention;
mod samples;
mod toy;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vyrox_contract::Vendor;
use vyrox_domain::vendor::{ADAPTERS, Adapter, Normalised, Reception, normalise_by};
use vyrox_domain::webhook::{Keyring, RawDelivery, SIGNATURE_HEADER, authenticate, sign};

const VENDORS: [Vendor; 4] = [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic];

/// What becomes of a body at a vendor's route, as JSON: `alerts`, `ignored` or `refused`.
fn outcome(vendor: Vendor, body: &[u8]) -> Value {
    outcome_by(ADAPTERS, vendor, body)
}

/// [`outcome`] by another table of adapters.
fn outcome_by(adapters: &[Adapter], vendor: Vendor, body: &[u8]) -> Value {
    let tenant = "acme".parse().expect("a tenant id");
    let headers = [(SIGNATURE_HEADER, sign(b"secret", body))].into_iter().collect();
    let keyring = Keyring::of_vyrox_hmac(b"secret");
    let delivery = authenticate(RawDelivery { body, headers }, &keyring, 0).expect("it is signed with the secret");
    match normalise_by(adapters, vendor, &delivery, &Reception { tenant_id: &tenant, received_at: 1_700_000_100 }) {
        Ok(Normalised::Alerts(alerts)) => json!({ "alerts": alerts }),
        Ok(Normalised::Ignored { reason }) => json!({ "ignored": reason }),
        Err(error) => json!({ "refused": error.to_string() }),
    }
}

/// The payloads of a folder, sorted; not the expectations beside them.
fn payloads(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| !path.to_string_lossy().ends_with(".expected.json"))
        .collect();
    files.sort();
    files
}

/// The folder of a vendor's fixtures.
fn events(vendor: Vendor) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(vendor.as_str())
}

#[expect(clippy::disallowed_methods, reason = "a test's own switches; nothing of the product reads them")]
fn switch(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
