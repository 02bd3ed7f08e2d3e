//! One use of a command: who, where, and what they ask for.

use super::request::{Misuse, Request};
use super::wire;
use crate::interaction::{ClickProof, InteractionError, Member};
use crate::tenant::Snowflake;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an answer is sent to after the first one: good for 15 minutes, for this one invocation. It does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InteractionToken(String);

impl InteractionToken {
    /// For how long Discord takes answers to it, in seconds, with a margin for the way there.
    pub const LIFE: i64 = 14 * 60;

    /// The token, for the path of a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InteractionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InteractionToken(..)")
    }
}

/// A slash command that Discord signed, entered in a server. Private fields: made only from a verified body.
#[derive(Debug, Clone)]
pub struct Invocation {
    interaction_id: Snowflake,
    application_id: Snowflake,
    guild_id: Snowflake,
    channel_id: Snowflake,
    token: InteractionToken,
    member: Member,
    permissions: u64,
    request: Result<Request, Misuse>,
    proof: ClickProof,
}

impl Invocation {
    /// Reads a body that was verified; `member` and `proof` are what interactions of every kind have.
    ///
    /// # Errors
    /// [`InteractionError`].
    pub(crate) fn read(body: &[u8], member: Option<Member>, proof: ClickProof) -> Result<Self, InteractionError> {
        let wire: wire::Body = serde_json::from_slice(body).map_err(InteractionError::Unreadable)?;
        let (Some(guild_id), Some(member)) = (wire.guild_id, member) else {
            return Err(InteractionError::NotInGuild);
        };
        // What cannot be read is no permission.
        let permissions = wire.member.and_then(|member| member.permissions?.parse().ok()).unwrap_or(0);
        Ok(Self {
            interaction_id: wire.id,
            application_id: wire.application_id,
            guild_id,
            channel_id: wire.channel_id,
            token: InteractionToken(wire.token),
            member,
            permissions,
            request: Request::read(&wire.data),
            proof,
        })
    }

    /// Discord's id of it: the key against doing it twice.
    #[must_use]
    pub const fn interaction_id(&self) -> Snowflake {
        self.interaction_id
    }

    /// The application it is for.
    #[must_use]
    pub const fn application_id(&self) -> Snowflake {
        self.application_id
    }

    /// The server, which is what tells the tenant.
    #[must_use]
    pub const fn guild_id(&self) -> Snowflake {
        self.guild_id
    }

    /// The channel it was entered in.
    #[must_use]
    pub const fn channel_id(&self) -> Snowflake {
        self.channel_id
    }

    /// Where a later answer goes.
    #[must_use]
    pub const fn token(&self) -> &InteractionToken {
        &self.token
    }

    /// Who.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// What they may do in this channel, as Discord's bits.
    #[must_use]
    pub const fn permissions(&self) -> u64 {
        self.permissions
    }

    /// What they ask for.
    ///
    /// # Errors
    /// [`Misuse`].
    pub const fn request(&self) -> Result<&Request, &Misuse> {
        self.request.as_ref()
    }

    /// What Discord signed.
    #[must_use]
    pub const fn proof(&self) -> &ClickProof {
        &self.proof
    }
}

#[cfg(test)]
mod tests {
    use crate::command::{COMMANDS, Kind, Misuse, Request};
    use crate::interaction::tests::invocation;
    use serde_json::{Value, json};

    fn request(options: &Value) -> Result<Request, Misuse> {
        invocation(options, "32", &[]).request().cloned().map_err(Clone::clone)
    }

    /// A value that an option takes.
    fn value(name: &str, kind: Kind) -> Value {
        match (name, kind) {
            ("alert", _) => json!("00000000-0000-4000-8000-000000000000"),
            (_, Kind::Text { min, .. }) => json!("a".repeat(usize::from(min))),
            (_, Kind::Whole { min, .. }) => json!(min),
            (_, Kind::Role | Kind::Channel) => json!("800"),
            (_, Kind::Choice(choices)) => json!(choices[0].1),
        }
    }

