//! The tenant API over real HTTP, on the whole system: who may read what, that pages are whole, that another tenant's things
//! are not there, and that the exported audit verifies. Every answer is checked against docs/openapi.yaml.
//!
//! Here belongs: a new route, permission or filter. What vyroxctl does with keys is tested beside it.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use vyrox_contract::{AlertId, TenantId, Vendor};
use vyrox_domain::access::{Access, Permission, Role};
use vyrox_domain::alert::alert_id;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::TenantStatus;
use vyrox_platform::api_key::{ApiKey, ApiKeyToken};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{Lookup, SortKey};
use vyrox_tests::{APPROVER, Bench, Functions, OpenApi, Options, Reply, Stage, request};

/// A key, as the operator makes one.
async fn key(stage: &Stage, tenant: &TenantId, access: Access) -> ApiKeyToken {
    let token = ApiKeyToken::generate();
    write(stage, tenant, &ApiKey::made(&token, access, stage.now(), stage.now() + 86_400)).await;
    token
}

async fn write(stage: &Stage, tenant: &TenantId, key: &ApiKey) {
    let change = Change::put(SortKey::api_key(&key.prefix), key, Expect::Anything);
    stage.commit(tenant, &[change.known_as(Lookup::api_key(&key.prefix))]).await;
}

async fn get(stage: &Stage, token: &ApiKeyToken, path: &str) -> Reply {
    get_with(stage, Some(&token.reveal()), path).await
}

async fn get_with(stage: &Stage, key: Option<&str>, path: &str) -> Reply {
    let http = vyrox_platform::http::client(std::time::Duration::from_secs(60)).unwrap();
    let mut request = http.get(format!("{}/api/v1{path}", stage.system.endpoints.webhook_base_url));
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    Reply::of("GET", request.send().await.unwrap()).await
}

/// Stores copies of an alert under other ids, received a second apart.
async fn multiply(stage: &Stage, of: &AlertRecord, count: usize) -> BTreeSet<AlertId> {
    let tenant = stage.tenant();
    let mut ids = BTreeSet::from([of.alert.id]);
    let mut copies = Vec::new();
    for index in 1..count {
        let mut record = of.clone();
        record.alert.raw_id = format!("copy-{index}");
        record.alert.id = alert_id(&tenant, Vendor::Crowdstrike, &record.alert.raw_id);
        record.alert.received_at = of.alert.received_at - i64::try_from(index).unwrap();
        assert!(ids.insert(record.alert.id));
        copies.push(record);
    }
    for some in copies.chunks(40) {
        let put = |record: &AlertRecord| Change::put(SortKey::alert(record.alert.id), record, Expect::Absent);
        stage.commit(&tenant, &some.iter().map(put).collect::<Vec<_>>()).await;
    }
    ids
}

/// All items of a list, page by page.
async fn all_pages(stage: &Stage, token: &ApiKeyToken, path: &str, list: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let next = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let reply = get(stage, token, &format!("{path}{next}")).await;
        assert_eq!(reply.status, 200, "{:?}", reply.json());
        let page = reply.json();
        items.extend(page[list].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return items,
        }
    }
}

/// Every route of the API as the document has it, so that a new one cannot be forgotten here, and the permission that it takes.
/// Where a route names an alert it is this one.
fn routes(alert: AlertId) -> Vec<(String, Permission)> {
    let of_api = |operation: &Value| operation["tags"].as_array().unwrap().contains(&json!("api"));
    let operations = OpenApi::read().operations().into_iter().filter(|(.., operation)| of_api(operation));
    let route = |(path, method, operation): (&str, &str, &Value)| {
        assert_eq!(method, "get", "{path}: what changes something is tested by itself");
        let wanted = operation["security"][0]["apiKey"].as_array().unwrap_or_else(|| panic!("{path} takes no key"));
        let [permission] = wanted.as_slice() else { panic!("{path} takes one permission, not {wanted:?}") };
        let path = path.strip_prefix("/api/v1").unwrap().replace("{id}", &alert.to_string());
        (path, permission.as_str().unwrap().parse().unwrap())
    };
    operations.map(route).collect()
}

