//! What is fuzzed: each function takes any bytes and panics if a property does not hold. The fuzz targets call them with
//! what libFuzzer makes up, and `tests/fuzz_corpus.rs` with the seeds in every test run.

use serde_json::Value;
use vyrox_audit::log::{Log, Reader};
use vyrox_audit::verify::Verifier;
use vyrox_audit::{Chain, Draft};
use vyrox_contract::{
    Action, Ed25519Signer, Envelope, Operation, Payload as _, TenantId, Vendor, pre_authentication_encoding,
};
use vyrox_domain::heuristics::{Observation, Ruleset};
use vyrox_domain::llm::Answer;
use vyrox_domain::redact::{Personal, Redactor};
use vyrox_domain::vendor::{FieldMap, NormaliseError, Normalised, Reception, normalise};
use vyrox_domain::webhook::{
    Authenticated, Headers, Keyring, RawDelivery, SIGNATURE_HEADER, Scheme, Slots, authenticate, scan_tenant_reference,
    sign,
};
use vyrox_edge_proxy::edr::answers::{self, Answer as Taken, Device, Found, Reading, Refusal};

use std::collections::BTreeSet;
use std::sync::Arc;
use vyrox_edge_proxy::Config;
use vyrox_edge_proxy::breaker::Breaker;
use vyrox_edge_proxy::config::PolicyConfig;
use vyrox_edge_proxy::dedup::{Claimed, Ledger, Terms};
use vyrox_edge_proxy::policy::{Policy, Refusal as PolicyRefusal};
use vyrox_edge_proxy::subject::Subject;
use vyrox_edge_proxy::verify::Verifier as ProxyVerifier;

const NOW: i64 = 1_700_000_000;
const SECRET: &[u8] = b"a secret of the fuzzer, 32 bytes";

fn vouched(body: &[u8]) -> Authenticated<&[u8]> {
    let headers = Headers::from_iter([(SIGNATURE_HEADER, sign(SECRET, body))]);
    authenticate(RawDelivery { body, headers }, &Keyring::of_vyrox_hmac(SECRET), NOW).expect("it is signed")
}

