//! Access to the vendors' APIs. A base URL is one of the vendor's own clouds by name, or a stand-in on loopback by a setting
//! that says so; there is no way to name another host.

use super::problem::Problem;
use super::{Config, is_loopback};
use crate::secret::Secret;
use std::time::Duration;

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

/// Access to CrowdStrike Falcon. Scopes: Hosts READ and WRITE; for process kills also Real time response READ and WRITE.
#[derive(Debug, Clone)]
pub struct CrowdstrikeConfig {
    /// Which API.
    pub base: CrowdstrikeBase,
    /// OAuth2 client id.
    pub client_id: String,
    /// OAuth2 client secret.
    pub client_secret: Secret,
    /// Time limits.
    pub timing: Timing,
}

/// Access to SentinelOne. The role needs Endpoints: View and Disconnect From Network; for kills and quarantines also the
/// Endpoint Threats mitigation actions. Scope: the site.
#[derive(Debug, Clone)]
pub struct SentineloneConfig {
    /// Which console.
    pub base: SentineloneBase,
    /// The API token of a service user.
    pub api_token: Secret,
    /// Time limits.
    pub timing: Timing,
}

/// Access to Microsoft Defender for Endpoint. Application permissions: Machine.Read.All and Machine.Isolate; for what else it
/// shall do Machine.StopAndQuarantine and Machine.RestrictExecution.
#[derive(Debug, Clone)]
pub struct DefenderConfig {
    /// Which API, and who gives out its tokens.
    pub base: DefenderBase,
    /// The directory: its id or its domain.
    pub directory: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// Time limits.
    pub timing: Timing,
}

/// CrowdStrike's clouds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrowdstrikeBase(String);

impl CrowdstrikeBase {
    /// One of CrowdStrike's clouds by its name (`us-1`, `us-2`, `us-3`, `eu-1`, `us-gov-1`, `us-gov-2`).
    pub fn cloud(name: &str) -> Option<Self> {
        let host = match name {
            "us-1" => "api.crowdstrike.com",
            "us-2" => "api.us-2.crowdstrike.com",
            "us-3" => "api.us-3.crowdstrike.com",
            "eu-1" => "api.eu-1.crowdstrike.com",
            "us-gov-1" => "api.laggar.gcw.crowdstrike.com",
            "us-gov-2" => "api.us-gov-2.crowdstrike.mil",
            _ => return None,
        };
        Some(Self(format!("https://{host}")))
    }

    /// A stand-in on this machine.
    pub fn loopback(url: &str) -> Option<Self> {
        loopback(url).map(Self)
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        &self.0
    }
}

/// SentinelOne's consoles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentineloneBase(String);

impl SentineloneBase {
    /// The console `https://<name>.sentinelone.net`: one label of letters, digits and hyphens.
    pub fn console(name: &str) -> Option<Self> {
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let hyphens = name.starts_with('-') || name.ends_with('-');
        ((1..=63).contains(&name.len()) && letters && !hyphens)
            .then(|| Self(format!("https://{}.sentinelone.net", name.to_ascii_lowercase())))
    }

    /// A stand-in on this machine.
    pub fn loopback(url: &str) -> Option<Self> {
        loopback(url).map(Self)
    }

    /// Without a slash at its end.
    pub fn url(&self) -> &str {
        &self.0
    }
}

/// Microsoft's clouds: the API, the login service that gives out its tokens, and the scope to ask for there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefenderBase {
    api: String,
    login: String,
    scope: String,
}

impl DefenderBase {
    /// One of Microsoft's clouds by its name (`global`, `us`, `eu`, `uk`, `au`, `swa`, `gcc`, `gcc-high`, `dod`).
    pub fn cloud(name: &str) -> Option<Self> {
        const PUBLIC: &str = "api.securitycenter.microsoft.com";
        let (api, login, resource) = match name {
            "global" => (PUBLIC.to_owned(), "com", PUBLIC),
            "us" | "eu" | "uk" | "au" | "swa" => (format!("{name}.api.security.microsoft.com"), "com", PUBLIC),
            "gcc" => ("api-gcc.securitycenter.microsoft.us".to_owned(), "com", "api-gcc.securitycenter.microsoft.us"),
            "gcc-high" | "dod" => {
                ("api-gov.securitycenter.microsoft.us".to_owned(), "us", "api-gov.securitycenter.microsoft.us")
            }
            _ => return None,
        };
        let login = format!("https://login.microsoftonline.{login}");
        Some(Self { api: format!("https://{api}"), login, scope: format!("https://{resource}/.default") })
    }

