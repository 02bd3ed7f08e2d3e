//! What every function's `main` does around its own few lines: logs, configuration, and the exit code.

use crate::batch::chain;
use crate::config::{self, BadConfiguration, EXIT_BAD_CONFIGURATION, Lookup};
use crate::{metric, telemetry};
use std::error::Error;
use std::process::ExitCode;

/// Switches logs on, reads the configuration, and runs until the runtime ends. A bad configuration exits with 64, naming
/// every variable that is wrong; anything else that ends the function exits with 1.
pub async fn run<C, F, Fut>(read: fn(Lookup<'_>) -> Result<C, BadConfiguration>, function: F) -> ExitCode
where
    F: FnOnce(C) -> Fut,
    Fut: Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
{
    telemetry::init();
    metric::switch_on();
    let config = match read(&config::environment) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::from(EXIT_BAD_CONFIGURATION);
        }
    };
    match function(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(&*error), "stopped");
            ExitCode::FAILURE
        }
    }
}
