//! Which deployment, and how to reach it: flags first, then the environment, then the names that the template gives.

use clap::Args;
use vyrox_platform::config::{Aws, BadConfiguration, Lookup};

/// The flags that say which deployment.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Deployment (AWS access comes from AWS_REGION, AWS_ACCESS_KEY_ID, ...)")]
pub(crate) struct Flags {
    /// The stack, which names everything below [VYROX_STACK, or else vyrox]
    #[arg(long, global = true, value_name = "NAME")]
    stack: Option<String>,
    /// The table [VYROX_TABLE, or else STACK-table]
    #[arg(long, global = true, value_name = "NAME")]
    table: Option<String>,
    /// The key that seals webhook secrets [VYROX_SECRETS_KEY_ID, or else alias/STACK-secrets]
    #[arg(long, global = true, value_name = "KEY")]
    secrets_key: Option<String>,
    /// The key that signs actions; only its public half is read [VYROX_SIGNING_KEY_ID, or else alias/STACK-signing]
    #[arg(long, global = true, value_name = "KEY")]
    signing_key: Option<String>,
    /// The key that signs the audit's checkpoints [VYROX_CHECKPOINT_KEY_ID, or else alias/STACK-checkpoints]
    #[arg(long, global = true, value_name = "KEY")]
    checkpoint_key: Option<String>,
    /// Who you are, for the audit entries of what you change (VYROX_OPERATOR)
    #[arg(long, global = true, value_name = "WHO", value_parser = operator)]
    operator: Option<String>,
    /// The stack's output RelayUrl, for the printed enrol line (VYROX_RELAY_URL)
    #[arg(long, global = true, value_name = "URL")]
    relay_url: Option<String>,
}

fn operator(text: &str) -> Result<String, &'static str> {
    let is_name = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("1 to 100 characters, no control characters") }
}

/// Which deployment.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) aws: Aws,
    pub(crate) stack: String,
    pub(crate) table: String,
    pub(crate) secrets_key: String,
    pub(crate) signing_key: String,
    pub(crate) checkpoint_key: String,
    pub(crate) operator: Option<String>,
    pub(crate) relay_url: Option<String>,
}

impl Settings {
    /// # Errors
    /// [`BadConfiguration`], naming every variable of AWS that is not set.
    pub(crate) fn read(flags: Flags, lookup: Lookup<'_>) -> Result<Self, BadConfiguration> {
        let chosen = |flag: Option<String>, name: &str| {
            let value = flag.or_else(|| lookup(name)).map(|value| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let aws = Aws::from_environment(lookup)?;
        let stack = chosen(flags.stack, "VYROX_STACK").unwrap_or_else(|| "vyrox".to_owned());
        Ok(Self {
            aws,
            table: chosen(flags.table, "VYROX_TABLE").unwrap_or_else(|| format!("{stack}-table")),
            secrets_key: chosen(flags.secrets_key, "VYROX_SECRETS_KEY_ID")
                .unwrap_or_else(|| format!("alias/{stack}-secrets")),
            signing_key: chosen(flags.signing_key, "VYROX_SIGNING_KEY_ID")
                .unwrap_or_else(|| format!("alias/{stack}-signing")),
            checkpoint_key: chosen(flags.checkpoint_key, "VYROX_CHECKPOINT_KEY_ID")
                .unwrap_or_else(|| format!("alias/{stack}-checkpoints")),
            operator: chosen(flags.operator, "VYROX_OPERATOR"),
            relay_url: chosen(flags.relay_url, "VYROX_RELAY_URL"),
            stack,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Flags, Settings};

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "x",
            "VYROX_STACK" => "prod",
            "VYROX_TABLE" => "from-the-environment",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_stack_names_the_rest() {
        let settings = Settings::read(Flags::default(), &environment).unwrap();
        assert_eq!(settings.table, "from-the-environment");
        assert_eq!(settings.secrets_key, "alias/prod-secrets");
        let flags = Flags { table: Some("given".to_owned()), stack: Some("test".to_owned()), ..Flags::default() };
        let settings = Settings::read(flags, &environment).unwrap();
        assert_eq!((settings.table.as_str(), settings.signing_key.as_str()), ("given", "alias/test-signing"));
    }

    #[test]
    fn what_is_missing_is_named_at_once() {
        let text = Settings::read(Flags::default(), &|_| None).unwrap_err().to_string();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(text.contains(name), "{text}");
        }
    }
}
