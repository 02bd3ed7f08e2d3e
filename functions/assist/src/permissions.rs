//! What the bot may do in a channel, computed as Discord does it.

use vyrox_domain::tenant::Snowflake;
use vyrox_platform::bot::{Channel, Role};

const ADMINISTRATOR: u64 = 1 << 3;

/// What cards need: each bit with its name in Discord's settings. Their sum is what the install link asks for.
pub(crate) const NEEDED: [(u64, &str); 6] = [
    (1 << 10, "View Channel"),
    (1 << 11, "Send Messages"),
    (1 << 14, "Embed Links"),
    (1 << 16, "Read Message History"),
    (1 << 35, "Create Public Threads"),
    (1 << 38, "Send Messages in Threads"),
];

/// The bits of a member with these roles in a channel: what @everyone and the roles allow, then the channel's changes for
/// @everyone, for the roles together, and for the member.
pub(crate) fn in_channel(
    guild: Snowflake,
    member: (Snowflake, &[Snowflake]),
    roles: &[Role],
    channel: &Channel,
) -> u64 {
    let (user, own) = member;
    let bits = |text: &str| text.parse::<u64>().unwrap_or(0);
    let base = roles
        .iter()
        .filter(|role| role.id == guild || own.contains(&role.id))
        .fold(0, |all, role| all | bits(&role.permissions));
    if base & ADMINISTRATOR != 0 {
        return u64::MAX;
    }
    let changed = |before: u64, concerns: &dyn Fn(Snowflake, u8) -> bool| {
        let concerned = || channel.permission_overwrites.iter().filter(|entry| concerns(entry.id, entry.kind));
        let denied = concerned().fold(0, |all, entry| all | bits(&entry.deny));
        let allowed = concerned().fold(0, |all, entry| all | bits(&entry.allow));
        before & !denied | allowed
    };
    let everyone = changed(base, &|id, kind| kind == 0 && id == guild);
    let with_roles = changed(everyone, &|id, kind| kind == 0 && id != guild && own.contains(&id));
    changed(with_roles, &|id, kind| kind == 1 && id == user)
}

/// The names of what is missing among [`NEEDED`].
pub(crate) fn missing(bits: u64) -> Vec<&'static str> {
    NEEDED.iter().filter(|(bit, _)| bits & bit == 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role(id: &str, permissions: u64) -> Role {
        serde_json::from_value(json!({"id": id, "permissions": permissions.to_string()})).unwrap()
    }

    fn bits(own: &[&str], roles: &[Role], overwrites: &serde_json::Value) -> u64 {
        let channel = serde_json::from_value(json!({"permission_overwrites": overwrites})).unwrap();
        let own: Vec<Snowflake> = own.iter().map(|id| id.parse().unwrap()).collect();
        in_channel("6".parse().unwrap(), ("5".parse().unwrap(), &own), roles, &channel)
    }

    #[test]
    fn a_member_narrows_a_role_and_a_role_narrows_everyone() {
        let roles = [role("6", 0b0001), role("7", 0b0010), role("8", 0b1111_0000)];
        assert_eq!(bits(&["7"], &roles, &json!([])), 0b0011, "the roles that it has, and @everyone's");
        let overwrite = |id: &str, kind: u8, allow: u64, deny: u64| json!({"id": id, "type": kind, "allow": allow.to_string(), "deny": deny.to_string()});
        assert_eq!(bits(&["7"], &roles, &json!([overwrite("6", 0, 0, 0b0011)])), 0);
        let role_wins = json!([overwrite("6", 0, 0, 0b0011), overwrite("7", 0, 0b0010, 0)]);
        assert_eq!(bits(&["7"], &roles, &role_wins), 0b0010);
        let member_wins = json!([overwrite("7", 0, 0b0100, 0), overwrite("5", 1, 0, 0b0111)]);
        assert_eq!(bits(&["7"], &roles, &member_wins), 0);
        assert_eq!(bits(&["7"], &roles, &json!([overwrite("8", 0, 0, 0b0011)])), 0b0011, "a role that it has not");
        assert_eq!(bits(&["9"], &[role("9", ADMINISTRATOR)], &json!([overwrite("6", 0, 0, u64::MAX)])), u64::MAX);
    }

    #[test]
    fn what_is_needed_is_what_the_install_link_asks_for() {
        assert_eq!(NEEDED.iter().fold(0, |all, (bit, _)| all | bit), 309_237_730_304);
        assert_eq!(missing(309_237_730_304), Vec::<&str>::new());
        assert_eq!(missing(309_237_730_304 & !(1 << 14)), ["Embed Links"]);
    }
}
