//! What is read, what is refused, and that neither shows a value.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use vyrox_contract::Vendor;

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("proxy-key.pem"), Ed25519Signer::from_seed(&[3; 32]).to_pem()).unwrap();
    let owner_only = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(dir.path().join("proxy-key.pem"), owner_only).unwrap();
    dir
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn write(dir: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("proxy.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_documented_file_is_the_default() {
    let dir = directory();
    let loaded = Config::load(Some(&write(&dir, EXAMPLE)), &Environment::new()).unwrap();
    let (tenant, proxy) = ("acme".parse().unwrap(), "proxy-1".parse().unwrap());
    let audit = dir.path().join("audit");
    let mut default = Config::new(tenant, proxy, audit, loaded.platform_keys.clone(), loaded.signer.clone());
    default.signing_key_file = Some(dir.path().join("proxy-key.pem"));
    default.relay_url = Some("https://relay.example.com".into());
    assert_eq!(format!("{loaded:?}"), format!("{default:?}"));
}

#[test]
fn every_problem_is_reported_at_once_and_no_value_is() {
    let dir = directory();
    let text = "tenant_id = 'sp ace'\nproxy_id = 'p'\nplatform_keys = ['hunter2']\ndry_run = 'hunter2'\n\
                audit_dir='a'\nsigning_key_file = 'none.pem'\nhmac_secret = 'hunter2'\nlimitz = 'hunter2'";
    let error = Config::load(Some(&write(&dir, text)), &environment(&[("VYROX_LISTEN", "hunter2")])).unwrap_err();
    let mut names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
    names.sort_unstable();
    let expected = ["dry_run", "hmac_secret", "limitz", "listen", "platform_keys", "signing_key_file", "tenant_id"];
    assert_eq!(names, expected);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(error.to_string().contains("VYROX_TENANT_ID"));
}

#[test]
fn a_broken_file_is_refused_without_being_quoted() {
    let dir = directory();
    let error = Config::load(Some(&write(&dir, "client_secret = hunter2")), &Environment::new()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_key_that_others_may_read_is_warned_of() {
    let dir = directory();
    let others = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(dir.path().join("proxy-key.pem"), others).unwrap();
    let config = Config::load(Some(&write(&dir, EXAMPLE)), &Environment::new()).unwrap();
    assert!(matches!(&config.warnings[..], [warning] if warning.contains("signing_key_file")));
}

#[test]
fn a_time_that_no_clock_can_tell_is_refused() {
    let dir = directory();
    let variables = environment(&[("VYROX_CROWDSTRIKE_CONFIRM_SECONDS", "18446744073709551615")]);
    let error = Config::load(Some(&write(&dir, EXAMPLE)), &variables).unwrap_err();
    assert!(error.0.iter().any(|problem| problem.name == "crowdstrike.confirm_seconds"), "{error}");
}

#[test]
fn a_time_in_which_nothing_could_happen_is_refused() {
    let dir = directory();
    let variables = environment(&[
        ("VYROX_LIMITS_HEADER_TIMEOUT_SECONDS", "0"),
        ("VYROX_LIMITS_BODY_TIMEOUT_SECONDS", "0"),
        ("VYROX_LIMITS_CONNECTION_LIFETIME_SECONDS", "0"),
        ("VYROX_SENTINELONE_CONSOLE", "acme"),
        ("VYROX_SENTINELONE_API_TOKEN", "token"),
        ("VYROX_SENTINELONE_ACTION_SECONDS", "0"),
    ]);
    let error = Config::load(Some(&write(&dir, EXAMPLE)), &variables).unwrap_err();
    let names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
    let limits = ["header_timeout", "body_timeout", "connection_lifetime"].map(|name| format!("limits.{name}_seconds"));
    assert_eq!(names[..3], limits);
    assert_eq!(names[3..], ["sentinelone.action_seconds"]);
}

#[test]
fn variables_win_over_the_file_and_unknown_ones_are_a_warning() {
    let dir = directory();
    let variables = environment(&[
        ("VYROX_POLICY_PROTECTED_HOSTS", "dc-*, backup"),
        ("VYROX_DRY_RUN", "false"),
        ("VYROX_CROWDSTRIKE_CLOUD", "eu-1"),
        ("VYROX_CROWDSTRIKE_CLIENT_ID", "id"),
        ("VYROX_CROWDSTRIKE_CLIENT_SECRET", "secret"),
        ("VYROX_SERVICE_HOST", "10.0.0.1"),
    ]);
    let config = Config::load(Some(&write(&dir, EXAMPLE)), &variables).unwrap();
    assert_eq!(config.policy.protected_hosts, ["dc-*", "backup"]);
    assert!(!config.dry_run);
    assert_eq!(config.edrs[0].base.url(), "https://api.eu-1.crowdstrike.com");
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("VYROX_SERVICE_HOST"));
}

fn config() -> Config {
    let signer = Ed25519Signer::from_seed(&[1; 32]);
    let keys = vec![Ed25519Signer::from_seed(&[9; 32]).verifying_key()];
    Config::new("acme".parse().unwrap(), "p1".parse().unwrap(), "audit".into(), keys, signer)
}

fn names(config: &Config) -> Vec<String> {
    config.problems().into_iter().map(|problem| problem.name).collect()
}

#[test]
fn the_defaults_are_dry_loopback_and_sound() {
    let config = config();
    assert!(config.dry_run && config.listen.ip().is_loopback());
    assert!(names(&config).is_empty());
}

#[test]
fn plain_text_off_loopback_has_to_be_asked_for_by_name() {
    let mut config = config();
    config.listen = "0.0.0.0:8787".parse().unwrap();
    config.relay_url = Some("http://relay.example.com".into());
    assert_eq!(names(&config), ["listen", "relay_url"]);
    (config.allow_plaintext_listen, config.allow_plaintext_relay) = (true, true);
    assert!(names(&config).is_empty());
}

#[test]
fn live_mode_without_credentials_is_refused() {
    let mut config = config();
    config.dry_run = false;
    assert_eq!(names(&config), ["dry_run"]);
    let base = Base::named(Vendor::Sentinelone, "acme").unwrap();
    config.edrs.push(EdrConfig::new(base, Secret::new(String::new())));
    assert_eq!(names(&config), ["sentinelone.api_token"], "an empty credential is none");
}

#[test]
fn a_short_or_empty_shared_secret_is_refused() {
    let mut config = config();
    for text in [String::new(), "x".repeat(31)] {
        config.shared_secret = Some(Secret::new(text));
        assert_eq!(names(&config), ["hmac_secret"]);
    }
}

#[test]
fn limits_that_admit_nothing_or_everything_and_rules_that_protect_nothing_are_refused() {
    let mut config = config();
    (config.limits.connections, config.limits.in_flight, config.limits.body_bytes) = (0, usize::MAX, usize::MAX);
    config.policy.protected_hosts = vec!["dc-01, dc-02".into()];
    let expected = ["limits.connections", "limits.in_flight", "limits.body_bytes", "policy.protected_hosts"];
    assert_eq!(names(&config), expected);
}

#[test]
fn a_certificate_without_its_key_is_refused_and_so_are_files_that_hold_neither() {
    let dir = directory();
    let with = |lines: &str| write(&dir, &EXAMPLE.replacen("[poll]", &format!("{lines}\n[poll]"), 1));
    let error = Config::load(Some(&with("tls_certificate_file = 'proxy-key.pem'")), &Environment::new()).unwrap_err();
    assert_eq!(error.0[0].name, "tls_key_file");
    let both = "tls_certificate_file = 'proxy-key.pem'\ntls_key_file = 'proxy-key.pem'";
    let error = Config::load(Some(&with(both)), &Environment::new()).unwrap_err();
    assert_eq!(error.0[0].name, "tls_certificate_file");
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
    let both = format!("tls_certificate_file = '{tls}/server.pem'\ntls_key_file = '{tls}/server-key.pem'");
    let mut config = Config::load(Some(&with(&both)), &Environment::new()).unwrap();
    config.listen = "0.0.0.0:8787".parse().unwrap();
    assert!(names(&config).is_empty(), "TLS off loopback needs no further word");
}

#[test]
fn rules_with_a_list_of_tables_are_read_and_their_problems_are_named() {
    let dir = directory();
    let rules = "[[policy.quorum]]\nhosts = ['srv-*']\napprovers = 2\n\
                 [[policy.maintenance]]\ndays = ['sat']\nfrom = '22:00'\nto = '02:00'\n";
    let config = Config::load(Some(&write(&dir, &format!("{EXAMPLE}\n{rules}"))), &Environment::new()).unwrap();
    assert_eq!((config.policy.quorum[0].approvers, config.policy.maintenance.len()), (2, 1));
    let wrong = rules.replace("22:00", "hunter2").replace("approvers = 2", "approvers = 'hunter2'");
    let error = Config::load(Some(&write(&dir, &format!("{EXAMPLE}\n{wrong}"))), &Environment::new()).unwrap_err();
    let mut names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["policy.maintenance", "policy.quorum"]);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn no_setting_shows_a_value_that_does_not_fit() {
    let dir = directory();
    let settings = EXAMPLE.lines().map(|line| line.trim_start_matches("# ")).filter_map(|line| {
        let (name, _) = line.split_once(" = ")?;
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()).then_some(name)
    });
    let names: Vec<String> = settings.map(str::to_owned).collect();
    assert!(names.len() > 40, "{names:?}");
    let variables: Environment = ["", "POLICY_", "POLL_", "LIMITS_", "CROWDSTRIKE_", "SENTINELONE_", "DEFENDER_"]
        .iter()
        .flat_map(|section| names.iter().map(move |name| format!("VYROX_{section}{}", name.to_uppercase())))
        .map(|variable| (variable, "hunter2, expected hunter2".to_owned()))
        .collect();
    let error = Config::load(Some(&write(&dir, EXAMPLE)), &variables).unwrap_err();
    assert!(error.0.len() > 15 && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn the_policy_digest_is_the_same_for_the_same_rules_and_another_for_others() {
    let (mut config, same) = (config(), config());
    assert_eq!(config.policy_digest(), same.policy_digest());
    config.policy.max_isolations_per_day = 21;
    assert_ne!(config.policy_digest(), same.policy_digest());
    assert_eq!(config.policy_digest().len(), 64);
}

#[test]
fn every_vendors_section_is_read_and_one_that_is_begun_must_be_complete() {
    let dir = directory();
    let path = dir.path().join("token");
    std::fs::write(&path, "api-token\n").unwrap();
    let variables = environment(&[
        ("VYROX_DRY_RUN", "false"),
        ("VYROX_SENTINELONE_CONSOLE", "acme"),
        ("VYROX_SENTINELONE_API_TOKEN_FILE", path.to_str().unwrap()),
        ("VYROX_SENTINELONE_CONFIRM_SECONDS", "40"),
        ("VYROX_DEFENDER_CLOUD", "eu"),
        ("VYROX_DEFENDER_DIRECTORY", "corp.example"),
        ("VYROX_DEFENDER_CLIENT_ID", "id"),
        ("VYROX_DEFENDER_CLIENT_SECRET", "secret"),
    ]);
    let config = Config::load(Some(&write(&dir, EXAMPLE)), &variables).unwrap();
    let [sentinelone, defender] = &config.edrs[..] else { panic!("{:?}", config.edrs) };
    assert_eq!((sentinelone.base.url(), sentinelone.secret.expose()), ("https://acme.sentinelone.net", "api-token"));
    assert_eq!(sentinelone.timing.confirm_for, Duration::from_secs(40));
    assert_eq!(defender.base.url(), "https://eu.api.security.microsoft.com");

    let begun = environment(&[("VYROX_DEFENDER_CLOUD", "mars"), ("VYROX_SENTINELONE_API_TOKEN", "a b")]);
    let error = Config::load(Some(&write(&dir, EXAMPLE)), &begun).unwrap_err();
    let names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
    let expected =
        ["sentinelone.console", "defender.cloud", "defender.directory", "defender.client_id", "defender.client_secret"];
    assert_eq!(names, expected);

    let others = environment(&[
        ("VYROX_CROWDSTRIKE_CLOUD", "us-1"),
        ("VYROX_CROWDSTRIKE_CLIENT_ID", "id"),
        ("VYROX_CROWDSTRIKE_CLIENT_SECRET", "secret"),
        ("VYROX_CROWDSTRIKE_DIRECTORY", "corp.example"),
        ("VYROX_CROWDSTRIKE_API_TOKEN_FILE", "token"),
    ]);
    let error = Config::load(Some(&write(&dir, EXAMPLE)), &others).unwrap_err();
    let names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(names, ["crowdstrike.directory", "crowdstrike.api_token"], "what belongs to another vendor");
}

/// The problems of the example with these lines more in its first section, by name.
fn refused(lines: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let dir = directory();
    let file = write(&dir, &EXAMPLE.replacen("[poll]", &format!("{lines}\n[poll]"), 1));
    let problems = Config::load(Some(&file), &environment(variables)).map_or_else(|error| error.0, |_| Vec::new());
    problems.into_iter().map(|problem| problem.name).collect()
}

#[test]
fn a_relay_is_a_host_and_nothing_that_would_be_lost_or_shown() {
    for url in [
        "https://",
        "https:///proxy",
        "https://user:word@relay.example.com",
        "https://relay.example.com/?a=b",
        "https://relay.example.com/#a",
        "https://not a host",
        "https://relay.example.com:99999",
        "http://relay.example.com",
        "http://127.0.0.1.example.com",
    ] {
        assert_eq!(refused("", &[("VYROX_RELAY_URL", url)]), ["relay_url"], "{url}");
    }
    for url in
        ["https://relay.example.com:8443/vyrox/", "https://[2001:db8::1]", "http://127.0.0.1:8080", "http://[::1]:1"]
    {
        assert!(refused("", &[("VYROX_RELAY_URL", url)]).is_empty(), "{url}");
    }
}

#[test]
fn a_secret_is_taken_without_its_last_line_break_and_refused_with_what_nobody_sees() {
    let dir = directory();
    let path = dir.path().join("secret");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let variables = environment(&[
            ("VYROX_DRY_RUN", "false"),
            ("VYROX_CROWDSTRIKE_CLOUD", "eu-1"),
            ("VYROX_CROWDSTRIKE_CLIENT_ID", "id"),
            ("VYROX_CROWDSTRIKE_CLIENT_SECRET_FILE", path.to_str().unwrap()),
            ("VYROX_HMAC_SECRET", "a passphrase of the clients' own choice\r\n"),
        ]);
        Config::load(Some(&write(&dir, EXAMPLE)), &variables)
    };
    let config = read(b"secret\r\n").unwrap();
    assert_eq!(config.edrs[0].secret.expose(), "secret");
    assert_eq!(config.shared_secret.unwrap().expose(), "a passphrase of the clients' own choice");
    for bytes in [&b"\xef\xbb\xbfsecret"[..], b"sec\0ret", b"one\ntwo", b" secret", b"sec ret", b"\n"] {
        let error = read(bytes).unwrap_err();
        let names: Vec<_> = error.0.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(names, ["crowdstrike.client_secret"], "{bytes:?}");
    }
    let own = format!("\u{feff}{}", "x".repeat(40));
    assert_eq!(
        refused("", &[("VYROX_HMAC_SECRET", &own)]),
        ["hmac_secret"],
        "every client's signature would be another"
    );
}

#[test]
fn files_that_others_may_use_are_warned_of() {
    let dir = directory();
    let (file, secret) = (write(&dir, EXAMPLE), dir.path().join("hmac"));
    std::fs::write(&secret, "x".repeat(40)).unwrap();
    let warned = |file_mode, secret_mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(file_mode)).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(secret_mode)).unwrap();
        let variables = environment(&[("VYROX_HMAC_SECRET_FILE", secret.to_str().unwrap())]);
        Config::load(Some(&file), &variables).unwrap().warnings
    };
    assert!(warned(0o644, 0o440).is_empty());
    let warnings = warned(0o646, 0o604);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("hmac_secret_file") && warnings[1].contains("proxy.toml"), "{warnings:?}");
}

