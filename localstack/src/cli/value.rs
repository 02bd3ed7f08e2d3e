//! What stands behind the options: read, or said in words why not.

use crate::scenario::{SCENARIOS, Scenario};
use std::collections::BTreeMap;
use vyrox_domain::text::visible;
use vyrox_local_aws::template::{DEPLOYED, Template};
use vyrox_platform::batch::chain;

/// The parameters in a file. What is wrong with them is said without them: there are secrets among them.
pub(super) fn parameters(file: &str) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read(file).map_err(|error| error.to_string())?;
    let given: BTreeMap<String, String> =
        serde_json::from_slice(&text).map_err(|_| "not one JSON object with texts as values".to_owned())?;
    // A name that is spelled wrongly must not leave a stand-in where a real service was meant.
    let template = Template::parse(DEPLOYED).map_err(|error| chain(&error))?;
    match given.keys().find(|name| !template.takes(name)) {
        Some(name) => Err(format!("infra/template.yaml has no parameter {}", visible(name))),
        None => Ok(given),
    }
}

/// The address of something that speaks HTTP.
pub(super) fn http_url(text: &str) -> Result<String, String> {
    let is_http = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match text.parse::<reqwest::Url>() {
        Ok(url) if is_http(&url) => Ok(text.to_owned()),
        _ => Err("not of the form http://HOST:PORT or https://HOST".to_owned()),
    }
}

/// A scenario by its name.
pub(super) fn scenario(name: &str) -> Result<&'static Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("there is no such scenario; there are: {}", names.join(", "))
    })
}

/// The scenario that shows a vendor.
pub(super) fn vendor(name: &str) -> Result<&'static Scenario, String> {
    let vendor = name.parse().map_err(|error: vyrox_contract::UntrustedInput| error.to_string())?;
    Scenario::of_vendor(vendor).ok_or_else(|| "there is no scenario of this vendor".to_owned())
}
