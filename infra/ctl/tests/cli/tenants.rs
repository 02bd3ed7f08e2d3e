use crate::stand::{APPROVERS, CHANNEL, GUILD, Stand, acme};
use serde_json::json;
use vyrox_contract::TenantId;
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_platform::table::{Lookup, SortKey};
use vyrox_platform::volatile::Volatile;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_changed_suspended_and_activated_and_all_of_it_is_audited() {
    let stand = Stand::start().await;
    let made = stand
        .json(&[
            "tenant",
            "create",
            "acme",
            "--name",
            "Acme",
            "--guild",
            GUILD,
            "--channel",
            CHANNEL,
            "--approver-role",
            APPROVERS,
            "--on-call-role",
            "9001",
            "--lease-minutes",
            "90",
            "--operator",
            "duty officer",
        ])
        .await;
    assert_eq!(made["status"], "onboarding");
    assert_eq!((&made["quorum"], &made["llm"], &made["lease_seconds"]), (&json!(1), &json!("opted_out"), &json!(5400)));

    stand.ok(&["tenant", "activate", "acme"]).await;
    let set =
        stand.json(&["tenant", "set", "acme", "--quorum", "2", "--llm", "opted-in", "--clear", "lease-minutes"]).await;
    assert_eq!((&set["quorum"], &set["llm"], set.get("lease_seconds")), (&json!(2), &json!("opted_in"), None));
    assert_eq!(set["status"], "active");
    stand.ok(&["tenant", "suspend", "acme", "--yes"]).await;

    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["status"], "suspended");
    let shown = stand.ok(&["tenant", "show", "acme"]).await;
    assert!(shown.contains("suspended") && shown.contains(APPROVERS), "{shown}");
    // What the functions find is what was set.
    let owner = stand.table().owner(&Lookup::guild(GUILD.parse().unwrap())).await.unwrap();
    assert_eq!(owner, Some((acme(), SortKey::profile())));
    let profile = stand.table().read::<Tenant>(&acme(), &SortKey::profile(), stand.now()).await.unwrap().unwrap().value;
    assert_eq!((profile.status, profile.quorum), (TenantStatus::Suspended, 2));

    let created = stand.entry("acme", "TENANT_CREATED").await;
    assert_eq!(created["detail"]["operator"], "duty officer");
    assert_eq!(created["detail"]["profile"]["name"], "Acme");
    assert!(created["chain"].as_str().unwrap().starts_with("ctl-"), "{created}");
    let changed = stand.entry("acme", "TENANT_CHANGED").await;
    assert_eq!(changed["detail"]["changed"]["quorum"], json!({"from": 1, "to": 2}));
    assert_eq!(changed["detail"]["changed"]["lease_seconds"], json!({"from": 5400, "to": null}));
    let suspended = stand.entry("acme", "TENANT_SUSPENDED").await;
    assert_eq!(suspended["detail"]["changed"], json!({"status": {"from": "active", "to": "suspended"}}));
    stand.entry("acme", "TENANT_ACTIVATED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_tenant_cannot_lose_its_approvers_and_none_becomes_active_without() {
    let stand = Stand::start().await;
    stand.ok(&["tenant", "create", "acme", "--name", "Acme", "--guild", GUILD, "--channel", CHANNEL]).await;
    stand.run(&["tenant", "activate", "acme"]).await.refused(1, "--approver-role");
    stand.ok(&["tenant", "set", "acme", "--approver-role", APPROVERS]).await;
    stand.ok(&["tenant", "activate", "acme"]).await;
    stand.run(&["tenant", "set", "acme", "--clear", "approver-roles"]).await.refused(1, "--approver-role");
    stand.run(&["tenant", "set", "acme", "--clear", "channel"]).await.refused(1, "--channel");
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["approver_roles"], json!([APPROVERS]));
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_cannot_be_an_approver() {
    let stand = Stand::start().await;
    let create = ["tenant", "create", "acme", "--name", "Acme", "--guild", GUILD, "--approver-role", GUILD];
    stand.run(&create).await.refused(1, "@everyone");
    stand.run(&["tenant", "show", "acme"]).await.refused(2, "no tenant acme");
    // Nor by moving the guild to where the role already is.
    stand.ok(&["tenant", "create", "acme", "--name", "Acme", "--on-call-role", GUILD]).await;
    stand.run(&["tenant", "set", "acme", "--guild", GUILD]).await.refused(1, "@everyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_belongs_to_one_tenant() {
    let stand = Stand::with_tenant().await;
    stand.run(&["tenant", "create", "other", "--name", "Other", "--guild", GUILD]).await.refused(1, "another tenant");
    stand.ok(&["tenant", "create", "other", "--name", "Other"]).await;
    stand.run(&["tenant", "set", "other", "--guild", GUILD]).await.refused(1, "another tenant");
    let other: TenantId = "other".parse().unwrap();
    let stored = stand.table().read::<Tenant>(&other, &SortKey::profile(), stand.now()).await.unwrap().unwrap();
    assert_eq!(stored.value.guild_id, None);
    // Once it has been given up, it can be taken.
    stand.ok(&["tenant", "suspend", "acme", "--yes"]).await;
    stand.ok(&["tenant", "set", "acme", "--clear", "guild"]).await;
    stand.ok(&["tenant", "set", "other", "--guild", GUILD]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_not_made_twice_and_a_change_must_change_something() {
    let stand = Stand::with_tenant().await;
    stand.run(&["tenant", "create", "acme", "--name", "Another"]).await.refused(1, "exists already");
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["name"], "Acme");
    stand.run(&["tenant", "set", "acme"]).await.refused(2, "nothing to change");
    stand.run(&["tenant", "set", "acme", "--quorum", "1"]).await.refused(2, "nothing to change");
    stand.run(&["tenant", "set", "acme", "--proxy-id", "edge-1"]).await.refused(2, "no proxy edge-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn suspending_where_nobody_can_be_asked_needs_yes() {
    let stand = Stand::with_tenant().await;
    stand.run(&["tenant", "suspend", "acme"]).await.refused(2, "--yes");
    assert_eq!(stand.json(&["tenant", "show", "acme"]).await["status"], "active");
    assert!(stand.audit("acme").await.iter().all(|entry| entry["action_type"] != "TENANT_SUSPENDED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_s_tokens_for_models_are_set_and_shown() {
    let stand = Stand::start().await;
    stand.ok(&["tenant", "create", "acme", "--name", "Acme", "--llm", "opted-in"]).await;
    assert!(stand.ok(&["tenant", "show", "acme"]).await.contains("as deployed"));
    let set = stand.json(&["tenant", "set", "acme", "--llm-daily-tokens", "20000"]).await;
    assert_eq!(set["llm_daily_tokens"], 20_000);
    Volatile::new(stand.table()).reserve(&acme(), 1_234, 20_000, stand.now()).await.unwrap();
    let shown = stand.json(&["tenant", "show", "acme"]).await;
    assert_eq!((&shown["llm_daily_tokens"], &shown["llm_tokens_today"]), (&json!(20_000), &json!(1_234)));
    let cleared = stand.json(&["tenant", "set", "acme", "--clear", "llm-daily-tokens"]).await;
    assert_eq!(cleared.get("llm_daily_tokens"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_its_own_rates_and_its_own_word_about_addresses() {
    let stand = Stand::with_tenant().await;
    let set = stand.json(&["tenant", "set", "acme", "--emails", "redacted", "--rate-per-minute", "600"]).await;
    assert_eq!((&set["evidence_personal"], &set["rates"]), (&json!("emails"), &json!({"tenant_per_minute": 600})));
    let set = stand.json(&["tenant", "set", "acme", "--source-rate-per-minute", "generic=60"]).await;
    assert_eq!(set["rates"], json!({"tenant_per_minute": 600, "source_per_minute": {"generic": 60}}));
    let shown = stand.ok(&["tenant", "show", "acme"]).await;
    assert!(shown.contains("600 a minute, generic 60 a minute") && shown.contains("taken out of stored"), "{shown}");
    let set = stand.json(&["tenant", "set", "acme", "--emails", "kept", "--clear", "rates"]).await;
    assert_eq!((&set["evidence_personal"], set.get("rates")), (&json!("kept"), None));
    stand.run(&["tenant", "set", "acme", "--source-rate-per-minute", "nobody=1"]).await.refused(2, "VENDOR=N");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tenants_are_listed_and_nothing_else_of_the_table() {
    let stand = Stand::with_tenant().await;
    assert_eq!(stand.json(&["tenant", "list"]).await[0]["id"], "acme");
    stand.ok(&["source", "add", "acme", "crowdstrike"]).await;
    stand.ok(&["tenant", "create", "a-first", "--name", "First"]).await;
    let listed = stand.json(&["tenant", "list"]).await;
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|tenant| tenant["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a-first", "acme"]);
    assert_eq!(listed[0]["status"], "onboarding");
    let text = stand.ok(&["tenant", "list"]).await;
    assert!(text.contains("active") && text.contains(GUILD) && text.contains("First"), "{text}");
}
