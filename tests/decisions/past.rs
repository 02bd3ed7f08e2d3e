//! What does Investigate tell of before?

use crate::{ANNA, press};
use vyrox_domain::custom_id::Verb;
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_tests::Desk;

fn fingerprint() -> Fingerprint {
    serde_json::from_value("ab".repeat(32).into()).unwrap()
}

#[tokio::test]
async fn earlier_decisions_on_the_same_are_told_with_their_reasons() {
    let desk = Desk::start().await;
    let (first, second) = (desk.ask_about("WS-1").await, desk.ask_about("WS-2").await);
    for alert in [first, second] {
        desk.rewrite(alert, |record| record.fingerprint = Some(fingerprint())).await;
    }
    let said = press(&desk, second, Verb::Investigate, ANNA).await;
    assert!(said.is_whispered() && said.text().contains("none in 90 days"), "{said:?}");
    let form = desk.form(first, Verb::DenyForm, ANNA, &[("reason", "our backup job")]).await;
    assert_eq!(desk.post(&form).await.kind(), 7);
    let said = press(&desk, second, Verb::Investigate, ANNA).await;
    assert!(said.text().contains("denied by") && said.text().contains("our backup job"), "{said:?}");
    assert!(said.text().contains("WS-1"), "{said:?}");
    let own = press(&desk, first, Verb::Investigate, ANNA).await;
    assert!(!own.text().contains("denied by <@"), "its own decision is told once, in its own place: {own:?}");
    desk.end().await;
}

#[tokio::test]
async fn it_costs_two_short_queries() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    desk.rewrite(alert, |record| record.fingerprint = Some(fingerprint())).await;
    let before = desk.hop.seen("Query");
    assert!(press(&desk, alert, Verb::Investigate, ANNA).await.is_whispered());
    assert_eq!(desk.hop.seen("Query") - before, 3, "whose guild it is, the host, the fingerprint");
    desk.end().await;
}
