//! The file's settings as serde reads them, and the way from there to a [`Config`].

use super::layers::{self, Layers};
use super::problem::{ConfigError, Problem};
use super::sections::Section;
use super::{Config, Environment, Limits, PolicyConfig, PollConfig, TlsConfig};
use crate::secret::{Secret, TokenDigest};
use crate::text::deceives;
use crate::tls;
use serde::Deserialize;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use vyrox_contract::{Ed25519Signer, ProxyId, TenantId, Vendor, VerifyingKey};
use zeroize::Zeroizing;

/// `proxy.toml`. Every setting is optional here, so that one that is missing does not hide the others' problems.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    tenant_id: Option<TenantId>,
    proxy_id: Option<ProxyId>,
    platform_keys: Vec<String>,
    signing_key_file: Option<PathBuf>,
    relay_url: Option<String>,
    allow_plaintext_relay: bool,
    audit_dir: Option<PathBuf>,
    dry_run: Option<bool>,
    listen: Option<SocketAddr>,
    allow_plaintext_listen: bool,
    tls_certificate_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    export_token_sha256: Option<String>,
    hmac_secret: Option<String>,
    hmac_secret_file: Option<PathBuf>,
    poll: PollConfig,
    policy: PolicyConfig,
    limits: Limits,
    crowdstrike: Option<Section>,
    sentinelone: Option<Section>,
    defender: Option<Section>,
}

/// Collects problems while the settings become what they mean. Relative paths are relative to the file.
pub(super) struct Reading<'a> {
    base: &'a Path,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads `file` (if given) and the variables, which win over the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem, by name.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let text = file.map_or(Ok(String::new()), std::fs::read_to_string);
        // Without the file everything in it would be reported as missing.
        let text =
            text.map_err(|error| ConfigError(vec![Problem::new("config", format!("cannot be read: {error}"))]))?;
        let mut config = Self::parse(&text, base, environment)?;
        config.warnings.extend(file.and_then(|file| open_to_others("config", file, 0o002)));
        Ok(config)
    }

    /// The same from the file's text; its relative paths are relative to `base`.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem, by name.
    pub fn parse(text: &str, base: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let read = layers::read::<Settings>(text, environment).map_err(|problem| ConfigError(vec![problem]))?;
        let Layers { settings, problems, warnings } = read;
        let mut read = Reading { base, problems, warnings };
        // What is missing is filled in, so that every other setting is looked at, too; with a problem nothing is returned.
        let unset = "unset";
        let tenant_id = read.required("tenant_id", settings.tenant_id);
        let proxy_id = read.required("proxy_id", settings.proxy_id);
        let audit_dir = read.required("audit_dir", settings.audit_dir).map(|path| base.join(path));
        let signing_key_file = read.required("signing_key_file", settings.signing_key_file);
        let mut config = Self::new(
            tenant_id.unwrap_or_else(|| unset.parse().expect("a word is an id")),
            proxy_id.unwrap_or_else(|| unset.parse().expect("a word is an id")),
            audit_dir.unwrap_or_default(),
            read.platform_keys(&settings.platform_keys),
            signing_key_file
                .as_ref()
                .and_then(|path| read.signer(path))
                .unwrap_or_else(|| Ed25519Signer::from_seed(&[0; 32])),
        );
        config.signing_key_file = signing_key_file.map(|path| base.join(path));
        config.relay_url = settings.relay_url.map(|url| url.trim_end_matches('/').to_owned());
        config.allow_plaintext_relay = settings.allow_plaintext_relay;
        config.dry_run = settings.dry_run.unwrap_or(config.dry_run);
        config.listen = settings.listen.unwrap_or(config.listen);
        config.allow_plaintext_listen = settings.allow_plaintext_listen;
        config.tls = read.tls(settings.tls_certificate_file, settings.tls_key_file);
        config.export_token = settings.export_token_sha256.and_then(|text| {
            let digest = TokenDigest::from_hex(&text);
            read.require(digest.is_some(), "export_token_sha256", "is not 64 hex digits");
            digest
        });
        config.shared_secret = read.secret("hmac_secret", settings.hmac_secret, settings.hmac_secret_file);
        (config.poll, config.limits) = (settings.poll, settings.limits);
        config.policy = settings.policy;
        let named = config.policy.kill_switch_file.as_ref().is_none_or(|path| !path.as_os_str().is_empty());
        read.require(named, "policy.kill_switch_file", "is empty: it would never be there, or always");
        config.policy.kill_switch_file = config.policy.kill_switch_file.map(|path| base.join(path));
        let sections = [
            (Vendor::Crowdstrike, settings.crowdstrike),
            (Vendor::Sentinelone, settings.sentinelone),
            (Vendor::Defender, settings.defender),
        ];
        config.edrs = sections.into_iter().filter_map(|(vendor, section)| section?.access(vendor, &mut read)).collect();

        let Reading { mut problems, warnings, .. } = read;
        for problem in config.problems() {
            if problems.iter().all(|known| known.name != problem.name) {
                problems.push(problem);
            }
        }
        config.warnings = warnings;
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }
}

