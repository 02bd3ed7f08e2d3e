//! Discord: its API, the application, and the keys that prove its requests.

use super::reader::Reader;
use super::{BadConfiguration, Lookup};
use crate::secrets::Secret;
use ed25519_dalek::VerifyingKey;
use vyrox_domain::tenant::Snowflake;

/// Discord's REST API.
#[derive(Debug, Clone)]
pub struct Discord {
    /// `https://discord.com/api/v10`, or a stand-in (`VYROX_DISCORD_API_URL`).
    pub api_url: String,
    /// The bot's token (`VYROX_DISCORD_BOT_TOKEN`).
    pub bot_token: Secret,
}

impl Discord {
    /// For the operator's command line. `https://discord.com/api/v10` unless another URL is set.
    ///
    /// # Errors
    /// [`BadConfiguration`].
    pub fn from_environment(lookup: Lookup<'_>) -> Result<(Self, Snowflake), BadConfiguration> {
        const OFFICIAL: &str = "https://discord.com/api/v10";
        let or_official =
            |name: &str| lookup(name).or_else(|| (name == "VYROX_DISCORD_API_URL").then(|| OFFICIAL.to_owned()));
        let mut reader = Reader::new(&or_official);
        let (discord, application) = (Self::read(&mut reader), application_id(&mut reader));
        reader.done((discord, application))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            api_url: reader.url("VYROX_DISCORD_API_URL"),
            bot_token: Secret::new(reader.required("VYROX_DISCORD_BOT_TOKEN").into_bytes()),
        }
    }
}

/// A problem that was noted makes the value one that is never used.
pub(super) fn application_id(reader: &mut Reader<'_>) -> Snowflake {
    let found = reader.parsed("VYROX_DISCORD_APPLICATION_ID", "a Discord id", |text| text.parse().ok());
    found.unwrap_or_else(|| "1".parse().expect("one is a Discord id"))
}

pub(super) fn discord_keys(text: &str) -> Option<Vec<VerifyingKey>> {
    let keys: Option<Vec<VerifyingKey>> = text
        .split(',')
        .map(|hex_key| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(hex_key.trim(), &mut bytes).ok()?;
            VerifyingKey::from_bytes(&bytes).ok()
        })
        .collect();
    keys.filter(|keys| (1..=2).contains(&keys.len()))
}