#[test]
fn a_file_that_is_no_toml_is_the_only_problem_and_its_line_is_told() {
    let dir = directory();
    let error = Config::load(Some(&write(&dir, "tenant_id = 'acme'\nproxy_id = \n")), &Environment::new()).unwrap_err();
    assert_eq!(error.0, [Problem::new("config", "is not valid TOML (line 2)")]);
    assert!(error.to_string().contains("VYROX_CONFIG"), "{error}");
}

#[test]
fn a_rule_that_is_not_understood_is_never_left_out() {
    let rule = |rest: &str| format!("[{{hosts=['*'],{rest}}}]");
    for (variable, value) in [
        ("VYROX_POLICY_QUORUM", rule("approvers=2,aprovers=3")),
        ("VYROX_POLICY_MAINTENANCE", rule("from='22:00',to='23:00',zone='CET'")),
        ("VYROX_POLICY_MAINTENANCE", rule("from='22:00',to='23:00',days=[]")),
        ("VYROX_POLICY_KILL_SWITCH_FILE", String::new()),
        ("VYROX_LIMITS_RETENTION_SECONDS", i64::MAX.to_string()),
    ] {
        assert_eq!(refused("", &[(variable, &value)]).len(), 1, "{variable} {value}");
    }
}

#[test]
fn this_proxys_own_key_is_no_key_of_the_platform() {
    let dir = directory();
    let own = Ed25519Signer::from_seed(&[3; 32]).verifying_key().to_text();
    let platform = Ed25519Signer::from_seed(&[9; 32]).verifying_key().to_text();
    let text = format!(
        "tenant_id = 'a'\nproxy_id = 'p'\naudit_dir = 'audit'\nsigning_key_file = 'proxy-key.pem'\n\
         platform_keys = ['{platform}', '{own}']"
    );
    let error = Config::load(Some(&write(&dir, &text)), &Environment::new()).unwrap_err();
    assert_eq!(error.0.iter().map(|problem| problem.name.as_str()).collect::<Vec<_>>(), ["platform_keys"]);
    assert!(error.to_string().contains("this proxy's own key"), "{error}");
    assert!(Config::load(Some(&write(&dir, &text.replace(&format!(", '{own}'"), ""))), &Environment::new()).is_ok());
}

