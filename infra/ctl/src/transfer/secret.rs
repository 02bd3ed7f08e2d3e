//! What is sealed under a deployment's own key, on its way to another one: taken out, opened if that was asked for, and
//! sealed anew over there.

use crate::deployment::Deployment;
use crate::error::CtlError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use vyrox_contract::{AlertId, TenantId};
use vyrox_platform::approver::Approver;
use vyrox_platform::evidence::{About, Evidence};
use vyrox_platform::secrets::{Sealed, Secret, Use};
use vyrox_platform::source::{Credential, Kept, Source};
use vyrox_platform::transfer::Stored;

/// What stands in the place of a secret that travels beside its item.
const ELSEWHERE: &str = "";

/// What becomes of an item that is taken out.
pub(super) enum Taken {
    /// It goes as it is, with this beside it.
    Goes(Stored, Value),
    /// It stays; without its secret it is nothing.
    Stays(&'static str),
}

/// Whether the item has something in it that is sealed.
pub(super) fn is_sealed(item: &Stored) -> bool {
    ["SOURCE#", "APPROVER#", "EVIDENCE#"].iter().any(|kind| item.key().as_str().starts_with(kind))
}

/// The item without what is sealed; `open` says whether that goes along in the clear.
pub(super) async fn take_out(
    deployment: &Deployment,
    tenant: &TenantId,
    item: Stored,
    open: bool,
) -> Result<Taken, CtlError> {
    match item.key().as_str().split('#').next() {
        Some("SOURCE") => source(deployment, tenant, item, open).await,
        Some("APPROVER") if open => {
            let approver: Approver = body(&item)?;
            let secret = approver.open(&deployment.secrets, tenant).await?;
            let mut blank: Value = body(&item)?;
            blank["secret"] = json!(ELSEWHERE);
            Ok(Taken::Goes(item.with_body(blank.to_string()), json!({"secret": STANDARD.encode(&secret)})))
        }
        Some("EVIDENCE") if open => {
            let about = about(tenant, &item)?;
            let bytes = item.bytes().ok_or(CtlError::NotAnExport("evidence is not bytes"))?;
            let opened = deployment.evidence.open(&about, bytes).await?;
            Ok(Taken::Goes(item.with_bytes(Vec::new()), json!({"evidence": opened})))
        }
        Some("APPROVER") => Ok(Taken::Stays("APPROVER")),
        _ => Ok(Taken::Stays("EVIDENCE")),
    }
}

/// A source without its sealed secrets is still a source; a token's hash is none.
async fn source(deployment: &Deployment, tenant: &TenantId, item: Stored, open: bool) -> Result<Taken, CtlError> {
    let mut source: Source = body(&item)?;
    let vendor = source.vendor;
    let mut clear = Map::new();
    for credential in &mut source.credentials {
        if let Kept::Sealed(sealed) = &credential.secret {
            let secret = if open { Some(deployment.secrets.open(tenant, vendor, sealed).await?) } else { None };
            let secret = secret.map(|secret| STANDARD.encode(&secret));
            clear.insert(credential.scheme.to_string(), json!(secret));
            credential.secret = blank();
            // The one before it has had its time.
            credential.previous = None;
        }
    }
    if !open {
        source.credentials.retain(|credential| credential.secret != blank());
    }
    let text = serde_json::to_string(&source).expect("a source has string keys and no floats");
    Ok(Taken::Goes(item.with_body(text), if open && !clear.is_empty() { json!(clear) } else { Value::Null }))
}

/// The item as it is stored here: what travelled in the clear is sealed under this deployment's key.
pub(super) async fn put_back(
    deployment: &Deployment,
    tenant: &TenantId,
    item: Stored,
    clear: &Value,
) -> Result<Stored, CtlError> {
    match item.key().as_str().split('#').next() {
        _ if clear.is_null() => Ok(item),
        Some("SOURCE") => {
            let mut source: Source = body(&item)?;
            for credential in &mut source.credentials {
                let Some(text) = clear[credential.scheme.as_str()].as_str() else { continue };
                let secret = decoded(text)?;
                let sealed = deployment.secrets.seal(tenant, source.vendor, &secret).await?;
                *credential = Credential { secret: Kept::Sealed(sealed), ..credential.clone() };
            }
            Ok(item.with_body(serde_json::to_string(&source).expect("a source has string keys and no floats")))
        }
        Some("APPROVER") => {
            let mut approver: Value = body(&item)?;
            let user = approver["user_id"].as_str().and_then(|id| id.parse().ok());
            let user = user.ok_or(CtlError::NotAnExport("an approver has no id"))?;
            let secret = decoded(clear["secret"].as_str().unwrap_or_default())?;
            approver["secret"] = json!(deployment.secrets.seal(tenant, Use::StepUp(user), &secret).await?);
            Ok(item.with_body(approver.to_string()))
        }
        Some("EVIDENCE") => {
            let opened: Evidence = serde_json::from_value(clear["evidence"].clone())
                .map_err(|_| CtlError::NotAnExport("evidence cannot be read"))?;
            let sealed = deployment.sealer.seal_again(&about(tenant, &item)?, &opened).await?;
            Ok(item.with_bytes(sealed))
        }
        _ => Err(CtlError::NotAnExport("something travels in the clear that has no secret")),
    }
}

/// Whether what is stored is what the line would become: sealing the same twice gives different bytes, so everything but
/// the seals is compared.
pub(super) fn is_same(stored: &Stored, line: &Stored, clear: &Value) -> bool {
    if clear.is_null() {
        return stored == line;
    }
    if line.key().as_str().starts_with("EVIDENCE#") {
        return true;
    }
    let blanked = |item: &Stored| {
        let mut json: Value = serde_json::from_str(item.body()?).ok()?;
        if let Some(secret) = json.get_mut("secret") {
            *secret = json!(ELSEWHERE);
        }
        for credential in json.get_mut("credentials").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(sealed) = credential["secret"].get_mut("sealed") {
                *sealed = json!(ELSEWHERE);
            }
        }
        Some((json, item.clone().with_body(String::new())))
    };
    blanked(stored) == blanked(line)
}

fn blank() -> Kept {
    let sealed: Sealed = serde_json::from_value(json!(ELSEWHERE)).expect("a sealed secret is stored as text");
    Kept::Sealed(sealed)
}

fn decoded(text: &str) -> Result<Secret, CtlError> {
    STANDARD.decode(text).map(Secret::new).map_err(|_| CtlError::NotAnExport("a secret is not base64"))
}

fn body<T: serde::de::DeserializeOwned>(item: &Stored) -> Result<T, CtlError> {
    let text = item.body().ok_or(CtlError::NotAnExport("an item has no body"))?;
    serde_json::from_str(text).map_err(|_| CtlError::NotAnExport("an item's body cannot be read"))
}

/// Which evidence a key names.
fn about<'a>(tenant: &'a TenantId, item: &Stored) -> Result<About<'a>, CtlError> {
    let mut parts = item.key().as_str().split('#').skip(1);
    let named = (parts.next().and_then(|id| id.parse::<AlertId>().ok()), parts.next().and_then(|n| n.parse().ok()));
    let (Some(alert_id), Some(revision)) = named else {
        return Err(CtlError::NotAnExport("evidence names no alert"));
    };
    Ok(About { tenant_id: tenant, alert_id, revision })
}
