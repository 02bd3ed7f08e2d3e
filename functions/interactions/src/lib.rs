//! interactions: a signed click in Discord is verified, authorised and decided in one transaction, within three seconds.
//!
//! ```text
//!  raw bytes --Ed25519, strict--> VerifiedInteraction --parse--> Click --bind, authorise--> Ruling
//!      --action queued--> --one transaction: record, action, click id, audit entry--> committed --> the new card (type 7)
//! ```
//!
//! It calls neither Discord nor a proxy: the answer to the click carries the new card, and everything later is drawn by
//! `notify`. An approved action is queued **before** the decision is committed: dispatch acts on a message only if the
//! committed decision bears it out, so a message without one is nothing, while a decision without a message would be lost.

mod answer;
mod command;
mod decide;
mod event;
mod failure;
mod form;
mod investigate;
mod joint;
mod known;
mod payload;
mod refuse;

use crate::answer::Answer;
use crate::decide::Progress;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use ed25519_dalek::VerifyingKey;
use http_body_util::{BodyExt as _, Limited};
use std::sync::Arc;
use std::time::Duration;
use vyrox_domain::custom_id::CustomId;
use vyrox_domain::interaction::{Click, Interaction, SignedRequest, verify};
use vyrox_domain::message::{ActionApproved, CardRequested, CommandAsked};
use vyrox_domain::tenant::Snowflake;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::evidence::Opener;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::metric::{self, Metric};
use vyrox_platform::queue::Queue;
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::Table;
use vyrox_platform::trace::{self, Origin};

/// What the function is called in logs, numbers and lanes.
const FUNCTION: &str = "interactions";
/// The largest body that Discord sends.
const MAX_BODY: usize = 256 * 1024;
/// Discord waits three seconds; an honest "not sure" must be out before that.
const DEADLINE: Duration = Duration::from_millis(2_200);

/// What interactions can do: read, open evidence and approvers' second factors, commit with an audit entry, queue approved
/// actions, request cards.
#[derive(Debug)]
pub struct Interactions {
    table: Table,
    ledger: Ledger,
    actions: Queue<ActionApproved>,
    cards: Queue<CardRequested>,
    commands: Queue<CommandAsked>,
    evidence: Opener,
    secrets: Secrets,
    application_id: Snowflake,
    public_keys: Vec<VerifyingKey>,
    clock: Arc<dyn Clock>,
}

impl Interactions {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Interactions, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), FUNCTION, Arc::clone(&clock)),
            actions: Queue::new(clients.sqs.clone(), &config.actions_queue_url),
            cards: Queue::new(clients.sqs.clone(), &config.cards_queue_url),
            commands: Queue::new(clients.sqs.clone(), &config.commands_queue_url),
            evidence: Opener::new(clients.kms.clone(), &config.secrets_key_id),
            secrets: Secrets::new(clients.kms.clone(), &config.secrets_key_id, Arc::clone(&clock)),
            application_id: config.application_id,
            public_keys: config.public_keys.clone(),
            table,
            clock,
        }
    }

    /// Opens connections before the first click, all at once.
    pub async fn warm(&self) {
        tokio::join!(self.table.warm(), self.actions.warm());
    }
}

/// The function's route.
pub fn router(interactions: Arc<Interactions>) -> Router {
    Router::new().route("/interactions", post(interaction)).with_state(interactions)
}

async fn interaction(State(function): State<Arc<Interactions>>, headers: HeaderMap, body: Body) -> Response {
    let work = async {
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => function.answer(&headers, &body.to_bytes()).await,
            Err(_) => Answer::Unverified,
        }
    };
    metric::gather(Arc::clone(&function.clock), FUNCTION, work).await.into_response()
}

impl Interactions {
    /// Verifies on the raw bytes first; a PING is answered without any I/O.
    async fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let (Some(signature), Some(timestamp)) =
            (only(headers, "x-signature-ed25519"), only(headers, "x-signature-timestamp"))
        else {
            return Answer::Unverified;
        };
        let request = SignedRequest { signature, timestamp, body };
        let Ok(verified) = verify(&self.public_keys, request, self.clock.now()) else { return Answer::Unverified };
        match verified.parse() {
            Ok(Interaction::Ping) => Answer::Pong,
            Ok(Interaction::Click(click)) => {
                let began = self.clock.now_millis();
                // Only for the log: what counts is read from the table.
                let about = click.custom_id().parse::<CustomId>().map(|id| id.alert_id.into());
                let about = about.unwrap_or_else(|_| click.interaction_id().into());
                let answer = trace::follow(FUNCTION, about, Origin::default(), self.click_in_time(&click)).await;
                Metric::Clicks.add_by(answer.as_str(), 1);
                Metric::ClickToAnswer.took((began, self.clock.now_millis()));
                answer
            }
            Ok(Interaction::Command(invocation)) => {
                let began = self.clock.now_millis();
                let work = tokio::time::timeout(DEADLINE, self.command(&invocation));
                let about = invocation.interaction_id().into();
                let answer = trace::follow(FUNCTION, about, Origin::default(), work).await;
                Metric::CommandsEntered.add(1);
                Metric::ClickToAnswer.took((began, self.clock.now_millis()));
                answer.unwrap_or(Answer::Unknown)
            }
            Ok(Interaction::Unsupported) => Answer::Unsupported,
            Err(error) => {
                tracing::warn!(%error, "verified interaction cannot be used");
                Answer::Unsupported
            }
        }
    }

    /// What can be said in time. A click that is cut short before its commit began has certainly recorded nothing.
    async fn click_in_time(&self, click: &Click) -> Answer {
        let progress = Progress::default();
        let answer = tokio::time::timeout(DEADLINE, self.click(click, &progress)).await;
        answer.unwrap_or_else(|_| {
            tracing::error!(interaction_id = %click.interaction_id(), begun = progress.has_begun(), "a click took too long");
            if progress.has_begun() { Answer::Unknown } else { Answer::NotRecorded }
        })
    }
}

/// A header's value, if there is exactly one.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
