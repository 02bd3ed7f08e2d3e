//! A queue takes its own kind of message only.

use vyrox_domain::message::{ActionApproved, AlertQueued, CardRequested};
use vyrox_platform::queue::Queue;

async fn a_card_to_the_actions(actions: &Queue<ActionApproved>, message: &CardRequested) {
    let _ = actions.send(message).await;
}

async fn an_alert_to_the_actions(actions: &Queue<ActionApproved>, message: &AlertQueued) {
    let _ = actions.send(message).await;
}

fn main() {}
