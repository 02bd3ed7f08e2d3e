//! `vyroxctl discord`: what Discord is told about this application.

use crate::error::CtlError;
use crate::report::Report;
use clap::{Args, Subcommand};
use serde_json::json;
use std::time::Duration;
use vyrox_domain::command::{check_limits, registration};
use vyrox_domain::tenant::Snowflake;
use vyrox_platform::bot::Bot;
use vyrox_platform::config::{self, Lookup};
use vyrox_platform::http;

/// How long Discord may take.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give Discord this version's slash commands, in the place of all that it has
    #[command(
        after_help = "Examples:\n  vyroxctl discord register --dry-run                      prints what would be sent\n  \
        vyroxctl discord register --guild 600000000000000001     one server, at once, for trying out\n  \
        vyroxctl discord register                                every server\n\n\
        The bot's token comes from VYROX_DISCORD_BOT_TOKEN and from nowhere else, the application from\n\
        VYROX_DISCORD_APPLICATION_ID. Running it again changes nothing."
    )]
    Register(Register),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Only in this server, where they are there at once
    #[arg(long, value_name = "ID")]
    guild: Option<Snowflake>,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl Command {
    /// `lookup` is the environment.
    pub(crate) async fn run(self, lookup: Lookup<'_>) -> Result<Report, CtlError> {
        let Self::Register(register) = self;
        let commands = registration();
        check_limits(&commands)?;
        if register.dry_run {
            let text = serde_json::to_string_pretty(&commands).expect("commands have string keys and no floats");
            return Ok(Report::new(commands, text));
        }
        let (discord, application) = config::Discord::from_environment(lookup)?;
        Bot::new(http::client(PATIENCE)?, &discord, application).register(register.guild, &commands).await?;
        let place = register.guild.map_or_else(|| "every server".to_owned(), |guild| format!("server {guild}"));
        let text = format!("the commands of application {application} are registered in {place}");
        Ok(Report::new(json!({"application_id": application, "guild_id": register.guild, "registered": true}), text))
    }
}
