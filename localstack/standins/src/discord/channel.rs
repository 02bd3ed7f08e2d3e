//! The channel's messages.

use super::journal::Journal;
use super::options::{DiscordOptions, StartError};
use super::payload;
use crate::clock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;

/// How long a nonce is remembered, milliseconds ("past few minutes").
const NONCE_MEMORY: u64 = 5 * 60 * 1000;

/// EPHEMERAL.
pub(crate) const EPHEMERAL: u64 = 1 << 6;
/// LOADING: a deferred answer that is not there yet.
pub(crate) const LOADING: u64 = 1 << 7;

/// A message, and who sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// Discord's message object.
    pub(crate) message: Value,
    /// Set for an ephemeral message: the only member who sees it.
    pub(crate) only_for: Option<String>,
}

/// A message of the bot that came about some other way than by `POST /channels/{c}/messages`.
pub(crate) struct Extras<'a> {
    /// The message's flags beyond those in the body.
    pub(crate) flags: u64,
    /// Who sees it, if not everyone.
    pub(crate) only_for: Option<&'a str>,
    /// Discord's message type: 0 default, 19 reply, 20 slash command.
    pub(crate) kind: u64,
    /// The message it refers to.
    pub(crate) refers_to: Option<&'a str>,
}

/// Messages in the order posted, ephemeral ones among them.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    posted: Vec<Posted>,
    nonces: HashMap<String, (u64, String)>,
    changes: u64,
    journal: Option<Journal>,
}

impl Channel {
    /// The messages kept in a file, with the nonces that they came with: Discord does not forget them when a bot is
    /// restarted, and every bot here enforces its nonces. Changes are kept there from now on, see [`Journal`].
    pub(crate) fn load(path: &Path) -> Result<Self, StartError> {
        let (posted, journal) = Journal::load(path)?;
        let nonces = posted.iter().filter_map(|posted| {
            let (nonce, id) = (posted.message.get("nonce")?, posted.message["id"].as_str()?);
            Some((nonce_key(nonce), (payload::made_at(id)?, id.to_owned())))
        });
        Ok(Self { nonces: nonces.collect(), posted, journal: Some(journal), changes: 0 })
    }