    #[test]
    fn every_row_of_the_table_is_read_and_leads_back_to_its_row() {
        for command in COMMANDS {
            let options: Vec<Value> = command
                .options
                .iter()
                .filter(|spec| spec.required)
                .map(|spec| json!({"name": spec.name, "type": 3, "value": value(spec.name, spec.kind)}))
                .collect();
            let mut leaf = json!({"name": command.path.last(), "type": 1, "options": options});
            if let [group, _] = command.path {
                leaf = json!({"name": group, "type": 2, "options": [leaf]});
            }
            let request = request(&json!([leaf])).unwrap_or_else(|error| panic!("{}: {error}", command.name()));
            assert_eq!(request.command(), command);
            for spec in command.options.iter().filter(|spec| spec.required) {
                let mut without = leaf.clone();
                let options = if command.path.len() == 2 {
                    &mut without["options"][0]["options"]
                } else {
                    &mut without["options"]
                };
                options.as_array_mut().unwrap().retain(|option| option["name"] != spec.name);
                assert_eq!(
                    super::super::Request::read(
                        &serde_json::from_value(json!({"name": "vyrox", "options": [without]})).unwrap()
                    ),
                    Err(Misuse::Missing(spec.name))
                );
            }
        }
    }

    #[test]
    fn what_the_client_would_not_let_through_is_refused() {
        let one = |name: &str, options: Value| request(&json!([{"name": name, "type": 1, "options": options}]));
        assert_eq!(one("approve", json!([])), Err(Misuse::Unknown));
        assert_eq!(request(&json!([])), Err(Misuse::Unknown));
        let days = |days: Value| one("stats", json!([{"name": "days", "type": 4, "value": days}]));
        assert_eq!(days(json!(7)), Ok(Request::Stats { days: 7 }));
        for bad in [json!(0), json!(91), json!("7"), json!(-1), json!(7.5)] {
            assert_eq!(days(bad.clone()), Err(Misuse::Unusable("days")), "{bad}");
        }
        let source = |source: &str, scheme: &str, header: Option<&str>| {
            let mut options = vec![
                json!({"name": "source", "type": 3, "value": source}),
                json!({"name": "scheme", "type": 3, "value": scheme}),
            ];
            options.extend(header.map(|header| json!({"name": "header", "type": 3, "value": header})));
            one("setup", json!(options))
        };
        assert!(source("generic", "static_header", Some("X-Key")).is_ok());
        assert_eq!(source("generic", "static_header", None), Err(Misuse::Header));
        assert_eq!(source("generic", "bearer", Some("x-key")), Err(Misuse::Header));
        assert_eq!(source("generic", "static_header", Some("x key")), Err(Misuse::Unusable("header")));
        assert_eq!(source("nobody", "bearer", None), Err(Misuse::Unusable("source")));
        let release = one("release", json!([{"name": "alert", "type": 3, "value": "x".repeat(36)}]));
        assert_eq!(release, Err(Misuse::Unusable("alert")));
        let unknown_role = one("approvers", json!([]));
        assert_eq!(unknown_role, Err(Misuse::Unknown));
    }

    #[test]
    fn a_code_is_neither_printed_nor_stored() {
        let options = json!([{"name": "register", "type": 1, "options": [
            {"name": "code", "type": 3, "value": "s3cret-s3cret-s3cret-s3cret"},
            {"name": "admin_role", "type": 8, "value": "800"},
        ]}]);
        let invocation = invocation(&options, "32", &[]);
        let request = invocation.request().unwrap();
        let Request::Register { code, .. } = request else { panic!("{request:?}") };
        assert_eq!(code.expose(), "s3cret-s3cret-s3cret-s3cret");
        assert!(!format!("{request:?}").contains("s3cret"));
        assert!(!json!(request).to_string().contains("s3cret"));
        assert!(!format!("{:?}", invocation.token()).contains("tok"));
    }
}