/// The same where it does not come to an alert.
fn any_routes() -> Vec<(String, Permission)> {
    routes(alert_id(&"demo".parse().unwrap(), Vendor::Crowdstrike, "none"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_reads_what_its_row_of_the_table_says_and_nothing_else_however_it_is_narrowed() {
    let stage = Stage::dry_run().await;
    let (tenant, alert) = (stage.tenant(), stage.fire("credential-dump").await);
    let routes = routes(alert);
    assert_eq!(routes.iter().map(|(_, permission)| *permission).collect::<BTreeSet<_>>(), Permission::ALL.into());
    for role in Role::ALL {
        let whole = (None, Access::of(role));
        let narrow = Permission::ALL.map(|scope| (Some(scope), Access::of(role).narrowed([scope])));
        for (scope, access) in [whole].into_iter().chain(narrow) {
            let token = key(&stage, &tenant, access).await;
            for (path, permission) in &routes {
                let may = Access::of(role).allows(*permission) && scope.is_none_or(|scope| scope == *permission);
                let reply = get(&stage, &token, path).await;
                assert_eq!(reply.status, if may { 200 } else { 403 }, "{role} narrowed to {scope:?}: {path}");
                if !may {
                    let refused = format!("this key does not have the permission {permission}");
                    assert_eq!(reply.json(), json!({"detail": refused}));
                }
            }
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_until_the_second_at_which_it_expires_and_is_listed_after_that() {
    let stage = Stage::dry_run().await;
    let tenant = stage.tenant();
    let (short, long) = (ApiKeyToken::generate(), ApiKeyToken::generate());
    let now = stage.now();
    for (token, days) in [(&short, 1), (&long, 2)] {
        write(&stage, &tenant, &ApiKey::made(token, Access::of(Role::Owner), now, now + days * 86_400)).await;
    }
    stage.clock.advance(86_400 - 120);
    for (path, _) in any_routes().into_iter().filter(|(path, _)| !path.starts_with("/alerts/")) {
        assert_eq!(get(&stage, &short, &path).await.status, 200, "{path}, two minutes before");
    }
    stage.clock.advance(120);
    for (path, _) in any_routes() {
        assert_eq!(get(&stage, &short, &path).await.status, 401, "{path}, from that second on");
    }
    let listed = get(&stage, &long, "/keys").await.json();
    let keys = listed["keys"].as_array().unwrap();
    let of = |token: &ApiKeyToken| keys.iter().find(|key| key["prefix"] == token.prefix().as_str()).unwrap();
    assert_eq!(of(&short)["expires_at"], now + 86_400, "whoever asks why it is refused finds out");
    assert!(of(&short)["last_used_at"].as_i64() >= Some(now), "{listed}");
    assert_eq!(of(&long)["revoked_at"], Value::Null);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_good_gets_one_and_the_same_answer() {
    let stage = Stage::dry_run().await;
    let tenant = stage.tenant();
    let good = key(&stage, &tenant, Access::of(Role::Owner)).await;
    assert_eq!(get(&stage, &good, "/alerts").await.status, 200);

    let (revoked, expired) = (ApiKeyToken::generate(), ApiKeyToken::generate());
    let now = stage.now();
    let made = |token: &ApiKeyToken| ApiKey::made(token, Access::of(Role::Owner), now - 10, now + 100);
    write(&stage, &tenant, &ApiKey { revoked_at: Some(now - 5), ..made(&revoked) }).await;
    write(&stage, &tenant, &ApiKey { expires_at: now - 1, ..made(&expired) }).await;
    let other = stage.second_tenant("off", "600000000000000077", &"s".repeat(64), TenantStatus::Suspended).await;
    let suspended = key(&stage, &other, Access::of(Role::Owner)).await;
    let forged = format!("vyxk_{}_{}", good.prefix(), "0".repeat(64));
    for (why, bad) in [
        ("none", None),
        ("no key", Some("x".to_owned())),
        ("unknown", Some(ApiKeyToken::generate().reveal())),
        ("forged", Some(forged)),
        ("revoked", Some(revoked.reveal())),
        ("expired", Some(expired.reveal())),
        ("suspended", Some(suspended.reveal())),
    ] {
        for (path, _) in any_routes() {
            let reply = get_with(&stage, bad.as_deref(), &path).await;
            assert_eq!((reply.status, reply.json()), (401, json!({"detail": "invalid API key"})), "{why} {path}");
        }
    }
    // Those of keys that the tenant has or had are entered, as one number, with what it is served next.
    assert_eq!(get(&stage, &good, "/alerts").await.status, 200);
    let entries = stage.audit().await;
    let refused = entries.iter().filter(|entry| entry.action_type() == "AUTHENTICATION_REFUSED");
    let refused: Vec<_> = refused.map(|entry| (&entry.detail()["source"], &entry.detail()["count"])).collect();
    assert_eq!(refused, [(&json!("api"), &json!(3 * any_routes().len()))], "forged, revoked, expired");
    // The good one, once it is revoked while in use.
    write(&stage, &tenant, &ApiKey { revoked_at: Some(now), ..made(&good) }).await;
    assert_eq!(get(&stage, &good, "/alerts").await.status, 401);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_250_alerts_are_whole_and_filters_find_what_they_say() {
    let stage = Stage::dry_run().await;
    let token = key(&stage, &stage.tenant(), Access::of(Role::Viewer)).await;
    assert_eq!(get(&stage, &token, "/statistics").await.json()["alerts"], 0);
    let token = key(&stage, &stage.tenant(), Access::of(Role::Developer)).await;
    let first = stage.fire("credential-dump").await;
    let record = stage.until("it is judged", first, |record| record.verdict.is_some()).await;
    stage.quiet().await;
    let record = AlertRecord { posted: None, ..record };
    let ids = multiply(&stage, &record, 251).await;

    for path in ["/alerts?limit=100", "/alerts?limit=37", "/alerts?limit=1000000", "/alerts?limit=0"] {
        if get(&stage, &token, path).await.status == 400 {
            assert!(path.ends_with('0') && !path.ends_with("100"), "{path}");
            continue;
        }
        let items = all_pages(&stage, &token, path, "alerts").await;
        let found: Vec<AlertId> = items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(found.len(), 251, "{path}: none twice");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ids, "{path}: none missing");
    }
    let level = record.verdict.as_ref().unwrap().verdict;
    let host = record.alert.hostname.as_deref().unwrap();
    for (filter, expected) in [
        (format!("verdict={level}"), 251),
        ("verdict=BENIGN".to_owned(), 0),
        (format!("host={}", host.to_lowercase()), 251),
        ("host=elsewhere".to_owned(), 0),
        (format!("since={}", record.alert.received_at - 9), 10),
        (format!("verdict={level}&host={host}&since={}", record.alert.received_at), 1),
    ] {
        let items = all_pages(&stage, &token, &format!("/alerts?limit=4&{filter}"), "alerts").await;
        assert_eq!(items.len(), expected, "{filter}");
    }
    for bad in ["cursor=x", "verdict=high", "since=now", "hots=a", "limit=101", "cursor=UFJPRklMRQ"] {
        assert_eq!(get(&stage, &token, &format!("/alerts?{bad}")).await.status, 400, "{bad}");
    }
    let figures = get(&stage, &token, "/statistics?days=90").await.json();
    assert_eq!((&figures["alerts"], &figures["complete"]), (&json!(251), &json!(true)));
    assert_eq!(figures["verdicts"][level.as_str()], 251);
    for none in [
        "/statistics?days=91".to_owned(),
        "/keys?role=owner".to_owned(),
        format!("/alerts/{}?verdict=HIGH", record.alert.id),
    ] {
        assert_eq!(get(&stage, &token, &none).await.status, 400, "{none}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_shown_with_what_became_of_it_and_another_tenants_is_not_there() {
    let stage = Stage::live().await;
    let tenant = stage.tenant();
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    stage.quiet().await;
    let (security, developer) = (
        key(&stage, &tenant, Access::of(Role::Security)).await,
        key(&stage, &tenant, Access::of(Role::Developer)).await,
    );
    let path = format!("/alerts/{alert}");
    let shown = get(&stage, &security, &path).await.json();
    assert_eq!((&shown["alert"]["id"], &shown["decision"]["decided"]), (&json!(alert), &json!("approved")));
    assert!(!shown["verdict"]["evidence"].as_array().unwrap().is_empty());
    assert_eq!(shown["containment"]["state"], json!(stage.record(alert).await.containment.unwrap().state));
    assert!(get(&stage, &developer, &path).await.json().get("decision").is_none(), "who decided takes read_decisions");
    let decisions = all_pages(&stage, &security, "/decisions?limit=10", "decisions").await;
    assert_eq!((decisions.len(), &decisions[0]["alert_id"]), (1, &json!(alert)));
    let figures = get(&stage, &security, "/statistics").await.json();
    assert_eq!(figures["decisions"], json!({"approved": 1, "denied": 0}));
    assert!(figures["median_seconds_to_decision"].is_i64(), "{figures}");

    let other = stage.second_tenant("other", "600000000000000078", &"t".repeat(64), TenantStatus::Active).await;
    let foreign = key(&stage, &other, Access::of(Role::Owner)).await;
    assert_eq!(get(&stage, &foreign, &path).await.status, 404);
    assert_eq!(get(&stage, &foreign, "/alerts/no-id").await.status, 404);
    for (path, list) in [("/alerts?limit=9", "alerts"), ("/decisions?limit=9", "decisions")] {
        assert_eq!(all_pages(&stage, &foreign, path, list).await, Vec::<Value>::new(), "{path}");
    }
    assert_eq!(get(&stage, &foreign, "/keys").await.json()["keys"].as_array().unwrap().len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exported_audit_verifies_and_says_that_it_was_exported() {
    let stage = Stage::dry_run().await;
    let token = key(&stage, &stage.tenant(), Access::of(Role::Security)).await;
    stage.fire("ransomware").await;
    stage.quiet().await;
    let (mut lines, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let next = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
        let reply = get(&stage, &token, &format!("/audit/export{next}")).await;
        assert_eq!(reply.status, 200);
        lines.extend_from_slice(&reply.body);
        pages += 1;
        match reply.headers.get("x-next-cursor") {
            Some(next) => cursor = Some(next.to_str().unwrap().to_owned()),
            None => break,
        }
    }
    let report = vyrox_audit::verify::reader(lines.as_slice(), "exported").unwrap();
    let text = String::from_utf8(lines).unwrap();
    assert_eq!(report.entries, u64::try_from(text.lines().count()).unwrap());
    let own = text.lines().filter(|line| line.contains("\"AUDIT_EXPORTED\"") && line.contains(token.prefix().as_str()));
    assert_eq!(own.count(), pages, "each page is entered before it is given");
    assert!(text.contains("ALERT_ACCEPTED"));
    let secret = token.reveal().rsplit('_').next().unwrap().to_owned();
    assert!(!text.contains(&secret) && !text.contains(&token.digest()));
    for bad in ["x", "UFJPRklMRQ", ""] {
        assert_eq!(get(&stage, &token, &format!("/audit/export?cursor={bad}")).await.status, 400, "{bad:?}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_rate_of_its_own_and_its_use_is_noted() {
    let parameters = [("KeyRatePerMinute".to_owned(), "3".to_owned())].into();
    let stage = Stage::start(Options { parameters, ..Options::default() }).await;
    let tenant = stage.tenant();
    let (one, two) =
        (key(&stage, &tenant, Access::of(Role::Owner)).await, key(&stage, &tenant, Access::of(Role::Owner)).await);
    // At most three within any one minute, however the minutes fall.
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(get(&stage, &one, "/statistics").await.status);
    }
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 6, "{statuses:?}");
    assert_eq!(&statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let listed = get(&stage, &two, "/keys").await;
    assert_eq!(listed.status, 200, "another key is not held up");
    let text = listed.json().to_string();
    for token in [&one, &two] {
        assert!(!text.contains(&token.digest()) && !text.contains(token.reveal().rsplit('_').next().unwrap()));
        let keys = listed.json()["keys"].as_array().unwrap().clone();
        let key = keys.iter().find(|key| key["prefix"] == token.prefix().as_str()).unwrap();
        assert!((stage.now() - key["last_used_at"].as_i64().unwrap()).abs() < 3_600, "{key}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_has_a_secret_that_a_command_line_had() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    stage.until("it is judged", alert, |record| record.verdict.is_some()).await;
    stage.quiet().await;
    let stored = stage.stored(alert).await;
    stage
        .rewrite(stored, |record| {
            record.alert.title = Some("psql postgres://app:Hunter2Secret@db/x".to_owned());
            record.alert.process_cmdline = Some("mysql --password=Hunter2Secret -e 'select 1'".to_owned());
            record.alert.parent_cmdline = Some("curl -u app:Hunter2Secret https://example.test".to_owned());
            let verdict = record.verdict.as_mut().unwrap();
            verdict.reasoning = Some("it ran mysql --password=Hunter2Secret".to_owned());
            for evidence in &mut verdict.evidence {
                evidence.matched = "mysql --password=Hunter2Secret".to_owned();
            }
        })
        .await;
    let token = key(&stage, &stage.tenant(), Access::of(Role::Owner)).await;
    let one = format!("/alerts/{alert}");
    for path in ["/alerts", &one, "/decisions", "/statistics", "/keys", "/audit/export"] {
        let reply = get(&stage, &token, path).await;
        let text = String::from_utf8(reply.body).unwrap();
        assert!(
            !text.contains("Hunter2Secret") && !text.contains(&stage.system.endpoints.webhook_secret),
            "{path}: {text}"
        );
    }
    assert!(
        get(&stage, &token, &one).await.json()["alert"]["process_cmdline"].as_str().unwrap().contains("[redacted:")
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_route_or_cannot_be_changed_is_refused_in_words() {
    let bench = Bench::start().await;
    let functions = Functions::of(&bench, Vec::new());
    for (method, path, status) in
        [("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/alerts", 405), ("POST", "/api/v1/alerts/x", 405)]
    {
        let answer = functions.invoke("api", &request(method, path, "")).await;
        assert_eq!(answer["statusCode"], status, "{method} {path}: {answer}");
        let said: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert!(said["detail"].is_string(), "{method} {path}: {answer}");
    }
    bench.end().await;
}
