//! What a member does in the client: enter a slash command.

use super::click::{ClickError, ClickOutcome, endpoint, member};
use super::deliver::{Ticket, deliver};
use super::payload;
use super::shared::Shared;
use serde_json::{Value, json};
use std::sync::Arc;

/// Enter `/name` with Discord's option array.
pub(super) async fn run(
    shared: &Arc<Shared>,
    member_id: &str,
    name: &str,
    options: Value,
) -> Result<ClickOutcome, ClickError> {
    let member = member(shared, member_id)?;
    let url = endpoint(shared).await?;
    let ticket = Ticket::issue(shared, member_id, None, false);
    let body = shared.edit(|state| {
        let command = state.ids.make(0);
        let mut body = payload::interaction(&shared.options, state, member, 2, &ticket.id, &ticket.token);
        body["data"] =
            json!({"id": command, "name": name, "type": 1, "guild_id": shared.options.guild_id, "options": options});
        body
    });
    Ok(deliver(shared, &url, &ticket, &body).await)
}
