use crate::stand::{Stand, acme};
use serde_json::json;
use vyrox_platform::approver::Approver;
use vyrox_platform::table::SortKey;

const USER: &str = "900000000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_is_enrolled_once_shown_listed_and_revoked() {
    let stand = Stand::start().await;
    stand.ok(&["tenant", "create", "acme", "--name", "Acme"]).await;
    let enrolled = stand.json(&["approver", "enrol", "acme", USER]).await;
    let uri = enrolled["otpauth"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Vyrox:") && uri.contains("secret="), "{uri}");
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(secret.len(), 32, "160 bits in base32");

    let key = SortKey::approver(USER.parse().unwrap());
    let stored = stand.table().read::<Approver>(&acme(), &key, stand.now()).await.unwrap().unwrap().value;
    assert!(!serde_json::to_string(&stored).unwrap().contains(secret), "it is stored sealed");
    let entry = stand.entry("acme", "APPROVER_ENROLLED").await;
    assert_eq!((&entry["detail"]["user_id"], &entry["detail"]["replaces"]), (&json!(USER), &json!(false)));
    assert!(!entry.to_string().contains(secret), "and not entered");

    let listed = stand.ok(&["approver", "list", "acme"]).await;
    assert!(listed.contains(USER) && listed.contains("enrolled") && !listed.contains(secret), "{listed}");
    stand.run(&["approver", "enrol", "acme", USER]).await.refused(2, "--yes");
    let again = stand.json(&["approver", "enrol", "acme", USER, "--yes"]).await;
    assert_ne!(again["otpauth"], enrolled["otpauth"], "enrolling again is a new secret");

    stand.ok(&["approver", "revoke", "acme", USER, "--yes"]).await;
    assert_eq!(stand.json(&["approver", "list", "acme"]).await, json!([]));
    stand.entry("acme", "APPROVER_REVOKED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_asks_of_a_decision_is_set_shown_and_cleared() {
    let stand = Stand::start().await;
    stand.ok(&["tenant", "create", "acme", "--name", "Acme"]).await;
    let set = stand
        .json(&[
            "tenant",
            "set",
            "acme",
            "--reason",
            "always",
            "--step-up",
            "totp",
            "--step-up-grace",
            "5",
            "--two-approvers",
            "release",
            "--host-tag",
            "critical=DC-*",
            "--freeze",
            "sat-sun 00:00-24:00",
            "--user-cap",
            "3",
        ])
        .await;
    assert_eq!(
        set["policy"],
        json!({
            "reason": "always", "step_up": "totp", "step_up_grace": 300, "two_approvers": ["release"],
            "host_tags": {"critical": ["dc-*"]}, "freeze": ["sat-sun 00:00-24:00"],
            "caps": {"per_user": 3, "hosts_per_hour": 20},
        })
    );
    let shown = stand.ok(&["tenant", "show", "acme"]).await;
    for text in ["a code, good for 5 min", "critical=dc-*", "sat-sun 00:00-24:00", "3 in 10 min"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let cleared = ["tenant", "set", "acme", "--clear", "two-approvers", "--clear", "host-tags", "--clear", "freeze"];
    let cleared = stand.json(&cleared).await;
    assert_eq!(cleared["policy"]["two_approvers"], json!([]));
    assert_eq!((cleared["policy"].get("host_tags"), cleared["policy"].get("freeze")), (None, None));
}
