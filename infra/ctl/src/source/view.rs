//! How sources are shown: without their secrets, except the one time that they are made.

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use serde_json::{Value, json};
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::vendor::FieldMap;
use vyrox_domain::webhook::Scheme;
use vyrox_platform::secrets::Secret;
use vyrox_platform::source::{Credential, Source};
use vyrox_platform::table::{Prefix, Versioned};

pub(super) async fn list(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let now = deployment.now();
    let sources = deployment.table.list::<Source>(tenant, &Prefix::sources(), now).await?;
    let mut rows: Vec<[String; 6]> = Vec::new();
    for Versioned { value: source, .. } in &sources {
        let map = source.field_map.as_deref().map(map_name);
        for (index, credential) in source.credentials.iter().enumerate() {
            let once = |text: String| if index == 0 { text } else { String::new() };
            rows.push([
                once(source.vendor.to_string()),
                once(source.account.clone()),
                once(webhook_path(tenant, source.vendor)),
                scheme(credential),
                table::or_dash(previous_until(credential, now).map(table::time)),
                once(table::or_dash(map.clone())),
            ]);
        }
    }
    let json = sources.iter().map(|source| describe(tenant, &source.value, now)).collect();
    let header = ["VENDOR", "ACCOUNT", "WEBHOOK", "SCHEME", "OLD SECRET COUNTS UNTIL", "FIELD MAP"];
    Ok(Report::new(Value::Array(json), table::columns(header, &rows)))
}

/// The one time that secrets are shown: those that were made just now.
pub(super) fn reveal(tenant: &TenantId, source: &Source, shown: &[(Scheme, Option<Secret>)], now: i64) -> Report {
    let mut json = describe(tenant, source, now);
    let secret = |scheme: Scheme| shown.iter().find(|(of, _)| *of == scheme).and_then(|(_, secret)| secret.as_ref());
    let mut fields = vec![
        ("webhook", format!("<IngestUrl>{}", webhook_path(tenant, source.vendor))),
        ("account", source.account.clone()),
    ];
    for (index, credential) in source.credentials.iter().enumerate() {
        fields.push(("scheme", scheme(credential)));
        let is_new = shown.iter().any(|(of, _)| *of == credential.scheme);
        match secret(credential.scheme) {
            Some(secret) => {
                json["schemes"][index]["secret"] = json!(secret.expose());
                fields.push((secret_name(credential.scheme), format!("{}   shown this once", secret.expose())));
            }
            None if is_new => fields.push(("secret", "as it was read".to_owned())),
            None => {}
        }
        if let Some(until) = previous_until(credential, now) {
            fields.push(("old secret", format!("counts until {}", table::time(until))));
        }
    }
    // Where there is one secret to be had, it is where a script looks first.
    if let [(of, Some(secret))] = shown {
        json["secret"] = json!(secret.expose());
        json["previous_until"] = json!(source.credential(*of).and_then(|credential| previous_until(credential, now)));
    }
    Report::new(json, table::fields(&fields))
}

/// What a scheme's secret is called where it is entered.
const fn secret_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Bearer => "token",
        Scheme::StaticHeader => "value",
        Scheme::GraphClientState => "clientState",
        Scheme::VyroxHmac | Scheme::CrowdstrikeHmac | Scheme::StandardWebhooks => "secret",
    }
}

fn webhook_path(tenant: &TenantId, vendor: Vendor) -> String {
    format!("/webhook/{vendor}/{tenant}")
}

fn scheme(credential: &Credential) -> String {
    match &credential.header {
        Some(header) => format!("{} ({header})", credential.scheme),
        None => credential.scheme.to_string(),
    }
}

fn previous_until(credential: &Credential, now: i64) -> Option<i64> {
    credential.previous.as_ref().map(|previous| previous.until).filter(|until| now < *until)
}

fn map_name(text: &str) -> String {
    let map = FieldMap::parse(text).ok();
    map.map_or_else(|| "UNREADABLE".to_owned(), |map| map.name().unwrap_or("yes").to_owned())
}

/// A source without its secrets.
fn describe(tenant: &TenantId, source: &Source, now: i64) -> Value {
    let schemes: Vec<Value> = source
        .credentials
        .iter()
        .map(|credential| {
            let mut scheme = json!({"scheme": credential.scheme, "previous_until": previous_until(credential, now)});
            if let Some(header) = &credential.header {
                scheme["header"] = json!(header);
            }
            scheme
        })
        .collect();
    json!({
        "tenant_id": tenant,
        "vendor": source.vendor,
        "account": source.account,
        "webhook_path": webhook_path(tenant, source.vendor),
        "schemes": schemes,
        "field_map": source.field_map.as_deref().map(map_name),
    })
}
