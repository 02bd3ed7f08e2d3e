//! The command line.

use crate::breaker;
use crate::cause::chain;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, DEFAULT_FILE, EXAMPLE, FILE_VARIABLE};
use crate::descriptors;
use crate::enrol::{self};
use crate::outbound;
use crate::proxy::{self, StartError};
use crate::rotate;
use crate::tls;
use clap::{Parser, Subcommand};
use std::error::Error;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// `EX_USAGE` of sysexits.h is what configuration errors have come to exit with.
const BAD_CONFIGURATION: u8 = 64;

/// Checks signed containment actions, writes them to the audit log, and only then calls the EDR.
///
/// Settings come from proxy.toml and from VYROX_* variables, which win. By default it is a dry run: every check and every
/// audit entry, but no EDR is called.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    /// The configuration file [default: what VYROX_CONFIG names, or proxy.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration, say what is wrong with it, and end
    #[arg(long)]
    check_config: bool,
    /// Print the documented configuration file with every default, and end
    #[arg(long)]
    print_default_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy (the default)
    Run,
    /// Ask the running proxy of this configuration whether it is ready; for a container's health check
    Health {
        /// Ask only whether it answers: for a check whose failure restarts it, which mends no full disk
        #[arg(long)]
        live: bool,
    },
    /// Look at the circuit breaker, or close it after having looked at what went wrong
    Breaker {
        #[command(subcommand)]
        command: BreakerCommand,
    },
    /// Make another key for this proxy and have the relay know it; then send the running proxy a SIGHUP
    RotateKey,
    /// Enrol at a relay: makes a key, writes proxy.toml, prints the fingerprints to compare
    Enrol {
        /// The relay, e.g. https://relay.example.com
        #[arg(long)]
        url: String,
        /// The one-time token; `-` reads it from standard input
        #[arg(long)]
        token: String,
        /// Where the key and proxy.toml go
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
}

#[derive(Subcommand)]
enum BreakerCommand {
    /// Say whether it is open
    Status,
    /// Close it; entered in the audit log with the user id of whoever runs this
    Reset {
        /// What was found, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

/// Why the program ended early, where its parts do not say it themselves.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("the proxy does not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("the proxy is not ready")]
    NotReady,
    #[error("the circuit breaker cannot be reached; run this as the user who owns {0}, or as root")]
    Breaker(PathBuf, #[source] std::io::Error),
}

type Ended = Result<(), Box<dyn Error>>;

impl Cli {
    /// Does what was asked for, until `shutdown`. The configuration is read again after each `hangup`.
    pub async fn execute(self, shutdown: impl Future<Output = ()>, hangup: impl AsyncFnMut()) -> ExitCode {
        match self.try_execute(shutdown, hangup).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nothing can be done if standard error is closed.
                let _ = writeln!(std::io::stderr(), "vyrox-edge-proxy: {}", chain(&*error));
                let refused = matches!(error.downcast_ref(), Some(StartError::Config(_)));
                ExitCode::from(if refused || error.is::<ConfigError>() { BAD_CONFIGURATION } else { 1 })
            }
        }
    }