    /// Keeps what has changed, if there is a place for it.
    pub(crate) fn save(&mut self) -> std::io::Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.write(&self.posted))
    }

    /// How often messages were posted, edited or deleted.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// What everyone sees.
    pub(crate) fn public(&self) -> impl Iterator<Item = &Value> {
        self.posted.iter().filter(|posted| posted.only_for.is_none()).map(|posted| &posted.message)
    }

    /// What one member sees besides.
    pub(crate) fn ephemerals(&self, member_id: &str) -> impl Iterator<Item = &Value> {
        self.posted
            .iter()
            .filter(move |posted| posted.only_for.as_deref() == Some(member_id))
            .map(|posted| &posted.message)
    }

    /// Everything that one member sees, in the order posted.
    pub(crate) fn visible_to(&self, member_id: &str) -> impl DoubleEndedIterator<Item = &Posted> {
        self.posted.iter().filter(move |posted| posted.only_for.as_deref().is_none_or(|only| only == member_id))
    }

    /// A message, ephemeral or not.
    pub(crate) fn find(&self, message_id: &str) -> Option<&Posted> {
        self.posted.iter().rev().find(|posted| posted.message["id"] == message_id)
    }

    /// The newest message's id.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.posted.iter().rev().find(|posted| posted.only_for.is_none())?.message["id"].as_str()
    }

    /// The message that was posted under a nonce lately; `Err` if it was deleted since.
    pub(crate) fn by_nonce(&self, nonce: &str, now: u64) -> Option<Result<&Value, ()>> {
        let (at, id) = self.nonces.get(nonce)?;
        (now.saturating_sub(*at) <= NONCE_MEMORY).then(|| self.find(id).map(|posted| &posted.message).ok_or(()))
    }

    /// Post a judged body.
    pub(crate) fn post(
        &mut self,
        options: &DiscordOptions,
        id: &str,
        body: &Value,
        extras: &Extras<'_>,
        now: u64,
    ) -> Value {
        let mut message = json!({
            "id": id, "type": extras.kind, "channel_id": options.channel_id, "application_id": options.application_id,
            "author": payload::bot_user(options), "content": "", "timestamp": clock::iso8601(now),
            "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
            "attachments": [], "embeds": [], "components": [], "flags": extras.flags, "pinned": false,
        });
        if let Some(refers_to) = extras.refers_to {
            let reference = json!({"type": 0, "channel_id": options.channel_id, "guild_id": options.guild_id, "message_id": refers_to});
            message["message_reference"] = reference;
        }
        if let Some(nonce) = body.get("nonce").filter(|nonce| !nonce.is_null()) {
            message["nonce"] = nonce.clone();
            if body["enforce_nonce"] == true {
                self.nonces.insert(nonce_key(nonce), (now, id.to_owned()));
            }
        }
        apply(&mut message, body, options);
        message["flags"] = json!(extras.flags | body["flags"].as_u64().unwrap_or(0));
        self.changes += 1;
        let posted = Posted { message: message.clone(), only_for: extras.only_for.map(Into::into) };
        if let Some(journal) = &mut self.journal {
            journal.put(&posted);
        }
        self.posted.push(posted);
        message
    }

    /// What a message would be after an edit.
    pub(crate) fn edited(&self, message_id: &str, body: &Value, options: &DiscordOptions, now: u64) -> Option<Value> {
        let mut message = self.find(message_id)?.message.clone();
        let flags = message["flags"].as_u64().unwrap_or(0);
        apply(&mut message, body, options);
        let asked = body["flags"].as_u64().unwrap_or(flags & !(EPHEMERAL | LOADING));
        message["flags"] = json!(asked | flags & EPHEMERAL);
        message["edited_timestamp"] = clock::iso8601(now).into();
        Some(message)
    }

    /// Put an edited message in the place of the old one.
    pub(crate) fn replace(&mut self, message: &Value) {
        self.changes += 1;
        if let Some(posted) = self.posted.iter_mut().rev().find(|posted| posted.message["id"] == message["id"]) {
            posted.message = message.clone();
            if let Some(journal) = &mut self.journal {
                journal.put(posted);
            }
        }
    }

    /// Remove a message; whether there was one.
    pub(crate) fn delete(&mut self, message_id: &str) -> bool {
        self.changes += 1;
        let before = self.posted.len();
        self.posted.retain(|posted| posted.message["id"] != message_id);
        if let Some(journal) = &mut self.journal {
            journal.deleted(message_id);
        }
        self.posted.len() < before
    }
}

/// A nonce's text, for strings and numbers alike.
pub(crate) fn nonce_key(nonce: &Value) -> String {
    nonce.as_str().map_or_else(|| nonce.to_string(), Into::into)
}

/// Lay a judged body over a message. A field that is present replaces, null empties, absent keeps.
fn apply(message: &mut Value, body: &Value, options: &DiscordOptions) {
    if let Some(content) = body.get("content") {
        message["content"] = content.as_str().unwrap_or_default().into();
    }
    if let Some(embeds) = body.get("embeds") {
        let embeds = embeds.as_array().into_iter().flatten().cloned().map(|mut embed| {
            embed["type"] = "rich".into();
            embed["content_scan_version"] = 0.into();
            embed
        });
        message["embeds"] = embeds.collect();
    }
    if let Some(components) = body.get("components") {
        let mut components = if components.is_null() { json!([]) } else { components.clone() };
        let mut next = 1;
        number(&mut components, &mut next);
        message["components"] = components;
    }
    mention(message, body.get("allowed_mentions"), options);
}

/// Number components that came without an `id`, as Discord does.
fn number(components: &mut Value, next: &mut u64) {
    for component in components.as_array_mut().into_iter().flatten() {
        if component["id"].as_u64().unwrap_or(0) == 0 {
            component["id"] = (*next).into();
        }
        *next += 1;
        if component.get("components").is_some() {
            number(&mut component["components"], next);
        }
        if let Some(accessory) = component.get_mut("accessory").filter(|accessory| accessory.is_object()) {
            accessory["id"] = (*next).into();
            *next += 1;
        }
    }
}

