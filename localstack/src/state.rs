//! What the local runner itself keeps between runs: its own secrets, so that URLs and signatures stay valid.

use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use vyrox_platform::random;

/// The secrets of one local deployment.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The CrowdStrike source's secret.
    pub(crate) webhook_secret: String,
    /// The Discord stand-in's key, 64 hex digits.
    pub(crate) discord_seed: String,
    /// The bot's token.
    pub(crate) bot_token: String,
}

impl State {
    /// Reads the file, or makes it.
    pub(crate) fn open(directory: &Path) -> std::io::Result<Self> {
        let file = directory.join("local.json");
        match std::fs::read(&file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let state = Self {
                    webhook_secret: format!("whs_{}", hex::encode(random::bytes::<24>())),
                    discord_seed: hex::encode(random::bytes::<32>()),
                    bot_token: hex::encode(random::bytes::<24>()),
                };
                let mut open = std::fs::OpenOptions::new();
                let mut file = open.write(true).create_new(true).mode(0o600).open(&file)?;
                file.write_all(&serde_json::to_vec_pretty(&state)?)?;
                Ok(state)
            }
            Err(error) => Err(error),
        }
    }

    /// The stand-in's key.
    pub(crate) fn discord_seed(&self) -> Option<[u8; 32]> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&self.discord_seed, &mut seed).ok().map(|()| seed)
    }
}
