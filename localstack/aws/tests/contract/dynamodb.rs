//! The table.

use crate::World;
use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TimeToLiveStatus,
    TransactWriteItem, Update,
};
use std::collections::HashMap;

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(tenant: &str, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("tenant_id".to_owned(), s(tenant)), ("sk".to_owned(), s(sk))])
}

async fn put(world: &World, tenant: &str, sk: &str, more: &[(&str, AttributeValue)]) {
    let mut item = key(tenant, sk);
    item.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    world.clients.dynamodb.put_item().table_name(world.table()).set_item(Some(item)).send().await.unwrap();
}

async fn read(world: &World, tenant: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
    let get = world.clients.dynamodb.get_item().table_name(world.table()).set_key(Some(key(tenant, sk)));
    get.consistent_read(true).send().await.unwrap().item
}

pub(crate) async fn a_put_on_condition_happens_once_and_tells_what_was_there(world: &World) {
    let put = |value: i64| {
        let mut item = key("acme", "ALERT#1");
        item.insert("n".into(), n(value));
        world
            .clients
            .dynamodb
            .put_item()
            .table_name(world.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(sk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put(1).await.unwrap();
    let refused = put(2).await.unwrap_err().into_service_error();
    let PutItemError::ConditionalCheckFailedException(there) = refused else { panic!("{refused:?}") };
    assert_eq!(there.item().unwrap()["n"], n(1));
    assert_eq!(read(world, "acme", "ALERT#1").await.unwrap()["n"], n(1));
}

pub(crate) async fn a_transaction_happens_whole_or_not_at_all_and_says_why(world: &World) {
    let table = world.table();
    put(world, "acme", "ALERT#1", &[("state", s("pending"))]).await;
    let decide = |from: &'static str| {
        let action = Put::builder().table_name(table).set_item(Some(key("acme", "ACTION#1")));
        let action = action.condition_expression("attribute_not_exists(sk)").build().unwrap();
        let profile = ConditionCheck::builder().table_name(table).set_key(Some(key("acme", "PROFILE")));
        let profile = profile.condition_expression("attribute_not_exists(suspended)").build().unwrap();
        let alert = Update::builder()
            .table_name(table)
            .set_key(Some(key("acme", "ALERT#1")))
            .update_expression("SET #s = :to")
            .condition_expression("#s = :from")
            .expression_attribute_names("#s", "state")
            .expression_attribute_values(":to", s("approved"))
            .expression_attribute_values(":from", s(from));
        world
            .clients
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(action).build())
            .transact_items(TransactWriteItem::builder().condition_check(profile).build())
            .transact_items(TransactWriteItem::builder().update(alert.build().unwrap()).build())
            .send()
    };
    let refused = decide("something else").await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = refused else { panic!("{refused:?}") };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
    assert_eq!(codes, ["None", "None", "ConditionalCheckFailed"]);
    assert!(read(world, "acme", "ACTION#1").await.is_none(), "a cancelled transaction wrote");

    decide("pending").await.unwrap();
    assert!(read(world, "acme", "ACTION#1").await.is_some());
    assert_eq!(read(world, "acme", "ALERT#1").await.unwrap()["state"], s("approved"));
}

pub(crate) async fn of_twenty_decisions_at_once_one_wins(world: &World) {
    let table = world.table();
    put(world, "acme", "ALERT#1", &[("revision", n(0))]).await;
    let attempts = (0..20).map(|index| {
        let alert = Update::builder()
            .table_name(table)
            .set_key(Some(key("acme", "ALERT#1")))
            .update_expression("SET revision = :one, winner = :me")
            .condition_expression("revision = :zero")
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":me", n(index));
        let audit = Put::builder().table_name(table).set_item(Some(key("acme", &format!("AUDIT#{index:02}"))));
        world
            .clients
            .dynamodb
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(alert.build().unwrap()).build())
            .transact_items(TransactWriteItem::builder().put(audit.build().unwrap()).build())
            .send()
    });
    let results = futures::future::join_all(attempts).await;
    let winners: Vec<_> = (0..20_i64).filter(|index| results[*index as usize].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for refused in results.into_iter().filter_map(Result::err) {
        let error = refused.into_service_error();
        let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
        let code = cancelled.cancellation_reasons()[0].code().unwrap().to_owned();
        assert!(["ConditionalCheckFailed", "TransactionConflict"].contains(&code.as_str()), "{code}");
    }
    assert_eq!(read(world, "acme", "ALERT#1").await.unwrap()["winner"], n(winners[0]));
    let audit = world
        .clients
        .dynamodb
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :t AND begins_with(sk, :p)")
        .expression_attribute_values(":t", s("acme"))
        .expression_attribute_values(":p", s("AUDIT#"))
        .send()
        .await
        .unwrap();
    assert_eq!(audit.items()[0]["sk"], s(format!("AUDIT#{:02}", winners[0])));
    assert_eq!(audit.count(), 1, "a losing transaction wrote its entry");
}