impl Reading<'_> {
    pub(super) fn require(&mut self, holds: bool, name: &str, text: &str) {
        // A setting that could not be read is not missing as well.
        if !holds && self.problems.iter().all(|known| known.name != name) {
            self.problems.push(Problem::new(name, text));
        }
    }

    pub(super) fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        self.require(value.is_some(), name, "is missing");
        value
    }

    fn file(&mut self, name: &str, path: &Path) -> Option<Zeroizing<String>> {
        match std::fs::read_to_string(self.base.join(path)) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(error) => {
                self.require(false, name, &format!("cannot be read: {}", error.kind()));
                None
            }
        }
    }

    /// From the variable, or from the file that `<name>_file` names.
    pub(super) fn secret(&mut self, name: &str, variable: Option<String>, file: Option<PathBuf>) -> Option<Secret> {
        let from_file = file.and_then(|path| {
            let name = format!("{name}_file");
            // Its group may be the proxy's: so a container platform hands secrets to who is not root.
            self.warnings.extend(open_to_others(&name, &self.base.join(&path), 0o007));
            self.file(&name, &path)
        });
        let text = variable.map(Zeroizing::new).or(from_file)?;
        let text = text.trim_end_matches(['\r', '\n']);
        let visible = !text.contains(|character| deceives(character) || character == char::REPLACEMENT_CHARACTER);
        self.require(visible, name, "holds a control character, a byte order mark or a byte that is no text");
        Some(Secret::new(text.to_owned()))
    }

    fn platform_keys(&mut self, texts: &[String]) -> Vec<VerifyingKey> {
        self.require(!texts.is_empty(), "platform_keys", "is missing");
        let keys: Vec<_> = texts.iter().filter_map(|text| VerifyingKey::from_text(text).ok()).collect();
        let all = keys.len() == texts.len();
        self.require(all, "platform_keys", "holds something that is not a public key (base64 SPKI)");
        keys
    }

    fn signer(&mut self, path: &Path) -> Option<Ed25519Signer> {
        self.warnings.extend(open_to_others("signing_key_file", &self.base.join(path), 0o077));
        let pem = self.file("signing_key_file", path)?;
        let signer = Ed25519Signer::from_pem(&pem).ok();
        self.require(signer.is_some(), "signing_key_file", "does not hold an Ed25519 private key (PKCS#8 PEM)");
        signer
    }

    fn tls(&mut self, certificate: Option<PathBuf>, key: Option<PathBuf>) -> Option<TlsConfig> {
        let both = certificate.is_some() == key.is_some();
        self.require(both, "tls_key_file", "is needed together with tls_certificate_file, or neither");
        let tls = TlsConfig { certificate_file: self.base.join(certificate?), key_file: self.base.join(key?) };
        self.warnings.extend(open_to_others("tls_key_file", &tls.key_file, 0o007));
        if let Err(error) = tls::acceptor(&tls) {
            self.require(false, "tls_certificate_file", &crate::cause::chain(&error));
        }
        Some(tls)
    }
}

/// What to say of a file if others have one of the rights in `mask` to it.
fn open_to_others(name: &str, path: &Path, mask: u32) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let text = || format!("{name}: others may use or change {} (mode {:03o})", path.display(), mode & 0o777);
    (mode & mask != 0).then(text)
}