/// Whom the content pings. Without `allowed_mentions` everything in it counts.
fn mention(message: &mut Value, allowed: Option<&Value>, options: &DiscordOptions) {
    let allowed = allowed.and_then(Value::as_object);
    let permits = |kind: &str, id: &str| allowed.is_none_or(|rules| permitted(rules, kind, id));
    let content = message["content"].as_str().unwrap_or_default();
    let users: Vec<Value> = options
        .members
        .iter()
        .filter(|member| {
            content.contains(&format!("<@{}>", member.id)) || content.contains(&format!("<@!{}>", member.id))
        })
        .filter(|member| permits("users", &member.id))
        .map(payload::user)
        .collect();
    let roles: Vec<String> = content
        .split("<@&")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('>')?.0.to_owned()))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && permits("roles", id))
        .collect();
    let everyone = (content.contains("@everyone") || content.contains("@here")) && permits("everyone", "");
    message["mentions"] = users.into();
    message["mention_roles"] = roles.into();
    message["mention_everyone"] = everyone.into();
}

fn permitted(rules: &Map<String, Value>, kind: &str, id: &str) -> bool {
    let listed = |key: &str, what: &str| {
        rules.get(key).and_then(Value::as_array).is_some_and(|list| list.iter().any(|entry| entry == what))
    };
    listed("parse", kind) || listed(kind, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::options::Member;

    const PLAIN: Extras<'_> = Extras { flags: 0, only_for: None, kind: 0, refers_to: None };

    fn options() -> DiscordOptions {
        DiscordOptions { members: vec![Member::new("7", "Analyst", ["70"])], ..DiscordOptions::new("1", "t", "2", "3") }
    }

    #[test]
    fn an_edit_replaces_what_it_names_and_keeps_the_rest() {
        let (mut channel, options) = (Channel::default(), options());
        channel.post(&options, "10", &json!({"content": "a", "embeds": [{"title": "t"}]}), &PLAIN, 0);
        let message = channel.edited("10", &json!({"content": "b"}), &options, 1).unwrap();
        assert_eq!(message["content"], "b");
        assert_eq!(message["embeds"][0]["title"], "t");
        let message = channel.edited("10", &json!({"embeds": null}), &options, 1).unwrap();
        assert_eq!(message["embeds"], json!([]));
    }

    #[test]
    fn only_allowed_mentions_ping() {
        let (mut channel, options) = (Channel::default(), options());
        let content = "<@7> <@&70> @everyone";
        let all = channel.post(&options, "10", &json!({"content": content}), &PLAIN, 0);
        assert_eq!(all["mentions"][0]["id"], "7");
        assert_eq!(all["mention_roles"], json!(["70"]));
        assert_eq!(all["mention_everyone"], true);
        let role = json!({"content": content, "allowed_mentions": {"parse": [], "roles": ["70"]}});
        let role = channel.post(&options, "11", &role, &PLAIN, 0);
        assert_eq!(role["mentions"], json!([]));
        assert_eq!(role["mention_roles"], json!(["70"]));
        assert_eq!(role["mention_everyone"], false);
    }

    #[test]
    fn a_nonce_is_remembered_over_a_restart_for_as_long_as_before() {
        let (data, now) = (tempfile::tempdir().unwrap(), payload::EPOCH + 60_000);
        let (file, id) = (data.path().join("discord.json"), (60_000_u64 << 22).to_string());
        let (mut channel, options) = (Channel::load(&file).unwrap(), options());
        channel.post(&options, &id, &json!({"content": "a", "nonce": "n", "enforce_nonce": true}), &PLAIN, now);
        channel.save().unwrap();
        let restarted = Channel::load(&file).unwrap();
        assert_eq!(restarted.by_nonce("n", now + NONCE_MEMORY).unwrap().unwrap()["id"], id.as_str());
        assert_eq!(restarted.by_nonce("n", now + NONCE_MEMORY + 1), None);
    }

    #[test]
    fn components_are_numbered() {
        let (mut channel, options) = (Channel::default(), options());
        let body = json!({"components": [{"type": 1, "components": [{"type": 2, "custom_id": "a"}, {"type": 2, "custom_id": "b"}]}]});
        let message = channel.post(&options, "10", &body, &PLAIN, 0);
        assert_eq!(message["components"][0]["components"][1]["id"], 3);
    }
}
