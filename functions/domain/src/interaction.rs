//! What Discord posts when somebody clicks. Verified on the raw bytes; parsed only then.
//!
//! A [`Click`] can be made only from a verified body, and only a click can become an approval: that is how "only a human's
//! decision in Discord leads to containment" is a matter of types.

mod member;
mod signature;
mod wire;

pub use member::Member;
pub use signature::{ClickProof, SignedRequest, Unverified, VerifiedInteraction, verify};

use crate::command::Invocation;
use crate::tenant::Snowflake;
use std::collections::BTreeMap;
use std::fmt;

/// What somebody did.
#[derive(Debug, Clone)]
pub enum Interaction {
    /// Discord asks whether we are there.
    Ping,
    /// A button on one of our messages, or a form of ours that was sent.
    Click(Box<Click>),
    /// A slash command.
    Command(Box<Invocation>),
    /// Something this version does not answer.
    Unsupported,
}

/// A signed click in a guild: on a button, or on the Submit of a form. Private fields: made only by
/// [`VerifiedInteraction::parse`].
#[derive(Debug, Clone)]
pub struct Click {
    interaction_id: Snowflake,
    application_id: Snowflake,
    guild_id: Snowflake,
    channel_id: Snowflake,
    message_id: Option<Snowflake>,
    custom_id: String,
    form: Option<Form>,
    member: Member,
    proof: ClickProof,
}

/// The texts that somebody entered into a form, by the ids of its inputs; hostile text.
#[derive(Clone, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// One text.
    #[must_use]
    pub fn text(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

/// The ids alone: one of the texts may be a code.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Click {
    /// Discord's id of this click: the key against counting it twice.
    #[must_use]
    pub const fn interaction_id(&self) -> Snowflake {
        self.interaction_id
    }

    /// The application it is for.
    #[must_use]
    pub const fn application_id(&self) -> Snowflake {
        self.application_id
    }

    /// The guild, which is what tells the tenant.
    #[must_use]
    pub const fn guild_id(&self) -> Snowflake {
        self.guild_id
    }

    /// The channel.
    #[must_use]
    pub const fn channel_id(&self) -> Snowflake {
        self.channel_id
    }

    /// The message that holds the button, or held the one that opened the form. A form that a command opened has none.
    #[must_use]
    pub const fn message_id(&self) -> Option<Snowflake> {
        self.message_id
    }

    /// What was entered, if it is a form that was sent.
    #[must_use]
    pub const fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// The id of the button or the form, unparsed.
    #[must_use]
    pub fn custom_id(&self) -> &str {
        &self.custom_id
    }

    /// What Discord signed.
    #[must_use]
    pub const fn proof(&self) -> &ClickProof {
        &self.proof
    }

    /// Who.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }
}

/// Verified, but not something to be understood.
#[derive(Debug, thiserror::Error)]
pub enum InteractionError {
    /// Not JSON, or a field of the wrong type.
    #[error("interaction cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// Something outside a guild: nobody can be authorised there.
    #[error("interaction comes from outside a guild")]
    NotInGuild,
}

