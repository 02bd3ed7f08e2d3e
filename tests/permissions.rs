//! Least privilege, held against what the functions do: the embedded AWS refuses what a role of the template does not name,
//! which every test of the whole system ends by looking at ([`Stage::end`]); and what a role names, its function needs, or it
//! stands below with who needs it. A new permission is used by this story, or gets its reason.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use vyrox_domain::access::{Access, Role};
use vyrox_local_aws::{Roles, Use};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{Lookup, SortKey};
use vyrox_tests::{ADMINISTRATOR, APPROVER, APPROVER_ROLE, ROLE_OPTION, SECOND_APPROVER, Stage, TEXT};

/// What is granted and not asked for in the story below, and where it is.
const OTHERWISE: [(&str, &str); 8] = [
    ("checkpoint dynamodb:DeleteItem table/vyrox-table", "records of lanes that are closed and covered: checkpoint.rs"),
    ("checkpoint dynamodb:UpdateItem table/vyrox-table", "the expiry of a closed lane's entries: checkpoint.rs"),
    ("ingest dynamodb:GetItem table/vyrox-table", "the start, and an alert that another delivery wrote meanwhile"),
    ("ingest dynamodb:UpdateItem table/vyrox-table", "rates that environments share: limits.rs"),
    ("interactions dynamodb:DeleteItem table/vyrox-table", "a link code that was used: commands.rs"),
    ("interactions dynamodb:UpdateItem table/vyrox-table", "how often a member was refused: refusals.rs"),
    ("triage dynamodb:UpdateItem table/vyrox-table", "tokens that a model took: model_cost.rs"),
    ("triage sqs:SendMessage vyrox-actions", "what a person has allowed in advance: auto_approval.rs"),
];

/// Lambda's own, in every role; and a message that failed, which is put off: batch.rs of the platform.
const OF_EVERY_ROLE: [&str; 4] =
    [" logs:CreateLogStream ", " logs:PutLogEvents ", " sqs:GetQueueAttributes ", " sqs:ChangeMessageVisibility "];

/// `ingest sqs:SendMessage vyrox-alerts`: a role without its stack, a resource without account and region.
fn short(used: &Use) -> String {
    let role = used.role.rsplit('-').next().unwrap_or_default();
    let resource = match used.resource.rsplit_once(':') {
        // The story's own keys have other ids each time.
        Some((_, key)) if key.starts_with("key/") => "key",
        Some((_, name)) => name,
        None => &used.resource,
    };
    format!("{role} {} {resource}", used.action)
}

fn seen(stage: &Stage, of: impl Fn(&Roles) -> BTreeSet<Use>) -> BTreeSet<String> {
    of(stage.system.roles.as_ref().unwrap()).iter().map(short).collect()
}

/// A containment and its release, with a look at the evidence.
async fn contain(stage: &Stage) {
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Investigate").await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    let card = stage.card_saying(alert, "CONTAINED").await;
    stage.press(SECOND_APPROVER, &card, "Release").await;
    stage.card_saying(alert, "RELEASED").await;
}

/// What a tenant's program reads.
async fn read(stage: &Stage) {
    let (token, tenant) = (ApiKeyToken::generate(), stage.tenant());
    let key = ApiKey::made(&token, Access::of(Role::Owner), stage.now(), stage.now() + 86_400);
    let change = Change::put(SortKey::api_key(&key.prefix), &key, Expect::Anything);
    stage.commit(&tenant, &[change.known_as(Lookup::api_key(&key.prefix))]).await;
    let http = vyrox_platform::http::client(Duration::from_secs(60)).unwrap();
    for path in ["alerts", "decisions", "statistics", "keys", "audit/export"] {
        let request = http.get(format!("{}/api/v1/{path}", stage.system.endpoints.webhook_base_url));
        let answer = request.bearer_auth(token.reveal()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_permission_is_needed_and_none_is_missing() {
    let polled = Stage::live().await;
    contain(&polled).await;
    read(&polled).await;
    for path in [&["doctor"][..], &["stats"], &["history"], &["proxy", "enrol"], &["audit", "export"]] {
        polled.ask(ADMINISTRATOR, path, &[]).await;
    }
    polled.ask(ADMINISTRATOR, &["approvers", "add"], &[("role", ROLE_OPTION, json!(APPROVER_ROLE))]).await;
    polled.ask(ADMINISTRATOR, &["setup"], &[("source", TEXT, json!("generic"))]).await;
    // A published address, where the tenant is looked up; who asks there need not be anybody.
    polled.post("/webhook/crowdstrike", &polled.body("ransomware"), &[]).await;
    polled.system.checkpointer.run(Duration::from_secs(30), vyrox_checkpoint::Idle::All).await.unwrap();
    let pushed = Stage::live_push().await;
    contain(&pushed).await;

    let all = seen(&polled, Roles::allowed);
    let used: BTreeSet<String> = [&polled, &pushed].into_iter().flat_map(|stage| seen(stage, Roles::granted)).collect();
    let is_named = |what: &str| OTHERWISE.iter().any(|(named, _)| *named == what);
    let is_of_all = |what: &str| OF_EVERY_ROLE.iter().any(|action| what.contains(action));
    let unused = |what: &&String| !used.contains(*what) && !is_named(what) && !is_of_all(what);
    assert_eq!(all.iter().filter(unused).collect::<Vec<_>>(), Vec::<&String>::new(), "granted, and nobody says why");
    let stale = OTHERWISE.iter().filter(|(named, _)| !all.contains(*named));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "not granted any more");
    pushed.end().await;
    polled.end().await;
}
