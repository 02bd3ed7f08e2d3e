//! How much a tenant may send: rates over all execution environments, what they cost, and that one tenant's flood is in a
//! group of its own. A new test goes here if the question is "how much, and who pays for it?".
#![allow(clippy::unwrap_used)]

use axum::Router;
use std::collections::BTreeSet;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::message::AlertQueued;
use vyrox_platform::queue::Queue;
use vyrox_platform::rate::{Limits, Rate};
use vyrox_platform::table::{SortKey, Table};
use vyrox_platform::{aws::Clients, config::Aws};
use vyrox_tests::{Bench, Fault, post};

const PLENTY: Limits = Limits { tenant: 60_000, source: 60_000 };

fn both(limit: u32) -> Limits {
    Limits { tenant: limit, source: limit }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_far_below_its_limit_causes_no_write_and_no_read_for_its_rate() {
    let bench = Bench::start().await;
    // A sixteenth of the limit is 20: what each environment may see without a word to the others.
    let environments: Vec<Router> = (0..3).map(|_| bench.ingest(both(320))).collect();
    for environment in &environments {
        for _ in 0..20 {
            assert_eq!(bench.deliver(environment, &bench.body()).await.status, 202);
        }
    }
    let seen = bench.hop.all();
    assert_eq!(seen.get("UpdateItem"), None, "no shared count is written: {seen:?}");
    assert_eq!(seen.get("PutItem"), None, "{seen:?}");
    assert_eq!(seen.get("TransactWriteItems"), Some(&60), "one write per delivery: {seen:?}");
    // Profile and source together at each delivery.
    assert_eq!((seen.get("BatchGetItem"), seen.get("GetItem")), (Some(&60), None), "{seen:?}");
    assert_eq!(bench.deliver(&environments[0], &bench.body()).await.status, 202);
    assert_eq!(bench.hop.seen("UpdateItem"), 1, "one more is more than a share");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_any_number_of_environments_a_limit_is_exceeded_by_less_than_a_share_each() {
    for number in [2_usize, 4, 8] {
        let bench = Bench::start().await;
        let (limit, share) = (64, 4);
        let environments: Vec<Router> = (0..number).map(|_| bench.ingest(both(limit))).collect();
        let most = limit as usize + number * share;
        let each = most / number + 3;
        let all = environments.iter().map(async |environment| {
            let mut admitted = 0;
            for _ in 0..each {
                let reply = bench.deliver(environment, &bench.body()).await;
                assert!(matches!(reply.status, 202 | 429), "{reply:?}");
                admitted += usize::from(reply.status == 202);
            }
            admitted
        });
        let admitted: usize = futures::future::join_all(all).await.into_iter().sum();
        assert!(admitted >= limit as usize, "{number} environments admitted {admitted}: too few");
        assert!(admitted <= most, "{number} environments admitted {admitted}: over {most}");
        assert_eq!(bench.queued().await.len(), admitted, "what was admitted was queued, and nothing else");
        let written = bench.hop.seen("UpdateItem");
        assert!(written <= admitted + number, "{written} writes for {admitted}");
        bench.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_count_costs_few_writes_and_none_while_over_the_limit() {
    let bench = Bench::start().await;
    let clients = Clients::new(&Aws::local(&bench.hop.url));
    let table = Table::new(clients.dynamodb.clone(), bench.provisioned.table("Table").unwrap());
    let rates: Vec<Rate> = (0..8).map(|_| Rate::new(table.clone())).collect();
    let (tenant, limits, now) = ("acme".parse().unwrap(), both(6_400), 1_800_000_000);
    let mut admitted = 0;
    for _ in 0..1_200 {
        for rate in &rates {
            admitted += usize::from(rate.admit(&tenant, Vendor::Defender, limits, now).await.is_ok());
        }
    }
    assert!((6_400..=6_400 + 8 * 400).contains(&admitted), "{admitted}");
    let written = bench.hop.seen("UpdateItem");
    assert!(written <= 64 + 2 * 8, "{written} writes for {admitted} deliveries");
    for rate in &rates {
        assert!(rate.admit(&tenant, Vendor::Defender, limits, now + 20).await.is_err());
    }
    assert_eq!(bench.hop.seen("UpdateItem"), written, "a refusal writes nothing");
    // The next window begins with what the last one came to, for an environment that was quiet, too, once it asks.
    let quiet = Rate::new(table.clone());
    let mut early = 0;
    for _ in 0..800 {
        early += usize::from(quiet.admit(&tenant, Vendor::Defender, limits, now + 66).await.is_ok());
    }
    assert!(early <= 400 + 640, "a tenth of the minute has gone by, and a share: {early}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_says_when_and_then_one_more_is_admitted() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(both(5));
    for _ in 0..5 {
        assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 202);
    }
    let refused = bench.deliver(&ingest, &bench.body()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["detail"], "too many deliveries, please slow down");
    let after: i64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&after), "{after}");
    bench.clock.advance(after - 1);
    assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 429, "not before");
    bench.clock.advance(1);
    assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 202);
    assert_eq!(bench.queued().await.len(), 6);
    let over: Vec<_> = bench.audit("acme").await;
    let over = over.iter().find(|entry| entry.action_type() == "DELIVERY_OVER_RATE").expect("refusals are entered");
    assert_eq!(over.detail()["count"], 2);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_rates_count_each_source_and_all_together_and_nobody_else_pays() {
    let bench = Bench::start().await;
    bench.tenant("small", |tenant| tenant.rates.source_per_minute = [(Vendor::Crowdstrike, 2)].into()).await;
    bench.tenant("tiny", |tenant| tenant.rates.tenant_per_minute = Some(1)).await;
    let ingest = bench.ingest(PLENTY);
    let deliver = async |tenant: &str, times: usize| {
        let mut statuses = Vec::new();
        for _ in 0..times {
            statuses.push(bench.deliver_as(tenant, Vendor::Crowdstrike, &ingest, &bench.body()).await.status);
        }
        statuses
    };
    assert_eq!(deliver("small", 3).await, [202, 202, 429]);
    assert_eq!(deliver("tiny", 2).await, [202, 429]);
    assert_eq!(deliver("acme", 5).await, [202; 5]);
    // The source is over its rate, the tenant is not: another source of it goes on.
    let generic = br#"{"id":"g-1","timestamp":1799999990,"hostname":"h","severity":"high","title":"t"}"#;
    let other = bench.deliver_as("small", Vendor::Generic, &ingest, generic).await;
    assert_ne!(other.status, 429, "{other:?}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proven_uses_up_nobodys_rate() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(both(3));
    for _ in 0..20 {
        let body = bench.body();
        assert_eq!(post(&ingest, "/webhook/crowdstrike/acme", &body, "sha256=00").await.status, 401);
    }
    for _ in 0..3 {
        assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 202);
    }
    assert_eq!(bench.deliver(&ingest, &bench.body()).await.status, 429);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_count_that_is_down_refuses_no_alert_and_the_limit_holds_for_each_environment() {
    let bench = Bench::start().await;
    for fault in [Fault::Hangs, Fault::Refused] {
        bench.clock.advance(600);
        bench.hop.fail("UpdateItem", fault);
        let ingest = bench.ingest(both(6));
        let mut statuses = Vec::new();
        for _ in 0..8 {
            statuses.push(bench.deliver(&ingest, &bench.body()).await.status);
        }
        assert_eq!(statuses, [202, 202, 202, 202, 202, 202, 429, 429], "{fault:?}");
        bench.hop.heal();
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_forgotten_after_its_window() {
    let bench = Bench::start().await;
    let ingest = bench.ingest(both(2));
    for _ in 0..2 {
        bench.deliver(&ingest, &bench.body()).await;
    }
    let window = 1_800_000_000;
    let key = SortKey::rate(window);
    let item = bench.direct.dynamodb.get_item().table_name(bench.provisioned.table("Table").unwrap());
    let item = item.key("tenant_id", aws_sdk_dynamodb::types::AttributeValue::S("acme".into()));
    let item = item.key("sk", aws_sdk_dynamodb::types::AttributeValue::S(key.as_str().into()));
    let item = item.send().await.unwrap().item.expect("it is counted");
    let ttl: i64 = item["ttl"].as_n().unwrap().parse().unwrap();
    assert!((window + 120..=window + 300).contains(&ttl), "{ttl}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_sent_at_once_go_in_few_requests_and_each_is_told_what_came_of_it() {
    let bench = Bench::start().await;
    let url = bench.provisioned.queue_url("AlertsQueue").unwrap();
    let queue = Queue::new(Clients::new(&Aws::local(&bench.hop.url)).sqs.clone(), url);
    let send_all = async |count: u8| {
        let messages = (0..count).map(|number| AlertQueued {
            tenant_id: "acme".parse().unwrap(),
            alert_id: AlertId::from_bytes([number; 16]),
            revision: 0,
        });
        let sends = messages.map(|message| {
            let queue = queue.clone();
            async move { queue.send(&message).await.is_ok() }
        });
        futures::future::join_all(sends).await
    };
    assert_eq!(send_all(12).await, [true; 12]);
    // Ten of them go together, and the two that are left.
    assert_eq!((bench.hop.seen("SendMessage"), bench.hop.seen("SendMessageBatch")), (0, 2));
    let queued: BTreeSet<String> = bench.queued().await.into_iter().map(|message| message.body).collect();
    assert_eq!(queued.len(), 12, "each of them once");
    bench.hop.fail("SendMessageBatch", Fault::Refused);
    assert_eq!(send_all(4).await, [false; 4]);
    assert_eq!(send_all(1).await, [true], "one alone is no batch");
    bench.hop.heal();
    assert_eq!(bench.queued().await.len(), 1);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_for_triage_is_in_its_tenants_group() {
    let bench = Bench::start().await;
    bench.tenant("other", |_| {}).await;
    let ingest = bench.ingest(PLENTY);
    let body = bench.body();
    for tenant in ["acme", "other", "acme"] {
        // The third is a retry, which is queued again as long as triage has not judged it.
        assert_eq!(bench.deliver_as(tenant, Vendor::Crowdstrike, &ingest, &body).await.status, 202);
    }
    let queued = bench.queued().await;
    assert_eq!(queued.len(), 3);
    for message in queued {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(message.group.as_deref(), body["tenant_id"].as_str(), "{body}");
        assert!(message.group.is_some());
    }
    bench.end().await;
}
