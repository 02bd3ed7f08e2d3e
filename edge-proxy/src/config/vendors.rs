//! Access to the vendors' APIs. A base URL is one of the vendor's own clouds by name, or a stand-in on loopback by a setting
//! that says so; there is no way to name another host.

use super::problem::Problem;
use super::{Config, is_loopback};
use crate::secret::Secret;
use std::time::Duration;
use vyrox_contract::Vendor;

/// Time limits for one vendor's API.
#[derive(Debug, Clone)]
pub struct Timing {
    /// For one request. Default 10 s.
    pub request: Duration,
    /// For an action until the vendor has taken it, waits for its rate limit included. Default 30 s.
    pub action: Duration,
    /// How long the state is read back before it counts as unconfirmed. Default 15 s.
    pub confirm_for: Duration,
    /// The pause between two reads. Default 1 s.
    pub confirm_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { request: seconds(10), action: seconds(30), confirm_for: seconds(15), confirm_every: seconds(1) }
    }
}

/// Access to one vendor's API. What the credentials must be allowed to do is in the README.
#[derive(Debug, Clone)]
pub struct EdrConfig {
    /// Whose API, and where it is.
    pub base: Base,
    /// CrowdStrike's and Defender's: the id of the API client.
    pub client_id: String,
    /// The API client's secret; SentinelOne's: the API token of a service user.
    pub secret: Secret,
    /// Defender's: the directory, by its id or its domain.
    pub directory: String,
    /// Time limits.
    pub timing: Timing,
}

/// The API of a vendor, and the service that gives out its tokens. Made only from the vendor's name for one of its clouds, or
/// from the URL of a stand-in on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    vendor: Vendor,
    api: String,
    login: String,
    scope: String,
}

const PUBLIC: &str = "api.securitycenter.microsoft.com";
const LOGIN: &str = "login.microsoftonline.com";

/// The vendors' clouds: the name, the hosts of API and login, and what Defender's tokens are asked for.
const CLOUDS: [(Vendor, &str, &str, &str, &str); 15] = {
    use Vendor::{Crowdstrike, Defender};
    const GCC: &str = "api-gcc.securitycenter.microsoft.us";
    const GOVERNMENT: &str = "api-gov.securitycenter.microsoft.us";
    [
        (Crowdstrike, "us-1", "api.crowdstrike.com", "api.crowdstrike.com", ""),
        (Crowdstrike, "us-2", "api.us-2.crowdstrike.com", "api.us-2.crowdstrike.com", ""),
        (Crowdstrike, "us-3", "api.us-3.crowdstrike.com", "api.us-3.crowdstrike.com", ""),
        (Crowdstrike, "eu-1", "api.eu-1.crowdstrike.com", "api.eu-1.crowdstrike.com", ""),
        (Crowdstrike, "us-gov-1", "api.laggar.gcw.crowdstrike.com", "api.laggar.gcw.crowdstrike.com", ""),
        (Crowdstrike, "us-gov-2", "api.us-gov-2.crowdstrike.mil", "api.us-gov-2.crowdstrike.mil", ""),
        (Defender, "global", PUBLIC, LOGIN, PUBLIC),
        (Defender, "us", "us.api.security.microsoft.com", LOGIN, PUBLIC),
        (Defender, "eu", "eu.api.security.microsoft.com", LOGIN, PUBLIC),
        (Defender, "uk", "uk.api.security.microsoft.com", LOGIN, PUBLIC),
        (Defender, "au", "au.api.security.microsoft.com", LOGIN, PUBLIC),
        (Defender, "swa", "swa.api.security.microsoft.com", LOGIN, PUBLIC),
        (Defender, "gcc", GCC, LOGIN, GCC),
        (Defender, "gcc-high", GOVERNMENT, "login.microsoftonline.us", GOVERNMENT),
        (Defender, "dod", GOVERNMENT, "login.microsoftonline.us", GOVERNMENT),
    ]
};

impl Base {
    /// One of the vendor's clouds by its name; SentinelOne's console `https://<name>.sentinelone.net` by the name in it: one
    /// label of letters, digits and hyphens.
    pub fn named(vendor: Vendor, name: &str) -> Option<Self> {
        if vendor == Vendor::Sentinelone {
            let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let hyphens = name.starts_with('-') || name.ends_with('-');
            let host = format!("{}.sentinelone.net", name.to_ascii_lowercase());
            return ((1..=63).contains(&name.len()) && letters && !hyphens).then(|| Self::of(vendor, &host, &host, ""));
        }
        let known = CLOUDS.iter().find(|(of, cloud, ..)| (*of, *cloud) == (vendor, name))?;
        let (_, _, api, login, resource) = known;
        Some(Self::of(vendor, api, login, resource))
    }