/// A body at a vendor's route: no panic, nothing unbounded, and the same outcome twice.
fn adapter(vendor: Vendor, body: &[u8]) {
    let tenant: TenantId = "acme".parse().expect("a word is a tenant id");
    let reception = Reception { tenant_id: &tenant, received_at: NOW };
    let delivery = vouched(body);
    let outcome = normalise(vendor, &delivery, &reception);
    match &outcome {
        Ok(Normalised::Alerts(alerts)) => {
            assert!(!alerts.is_empty() && alerts.len() <= 200);
            for alert in alerts {
                assert!(!alert.raw_id.is_empty() && alert.raw_id.len() <= 512);
                assert_eq!((&alert.tenant_id, alert.source, alert.revision), (&tenant, vendor, 0));
                let texts = [&alert.hostname, &alert.process_cmdline, &alert.title, &alert.username];
                assert!(texts.into_iter().flatten().all(|text| !text.is_empty() && text.chars().count() <= 8_192));
                assert_eq!(alert.content_digest().len(), 64);
            }
        }
        Ok(Normalised::Ignored { reason }) => assert!(!reason.is_empty()),
        Err(NormaliseError::NotJson(_)) => assert!(serde_json::from_slice::<Value>(body).is_err()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let again = normalise(vendor, &delivery, &reception);
    assert_eq!(outcome.ok(), again.ok());
}

pub fn crowdstrike(body: &[u8]) {
    adapter(Vendor::Crowdstrike, body);
}

pub fn sentinelone(body: &[u8]) {
    adapter(Vendor::Sentinelone, body);
}

pub fn defender(body: &[u8]) {
    adapter(Vendor::Defender, body);
}

pub fn generic(body: &[u8]) {
    adapter(Vendor::Generic, body);
}

/// A field map and, after a NUL, a body for it: a map that is accepted can be applied to anything.
pub fn field_map(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let Ok(text) = std::str::from_utf8(&input[..at]) else { return };
    match FieldMap::parse(text) {
        Ok(map) => {
            let Ok(body) = serde_json::from_slice::<Value>(input.get(at + 1..).unwrap_or(b"{}")) else { return };
            let tenant: TenantId = "acme".parse().expect("a word is a tenant id");
            for item in map.trace(Vendor::Generic, &body, &Reception { tenant_id: &tenant, received_at: NOW }) {
                let found = item.fields.iter().filter_map(|field| field.found.as_ref());
                assert!(found.into_iter().all(|text| text.chars().count() <= 8_192));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Header values and, after a line feed each, the body: nobody without a secret is authenticated by any scheme.
pub fn signatures(input: &[u8]) {
    const NAMES: [&str; 8] = [
        "x-vyrox-signature",
        "authorization",
        "x-cs-primary-signature",
        "x-cs-delivery-timestamp",
        "x-webhook-secret",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ];
    let mut parts = input.splitn(NAMES.len() + 1, |byte| *byte == b'\n');
    let headers: Vec<(&str, &[u8])> = NAMES.into_iter().zip(parts.by_ref()).collect();
    let body = parts.next().unwrap_or_default();
    let keyring = Keyring {
        vyrox_hmac: Slots { current: Some(SECRET), previous: Some(b"the one before it, also 32 bytes".as_slice()) },
        bearer: Slots::one([0x5a; 32]),
        crowdstrike_hmac: Slots::one(SECRET),
        static_header: Slots::one(SECRET),
        static_header_name: "x-webhook-secret".to_owned(),
        graph_client_state: Slots::one(SECRET),
        standard_webhooks: Slots::one(SECRET),
        ..Keyring::default()
    };
    let knows_the_secret = input.windows(SECRET.len()).any(|window| window == SECRET);
    let delivery = RawDelivery { body, headers: headers.into_iter().collect() };
    if let Ok(authenticated) = authenticate(delivery.clone(), &keyring, NOW) {
        let scheme = authenticated.scheme();
        assert!(matches!(scheme, Scheme::StaticHeader | Scheme::GraphClientState) && knows_the_secret, "{scheme:?}");
    }
    assert!(
        authenticate(delivery, &Keyring::<&[u8]>::default(), NOW).is_err(),
        "an empty keyring authenticates nobody"
    );
}

/// The scan agrees with a parser about a member of the outermost object, and never names what is not there.
pub fn tenant_scan(body: &[u8]) {
    for (vendor, key) in [
        (Vendor::Crowdstrike, "customer_id"),
        (Vendor::Sentinelone, "accountId"),
        (Vendor::Defender, "tenantId"),
        (Vendor::Generic, "tenant"),
    ] {
        let found = scan_tenant_reference(vendor, body);
        if let Some(found) = found {
            assert!(!found.is_empty() && found.len() <= 256 && vendor != Vendor::Generic);
            assert!(body.windows(found.len()).any(|window| window == found.as_bytes()));
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else { continue };
        let plain =
            |text: &str| !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        // One spelling, once, with a value that needs no escapes: then both must see the same.
        let needle = format!("\"{key}\"");
        let text = String::from_utf8_lossy(body);
        let others = ["customerIDString", "cid", "aadTenantId", "azureTenantId", "\\u"];
        let once = text.matches(&needle).count() == 1 && !others.iter().any(|other| text.contains(other));
        let cases = object.keys().filter(|other| other.eq_ignore_ascii_case(key)).count() == 1
            && text.to_ascii_lowercase().matches(&needle.to_ascii_lowercase()).count() == 1;
        if let Some(Value::String(value)) = object.get(key)
            && vendor != Vendor::Generic
            && once
            && cases
            && plain(value)
        {
            assert_eq!(found, Some(value.as_str()));
        }
    }
}

/// A command line and, after a NUL, its parent's: judged without a panic, the same way twice.
pub fn heuristics(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (cmdline, parent) = text.split_once('\0').unwrap_or((&text, ""));
    let observation = Observation {
        process_cmdline: Some(cmdline),
        parent_cmdline: Some(parent),
        process_path: Some(parent),
        username: Some(parent),
        ..Observation::EMPTY
    };
    let assessment = Ruleset::built_in().evaluate(&observation);
    assert!(assessment.confidence.ratio() <= 1.0);
    assert_eq!(assessment, Ruleset::built_in().evaluate(&observation));
}

/// Text with secrets: redacting twice is redacting once.
pub fn redaction(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let redactor = Redactor::new(Personal::Emails);
    let once = redactor.text(&text).into_owned();
    assert_eq!(redactor.text(&once), once.as_str());
    if let Ok(document) = redactor.json(&text) {
        assert!(serde_json::from_str::<Value>(&document).is_ok());
    }
}

/// A model's answer: strict, bounded.
pub fn model_answer(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(answer) = Answer::parse(&text) {
        assert!(answer.reasoning().chars().count() <= 1_000 && answer.techniques().len() <= 10);
    }
}

/// Any bytes where a crash, a failing disk or someone else may have put them: as a day's file, behind a sound log, or as
/// its index. Opening never panics. It refuses and leaves the file as it is, or it opens: then every sound line that was
/// there is there still, what was cut is kept beside it, and the log goes on from there and opens again.
pub fn audit_recovery(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    let memory = std::path::Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let dir = tempfile::tempdir_in(parent).expect("a directory for the log");
    let file = dir.path().join("audit-2023-11-14.jsonl");
    let sound = sound_log();
    let index = dir.path().join("audit-2023-11-14.idx");
    match kind % 3 {
        0 => std::fs::write(&file, bytes).expect("written"),
        1 => std::fs::write(&file, [sound.as_slice(), bytes].concat()).expect("written"),
        _ => {
            std::fs::write(&file, &sound).expect("written");
            std::fs::write(&index, bytes).expect("written");
        }
    }
    let before = std::fs::read(&file).expect("it was written");
    let Ok(opened) = Log::open(dir.path(), "fuzz", "acme", NOW) else {
        assert_eq!(std::fs::read(&file).expect("still there"), before, "refused and changed");
        assert!(kind % 3 != 2, "an index stops nothing");
        return;
    };
    let cut = usize::try_from(opened.recovered.cut_bytes()).expect("it was in memory");
    let kept = before.len() - cut;
    let now = std::fs::read(&file).expect("still there");
    assert_eq!(now.get(..kept), Some(&before[..kept]), "a line that stood there was changed");
    if let Some(repair) = &opened.recovered.repair {
        let aside = std::fs::read(dir.path().join(format!("torn-{}.bin", repair.seq()))).expect("what was cut is kept");
        assert_eq!(aside, before[kept..]);
    }
    let mut log = opened.log;
    let entry = log.append(NOW, &[Draft::event(NOW, "acme", "AFTER")]).expect("it goes on").remove(0);
    let entries: Vec<_> = log.entries_since(i64::MIN).collect();
    let whole = entries.iter().all(Result::is_ok);
    let mut marked = 0;
    let marks = log.marks(|_, _| marked += 1);
    if whole {
        assert_eq!(log.reader().entry(entry.seq()).expect("readable"), Some(entry.clone()));
        if marks.is_err() {
            log.discard_indexes().expect("made anew");
            marked = 0;
            log.marks(|_, _| marked += 1).expect("of a whole log");
        }
        assert_eq!(marked, entries.len(), "the index knows every entry");
        let mut verifier = Verifier::new().partial();
        verifier.directory(dir.path()).expect("what the writer reads the verifier accepts");
    }
    drop(log);
    let again = Log::open(dir.path(), "fuzz", "acme", NOW).expect("it opens again");
    assert_eq!(again.recovered.head.as_ref().map(|head| head.seq), Some(entry.seq()));
    assert_eq!(again.recovered.cut_bytes(), 0);
}

/// Two entries of the chain `fuzz`.
fn sound_log() -> Vec<u8> {
    let (mut chain, mut lines) = (Chain::genesis("fuzz"), Vec::new());
    for name in ["ONE", "TWO"] {
        let entry = chain.seal_onto(Draft::event(NOW, "acme", name), &mut lines).expect("a sound draft");
        chain.advance(&entry);
        lines.push(b'\n');
    }
    lines
}

/// What stands in the audit and in receipts is bounded, and cannot write on a terminal.
fn printable(text: &str) {
    assert!(text.chars().count() <= 160 && !text.chars().any(char::is_control), "{text:?}");
}

fn refusal(refusal: &Refusal) {
    for text in [Some(&refusal.code), Some(&refusal.message), refusal.trace.as_ref()].into_iter().flatten() {
        printable(text);
    }
}

fn reading(reading: &Reading) {
    match reading {
        Reading::There(text) | Reading::OnItsWay(text) | Reading::Elsewhere(text) | Reading::Failed(text) => {
            printable(text);
        }
        Reading::Unseen => {}
    }
}

/// An answer's field, by an independent reading.
fn field(body: &[u8], pointer: &str) -> Option<Value> {
    serde_json::from_slice::<Value>(body).ok()?.pointer(pointer).cloned()
}

/// Falcon's answers: nothing counts as done, or as an id, that the bytes do not say.
pub fn edr_crowdstrike(body: &[u8]) {
    use answers::crowdstrike as falcon;
    const AID: &str = "0123456789abcdef0123456789abcdef";
    let text = String::from_utf8_lossy(body);
    let says = |what: &str| text.contains(what) || text.contains("\\u");
    if let Ok(Some(Device { id, state, .. })) = falcon::device(body, AID) {
        assert!(id == AID && says(AID));
        for operation in [Operation::Execute, Operation::Rollback] {
            reading(&falcon::containment(state.as_deref().unwrap_or_default(), operation));
        }
    }
    match falcon::change(body, AID) {
        Ok(Taken::Accepted) => {
            let errors = field(body, "/errors").and_then(|errors| Some(errors.as_array()?.len())).unwrap_or(0);
            assert!(says(AID) && errors == 0, "accepted, although the host is not named or has an error");
        }
        Ok(Taken::Already) => assert!(says(AID) && says("409")),
        Ok(Taken::Nothing) => panic!("not an answer of this vendor"),
        Err(error) => error.iter().for_each(refusal),
    }
    for id in [falcon::session(body), falcon::command(body)] {
        match id {
            Ok(id) => {
                assert!((1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
            }
            Err(error) => error.iter().for_each(refusal),
        }
    }
    if let Ok(output) = falcon::output(body) {
        printable(&output.stderr);
    }
    if let Ok(Found::One(id)) = falcon::ids(body) {
        assert!(text.contains('[') && id.len() <= body.len());
    }
    refusal(&falcon::refusal(body));
    let _ = answers::token(body);
}

/// SentinelOne's answers: exactly one was affected, or nothing counts as done.
pub fn edr_sentinelone(body: &[u8]) {
    use answers::sentinelone as s1;
    match s1::affected(body) {
        // Twice the same key is the parser's to settle.
        Ok(Taken::Accepted) => assert_eq!(field(body, "/data/affected"), Some(Value::from(1))),
        Ok(Taken::Nothing) => assert_eq!(field(body, "/data/affected"), Some(Value::from(0))),
        Ok(Taken::Already) => panic!("not an answer of this vendor"),
        Err(error) => error.iter().for_each(refusal),
    }
    let agents = s1::agents(body);
    if let Ok(Found::One(id)) = &agents {
        let agent = s1::agent(body, id).expect("an answer of one agent").expect("and of this one");
        assert_eq!(agent.id, *id);
        for operation in [Operation::Execute, Operation::Rollback] {
            reading(&s1::connection(agent.state.as_deref().unwrap_or_default(), operation));
        }
    }
    if let Ok(Some(threat)) = s1::threat(body, "1") {
        for action in ["kill", "quarantine", "un-quarantine"] {
            reading(&s1::mitigation(&threat, action));
        }
    }
    refusal(&s1::refusal(body));
}

/// Defender's answers: an id that becomes a part of a path is plain, and only a word that says so is success.
pub fn edr_defender(body: &[u8]) {
    use answers::defender as mde;
    if let Ok(action) = mde::action(body) {
        assert!(action.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        let progress = mde::progress(&action);
        assert_eq!(matches!(progress, Reading::There(_)), action.status.as_deref() == Some("Succeeded"));
        reading(&progress);
    }
    if let Ok(actions) = mde::actions(body) {
        for (wanted, opposite) in [("Isolate", "Unisolate"), ("Unisolate", "Isolate")] {
            let state = mde::state(&actions, wanted, opposite, Some("Full"));
            if matches!(state, Reading::There(_)) {
                let says = |action: &mde::ActionItem| {
                    action.kind.as_deref() == Some(wanted) && action.status.as_deref() == Some("Succeeded")
                };
                assert!(actions.iter().any(says));
            }
            reading(&state);
        }
    }
    let _ = (mde::machine(body, "1"), mde::machines(body));
    let error = mde::refusal(body);
    assert!(!mde::is_in_progress(&error), "only a 400 is");
    refusal(&error);
    let _ = answers::token(body);
}

fn platform() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[9; 32])
}

fn proxy() -> Config {
    let (tenant, proxy) = ("acme".parse().expect("a word"), "proxy-1".parse().expect("a word"));
    Config::new(tenant, proxy, "audit".into(), vec![platform().verifying_key()], platform())
}

fn verifier() -> ProxyVerifier {
    ProxyVerifier::new(&proxy())
}

/// Any bytes as an envelope: nobody has signed it, so it is believed by no key; and what can be read is read the same again.
pub fn envelope(input: &[u8]) {
    let Ok(envelope) = vyrox_contract::strict::from_slice::<Envelope>(input) else { return };
    assert!(verifier().envelope(&envelope, NOW).is_err(), "believed without a signature");
    let again = serde_json::to_vec(&envelope).expect("it was JSON");
    assert_eq!(vyrox_contract::strict::from_slice::<Envelope>(&again).expect("and is again"), envelope);
}

/// Any bytes as an action that the platform has signed: refused, or everything in it is short, of one line, of this tenant and
/// proxy, inside the window, and survives being written to the audit log.
pub fn action(input: &[u8]) {
    let signature = platform().sign(&pre_authentication_encoding(Action::TYPE, input));
    let envelope = Envelope::from_signature::<Action>(input, platform().verifying_key().id(), &signature);
    let verified = match verifier().envelope(&envelope, NOW) {
        Ok(verified) => verified,
        Err(error) => {
            assert!(!error.to_string().chars().any(char::is_control) && error.to_string().len() < 2_000);
            return;
        }
    };
    let action = verified.value();
    assert_eq!((action.tenant_id.as_str(), action.proxy_id.as_str()), ("acme", "proxy-1"));
    assert!((NOW - 30..=NOW + 5).contains(&action.issued_at));
    let subject = Subject::of(action, true, NOW);
    // As an intent is recorded.
    let lease = subject.lease_until.map(|until| ("lease_until".to_owned(), until.into()));
    let draft = subject.draft("acme", NOW, vyrox_audit::Phase::Intent, lease.into_iter().collect());
    let entry = Chain::genesis("fuzz").seal(&draft).expect("what was let through can be entered");
    let line = entry.to_line();
    assert!(!line.contains('\n') && !line.contains('\u{1b}'));
    assert_eq!(Subject::of_entry(&entry), Some(subject), "the log tells the same");
}

/// A policy and, after a NUL, an action that the platform has signed: the same decision each time, and what is permitted breaks
/// none of the rules.
pub fn policy(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let Ok(text) = std::str::from_utf8(&input[..at]) else { return };
    let Ok(rules) = toml::from_str::<PolicyConfig>(text) else { return };
    let payload = input.get(at + 1..).unwrap_or_default();
    let signature = platform().sign(&pre_authentication_encoding(Action::TYPE, payload));
    let envelope = Envelope::from_signature::<Action>(payload, platform().verifying_key().id(), &signature);
    let decide = |rules: &PolicyConfig| {
        let verified = verifier().envelope(&envelope, NOW).ok()?;
        let config = Config { policy: rules.clone(), ..proxy() };
        let ledger =
            Ledger::empty(Reader::new("nowhere".as_ref()), Terms { dry_run: true, retention_seconds: 7 * 24 * 3600 });
        let Claimed::Fresh(fresh) = ledger.claim(verified, NOW) else { panic!("an empty ledger knows nothing") };
        let policy = Policy::new(&config, Arc::new(Breaker::load("nowhere".as_ref(), rules)));
        Some(policy.permit(*fresh, NOW).map(|_| ()).map_err(|refused| refused.refusal()))
    };
    let (Some(decision), Ok(verified)) = (decide(&rules), verifier().envelope(&envelope, NOW)) else { return };
    assert_eq!(decide(&rules), Some(decision));
    let action = verified.value();
    let undoes = action.operation == Operation::Rollback;
    if let Err(refusal) = decision {
        let of_a_host = matches!(
            refusal,
            PolicyRefusal::NotAllowed
                | PolicyRefusal::ProtectedHost
                | PolicyRefusal::Maintenance
                | PolicyRefusal::Quorum
                | PolicyRefusal::Lease
                | PolicyRefusal::BreakerOpen
                | PolicyRefusal::Budget
        );
        assert!(!(undoes && of_a_host), "{refusal:?} is in the way of a release");
        return;
    }
    assert!((NOW..).contains(&action.expires_at) && !action.approved_by.is_empty());
    assert!(NOW.abs_diff(action.approved_at) <= rules.max_approval_age_seconds.unsigned_abs().max(5));
    let stop = PolicyConfig { kill_switch_file: Some("/".into()), ..rules.clone() };
    assert_eq!(decide(&stop), Some(Err(PolicyRefusal::KillSwitch)), "a release as well");
    let names =
        |hosts: &[String]| hosts.iter().any(|host| host.trim().eq_ignore_ascii_case(action.target.hostname.as_str()));
    let people: BTreeSet<&str> = action.approved_by.iter().map(|by| by.id.as_str()).collect();
    assert!(undoes || rules.allowed_actions.contains(&action.action_type));
    assert!(undoes || !names(&rules.protected_hosts));
    assert!(undoes || rules.quorum.iter().all(|rule| !names(&rule.hosts) || people.len() >= rule.approvers as usize));
    assert!(undoes || !rules.maintenance.iter().any(|window| window.covers(action.target.hostname.as_str(), NOW)));
    assert!(undoes || (rules.max_isolations_per_hour > 0 && rules.max_isolations_per_day > 0));
    assert!(undoes || action.lease_seconds.is_none_or(|seconds| (1..=rules.max_lease_seconds).contains(&seconds)));
}

/// Any text as a proxy's configuration: every problem by name, or a configuration that has none.
pub fn proxy_config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let base = std::path::Path::new("/nonexistent");
    // A key file cannot be made up, so there is always a problem; the policy is looked at by itself as well.
    let error = Config::parse(&text, base, &Default::default()).expect_err("there is no key file");
    assert!(!error.0.is_empty() && error.0.iter().all(|problem| !problem.name.is_empty()));
    let Ok(policy) = toml::from_str::<PolicyConfig>(&text) else { return };
    for now in [i64::MIN, -1, 0, NOW, i64::MAX] {
        for window in &policy.maintenance {
            let _ = window.covers("ws-01.corp.example", now);
        }
    }
    let again = toml::to_string(&policy).expect("it was TOML");
    assert_eq!(toml::from_str::<PolicyConfig>(&again).expect("and is again"), policy);
}