    async fn try_execute(self, shutdown: impl Future<Output = ()>, mut hangup: impl AsyncFnMut()) -> Ended {
        if self.print_default_config {
            return Ok(std::io::stdout().write_all(EXAMPLE.as_bytes())?);
        }
        if let Some(Command::Enrol { url, token, dir }) = &self.command {
            return enrol(url, token, dir).await;
        }
        let environment = Config::environment();
        let named = self.config.or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
        let file = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        let config = Config::load(file.as_deref(), &environment)?;
        if self.check_config {
            let mut out = std::io::stdout();
            for warning in config.warnings.iter().chain(&descriptors::fitting(config.limits.connections).1) {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(out, "this proxy's key:       {}", config.signer.verifying_key().id())?;
            for key in &config.platform_keys {
                writeln!(out, "a key of the platform:  {}", key.id())?;
            }
            writeln!(out, "the policy's digest:    {}", config.policy_digest())?;
            return Ok(writeln!(out, "the configuration is sound (dry_run = {})", config.dry_run)?);
        }
        match self.command {
            Some(Command::Health { live }) => return health(&config, live).await,
            Some(Command::Breaker { command }) => return breaker(&config, command),
            Some(Command::RotateKey) => return rotate(&config).await,
            Some(Command::Run | Command::Enrol { .. }) | None => {}
        }
        let reload = async || {
            hangup().await;
            Config::load(file.as_deref(), &Config::environment())
        };
        Ok(proxy::run(config, Arc::new(SystemClock), shutdown, reload).await?)
    }
}

async fn rotate(config: &Config) -> Ended {
    let rotated = rotate::rotate(config, SystemClock.now()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "this proxy's key was: {}", config.signer.verifying_key().id())?;
    writeln!(out, "this proxy's key is:  {}", rotated.signer.verifying_key().id())?;
    writeln!(out, "send the running proxy a SIGHUP within a day; then delete {}", rotated.old_file.display())?;
    for key in rotated.platform_keys.iter().filter(|key| !config.platform_keys.contains(key)) {
        writeln!(out, "the platform has another key: {}   compare this with what the platform shows, then", key.id())?;
        writeln!(out, "add it to platform_keys before the SIGHUP: \"{}\"", key.to_text())?;
    }
    for key in config.platform_keys.iter().filter(|key| !rotated.platform_keys.contains(key)) {
        writeln!(out, "the platform does not name this key any more: {}   take it out of platform_keys", key.id())?;
    }
    Ok(())
}

fn breaker(config: &Config, command: BreakerCommand) -> Ended {
    let dir = &config.audit_dir;
    let denied = |error| CliError::Breaker(dir.clone(), error);
    let text = match command {
        BreakerCommand::Status => match breaker::is_open_in(dir).map_err(denied)? {
            true => "the circuit breaker is open",
            false => "the circuit breaker is closed",
        },
        BreakerCommand::Reset { reason } => match breaker::ask_for_reset(dir, &reason).map_err(denied)? {
            true => "reset; a running proxy closes the circuit breaker within seconds, another at its next start",
            false => "the circuit breaker is closed: there is nothing to reset",
        },
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// With a certificate of its own, the proxy must show exactly that: what the certificate says of names is for its clients.
async fn health(config: &Config, live: bool) -> Ended {
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let timeout = Duration::from_secs(3);
    let (scheme, client) = match &config.tls {
        Some(tls) => ("https", outbound::client_of_only(tls::own_certificate(tls)?, timeout)?),
        None => ("http", outbound::client(timeout)?),
    };
    let path = if live { "health" } else { "ready" };
    let answer = client.get(format!("{scheme}://{address}/{path}")).send().await;
    match answer.map_err(CliError::Unreachable)?.status().is_success() {
        true => Ok(()),
        false => Err(CliError::NotReady.into()),
    }
}

async fn enrol(url: &str, token: &str, dir: &Path) -> Ended {
    let mut line = String::new();
    let token = if token == "-" {
        std::io::stdin().read_line(&mut line)?;
        line.trim()
    } else {
        token
    };
    let enrolled = enrol::enrol(url, token, dir, SystemClock.now()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "enrolled as {} of tenant {}", enrolled.proxy_id, enrolled.tenant_id)?;
    writeln!(out, "this proxy's key:   {}", enrolled.signer.verifying_key().id())?;
    for key in &enrolled.platform_keys {
        writeln!(out, "the platform's key: {}   compare this with what the platform shows", key.id())?;
    }
    writeln!(out, "wrote {} (dry_run = true)", enrolled.config_file.display())?;
    Ok(())
}

/// Logs a panic as everything else is logged: its place, in one line of JSON. Its text might quote what nobody may read.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