    /// A stand-in on this machine that is the API and the login service at once.
    pub fn loopback(url: &str) -> Option<Self> {
        let base = loopback(url)?;
        let scope = Self::cloud("global")?.scope;
        Some(Self { api: base.clone(), login: base, scope })
    }

    /// The API, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.api
    }

    /// The login service, without a slash at its end.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// What a token is asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

fn loopback(url: &str) -> Option<String> {
    is_loopback(url).then(|| url.trim_end_matches('/').to_owned())
}

/// Whether a directory is a GUID or a domain: it becomes a part of a URL's path.
fn is_directory(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && !text.starts_with('.')
}

impl CrowdstrikeConfig {
    /// Access with the default time limits.
    pub fn new(base: CrowdstrikeBase, client_id: String, client_secret: Secret) -> Self {
        Self { base, client_id, client_secret, timing: Timing::default() }
    }
}

impl SentineloneConfig {
    /// Access with the default time limits.
    pub fn new(base: SentineloneBase, api_token: Secret) -> Self {
        Self { base, api_token, timing: Timing::default() }
    }
}

impl DefenderConfig {
    /// Access with the default time limits.
    pub fn new(base: DefenderBase, directory: String, client_id: String, client_secret: Secret) -> Self {
        Self { base, directory, client_id, client_secret, timing: Timing::default() }
    }
}

/// What is wrong with the vendors' sections, whoever filled them; and whether any vendor could be acted on at all.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let access = (&config.crowdstrike, &config.sentinelone, &config.defender);
    let mut checks = vec![(
        config.dry_run || !matches!(access, (None, None, None)),
        "dry_run",
        "false needs an EDR to act on: [crowdstrike], [sentinelone] or [defender]",
    )];
    let mut filled = |name, text: &str| checks.push((!text.is_empty(), name, "is empty"));
    if let Some(edr) = &config.crowdstrike {
        filled("crowdstrike.client_id", &edr.client_id);
        filled("crowdstrike.client_secret", edr.client_secret.expose());
    }
    if let Some(edr) = &config.sentinelone {
        filled("sentinelone.api_token", edr.api_token.expose());
    }
    if let Some(edr) = &config.defender {
        filled("defender.client_id", &edr.client_id);
        filled("defender.client_secret", edr.client_secret.expose());
        checks.push((is_directory(&edr.directory), "defender.directory", "is neither a directory's id nor its domain"));
    }
    let timings = [
        ("crowdstrike.action_seconds", config.crowdstrike.as_ref().map(|edr| &edr.timing)),
        ("sentinelone.action_seconds", config.sentinelone.as_ref().map(|edr| &edr.timing)),
        ("defender.action_seconds", config.defender.as_ref().map(|edr| &edr.timing)),
    ];
    for (name, timing) in timings {
        let holds = timing.is_none_or(|timing| !timing.action.is_zero());
        checks.push((holds, name, "is 0: no action could be taken in time"));
    }
    // A secret becomes a header or a form field.
    let printable = |secret: &Secret| secret.expose().bytes().all(|b| b.is_ascii_graphic());
    if let Some(edr) = &config.sentinelone {
        checks.push((printable(&edr.api_token), "sentinelone.api_token", "holds a space or a control character"));
    }
    checks.into_iter().filter(|(holds, ..)| !holds).map(|(_, name, text)| Problem::new(name, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_but_the_vendors_own_and_loopback_can_be_named() {
        for bad in ["http://localhost:1", "https://evil.example", "http://127.0.0.1.evil.example", "file:///etc", ""] {
            assert!(CrowdstrikeBase::loopback(bad).is_none(), "{bad}");
            assert!(SentineloneBase::loopback(bad).is_none(), "{bad}");
            assert!(DefenderBase::loopback(bad).is_none(), "{bad}");
        }
        assert_eq!(CrowdstrikeBase::loopback("http://127.0.0.1:9/").unwrap().url(), "http://127.0.0.1:9");
        assert!(CrowdstrikeBase::cloud("us-9").is_none() && DefenderBase::cloud("mars").is_none());
        for bad in ["", "evil.example/", "acme.evil.example", "a@b", "a:1", "-a", "a b", "\u{e9}", &"a".repeat(64)] {
            assert!(SentineloneBase::console(bad).is_none(), "{bad}");
        }
        assert_eq!(SentineloneBase::console("Usea1-Acme").unwrap().url(), "https://usea1-acme.sentinelone.net");
    }

    #[test]
    fn a_defender_cloud_has_its_own_login_and_scope() {
        let base = |name| DefenderBase::cloud(name).unwrap();
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
