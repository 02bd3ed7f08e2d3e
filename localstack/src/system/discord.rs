//! The Discord server of the stand-in: who is in it, and the commands it knows.

use super::{Options, port};
use crate::provision;
use crate::state::State;
use std::time::Duration;
use vyrox_domain::command::registration;
use vyrox_platform::bot::Bot;
use vyrox_standins::discord::{DiscordOptions, DiscordStandin, Member, Role};

/// Discord's permission bit for whoever may manage the server.
const MANAGE_GUILD: u64 = 1 << 5;

/// The server.
pub(super) fn options(options: &Options, state: &State) -> DiscordOptions {
    let approver_roles = [provision::APPROVER_ROLE, provision::ON_CALL_ROLE];
    DiscordOptions {
        bind: port(options, 1),
        members: vec![
            Member::new(provision::APPROVER, "approver-1", approver_roles),
            Member::new(provision::SECOND_APPROVER, "approver-2", [provision::APPROVER_ROLE]),
            Member::new(provision::ONLOOKER, "onlooker", Vec::<String>::new()),
            Member {
                permissions: MANAGE_GUILD | Member::ORDINARY_PERMISSIONS,
                ..Member::new(provision::ADMINISTRATOR, "administrator", [provision::ADMIN_ROLE])
            },
        ],
        roles: vec![
            Role::new(provision::APPROVER_ROLE, "approver", 0x0023_a55a),
            Role::new(provision::ON_CALL_ROLE, "on-call", 0x00f0_b232),
            Role::new(provision::ADMIN_ROLE, "vyrox-admin", 0x00eb_459e),
        ],
        schema: options.discord_openapi.clone(),
        key_seed: state.discord_seed(),
        data: options.data.as_ref().map(|data| data.join("discord.json")),
        ..DiscordOptions::new(provision::APPLICATION, &state.bot_token, provision::GUILD, provision::CHANNEL)
    }
}

/// What the operator does once: `vyroxctl discord register`.
pub(super) async fn register_commands(
    discord: &DiscordStandin,
    state: &State,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let config = vyrox_platform::config::Discord {
        api_url: discord.api_url(),
        bot_token: vyrox_platform::secrets::Secret::new(state.bot_token.clone().into_bytes()),
    };
    let http = vyrox_platform::http::client(Duration::from_secs(10))?;
    let application = provision::APPLICATION.parse()?;
    Ok(Bot::new(http, &config, application).register(None, &registration()).await?)
}
