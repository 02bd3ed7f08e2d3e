//! Every way in which a click becomes a decision, or does not: `cargo test -p vyrox-tests --test decisions -- --list` is the
//! table. A new test goes here if it is about one interaction with Discord; what follows a decision is in `end_to_end.rs`
//! and `delivery.rs`. Every answer is checked against `docs/openapi.yaml` and against what Discord takes ([`Desk::post`]).
//!
//! | file | the question |
//! |---|---|
//! | `signature.rs` | did Discord sign these bytes just now? Otherwise 401, before anything is looked at |
//! | `binding.rs` | is it this tenant's card, this plan, in this application? |
//! | `roles.rs` | who may? |
//! | `time.rs` | when is it too late, or not the time? |
//! | `quorum.rs` | how many, who counts, who cannot confirm themselves? |
//! | `reason.rs`, `code.rs` | what does a form ask for, and what of it counts? |
//! | `glass.rs` | one alone, loudly |
//! | `joint.rs` | one plan for many hosts: two people, once, each host |
//! | `past.rs` | what does Investigate tell of before? |
//! | `race.rs` | two hundred at once, and one fifty times |
//! | `failure.rs` | what is said when something of ours is down or slow? |
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod binding;
mod code;
mod failure;
mod glass;
mod joint;
mod past;
mod quorum;
mod race;
mod reason;
mod roles;
mod signature;
mod time;

use vyrox_contract::AlertId;
use vyrox_domain::custom_id::Verb;
use vyrox_tests::{Desk, ROLE, Said};

/// Two approvers.
const ANNA: &str = "900000000000000001";
const BERT: &str = "900000000000000002";

/// Presses a button as an approver.
async fn press(desk: &Desk, alert: AlertId, verb: Verb, user: &str) -> Said {
    let click = desk.click(alert, verb, user, &[ROLE]).await;
    desk.post(&click).await
}

/// Asserts that a click was refused with a sentence for the one who clicked, and that nothing was decided.
async fn assert_refused(desk: &Desk, alert: AlertId, said: &Said, sentence: &str) {
    assert_eq!((said.status, said.kind()), (200, 4), "{said:?}");
    assert!(said.is_whispered() && said.content().contains(sentence), "{sentence}: {said:?}");
    let record = desk.record(alert).await;
    assert_eq!((record.votes.len(), &record.decision, &record.containment), (0, &None, &None));
    assert_eq!(desk.items("ACTION#").await, 0);
}