impl VerifiedInteraction<'_> {
    /// Parses, tolerant of every field that is not needed: Discord adds some all the time.
    ///
    /// # Errors
    /// [`InteractionError`].
    pub fn parse(&self) -> Result<Interaction, InteractionError> {
        let body: wire::Body = serde_json::from_slice(self.body()).map_err(InteractionError::Unreadable)?;
        match body.kind {
            1 => Ok(Interaction::Ping),
            kind @ (3 | 5) => {
                let wire: wire::ClickBody =
                    serde_json::from_slice(self.body()).map_err(InteractionError::Unreadable)?;
                let (Some(guild_id), Some(member)) = (wire.guild_id, wire.member) else {
                    return Err(InteractionError::NotInGuild);
                };
                let (custom_id, texts) = wire.data.texts();
                Ok(Interaction::Click(Box::new(Click {
                    interaction_id: wire.id,
                    application_id: wire.application_id,
                    guild_id,
                    channel_id: wire.channel_id,
                    message_id: wire.message.map(|message| message.id),
                    custom_id,
                    form: (kind == 5).then_some(Form(texts)),
                    proof: self.proof(),
                    member: member.into(),
                })))
            }
            2 => {
                let wire: wire::MemberOf = serde_json::from_slice(self.body()).map_err(InteractionError::Unreadable)?;
                let member = wire.member.map(Member::from);
                let invocation = Invocation::read(self.body(), member, self.proof())?;
                Ok(Interaction::Command(Box::new(invocation)))
            }
            _ => Ok(Interaction::Unsupported),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::custom_id::CustomId;
    use crate::stage::APPROVER_ROLE;
    use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
    use serde_json::Value;
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;

    /// A click as it comes out of verification, for the tests of what follows it.
    pub(crate) fn click(custom_id: &str, user: u64, roles: &[&str]) -> Click {
        match parsed(&click_body(custom_id, user, roles)) {
            Interaction::Click(click) => *click,
            other => panic!("{other:?}"),
        }
    }

    /// The same of a body that was changed before Discord signed it.
    pub(crate) fn changed_click(custom_id: &CustomId, user: u64, change: impl FnOnce(&mut Value)) -> Click {
        let mut body = click_body(&custom_id.to_string(), user, &[APPROVER_ROLE]);
        change(&mut body);
        match parsed(&body) {
            Interaction::Click(click) => *click,
            other => panic!("{other:?}"),
        }
    }

    /// A slash command as it comes out of verification: the options as Discord delivers them, and the member's permissions.
    pub(crate) fn invocation(options: &Value, permissions: &str, roles: &[&str]) -> Invocation {
        invoked(options, permissions, roles, |_| ())
    }

    /// A slash command of a member who was changed before Discord signed it.
    pub(crate) fn changed_invocation(permissions: &str, roles: &[&str], change: fn(&mut Value)) -> Invocation {
        invoked(&json!([{"name": "status", "type": 1}]), permissions, roles, change)
    }

    fn invoked(options: &Value, permissions: &str, roles: &[&str], change: fn(&mut Value)) -> Invocation {
        let mut body = click_body("x", 1, roles);
        change(&mut body["member"]);
        body["type"] = json!(2);
        body["token"] = json!("tok");
        body["member"]["permissions"] = json!(permissions);
        body["data"] = json!({"id": "1", "name": "vyrox", "type": 1, "options": options, "resolved": {"roles": {
            "800": {"id": "800", "name": "admins", "managed": false, "flags": 0}}}});
        match parsed(&body) {
            Interaction::Command(invocation) => *invocation,
            other => panic!("{other:?}"),
        }
    }

    /// A form that was sent from a card, with what was entered.
    pub(crate) fn form(custom_id: &str, user: u64, roles: &[&str], texts: &[(&str, &str)]) -> Click {
        sent(click_body(custom_id, user, roles), texts)
    }

    /// The same from a form that a command opened: without a message.
    pub(crate) fn command_form(custom_id: &str, user: u64, roles: &[&str], texts: &[(&str, &str)]) -> Click {
        let mut body = click_body(custom_id, user, roles);
        body.as_object_mut().unwrap().remove("message");
        sent(body, texts)
    }

    fn sent(mut body: Value, texts: &[(&str, &str)]) -> Click {
        body["type"] = json!(5);
        let input = |(id, text): &(&str, &str)| json!({"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": id, "value": text}});
        body["data"]["components"] = texts.iter().map(input).collect();
        match parsed(&body) {
            Interaction::Click(click) => *click,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_form_is_read_in_its_new_shape_and_its_old_one() {
        let mut body = click_body("x", 1, &[]);
        body["type"] = json!(5);
        let read = |components: Value| {
            let mut body = body.clone();
            body["data"]["components"] = components;
            match parsed(&body) {
                Interaction::Click(click) => click.form().unwrap().text("reason").map(str::to_owned),
                other => panic!("{other:?}"),
            }
        };
        let input = json!({"type": 4, "id": 2, "custom_id": "reason", "value": "seen"});
        let label = json!({"type": 18, "id": 1, "component": input});
        let row = json!({"type": 1, "id": 1, "components": [input]});
        assert_eq!(read(json!([label])).as_deref(), Some("seen"));
        assert_eq!(read(json!([row])).as_deref(), Some("seen"));
        let other =
            json!({"type": 99, "id": 7, "content": "x", "component": {"type": 23, "custom_id": "c", "value": true}});
        assert_eq!(
            read(json!([{"type": 10, "id": 9}, other, label])).as_deref(),
            Some("seen"),
            "others are passed over"
        );
        assert_eq!(read(json!([label, row])), None, "one that is there twice does not count");
        assert_eq!(read(json!([])), None);
        match parsed(&click_body("x", 1, &[])) {
            Interaction::Click(click) => assert!(click.form().is_none(), "a button is no form"),
            other => panic!("{other:?}"),
        }
    }

    /// The keys under which those clicks verify.
    pub(crate) fn discord_keys() -> [VerifyingKey; 1] {
        [SigningKey::from_bytes(&[5; 32]).verifying_key()]
    }

    pub(crate) fn click_body(custom_id: &str, user: u64, roles: &[&str]) -> Value {
        json!({
            "id": format!("9{user:06}1"), "application_id": "500", "type": 3, "token": "t", "version": 1,
            "guild_id": "600", "channel_id": "700", "message": {"id": "800", "unknown": [1]},
            "data": {"component_type": 2, "custom_id": custom_id, "id": 2},
            "member": {"user": {"id": user.to_string(), "username": "approver", "global_name": null},
                       "roles": roles, "communication_disabled_until": null, "pending": false, "permissions": "8"}
        })
    }

    fn parsed(body: &Value) -> Interaction {
        let key = SigningKey::from_bytes(&[5; 32]);
        let body = body.to_string();
        let timestamp = NOW.to_string();
        let signature = hex::encode(key.sign(format!("{timestamp}{body}").as_bytes()).to_bytes());
        let request = SignedRequest { signature: &signature, timestamp: &timestamp, body: body.as_bytes() };
        verify(&[key.verifying_key()], request, NOW).unwrap().parse().unwrap()
    }

    #[test]
    fn only_discords_own_recent_bytes_verify() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let keys = [key.verifying_key()];
        let body = br#"{"type":1}"#;
        let sign =
            |timestamp: &str, body: &[u8]| hex::encode(key.sign(&[timestamp.as_bytes(), body].concat()).to_bytes());
        let now = NOW.to_string();
        let good = sign(&now, body);
        let check = |signature: &str, timestamp: &str, body: &[u8]| {
            verify(&keys, SignedRequest { signature, timestamp, body }, NOW).is_ok()
        };
        assert!(check(&good, &now, body));
        assert!(check(&good.to_uppercase(), &now, body));
        assert!(!check(&good, &now, br#"{"type":2}"#), "another body");
        assert!(!check(&good, &(NOW + 1).to_string(), body), "another timestamp");
        assert!(!check(&good[..126], &now, body), "a short signature");
        assert!(!check("", &now, body));
        assert!(!check(&"zz".repeat(64), &now, body));
        let stale = (NOW - 301).to_string();
        assert!(!check(&sign(&stale, body), &stale, body), "signed, but stale");
        let early = (NOW + 301).to_string();
        assert!(!check(&sign(&early, body), &early, body), "signed, but from the future");
        let huge = i64::MIN.to_string();
        assert!(!check(&sign(&huge, body), &huge, body));
        let other = SigningKey::from_bytes(&[6; 32]);
        assert!(
            verify(&[other.verifying_key()], SignedRequest { signature: &good, timestamp: &now, body }, NOW).is_err()
        );
    }

    #[test]
    fn bots_the_unscreened_and_the_timed_out_may_not_act() {
        let member = |change: fn(&mut Value)| {
            let mut body = click_body("x", 1, &[]);
            change(&mut body);
            match parsed(&body) {
                Interaction::Click(click) => click.member().may_act(NOW),
                other => panic!("{other:?}"),
            }
        };
        assert!(member(|_| {}));
        assert!(!member(|body| body["member"]["user"]["bot"] = json!(true)));
        assert!(!member(|body| body["member"]["pending"] = json!(true)));
        assert!(!member(|body| body["member"]["communication_disabled_until"] = json!("2099-01-01T00:00:00+00:00")));
        assert!(member(|body| body["member"]["communication_disabled_until"] = json!("2020-01-01T00:00:00+00:00")));
        assert!(!member(|body| body["member"]["communication_disabled_until"] = json!("no time")));
    }

    #[test]
    fn a_click_in_a_direct_message_is_not_one() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let mut body = click_body("x", 1, &[]);
        body.as_object_mut().unwrap().remove("guild_id");
        let body = body.to_string();
        let signature = hex::encode(key.sign(format!("{NOW}{body}").as_bytes()).to_bytes());
        let request = SignedRequest { signature: &signature, timestamp: &NOW.to_string(), body: body.as_bytes() };
        let verified = verify(&[key.verifying_key()], request, NOW).unwrap();
        assert!(matches!(verified.parse(), Err(InteractionError::NotInGuild)));
    }
}