    fn of(vendor: Vendor, api: &str, login: &str, resource: &str) -> Self {
        let [api, login] = [api, login].map(|host| format!("https://{host}"));
        Self { vendor, api, login, scope: format!("https://{resource}/.default") }
    }

    /// A stand-in on this machine, which also gives out its tokens.
    pub fn loopback(vendor: Vendor, url: &str) -> Option<Self> {
        let url = is_loopback(url).then(|| url.trim_end_matches('/').to_owned())?;
        Some(Self { api: url.clone(), login: url, ..Self::of(vendor, "", "", PUBLIC) })
    }

    /// Whose.
    pub fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The API, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.api
    }

    /// What gives out its tokens, without a slash at its end.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// What a token of Defender's is asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

/// Whether a directory is a GUID or a domain: it becomes a part of a URL's path.
fn is_directory(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && !text.starts_with('.')
}

impl EdrConfig {
    /// Access by a secret, with the default time limits.
    pub fn new(base: Base, secret: Secret) -> Self {
        Self { base, client_id: String::new(), secret, directory: String::new(), timing: Timing::default() }
    }

    fn problems(&self) -> impl Iterator<Item = Problem> {
        let vendor = self.base.vendor();
        let (sentinelone, secret) = (vendor == Vendor::Sentinelone, self.secret.expose());
        let secret_name = if sentinelone { "api_token" } else { "client_secret" };
        // No vendor's has another character: one that is there came with the copying.
        let graphic = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        let directory = vendor != Vendor::Defender || is_directory(&self.directory);
        let checks = [
            (sentinelone || !self.client_id.is_empty(), "client_id", "is empty"),
            (!secret.is_empty(), secret_name, "is empty"),
            (graphic(secret), secret_name, "holds a space or another character that no vendor's has"),
            (graphic(&self.client_id), "client_id", "holds a space or another character that no vendor's has"),
            (directory, "directory", "is neither a directory's id nor its domain"),
            (!self.timing.action.is_zero(), "action_seconds", "is 0: no action could be taken in time"),
        ];
        Problem::among(checks).map(move |problem| Problem { name: format!("{vendor}.{}", problem.name), ..problem })
    }
}

/// What is wrong with the vendors' sections, whoever filled them; and whether any vendor could be acted on at all.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let nobody = "false needs an EDR to act on: [crowdstrike], [sentinelone] or [defender]";
    let idle = (!config.dry_run && config.edrs.is_empty()).then(|| Problem::new("dry_run", nobody));
    idle.into_iter().chain(config.edrs.iter().flat_map(EdrConfig::problems)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_but_the_vendors_own_and_loopback_can_be_named() {
        for bad in ["http://localhost:1", "https://evil.example", "http://127.0.0.1.evil.example", "file:///etc", ""] {
            for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender] {
                assert!(Base::loopback(vendor, bad).is_none(), "{vendor} {bad}");
            }
        }
        assert_eq!(Base::loopback(Vendor::Crowdstrike, "http://127.0.0.1:9/").unwrap().url(), "http://127.0.0.1:9");
        for (vendor, bad) in [(Vendor::Crowdstrike, "us-9"), (Vendor::Defender, "mars"), (Vendor::Defender, "us-1")] {
            assert!(Base::named(vendor, bad).is_none(), "{vendor} {bad}");
        }
        for bad in ["", "evil.example/", "acme.evil.example", "a@b", "a:1", "-a", "a b", "\u{e9}", &"a".repeat(64)] {
            assert!(Base::named(Vendor::Sentinelone, bad).is_none(), "{bad}");
        }
        assert_eq!(Base::named(Vendor::Sentinelone, "Usea1-Acme").unwrap().url(), "https://usea1-acme.sentinelone.net");
    }

    #[test]
    fn a_defender_cloud_has_its_own_login_and_scope() {
        let base = |name| Base::named(Vendor::Defender, name).unwrap();
        assert_eq!(base("eu").url(), "https://eu.api.security.microsoft.com");
        assert_eq!(base("eu").scope(), "https://api.securitycenter.microsoft.com/.default");
        assert_eq!(base("eu").login(), "https://login.microsoftonline.com");
        assert_eq!(base("dod").url(), "https://api-gov.securitycenter.microsoft.us");
        assert_eq!(base("dod").login(), "https://login.microsoftonline.us");
        assert!(is_directory("5b8f0e4c-0000-4000-8000-000000000001") && is_directory("corp.onmicrosoft.com"));
        for bad in ["", "a/b", "..", "a?b", "a b"] {
            assert!(!is_directory(bad), "{bad}");
        }
    }
}
