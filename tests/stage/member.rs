//! The guild's side: cards, their buttons, and clicks; through the stand-in, or built and signed by the test itself.

use crate::{PATIENCE, Reply, Stage};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use vyrox_contract::AlertId;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::table::SortKey;
use vyrox_standins::discord::ClickOutcome;

/// A member with an approver role, as the runner sets the guild up.
pub const APPROVER: &str = "900000000000000001";
/// Another one.
pub const SECOND_APPROVER: &str = "900000000000000002";
/// A member without a role.
pub const ONLOOKER: &str = "900000000000000003";

/// A message with buttons.
#[derive(Debug, Clone)]
pub struct Card {
    /// The message as Discord keeps it.
    pub message: Value,
}

impl Card {
    /// The message's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.message["id"].as_str().unwrap_or_default()
    }

    /// The labels of its buttons, in order.
    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        shown_buttons(&self.message).filter_map(|button| button["label"].as_str()).collect()
    }

    /// What the button with this label carries.
    ///
    /// # Panics
    /// The card has no such button.
    #[must_use]
    pub fn custom_id(&self, label: &str) -> String {
        let button = shown_buttons(&self.message).find(|button| button["label"] == label);
        let id = button.and_then(|button| button["custom_id"].as_str());
        id.unwrap_or_else(|| panic!("no button {label} on {}", self.message)).to_owned()
    }

    /// Everything it says, as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        json!([self.message["content"], self.message["embeds"]]).to_string()
    }
}

/// The buttons of a message.
pub fn shown_buttons(message: &Value) -> impl Iterator<Item = &Value> {
    message["components"].as_array().into_iter().flatten().filter_map(|row| row["components"].as_array()).flatten()
}

/// Whether this is the message of that alert.
#[must_use]
pub fn message_of(message: &Value, alert: AlertId) -> bool {
    message["embeds"].to_string().contains(&alert.to_string())
}

/// A click as Discord would post it; every part can be made to lie.
#[derive(Debug, Clone)]
pub struct ClickBody(pub Value);

impl ClickBody {
    /// With another value at a JSON pointer such as `/member/user/bot`.
    ///
    /// # Panics
    /// The pointer leads nowhere.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
        self.0.pointer_mut(parent).expect("the pointer leads into the body")[key] = value.into();
        self
    }

    /// Without a field at the top.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        if let Some(body) = self.0.as_object_mut() {
            body.remove(field);
        }
        self
    }
}

/// What came back for a click that the test signed itself.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The callback's type: 4 is a new message, 7 replaces the card; 0 without a callback.
    pub kind: u64,
    /// The callback's text.
    pub content: String,
    /// Whether only the one who clicked sees it.
    pub ephemeral: bool,
}

impl Stage {
    /// The alert's card, as soon as it is in the channel and known to the functions.
    ///
    /// # Panics
    /// It does not come.
    pub async fn card(&self, alert: AlertId) -> Card {
        self.until("the card is posted", alert, |record| record.posted.is_some()).await;
        self.card_when(alert, |_| true).await
    }

    /// The alert's card, as soon as it shows something.
    ///
    /// # Panics
    /// It never does.
    pub async fn card_when(&self, alert: AlertId, shows: impl Fn(&Value) -> bool) -> Card {
        let shown = |message: &Value| message_of(message, alert) && shows(message);
        match self.system.discord.wait_for_message(shown, PATIENCE).await {
            Some(message) => Card { message },
            None => panic!("no such card for {alert}: {:#?}", self.system.discord.messages()),
        }
    }

    /// The alert's card, as soon as this text is in it.
    pub async fn card_saying(&self, alert: AlertId, text: &str) -> Card {
        self.card_when(alert, |message| json!([message["content"], message["embeds"]]).to_string().contains(text)).await
    }

    /// A member presses a button of a card in their client.
    ///
    /// # Panics
    /// The client would not have let them.
    pub async fn press(&self, member: &str, card: &Card, label: &str) -> ClickOutcome {
        self.system.discord.click(member, card.id(), &card.custom_id(label)).await.expect("the button can be pressed")
    }

    /// A click on a card by somebody with the given roles, as Discord would post it. The interaction id is fresh.
    ///
    /// # Panics
    /// The tenant has no guild.
    pub async fn click_body(&self, user: &str, roles: &[&str], card: &Card, custom_id: &str) -> ClickBody {
        let tenant = self.profile().await;
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let guild = tenant.guild_id.expect("the runner links a guild");
        ClickBody(json!({
            "id": (1_500_000_000_000_000_000_u64 + number).to_string(), "application_id": card.message["author"]["id"],
            "type": 3, "token": "t", "version": 1, "guild_id": guild, "channel_id": card.message["channel_id"],
            "message": {"id": card.id()}, "data": {"component_type": 2, "custom_id": custom_id, "id": 2},
            "member": {
                "user": {"id": user, "username": format!("member-{user}"), "global_name": null, "bot": false},
                "roles": roles, "pending": false, "communication_disabled_until": null,
                // The guild's owner: it must never count.
                "permissions": "2251799813685247",
            },
        }))
    }

    /// The approver role of the tenant.
    ///
    /// # Panics
    /// There is none.
    pub async fn approver_role(&self) -> String {
        self.profile().await.approver_roles.first().expect("the runner sets one").to_string()
    }

    /// Posts a click, signed with the application's key at the functions' time.
    pub async fn post_click(&self, click: &ClickBody) -> Answered {
        let body = click.0.to_string();
        let reply = self.post_interaction(&self.discord_key, &self.now().to_string(), body.as_bytes()).await;
        let callback: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        Answered {
            status: reply.status,
            kind: callback["type"].as_u64().unwrap_or(0),
            content: callback["data"]["content"].as_str().unwrap_or_default().to_owned(),
            ephemeral: callback["data"]["flags"].as_u64().is_some_and(|flags| flags & 64 != 0),
        }
    }

    /// Posts an interaction with a signature by `key` over `timestamp` and `body`.
    pub async fn post_interaction(&self, key: &SigningKey, timestamp: &str, body: &[u8]) -> Reply {
        let signature = hex::encode(key.sign(&[timestamp.as_bytes(), body].concat()).to_bytes());
        let headers = [("x-signature-ed25519", signature.as_str()), ("x-signature-timestamp", timestamp)];
        self.post("/interactions", body, &headers).await
    }

    /// The application's key: what Discord signs with.
    #[must_use]
    pub const fn discord_key(&self) -> &SigningKey {
        &self.discord_key
    }

    /// The tenant's profile.
    ///
    /// # Panics
    /// There is none.
    pub async fn profile(&self) -> Tenant {
        let found = self.system.table.read::<Tenant>(&self.tenant(), &SortKey::profile(), self.now()).await;
        found.expect("the table can be read").expect("the runner provisions a tenant").value
    }
}
