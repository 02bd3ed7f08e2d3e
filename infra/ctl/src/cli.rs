//! The command line as a whole.

use crate::config::{Flags, Settings};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::{
    alert, apikey, approver, audit, discord, dlq, doctor, evidence, normalise, proxy, rules, shell, source, tenant,
    trace, transfer,
};
use clap::{CommandFactory as _, Parser, Subcommand};
use serde_json::json;
use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;
use vyrox_platform::batch::chain;
use vyrox_platform::clock::{Clock as _, SystemClock};
use vyrox_platform::config::environment;

/// Operates a deployment of Vyrox: tenants, their sources and proxies, alerts, the audit, dead letters.
///
/// Every change is entered in the tenant's audit together with the change itself. Nothing here can approve a containment.
#[derive(Debug, Parser)]
#[command(name = "vyroxctl", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    flags: Flags,
    /// Print JSON: one document on standard output, errors as one object on standard error
    #[arg(long, global = true)]
    json: bool,
}

const AFTER_HELP: &str = "\
From nothing to the first alert, in Discord (docs/discord.md):
  vyroxctl discord register
  vyroxctl tenant create acme --name 'Acme GmbH'
  vyroxctl tenant link-code acme                prints, once, what /vyrox register takes; /vyrox onboard does the rest

The same without Discord's commands:
  vyroxctl tenant create acme --name 'Acme GmbH' --guild 6000 --channel 7000 --approver-role 8000
  vyroxctl source add acme crowdstrike          prints the webhook's path and, once, its secret
  vyroxctl proxy enrol acme                     prints, once, a token for vyrox-edge-proxy enrol
  vyroxctl tenant activate acme

Access:
  eval \"$(aws configure export-credentials --format env)\"; export AWS_REGION=eu-central-1
  Set AWS_ENDPOINT_URL for an emulator, with the credentials that it takes.

Exit codes:
  0  done
  1  failed or refused: AWS did not answer, a rule said no, the audit does not verify
  2  asked wrongly: usage, missing configuration, no such tenant, source, proxy, key, alert or queue";

#[derive(Debug, Subcommand)]
enum Command {
    /// Who uses Vyrox: settings, suspension
    #[command(subcommand, alias = "tenants")]
    Tenant(Box<tenant::Command>),
    /// Where a tenant's alerts come from, what proves it, and how they are read
    #[command(subcommand, alias = "sources")]
    Source(source::Command),
    /// What acts inside a tenant's network
    #[command(subcommand, alias = "proxies")]
    Proxy(proxy::Command),
    /// The second factors of those who approve
    #[command(subcommand, alias = "approvers")]
    Approver(approver::Command),
    /// What a tenant's own programs read the API with
    #[command(subcommand, alias = "apikeys")]
    Apikey(apikey::Command),
    /// What came in, and what became of it
    #[command(subcommand, alias = "alerts")]
    Alert(alert::Command),
    /// One alert's way, with the time of every step
    Trace(trace::Trace),
    /// The hash-chained record of everything
    #[command(subcommand)]
    Audit(audit::Command),
    /// A tenant's evidence for somebody outside: audit, signatures, keys, verifiers, and a report to print
    Evidence(evidence::Evidence),
    /// The slash commands that Discord knows; needs no deployment
    #[command(subcommand)]
    Discord(discord::Command),
    /// Messages that failed too often
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// What becomes of payloads, without a deployment: one JSON line for each alert, or why there is none
    Normalise(normalise::Normalise),
    /// The detection rules: scores, reasons, speed, mistakes; only `replay` needs a deployment
    #[command(subcommand)]
    Rules(rules::Command),
    /// Write a tenant, or all of them, as JSON lines, to be moved to another deployment
    Export(transfer::Export),
    /// Bring in what `export` has written, overwriting nothing
    Import(transfer::Import),
    /// Look at the deployment as a whole: what is wrong, and what to do about it
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the manual page, or write one for each command
    Man(shell::Man),
}

/// An error as programs get it.
fn as_object(text: &str, code: u8) -> String {
    json!({"error": text, "exit_code": code}).to_string()
}

