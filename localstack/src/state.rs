//! What the local runner itself keeps between runs: its own secrets, so that URLs and signatures stay valid.

use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use vyrox_platform::random;

/// A directory in which nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// It cannot be made, read or written.
    #[error("{} cannot be used: --data takes a directory that this user can write, or the name of a new one", .0.display())]
    Directory(PathBuf, #[source] std::io::Error),
    /// Its file of secrets is not as it was written.
    #[error("{} is damaged: restore it from a backup, or begin anew with another --data", .0.display())]
    Damaged(PathBuf, #[source] serde_json::Error),
}

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
    /// Reads the file in this directory, or makes both.
    pub(crate) fn open(directory: &Path) -> Result<Self, DataError> {
        let unusable = |error| DataError::Directory(directory.to_owned(), error);
        std::fs::create_dir_all(directory).map_err(unusable)?;
        let file = directory.join("local.json");
        match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| DataError::Damaged(file, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(&file).map_err(unusable),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Under another name until it is whole: a runner that is killed at its first start leaves none that is not.
    fn make(file: &Path) -> std::io::Result<Self> {
        let state = Self {
            webhook_secret: format!("whs_{}", hex::encode(random::bytes::<24>())),
            discord_seed: hex::encode(random::bytes::<32>()),
            bot_token: hex::encode(random::bytes::<24>()),
        };
        let unfinished = file.with_extension("new");
        let mut open = std::fs::OpenOptions::new();
        let mut out = open.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        out.write_all(&serde_json::to_vec_pretty(&state)?)?;
        out.sync_all()?;
        std::fs::rename(&unfinished, file)?;
        Ok(state)
    }

    /// The stand-in's key.
    pub(crate) fn discord_seed(&self) -> Option<[u8; 32]> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&self.discord_seed, &mut seed).ok().map(|()| seed)
    }
}
