//! Posting to an address of a tenant's own choice, without becoming their way into our network: `https` only, every address
//! that the name stands for a public one, the connection made to exactly those, no redirects, and nothing of the answer read
//! but its status.

use crate::http::{self, HttpClientError};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use vyrox_domain::backup::{BackupUrl, is_public};

/// How long it may take. The function that waits has other messages.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where backups really go.
#[derive(Debug, Clone)]
pub enum Reach {
    /// Out into the internet.
    Public,
    /// All to one stand-in on this machine, in place of the address's own host. For the local runner, which has no other way
    /// of showing them; no configuration leads here.
    StandIn(SocketAddr),
}

/// Why a backup was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// No client.
    #[error("the HTTP client cannot be built")]
    Client(#[from] HttpClientError),
    /// The name stands for nothing, or for an address that is not public.
    #[error("the host does not stand for public addresses only")]
    NotPublic,
    /// Nobody answered.
    #[error("the backup address does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// It answered something else than success.
    #[error("the backup address answered {0}")]
    Refused(u16),
}

/// Posts a letter.
///
/// # Errors
/// [`BackupError`].
pub async fn post(reach: &Reach, url: &BackupUrl, letter: &Value) -> Result<(), BackupError> {
    let (client, address) = match reach {
        Reach::Public => (pinned(url).await?, url.to_string()),
        Reach::StandIn(stand_in) => {
            let path =
                url.as_str()["https://".len()..].find('/').map_or("/", |at| &url.as_str()["https://".len() + at..]);
            (http::client(TIMEOUT)?, format!("http://{stand_in}{path}"))
        }
    };
    let sent = client.post(address).json(letter).send().await;
    let status = sent.map_err(|error| BackupError::Unreachable(error.without_url()))?.status();
    if status.is_success() { Ok(()) } else { Err(BackupError::Refused(status.as_u16())) }
}

/// A client for this host alone, which connects to the addresses that were looked at and resolves nothing again.
async fn pinned(url: &BackupUrl) -> Result<reqwest::Client, BackupError> {
    let (host, port) = url.host();
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if addresses.is_empty() || !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(BackupError::NotPublic);
    }
    let builder = http::builder(TIMEOUT)?.https_only(true).resolve_to_addrs(host, &addresses);
    builder.build().map_err(|error| BackupError::Client(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_posted_to() {
        // Whether the name resolves here or not, it must not be reached.
        let url: BackupUrl = "https://localhost.localdomain/x".parse().unwrap();
        let refused = post(&Reach::Public, &url, &Value::Null).await.unwrap_err();
        assert!(matches!(refused, BackupError::NotPublic), "{refused}");
    }
}
