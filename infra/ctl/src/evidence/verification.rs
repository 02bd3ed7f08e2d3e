//! The verification of what is in the pack: of the files themselves, as whoever gets the pack would do it.

use super::chains::CLOUD;
use super::keys::Keys;
use super::pack::Pack;
use super::signed::Counted;
use crate::error::CtlError;
use serde_json::{Value, json};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use vyrox_audit::verify::crosscheck::{Comparison, crosscheck};
use vyrox_audit::verify::{Failure, Report, Seen, Verifier};
use vyrox_contract::TenantId;

/// What was found.
#[derive(Debug)]
pub(super) struct Verification {
    /// The cloud's audit.
    pub(super) cloud: Result<Report, Failure>,
    /// Both sides against each other, if a proxy's log was given.
    pub(super) crosscheck: Option<Result<Comparison, Failure>>,
    /// The envelopes in the cloud's audit, up to where it verifies.
    pub(super) signed: Counted,
}

impl Verification {
    /// Whether nothing is wrong.
    pub(super) fn holds(&self) -> bool {
        let compared =
            self.crosscheck.as_ref().is_none_or(|result| result.as_ref().is_ok_and(|c| c.findings.is_empty()));
        self.cloud.is_ok() && compared && self.signed.actions.invalid + self.signed.receipts.invalid == 0
    }

    /// What is wrong, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(failure) = &self.cloud {
            problems.push(format!("The cloud's audit does not verify: {failure}"));
        }
        match &self.crosscheck {
            Some(Err(failure)) => problems.push(format!("The logs could not be compared: {failure}")),
            Some(Ok(compared)) => problems.extend(compared.findings.iter().map(ToString::to_string)),
            None => {}
        }
        for (what, count) in [("actions", self.signed.actions), ("receipts", self.signed.receipts)] {
            if count.invalid > 0 {
                problems.push(format!("{} {what} have a signature that is not the named key's", count.invalid));
            }
        }
        problems
    }

    /// For `manifest.json`.
    pub(super) fn to_json(&self) -> Value {
        let cloud = self.cloud.as_ref().ok();
        json!({
            "holds": self.holds(),
            "problems": self.problems(),
            "entries": cloud.map(|report| report.entries),
            "chains": cloud.map(|report| &report.chains),
            "checkpoints": cloud.map(|report| report.checkpoints),
            "signatures": self.signed,
            "crosschecked": self.crosscheck.is_some(),
        })
    }
}

/// Verifies the cloud's audit, showing every sound entry to `watch`.
///
/// # Errors
/// What the operating system says; what is wrong with the audit is a result.
pub(super) fn cloud(
    pack: &Pack,
    keys: &Keys,
    now: i64,
    watch: impl FnMut(Seen<'_>) + Send,
) -> Result<Result<Report, Failure>, CtlError> {
    let verifier = keys.checkpoints().into_iter().fold(Verifier::new().at(now), Verifier::trust);
    let mut verifier = verifier.watch(watch);
    let file = BufReader::new(File::open(pack.path(CLOUD))?);
    Ok(verifier.reader(file, CLOUD).and_then(|()| verifier.finish()))
}

/// Compares the cloud's audit with the proxies' logs, which are the named folders of the pack.
pub(super) fn both(pack: &Pack, keys: &Keys, now: i64, logs: &[String]) -> Option<Result<Comparison, Failure>> {
    if logs.is_empty() {
        return None;
    }
    let logs: Vec<PathBuf> = logs.iter().map(|name| pack.path(name)).collect();
    Some(crosscheck(&[pack.path(CLOUD)], &logs, &keys.checkpoints(), now).map_err(|failure| within(pack, failure)))
}

/// Refuses a log that does not verify, because behind a broken line nobody has looked whose entries they are, and one with
/// entries of another tenant, which is not this tenant's to give away.
///
/// # Errors
/// [`CtlError::Verification`], [`CtlError::ForeignLog`].
pub(super) fn refuse_foreign(pack: &Pack, tenant: &TenantId, log: &str, given: &str) -> Result<(), CtlError> {
    let mut foreign = false;
    let mut verifier = Verifier::new().partial().watch(|seen| foreign |= seen.text("tenant_id") != tenant.as_str());
    let read = verifier.directory(&pack.path(log));
    drop(verifier);
    read.map_err(|failure| CtlError::Verification(within(pack, failure)))?;
    if foreign { Err(CtlError::ForeignLog(given.to_owned(), tenant.clone())) } else { Ok(()) }
}

/// A failure that names its file as it is called in the pack.
fn within(pack: &Pack, failure: Failure) -> Failure {
    let folder = pack.path("").display().to_string();
    let file = failure.file.strip_prefix(&folder).unwrap_or(&failure.file).to_owned();
    Failure { file, ..failure }
}
