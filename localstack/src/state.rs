//! What the local runner itself keeps between runs: its own secrets, so that URLs and signatures stay valid.

use crate::directory::{DataDirectory, STATE, UNFINISHED_STATE};
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use vyrox_platform::random;

/// The form that this version writes and reads.
const FORM: u32 = 1;

/// A directory whose file of secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// It cannot be read or written.
    #[error("{} cannot be read or written", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// It is not as it was written.
    #[error("{} is damaged: restore it from a backup, or begin anew with another --data", .0.display())]
    Damaged(PathBuf, #[source] serde_json::Error),
    /// It has a form that came later.
    #[error("{} was written by a newer vyrox-local (form {form}, this one reads {FORM}): run that one", .file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its form.
        form: u32,
    },
}

/// All that is certain about a file of any version.
#[derive(Deserialize)]
struct Form {
    #[serde(default = "first_form")]
    form: u32,
}

/// That of files that name none.
const fn first_form() -> u32 {
    1
}

/// The secrets of one local deployment.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(default = "first_form")]
    form: u32,
    /// The CrowdStrike source's secret.
    pub(crate) webhook_secret: String,
    /// The Discord stand-in's key, 64 hex digits.
    pub(crate) discord_seed: String,
    /// The bot's token.
    pub(crate) bot_token: String,
}

impl State {
    /// Reads the file in this directory, or makes it.
    pub(crate) fn open(directory: &DataDirectory) -> Result<Self, StateError> {
        let file = directory.path().join(STATE);
        match std::fs::read(&file) {
            Ok(bytes) => Self::read(&bytes, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::make(directory.path()).map_err(|error| StateError::File(file, error))
            }
            Err(error) => Err(StateError::File(file, error)),
        }
    }

    fn read(bytes: &[u8], file: PathBuf) -> Result<Self, StateError> {
        match serde_json::from_slice::<Form>(bytes) {
            Ok(Form { form }) if form > FORM => Err(StateError::Newer { file, form }),
            Ok(_) => serde_json::from_slice(bytes).map_err(|error| StateError::Damaged(file, error)),
            Err(error) => Err(StateError::Damaged(file, error)),
        }
    }

    /// Under another name until it is whole: a runner that is killed at its first start leaves none that is not.
    fn make(directory: &Path) -> std::io::Result<Self> {
        let state = Self {
            form: FORM,
            webhook_secret: format!("whs_{}", hex::encode(random::bytes::<24>())),
            discord_seed: hex::encode(random::bytes::<32>()),
            bot_token: hex::encode(random::bytes::<24>()),
        };
        let unfinished = directory.join(UNFINISHED_STATE);
        let mut open = std::fs::OpenOptions::new();
        let mut out = open.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        out.write_all(&serde_json::to_vec_pretty(&state)?)?;
        out.sync_all()?;
        std::fs::rename(&unfinished, directory.join(STATE))?;
        Ok(state)
    }

    /// The stand-in's key.
    pub(crate) fn discord_seed(&self) -> Option<[u8; 32]> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&self.discord_seed, &mut seed).ok().map(|()| seed)
    }
}
