//! The queues and what lies in them.

use super::{Finding, not_answered};
use crate::deployment::Deployment;
use crate::error::CtlError;
use aws_sdk_sqs::types::QueueAttributeName;

/// More messages than this wait only if something does not keep up.
const MANY: u64 = 1_000;
/// The queues, and the function that takes each one's messages.
const QUEUES: [(&str, &str); 4] =
    [("alerts", "triage"), ("cards", "notify"), ("actions", "dispatch"), ("commands", "assist")];

pub(super) async fn look(deployment: &Deployment) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (queue, function) in QUEUES {
        let what = format!("queue {queue}");
        findings.push(match attributes(deployment, queue).await {
            Err(finding) => finding,
            Ok((_, false)) => Finding::bad(
                what,
                "no dead-letter queue: a message that always fails comes for ever",
                "Deploy the template: RedrivePolicy.",
            ),
            Ok((waiting, true)) if waiting > MANY => Finding::look(
                what,
                format!("{waiting} messages wait"),
                format!("{function} does not keep up: look at its errors, throttles and concurrency."),
            ),
            Ok((waiting, true)) => Finding::good(what, format!("{waiting} messages wait")),
        });
        let what = format!("dead letters of {queue}");
        findings.push(match attributes(deployment, &format!("{queue}-dlq")).await {
            Err(finding) => finding,
            Ok((0, _)) => Finding::good(what, "none"),
            Ok((dead, _)) => Finding::look(
                what,
                format!("{dead}"),
                format!("`vyroxctl dlq show {queue}`, {function}'s log for why, then `vyroxctl dlq redrive {queue}`."),
            ),
        });
    }
    findings
}

/// How many messages wait, and whether dead ones go elsewhere.
async fn attributes(deployment: &Deployment, queue: &str) -> Result<(u64, bool), Finding> {
    let what = format!("queue {queue}");
    let url = match deployment.queue_url(queue).await {
        Ok(url) => url,
        Err(CtlError::NoSuchQueue(name)) => {
            return Err(Finding::bad(what, format!("{name} is not there"), "Deploy the stack, or say --stack."));
        }
        Err(error) => return Err(not_answered(what, &error)),
    };
    let asked = deployment.clients.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    let told = asked.send().await.map_err(|error| not_answered(what, &error))?.attributes.unwrap_or_default();
    let waiting = told.get(&QueueAttributeName::ApproximateNumberOfMessages);
    let waiting = waiting.and_then(|count| count.parse().ok()).unwrap_or(0);
    Ok((waiting, told.contains_key(&QueueAttributeName::RedrivePolicy)))
}