pub(crate) async fn twenty_additions_at_once_all_count(world: &World) {
    let additions = (0..20).map(|_| {
        world
            .clients
            .dynamodb
            .update_item()
            .table_name(world.table())
            .set_key(Some(key("acme", "BUDGET#2026-01-01")))
            .update_expression("SET #ttl = :ttl ADD tokens :n")
            .condition_expression("attribute_not_exists(tokens) OR tokens <= :most")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", n(1_800_000_000))
            .expression_attribute_values(":n", n(7))
            .expression_attribute_values(":most", n(1_000))
            .return_values(ReturnValue::UpdatedNew)
            .send()
    });
    let mut seen: Vec<i64> = futures::future::join_all(additions)
        .await
        .into_iter()
        .map(|result| result.unwrap().attributes.unwrap()["tokens"].as_n().unwrap().parse().unwrap())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).map(|count| count * 7).collect::<Vec<_>>());
}

pub(crate) async fn a_query_sees_one_tenant_and_one_prefix_in_order(world: &World) {
    for (tenant, sk) in [
        ("acme", "AUDIT#lane#000000000010"),
        ("acme", "AUDIT#lane#000000000002"),
        ("acme", "AUDIT#lane#000000000001"),
        ("acme", "AUDIT#other#000000000001"),
        ("acme", "ALERT#1"),
        ("globex", "AUDIT#lane#000000000001"),
    ] {
        put(world, tenant, sk, &[]).await;
    }
    let query = |forward| {
        world
            .clients
            .dynamodb
            .query()
            .table_name(world.table())
            .key_condition_expression("tenant_id = :t AND begins_with(sk, :p)")
            .expression_attribute_values(":t", s("acme"))
            .expression_attribute_values(":p", s("AUDIT#lane#"))
            .scan_index_forward(forward)
            .send()
    };
    let found: Vec<_> =
        query(true).await.unwrap().items().iter().map(|item| item["sk"].as_s().unwrap().clone()).collect();
    assert_eq!(found, ["AUDIT#lane#000000000001", "AUDIT#lane#000000000002", "AUDIT#lane#000000000010"]);
    assert_eq!(
        query(false).await.unwrap().items()[0]["sk"],
        s("AUDIT#lane#000000000010"),
        "the head comes first backwards"
    );
}

pub(crate) async fn a_query_goes_on_where_its_page_ended(world: &World) {
    for index in 0..25 {
        put(world, "acme", &format!("AUDIT#lane#{index:03}"), &[]).await;
    }
    let pages: Vec<_> = world
        .clients
        .dynamodb
        .query()
        .table_name(world.table())
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", s("acme"))
        .limit(10)
        .into_paginator()
        .send()
        .collect::<Result<_, _>>()
        .await
        .unwrap();
    let found: Vec<_> =
        pages.iter().flat_map(|page| page.items()).map(|item| item["sk"].as_s().unwrap().clone()).collect();
    assert_eq!(found, (0..25).map(|index| format!("AUDIT#lane#{index:03}")).collect::<Vec<_>>());
}

pub(crate) async fn an_outside_name_finds_its_tenant_and_nothing_else_is_in_the_index(world: &World) {
    put(world, "acme", "SOURCE#crowdstrike#1", &[("lookup", s("crowdstrike#cid-1")), ("scheme", s("bearer"))]).await;
    put(world, "globex", "SOURCE#crowdstrike#1", &[("lookup", s("crowdstrike#cid-2"))]).await;
    put(world, "acme", "ALERT#1", &[]).await;
    let found = world
        .clients
        .dynamodb
        .query()
        .table_name(world.table())
        .index_name("lookup")
        .key_condition_expression("lookup = :l")
        .expression_attribute_values(":l", s("crowdstrike#cid-1"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.count(), 1);
    assert_eq!(found.items()[0]["tenant_id"], s("acme"));
    assert_eq!(found.items()[0]["scheme"], s("bearer"), "the index carries all attributes");
    let all = world.clients.dynamodb.scan().table_name(world.table()).index_name("lookup").send().await.unwrap();
    assert_eq!(all.count(), 2, "an item without a lookup is in the index");
}

pub(crate) async fn expiry_is_switched_on(world: &World) {
    world
        .clients
        .dynamodb
        .wait_until_table_exists()
        .table_name(world.table())
        .wait(std::time::Duration::from_secs(30))
        .await
        .unwrap();
    let told = world.clients.dynamodb.describe_time_to_live().table_name(world.table()).send().await.unwrap();
    let ttl = told.time_to_live_description().unwrap();
    assert_eq!(ttl.attribute_name(), Some("ttl"));
    assert!(matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)));
}
