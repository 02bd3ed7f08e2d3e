//! What happens to messages, actions and receipts that come twice, late, from the wrong one, or not at all. A new test
//! goes here if the question is "is it done exactly once?" or "who may hand this over?".
#![allow(clippy::unwrap_used)]

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use vyrox_contract::{
    AlertId, Approver, AuditHead, Ed25519Signer, Envelope, Operation, Outcome, Receipt, RequestId, Verification,
};
use vyrox_domain::action::{ActionRecord, ActionState};
use vyrox_domain::approval::{ApprovedAction, Grounds, NotApproved};
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::plan::Plan;
use vyrox_domain::record::{Decision, Manner, Vote};
use vyrox_edr_standin::{Change, HostStatus};
use vyrox_platform::delivery::AGAIN_AFTER;
use vyrox_platform::ledger::{Change as Write, Expect};
use vyrox_platform::table::{SortKey, Versioned};
use vyrox_tests::{APPROVER, Reply, Stage};

const NOTHING: [&str; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_message_delivered_again_changes_and_repeats_nothing() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    stage.contained(alert).await;
    stage.card_saying(alert, "CONTAINED").await;
    stage.quiet().await;

    let before = stage.snapshot().await;
    let shown = stage.system.discord.requests().len();
    let asked = stage.system.falcon.requests();
    for (part, queue) in [("triage", "AlertsQueue"), ("notify", "CardsQueue"), ("dispatch", "ActionsQueue")] {
        let body = stage.handled(part, alert).await;
        let times = stage.times_handled(part, &body);
        for _ in 0..3 {
            stage.send(queue, &body).await;
        }
        stage
            .wait(&format!("{part} is done with the repetitions"), async || {
                stage.times_handled(part, &body) >= times + 3
            })
            .await;
    }
    stage.quiet().await;
    assert_eq!(stage.snapshot().await.changes_since(&before), NOTHING);
    assert_eq!(stage.system.discord.requests().len(), shown, "Discord hears nothing twice");
    assert_eq!(stage.system.falcon.requests(), asked, "nor does the EDR");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_what_is_not_there_is_done_with() {
    let stage = Stage::dry_run().await;
    let nothing = "00000000-0000-5000-8000-000000000000";
    let queued = json!({"tenant_id": stage.tenant(), "alert_id": nothing, "revision": 0}).to_string();
    let card = json!({"tenant_id": stage.tenant(), "alert_id": nothing}).to_string();
    for (part, queue, body) in [("triage", "AlertsQueue", queued), ("notify", "CardsQueue", card)] {
        stage.send(queue, &body).await;
        stage.wait(&format!("{part} is done with it"), async || stage.times_handled(part, &body) == 1).await;
    }
    stage.quiet().await;
    assert_eq!(stage.system.discord.messages().len(), 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_restarted_between_approval_and_receipt_acts_once_and_reports_once() {
    let mut stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    // As soon as its intent is on the proxy's disk.
    stage.wait("the proxy has begun", async || stage.proxy_log().contains("\"intent\"")).await;
    stage.system.restart_proxy().await.unwrap();
    let record = stage.contained(alert).await;
    assert_eq!(record.containment.unwrap().state, ActionState::Executed);
    stage.card_saying(alert, "CONTAINED").await;
    stage.system.restart_proxy().await.unwrap();
    stage.quiet().await;
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    assert_eq!(stage.entries(alert, "RECEIPT_RECORDED").await, 1);
    assert_eq!(stage.host("WS-042"), HostStatus::Contained);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_was_lost_on_its_way_is_handed_out_again_and_done_once() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("credential-dump").await;
    let lost = signed_action(&stage, alert).await;
    // As if half a minute had gone by, and two seconds that the proxy's clock allows.
    let id = stage.record(alert).await.containment.unwrap().request_id;
    let Versioned { value: mut action, version } = stage.action(&id).await.unwrap();
    action.delivered_at = Some(stage.now() - AGAIN_AFTER);
    stage.commit(&stage.tenant(), &[Write::put(SortKey::action(&id), &action, Expect::Version(version))]).await;
    stage.clock.advance(2);
    let poll = serde_json::to_vec(&stage.poll(&stage.proxy_key()).await).unwrap();
    let reply = stage.post("/proxy/v1/poll", &poll, &[]).await;
    assert_eq!(reply.status, 200);
    let again: Envelope = serde_json::from_value(reply.json()["actions"][0].clone()).unwrap();
    assert_ne!(again.signatures, lost.signatures, "signed anew, for delivery now");

    // And if the first one was only slow, both arrive.
    for (envelope, status) in [(&again, "executed"), (&lost, "replayed")] {
        let reply = proxy(&stage, "execute", &serde_json::to_vec(envelope).unwrap()).await;
        assert_eq!(reply.json()["status"], status);
        let receipt = serde_json::to_vec(&reply.json()["receipt"]).unwrap();
        assert_eq!(stage.post("/proxy/v1/receipts", &receipt, &[]).await.status, 200);
    }
    assert_eq!(stage.record(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    assert_eq!(stage.entries(alert, "ACTION_DELIVERED").await, 2);
    assert_eq!(stage.entries(alert, "RECEIPT_RECORDED").await, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_action_caught_on_its_way_and_posted_again_is_answered_with_what_was_done() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("credential-dump").await;
    let caught = signed_action(&stage, alert).await;
    let envelope = serde_json::to_vec(&caught).unwrap();
    let first = proxy(&stage, "execute", &envelope).await;
    assert_eq!((first.status, first.json()["status"].as_str()), (200, Some("executed")), "{}", first.json());
    let first = reported(&stage, &first);
    for _ in 0..5 {
        let reply = proxy(&stage, "execute", &envelope).await;
        assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("replayed")), "{}", reply.json());
        assert_eq!(reported(&stage, &reply), first);
    }
    // The same envelope is no release, and with another payload it is nobody's.
    assert_eq!(proxy(&stage, "rollback", &envelope).await.status, 400);
    let mut forged = caught.clone();
    forged.payload = Envelope::seal(&first, &Ed25519Signer::from_seed(&[7; 32])).payload;
    assert_eq!(proxy(&stage, "execute", &serde_json::to_vec(&forged).unwrap()).await.status, 401);
    assert_eq!((stage.edr_calls(Change::Contain), stage.edr_calls(Change::LiftContainment)), (1, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_copies_of_a_signed_action_at_once_are_one_call_to_the_edr() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("credential-dump").await;
    let envelope = serde_json::to_vec(&signed_action(&stage, alert).await).unwrap();
    let replies = futures::future::join_all((0..20).map(|_| proxy(&stage, "execute", &envelope))).await;
    let executed = replies.iter().filter(|reply| reply.status == 200 && reply.json()["status"] == "executed").count();
    assert_eq!(executed, 1, "{replies:?}");
    // The others came while it was at work, or after.
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409)), "{replies:?}");
    assert_eq!(stage.edr_calls(Change::Contain), 1);
    stage.end().await;
}

/// Approves the alert, and fetches its signed action in the proxy's name, while the proxy hears of nothing.
async fn signed_action(stage: &Stage, alert: AlertId) -> Envelope {
    // Without a push address, and not polling itself, the proxy is not reached by anybody else.
    stage.change_proxy(|proxy| proxy.push_url = None).await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let poll = serde_json::to_vec(&stage.poll(&stage.proxy_key()).await).unwrap();
    let reply = stage.post("/proxy/v1/poll", &poll, &[]).await;
    assert_eq!(reply.status, 200);
    let mut actions: Vec<Envelope> = serde_json::from_value(reply.json()["actions"].clone()).unwrap();
    assert_eq!(actions.len(), 1);
    // Asked again a moment later, it is not handed out twice.
    let poll = serde_json::to_vec(&stage.poll(&stage.proxy_key()).await).unwrap();
    assert_eq!(stage.post("/proxy/v1/poll", &poll, &[]).await.status, 204);
    actions.remove(0)
}

/// The receipt in the proxy's reply, by its own key.
fn reported(stage: &Stage, reply: &Reply) -> Receipt {
    let envelope: Envelope = serde_json::from_value(reply.json()["receipt"].clone()).unwrap();
    envelope.verify::<Receipt>(&[stage.proxy_key().verifying_key()]).unwrap().parse().unwrap()
}

async fn proxy(stage: &Stage, route: &str, body: &[u8]) -> Reply {
    stage.post_to(&format!("{}/{route}", stage.system.endpoints.proxy_url), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_proxys_own_key_can_report_an_outcome() {
    let stage = Stage::live_push().await;
    // Without a push address, and not polling, the proxy never hears of the action: it stays pending.
    stage.change_proxy(|proxy| proxy.push_url = None).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let pending = stage.record(alert).await.containment.unwrap();
    let receipt = receipt(&stage, pending.request_id.clone());

    let stranger = Ed25519Signer::from_seed(&[7; 32]);
    let by_a_stranger = Envelope::seal(&receipt, &stranger);
    let mut in_the_proxys_name = by_a_stranger.clone();
    in_the_proxys_name.signatures[0].keyid = stage.proxy_key().verifying_key().id();
    let mut changed = Envelope::seal(&receipt, &stage.proxy_key());
    changed.payload = Envelope::seal(&Receipt { outcome: Outcome::Failed, ..receipt.clone() }, &stranger).payload;
    let poll_as_receipt = stage.poll(&stage.proxy_key()).await;
    for (what, envelope) in [
        ("another key", by_a_stranger),
        ("another key in the proxy's name", in_the_proxys_name),
        ("another payload under the proxy's signature", changed),
        ("a signed poll in place of a receipt", poll_as_receipt),
    ] {
        let reply = stage.post("/proxy/v1/receipts", &serde_json::to_vec(&envelope).unwrap(), &[]).await;
        assert_eq!(reply.status, 401, "{what}: {}", reply.json());
    }
    let foreign = Receipt { tenant_id: "other".parse().unwrap(), ..receipt.clone() };
    let foreign = serde_json::to_vec(&Envelope::seal(&foreign, &stage.proxy_key())).unwrap();
    assert_eq!(stage.post("/proxy/v1/receipts", &foreign, &[]).await.status, 422, "another tenant's action");
    assert_eq!(stage.record(alert).await.containment.unwrap().state, ActionState::Pending);
    assert_eq!(stage.entries(alert, "RECEIPT_RECORDED").await, 0);

    // The proxy's own is taken, and taken once.
    let own = serde_json::to_vec(&Envelope::seal(&receipt, &stage.proxy_key())).unwrap();
    for _ in 0..3 {
        assert_eq!(stage.post("/proxy/v1/receipts", &own, &[]).await.status, 200);
    }
    assert_eq!(stage.record(alert).await.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.entries(alert, "RECEIPT_RECORDED").await, 1);
    stage.end().await;
}

fn receipt(stage: &Stage, request_id: RequestId) -> Receipt {
    Receipt {
        request_id,
        tenant_id: stage.tenant(),
        proxy_id: "edge-1".parse().unwrap(),
        outcome: Outcome::Executed,
        verification: Verification::Confirmed,
        detail: "the host is contained".to_owned(),
        vendor_reference: None,
        finished_at: stage.now(),
        audit_head: AuditHead { seq: 1, hash: "0".repeat(64) },
        operation: None,
        lease_until: None,
        lease_of: None,
        policy_digest: None,
        version: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_proxy_gets_nothing_and_is_believed_nothing() {
    let stage = Stage::live_push().await;
    let key = stage.proxy_key();
    let poll =
        async || stage.post("/proxy/v1/poll", &serde_json::to_vec(&stage.poll(&key).await).unwrap(), &[]).await.status;
    assert_eq!(poll().await, 204, "enrolled, and nothing to do");
    let stale = {
        stage.clock.advance(-60);
        let envelope = stage.poll(&key).await;
        stage.clock.advance(60);
        stage.post("/proxy/v1/poll", &serde_json::to_vec(&envelope).unwrap(), &[]).await.status
    };
    assert_eq!(stale, 410, "a poll from a minute ago");

    let now = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(now)).await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    stage.press(APPROVER, &card, "Approve").await;
    let approved = stage.record(alert).await.containment.unwrap();
    stage.handled("dispatch", alert).await;
    assert_eq!(poll().await, 401);
    let receipt = Envelope::seal(&receipt(&stage, approved.request_id.clone()), &key);
    assert_eq!(stage.post("/proxy/v1/receipts", &serde_json::to_vec(&receipt).unwrap(), &[]).await.status, 401);
    assert_eq!(stage.record(alert).await.containment.unwrap().state, ActionState::Pending);
    assert_eq!(stage.system.falcon.calls(), []);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_written_into_the_table_without_a_decision_is_never_delivered() {
    let stage = Stage::live_push().await;
    let alert = stage.fire("credential-dump").await;
    stage.card(alert).await;
    stage.quiet().await;
    // Everything that an approval writes, except the decision on the alert: what somebody with write access to the table
    // and the queue, but not to an approver's Discord account, could do.
    let plan = stage.record(alert).await.plan().unwrap().clone();
    let by = Approver { id: APPROVER.to_owned(), name: "approver-1".to_owned() };
    for request_id in [request_id(&plan), "made-up".parse().unwrap()] {
        write_action(&stage, &plan, &request_id, &by, stage.now()).await;
    }
    nothing_is_handed_over(&stage, alert).await;
    assert_eq!(stage.system.falcon.calls(), []);
    assert_eq!(stage.record(alert).await.decision, None);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_written_into_the_table_without_its_click_is_never_delivered() {
    let stage = Stage::live_push().await;
    let (genuine, forged) = (stage.fire("ransomware").await, stage.fire("credential-dump").await);
    stage.card(forged).await;
    let card = stage.card(genuine).await;
    stage.press(APPROVER, &card, "Approve").await;
    let approved = stage.contained(genuine).await;
    assert_eq!(approved.containment.unwrap().request_id, request_id(stage.record(genuine).await.plan().unwrap()));
    stage.quiet().await;

    // A vote with no click behind it, and the vote of a real click that was about another alert.
    let borrowed = approved.votes[0].clone();
    let invented = Vote { interaction_id: "1500000000000000009".parse().unwrap(), at: stage.now(), ..borrowed.clone() };
    for vote in [invented, borrowed] {
        let plan = stage.record(forged).await.plan().unwrap().clone();
        let by = Approver { id: vote.user_id.to_string(), name: vote.name.clone() };
        let at = vote.at;
        stage
            .rewrite(stage.stored(forged).await, |record| {
                record.votes = vec![vote];
                record.decision = Some(Decision::Approved { at, manner: Manner::default() });
            })
            .await;
        write_action(&stage, &plan, &request_id(&plan), &by, at).await;
        nothing_is_handed_over(&stage, forged).await;
        // The proof is all that is missing.
        let (action, record) = (stage.action(&request_id(&plan)).await.unwrap().value, stage.record(forged).await);
        let keys = [stage.discord_key().verifying_key()];
        let why =
            ApprovedAction::reclaim(&action, &record, &stage.profile().await, Grounds::default(), &keys).unwrap_err();
        assert_eq!(why, NotApproved::NotProven);
    }
    assert_eq!(stage.edr_calls(Change::Contain), 1, "the genuine one");
    assert_eq!((stage.host("SRV-DB-01"), stage.host("WS-042")), (HostStatus::Contained, HostStatus::Normal));
    stage.end().await;
}

/// The id of the action that approving this plan makes.
fn request_id(plan: &Plan) -> RequestId {
    let button = CustomId { verb: Verb::Approve, alert_id: plan.alert_id(), plan: plan.digest().short() }.to_string();
    let alert = button.split('.').nth(2).unwrap().to_owned();
    format!("{alert}.{}.execute", plan.digest().short()).parse().unwrap()
}

/// Writes an action with its place in the proxy's outbox, and sends its message.
async fn write_action(stage: &Stage, plan: &Plan, request_id: &RequestId, by: &Approver, at: i64) {
    let action = ActionRecord {
        request_id: request_id.clone(),
        operation: Operation::Execute,
        plan: plan.clone(),
        approved_by: vec![by.clone()],
        approved_at: at,
        expires_at: at + 600,
        state: ActionState::Pending,
        delivered_at: None,
        moments: Default::default(),
        receipt: None,
        lease_end: None,
    };
    let writes = [
        Write::put(SortKey::action(request_id), &action, Expect::Anything),
        Write::put(SortKey::outbox(plan.proxy_id(), request_id), request_id, Expect::Anything),
    ];
    stage.commit(&stage.tenant(), &writes).await;
    let ids =
        json!({"tenant_id": stage.tenant(), "alert_id": plan.alert_id(), "request_id": request_id, "queued_at": at});
    let message = ids.to_string();
    let times = stage.times_handled("dispatch", &message);
    stage.send("ActionsQueue", &message).await;
    stage.wait("dispatch is done with it", async || stage.times_handled("dispatch", &message) > times).await;
}

/// Dispatch handed nothing over, and a proxy that polls gets nothing either.
async fn nothing_is_handed_over(stage: &Stage, alert: AlertId) {
    let poll = serde_json::to_vec(&stage.poll(&stage.proxy_key()).await).unwrap();
    assert_eq!(stage.post("/proxy/v1/poll", &poll, &[]).await.status, 204);
    assert_eq!(stage.entries(alert, "ACTION_DELIVERED").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_nobody_answers_is_drawn_again_when_its_question_has_expired() {
    let stage = Stage::dry_run().await;
    let body = stage.body("credential-dump");
    let alert = stage.deliver(&body).await.alert_id();
    stage.card(alert).await;
    stage.wait("the redrawing is put down for later", async || put_down_for_later(&stage).await == 1).await;
    let expires_at = stage.record(alert).await.plan().unwrap().expires_at();
    stage.clock.advance(expires_at - stage.now() + 1);
    let message = json!({"tenant_id": stage.tenant(), "alert_id": alert, "reason": "expiry"}).to_string();
    stage.send("CardsQueue", &message).await;
    let shown = stage.card_saying(alert, "EXPIRED, nothing was done").await;
    assert_eq!(shown.labels(), ["Investigate"]);

    // A changed payload asks anew on the same card, and that question is watched as well.
    let changed = String::from_utf8(body).unwrap().replace("full", "mini");
    assert_eq!(stage.deliver(changed.as_bytes()).await.alert_id(), alert);
    let shown = stage.card_saying(alert, "isolate this host?").await;
    assert_eq!(shown.labels(), ["Approve", "Deny", "Investigate"]);
    stage.wait("the second redrawing is put down too", async || put_down_for_later(&stage).await == 2).await;
    stage.end().await;
}

/// How many messages the cards' queue holds back.
async fn put_down_for_later(stage: &Stage) -> u32 {
    let resources = stage.resources().await;
    let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    let request = stage.clients().sqs.get_queue_attributes().queue_url(resources.queue_url("CardsQueue").unwrap());
    let answer = request.attribute_names(delayed.clone()).send().await.unwrap();
    answer.attributes.unwrap_or_default()[&delayed].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_action_that_its_proxy_never_asks_for_ends_as_expired_and_says_so() {
    let stage = Stage::live().await;
    let alert = stage.fire("credential-dump").await;
    let card = stage.card(alert).await;
    // The proxy is cut off before the approval.
    let now = stage.now();
    stage.change_proxy(|proxy| proxy.revoked_at = Some(now)).await;
    stage.press(APPROVER, &card, "Approve").await;
    let id = stage.record(alert).await.containment.unwrap().request_id;
    let action = stage.action(&id).await.unwrap().value;
    stage.clock.advance(action.expires_at - stage.now());
    // What was put down at the approval, delivered now.
    let message =
        json!({"tenant_id": stage.tenant(), "alert_id": alert, "request_id": id, "queued_at": now}).to_string();
    stage.send("ActionsQueue", &message).await;
    let record = stage.contained(alert).await;
    assert_eq!(record.containment.unwrap().state, ActionState::Expired);
    stage.card_saying(alert, "the proxy did not ask for it in time").await;
    assert_eq!(stage.entries(alert, "ACTION_OVERDUE").await, 1);
    stage.send("ActionsQueue", &message).await;
    stage.wait("it comes twice", async || stage.times_handled("dispatch", &message) == 2).await;
    assert_eq!(stage.entries(alert, "ACTION_OVERDUE").await, 1);
    assert_eq!(stage.system.falcon.calls(), []);
    stage.end().await;
}
