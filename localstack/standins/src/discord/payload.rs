//! Ids, and the objects that interactions carry.

use super::options::{DiscordOptions, Member, Role};
use super::shared::State;
use crate::clock;
use serde_json::{Value, json};

/// Discord's epoch, 2015-01-01, unix milliseconds.
pub(crate) const EPOCH: u64 = 1_420_070_400_000;

/// Makes ids that carry the time and never repeat.
#[derive(Debug, Default)]
pub(crate) struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    /// The next id, larger than every one before.
    pub(crate) fn make(&mut self, unix_millis: u64) -> String {
        self.last = (unix_millis.saturating_sub(EPOCH) << 22).max(self.last + 1);
        self.last.to_string()
    }
}

/// When an id was made, unix milliseconds; `None` for what is no id.
pub(crate) fn made_at(id: &str) -> Option<u64> {
    Some((id.parse::<u64>().ok()? >> 22) + EPOCH)
}

/// A member's user object.
pub(crate) fn user(member: &Member) -> Value {
    json!({
        "id": member.id, "username": member.name.to_lowercase().replace(' ', "_"), "global_name": member.name,
        "discriminator": "0", "avatar": null, "avatar_decoration_data": null, "clan": null, "collectibles": null,
        "primary_guild": null, "public_flags": 0, "bot": member.bot,
    })
}

/// The bot's user object.
pub(crate) fn bot_user(options: &DiscordOptions) -> Value {
    json!({
        "id": options.application_id, "username": options.bot_name, "global_name": null, "discriminator": "0000",
        "avatar": null, "avatar_decoration_data": null, "bot": true, "clan": null, "public_flags": 524_288,
    })
}

/// The channel object; `last_message_id` is null while the channel is empty.
pub(crate) fn channel(options: &DiscordOptions, last_message_id: Option<&str>) -> Value {
    json!({
        "id": options.channel_id, "type": 0, "guild_id": options.guild_id, "name": options.channel_name,
        "last_message_id": last_message_id, "nsfw": false, "parent_id": null, "flags": 0, "rate_limit_per_user": 0,
        "topic": null, "position": 0, "permission_overwrites": options.channel_overwrites.iter().map(overwrite).collect::<Vec<_>>(),
    })
}

fn overwrite((id, kind, allow, deny): &(String, u8, u64, u64)) -> Value {
    json!({"id": id, "type": kind, "allow": allow.to_string(), "deny": deny.to_string()})
}

/// The server object.
pub(crate) fn guild(options: &DiscordOptions) -> Value {
    let owner = options.members.first().map(|member| &member.id);
    json!({
        "id": options.guild_id, "name": options.guild_name, "icon": null, "owner_id": owner, "mfa_level": options.mfa_level,
        "verification_level": 1, "explicit_content_filter": 2, "features": [], "premium_tier": 0, "preferred_locale": "en-US",
    })
}

/// A role object.
pub(crate) fn role(role: &Role, position: usize) -> Value {
    json!({"id": role.id, "name": role.name, "color": role.colour, "hoist": false, "icon": null, "unicode_emoji": null,
        "position": position, "permissions": role.permissions.to_string(), "managed": role.managed, "mentionable": true,
        "flags": u8::from(role.self_service)})
}

/// The role that everybody has, whose id is the server's.
pub(crate) fn everyone(options: &DiscordOptions) -> Value {
    let everyone = Role { permissions: options.everyone_permissions, ..Role::new(&options.guild_id, "@everyone", 0) };
    role(&everyone, 0)
}

/// A member object.
pub(crate) fn member(member: &Member) -> Value {
    json!({
        "user": user(member), "roles": member.roles, "nick": null, "avatar": null, "banner": null,
        "communication_disabled_until": member.timed_out_until, "deaf": false, "mute": false, "flags": 0,
        "joined_at": clock::iso8601(EPOCH + 86_400_000), "pending": member.pending, "premium_since": null,
    })
}

/// What every interaction in a guild carries, in today's shape. The caller adds `data` and, for components, `message`.
pub(crate) fn interaction(
    options: &DiscordOptions,
    state: &State,
    member: &Member,
    kind: u8,
    id: &str,
    token: &str,
) -> Value {
    let permissions = member.permissions.to_string();
    let mut acting = self::member(member);
    acting["permissions"] = permissions.clone().into();
    acting["unusual_dm_activity_until"] = Value::Null;
    let mut channel = channel(options, state.channel.last_id());
    channel["permissions"] = permissions.into();
    json!({
        "id": id, "application_id": options.application_id, "type": kind, "token": token, "version": 1,
        "guild_id": options.guild_id, "channel_id": options.channel_id, "channel": channel, "context": 0,
        "guild": {"features": [], "id": options.guild_id, "locale": "en-US"}, "guild_locale": "en-US", "locale": "en-GB",
        "app_permissions": "309237730304", "attachment_size_limit": 10_485_760,
        "authorizing_integration_owners": {"0": options.guild_id}, "entitlement_sku_ids": [], "entitlements": [],
        "member": acting,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_carry_the_time_and_never_repeat() {
        let mut ids = Snowflakes::default();
        let first: u64 = ids.make(1_785_578_400_123).parse().unwrap();
        let second: u64 = ids.make(1_785_578_400_123).parse().unwrap();
        assert_eq!(made_at(&first.to_string()), Some(1_785_578_400_123));
        assert!(second > first);
    }
}
