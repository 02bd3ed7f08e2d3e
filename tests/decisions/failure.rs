//! What is said when something of ours is down or slow? Never a 5xx, always within Discord's three seconds, and never more
//! than is known.

use crate::ANNA;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_tests::{Desk, Fault, ROLE, Said};

/// An answer under a fault, and within the deadline.
async fn under(desk: &Desk, alert: AlertId, operation: &str, fault: Fault) -> Said {
    let click = desk.click(alert, Verb::Approve, ANNA, &[ROLE]).await;
    desk.hop.fail(operation, fault);
    let began = Instant::now();
    let said = desk.post(&click).await;
    // The deadline is 2.2 s; the machine may be busy.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    desk.hop.heal();
    assert_eq!((said.status, said.kind(), said.is_whispered()), (200, 4, true), "{said:?}");
    said
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_not_recorded() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    for fault in [Fault::Refused, Fault::Throttled, Fault::Hangs] {
        let said = under(&desk, alert, "GetItem", fault).await;
        assert!(said.content().contains("Nothing was recorded"), "{fault:?}: {said:?}");
    }
    assert_eq!(desk.record(alert).await.decision, None);
    desk.end().await;
}

#[tokio::test]
async fn a_queue_that_takes_nothing_is_not_recorded() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    for fault in [Fault::Refused, Fault::Hangs] {
        let said = under(&desk, alert, "AmazonSQS", fault).await;
        assert!(said.content().contains("Nothing was recorded"), "{fault:?}: {said:?}");
    }
    assert_eq!((desk.record(alert).await.decision, desk.items("ACTION#").await), (None, 0));
    desk.end().await;
}

#[tokio::test]
async fn a_commit_without_an_answer_is_not_known() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let said = under(&desk, alert, "TransactWriteItems", Fault::Hangs).await;
    assert!(said.content().contains("will show whether it was recorded"), "{said:?}");
    desk.end().await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_there_and_the_next_click_says_so() {
    let desk = Desk::start().await;
    let alert = desk.ask().await;
    let said = under(&desk, alert, "TransactWriteItems", Fault::AnswerHangs).await;
    assert!(said.content().contains("will show whether it was recorded"), "{said:?}");
    let late = crate::press(&desk, alert, Verb::Approve, ANNA).await;
    assert!(late.kind() == 7 && late.content().contains("APPROVED"), "{late:?}");
    assert_eq!((desk.items("ACTION#").await, desk.entries("APPROVED").await), (1, 1));
    desk.end().await;
}