#[test]
fn a_section_or_a_rule_is_no_list_of_its_settings_values() {
    let dir = directory();
    let named = |text: &str, variables: &[(&str, &str)]| {
        let text = EXAMPLE.replace("[poll]\nmin_seconds = 2\nmax_seconds = 60", text);
        let loaded = Config::load(Some(&write(&dir, &text)), &environment(variables));
        loaded.map_or_else(|error| error.0.into_iter().map(|problem| problem.name).collect(), |_| Vec::new())
    };
    assert_eq!(named("[poll]\nmin_seconds = 2", &[]), [""; 0]);
    let inline = EXAMPLE
        .replace("[poll]\nmin_seconds = 2\nmax_seconds = 60", "")
        .replace("[policy]", "poll = [2, 60]\n[policy]");
    let error = Config::load(Some(&write(&dir, &inline)), &Environment::new()).unwrap_err();
    assert_eq!(error.0.iter().map(|problem| problem.name.as_str()).collect::<Vec<_>>(), ["poll"]);
    let good = [("VYROX_POLICY_QUORUM", "[{hosts = ['srv-*'], approvers = 2}]")];
    assert_eq!(named("", &good), [""; 0]);
    assert_eq!(named("", &[("VYROX_POLICY_QUORUM", "[[['srv-*'], 2]]")]), ["policy.quorum"]);
}
