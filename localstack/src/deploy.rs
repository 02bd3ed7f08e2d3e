//! The functions as Lambda runs them: a program deploys the template with the real binaries at the AWS endpoint, and everything
//! here then goes through what it deployed, function URLs and event sources included.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Where the HTTP functions are: what stands before `/webhook`, `/interactions` and `/proxy/v1`. They may be one address. What
/// else a deployment has is not needed here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) ingest: String,
    pub(crate) interactions: String,
    pub(crate) relay: String,
}

impl Addresses {
    /// All three behind one address.
    pub(crate) fn same(base: &str) -> Self {
        Self { ingest: base.to_owned(), interactions: base.to_owned(), relay: base.to_owned() }
    }
}

/// What the deploying program is told, as JSON on its standard input.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    /// The AWS endpoint.
    pub(crate) endpoint: &'a str,
    /// The stack's name.
    pub(crate) stack: &'a str,
    /// The template's parameters.
    pub(crate) parameters: &'a BTreeMap<String, String>,
}

/// The template was not deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeployError {
    #[error("the deploying program {0:?} cannot be run")]
    Run(String, #[source] std::io::Error),
    #[error("the deploying program ended with {0}; what it wrote is above")]
    Failed(std::process::ExitStatus),
    #[error("the deploying program printed something else than the functions' addresses")]
    Answer(#[from] serde_json::Error),
}

/// Runs `command` (by `sh`) with the request on standard input, and reads the addresses that it prints. What it writes to
/// standard error is shown as it comes.
pub(crate) async fn run(command: &str, request: &Request<'_>) -> Result<Addresses, DeployError> {
    let failed = |error| DeployError::Run(command.to_owned(), error);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().expect("standard input is piped");
    // A program that ends without reading is judged by its exit code.
    let _ = stdin.write_all(&serde_json::to_vec(request)?).await;
    drop(stdin);
    let output = child.wait_with_output().await.map_err(failed)?;
    if !output.status.success() {
        return Err(DeployError::Failed(output.status));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn addresses(command: &str) -> Result<Addresses, DeployError> {
        let parameters = BTreeMap::from([("DiscordApplicationId".to_owned(), "500".to_owned())]);
        run(command, &Request { endpoint: "http://127.0.0.1:1", stack: "vyrox", parameters: &parameters }).await
    }

    #[tokio::test]
    async fn the_program_gets_the_request_and_its_answer_is_read() {
        let script = r#"grep -q '"stack":"vyrox","parameters":{"DiscordApplicationId":"500"}' &&
            echo '{"ingest":"http://a","interactions":"http://b","relay":"http://c"}'"#;
        assert_eq!(addresses(script).await.unwrap().interactions, "http://b");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_says_something_else_is_an_error() {
        assert!(matches!(addresses("exit 3").await, Err(DeployError::Failed(_))));
        assert!(matches!(addresses("echo deployed").await, Err(DeployError::Answer(_))));
    }
}