/// With standard error closed, the exit code still says it.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Cli {
    /// What was typed, the program's name first. Where that is a mistake, or asks for help, it is said here, and how to end.
    pub(crate) fn read(typed: &[OsString]) -> Result<Self, ExitCode> {
        Self::try_parse_from(typed).map_err(|error| {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let mut words = typed.iter().take_while(|word| *word != "--");
            if error.use_stderr() && words.any(|word| word == "--json") {
                let text = error.render().to_string();
                complain(&as_object(text.trim().trim_start_matches("error: "), code));
            } else {
                let _ = error.print();
            }
            ExitCode::from(code)
        })
    }

    /// Does what was asked for.
    pub(crate) async fn run(self) -> ExitCode {
        let as_json = self.json;
        match self.try_run().await {
            Ok(code) => code,
            // Whoever has closed the pipe has read enough, and knows.
            Err(CtlError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
            Err(error) => {
                let (code, text) = (error.exit_code(), chain(&error));
                complain(&if as_json {
                    as_object(&text, code)
                } else {
                    format!("vyroxctl: {}", vyrox_domain::text::visible(&text))
                });
                ExitCode::from(code)
            }
        }
    }

    async fn try_run(self) -> Result<ExitCode, CtlError> {
        let Self { command, flags, json } = self;
        let opened = OnceLock::new();
        let deployment = || {
            let deployment = Deployment::new(Settings::read(flags, &environment)?);
            opened.get_or_init(|| deployment.ledger.clone());
            Ok(deployment)
        };
        let done = command.run(json, deployment).await;
        // What was changed is one lane, which ends with the command.
        if let Some(ledger) = opened.get() {
            ledger.close().await;
        }
        done
    }
}

impl Command {
    async fn run(
        self,
        as_json: bool,
        deployment: impl FnOnce() -> Result<Deployment, CtlError>,
    ) -> Result<ExitCode, CtlError> {
        let now = SystemClock.now();
        let report = match self {
            Self::Tenant(command) => command.run(&deployment()?).await?,
            Self::Source(command) => command.run(now, deployment).await?,
            Self::Normalise(command) => return command.run(now),
            Self::Proxy(command) => command.run(&deployment()?).await?,
            Self::Approver(command) => command.run(&deployment()?).await?,
            Self::Apikey(command) => command.run(&deployment()?).await?,
            Self::Alert(command) => command.run(&deployment()?).await?,
            Self::Discord(command) => command.run(&environment).await?,
            Self::Dlq(command) => command.run(&deployment()?).await?,
            Self::Trace(trace) => trace.run(&deployment()?).await?,
            Self::Evidence(evidence) => evidence.run(&deployment()?).await?,
            Self::Export(export) => match export.run(&deployment()?).await? {
                Some(report) => report,
                None => return Ok(ExitCode::SUCCESS),
            },
            Self::Import(import) => import.run(&deployment()?).await?,
            Self::Doctor(doctor) => doctor.run(&deployment()?).await?,
            Self::Completions(completions) => return completions.run(&mut Cli::command()),
            Self::Man(man) => return man.run(Cli::command()),
            Self::Rules(command) => return command.run(as_json, deployment).await.map(|()| ExitCode::SUCCESS),
            Self::Audit(command) => match command.run(&deployment()?).await? {
                Some(report) => report,
                None => return Ok(ExitCode::SUCCESS),
            },
        };
        Ok(report.print(as_json)?)
    }
}

#[cfg(test)]
mod documented;

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A paragraph is one line, which the terminal's width breaks: one that is broken by hand as well is ragged.
    #[test]
    fn what_stands_below_the_options_is_broken_by_the_terminal_alone() {
        fn look(command: &clap::Command) {
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for pair in below.lines().collect::<Vec<_>>().windows(2) {
                let goes_on = pair[1].starts_with(|c: char| c.is_alphanumeric());
                assert!(pair[0].len() < 100 || !goes_on, "{}: {pair:?}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }
}
