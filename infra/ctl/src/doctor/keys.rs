//! The keys in KMS.

use super::{Finding, not_answered};
use crate::deployment::Deployment;

pub(super) async fn look(deployment: &Deployment) -> Vec<Finding> {
    let settings = &deployment.settings;
    let keys = [
        ("secrets key", &settings.secrets_key, "SYMMETRIC_DEFAULT"),
        ("signing key", &settings.signing_key, "ECC_NIST_P256"),
        ("checkpoint key", &settings.checkpoint_key, "ECC_NIST_P256"),
    ];
    let (mut findings, mut seen) = (Vec::new(), Vec::new());
    for (what, key, spec) in keys {
        let told = match deployment.clients.kms.describe_key().key_id(key).send().await {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
                let advice = "Deploy the stack, or say which one it is (see --help).";
                findings.push(Finding::bad(what, format!("{key} is not there"), advice));
                continue;
            }
            Err(error) => {
                findings.push(not_answered(what, &error));
                continue;
            }
            Ok(told) => told.key_metadata,
        };
        let Some(told) = told else { continue };
        let is = told.key_spec().map_or("", |spec| spec.as_str());
        findings.push(if is != spec {
            Finding::bad(what, format!("{key} is {is}, not {spec}"), "Name the right key, or deploy the template.")
        } else if told.key_state().is_some_and(|state| state.as_str() != "Enabled") {
            let state = told.key_state().map_or("", |state| state.as_str());
            Finding::bad(what, format!("{key} is {state}"), "Enable it, or cancel its deletion, in KMS.")
        } else if seen.contains(&told.key_id().to_owned()) {
            Finding::bad(
                what,
                "one key does both",
                "Whoever may sign checkpoints could sign actions: give each a key of its own, as the template does.",
            )
        } else {
            Finding::good(what, format!("{key}, {is}"))
        });
        seen.push(told.key_id().to_owned());
    }
    findings
}
