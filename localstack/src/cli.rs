//! The command line of the local runner.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod value;
mod welcome;

use crate::clock;
use crate::demo::{self, Click};
use crate::fire::{Aim, Simulator};
use crate::scenario::{SCENARIOS, Scenario};
use crate::system::{Delivery, Options, System};
use clap::{Args, Parser, Subcommand};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use value::{http_url, parameters, scenario, vendor};
use vyrox_local_aws::{Embedded, EmbeddedOptions};
use vyrox_platform::batch::chain;
use vyrox_platform::random;

/// The last port that seven others follow.
const LAST_FIRST_PORT: i64 = 65_528;

/// What to do about a port that is taken.
const TAKEN: &str = "Another vyrox-local may be running: stop it, or use --port N, or --port 0 for any free ports.";

/// The whole of Vyrox on one machine: webhook, triage, Discord channel, edge proxy.
///
/// Without a command it starts everything and prints where to click. Nothing leaves this machine: AWS is embedded (or the
/// endpoint that you name), and Discord, the EDR and the model are stand-ins on loopback.
#[derive(Debug, Parser)]
#[command(
    name = "vyrox-local",
    version,
    after_help = "Examples:\n  \
    cargo run                                   start everything, then open the printed page\n  \
    cargo run -- demo                           one alert from webhook to outcome, with a timeline\n  \
    cargo run -- demo --live                    the same, with the host really contained (in the EDR stand-in)\n  \
    cargo run -- demo --live --vendor defender  the same with Microsoft Defender, or with sentinelone\n  \
    cargo run -- --fresh                        set the tenant up yourself, with slash commands\n  \
    cargo run -- fire ransomware --url http://127.0.0.1:4700 --secret SECRET --tenant demo"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: Up,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and keep running until Ctrl-C (the default).
    Up(Up),
    /// Start, fire one alert, click as an approver, wait for the outcome, verify both audit chains. Exit code 0 only if all of it happened.
    Demo(Demo),
    /// Fire signed alerts at a running system.
    Fire(Fire),
    /// List the scenarios.
    Scenarios,
    /// Serve only the embedded AWS: DynamoDB, SQS and KMS on one port, until Ctrl-C.
    Aws(EmbeddedAws),
}

#[derive(Debug, Args)]
struct EmbeddedAws {
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, value_name = "PORT", default_value_t = 4566)]
    port: u16,
    /// Keep tables, queues and keys in this directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What every way of starting has in common.
#[derive(Debug, Args)]
struct Start {
    /// Take the proxy out of dry run: it acts on the EDR stand-in.
    #[arg(long)]
    live: bool,
    /// Use LocalStack, ministack or any other AWS endpoint instead of the embedded one.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    aws_endpoint: Option<String>,
    /// Deploy the template at --aws-endpoint with this command instead of running the functions here; everything then goes
    /// through what it deployed. It gets the stack's parameters as JSON and prints the functions' addresses: localstack/deploy.
    #[arg(long, value_name = "COMMAND", requires = "aws_endpoint")]
    deploy: Option<String>,
    /// Run the proxy with this command, as a program of its own: edge-proxy/image/run is the container. It gets the proxy's
    /// directory in PROXY_DIRECTORY and the settings as VYROX_ variables.
    #[arg(long, value_name = "COMMAND")]
    proxy: Option<String>,
    /// Keep everything in this directory across restarts: a new or an empty one, or one that this program has made.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let dispatch push to the proxy instead of the proxy polling the relay.
    #[arg(long)]
    push: bool,
    /// How many approvers it takes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    quorum: u8,
    /// Begin with nothing set up: link the server, add approvers and a source yourself, with slash commands on the page.
    #[arg(long)]
    fresh: bool,
    /// Parameters of infra/template.yaml, as one JSON object of strings. With DiscordApplicationId, DiscordPublicKey and
    /// DiscordBotToken in it the functions speak to Discord itself and to the model that it names, or to none:
    /// docs/one-machine.md.
    #[arg(long, value_name = "FILE", value_parser = parameters)]
    parameters: Option<BTreeMap<String, String>>,
    /// Check every message against Discord's OpenAPI document too.
    #[arg(long, value_name = "FILE")]
    discord_openapi: Option<PathBuf>,
    /// Show the functions' logs.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    start: Start,
    /// The first of eight ports; 0 takes any free ones.
    #[arg(long, value_name = "PORT", default_value_t = 4700, value_parser = clap::value_parser!(u16).range(..=LAST_FIRST_PORT))]
    port: u16,
    /// Write all addresses as one JSON object, once everything is ready.
    #[arg(long, value_name = "FILE")]
    endpoints_file: Option<PathBuf>,
    /// Write what each function is told into NAME.env in this directory, for `cargo lambda watch --env-file`: events/README.md.
    #[arg(long, value_name = "DIR")]
    environments: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Demo {
    #[command(flatten)]
    start: Start,
    /// Which alert to fire; see `scenarios`.
    #[arg(long, value_name = "NAME", default_value = "credential-dump", value_parser = scenario)]
    scenario: &'static Scenario,
    /// Fire the clearest alert of this vendor instead: crowdstrike, sentinelone or defender.
    #[arg(long, value_name = "VENDOR", conflicts_with = "scenario", value_parser = vendor)]
    vendor: Option<&'static Scenario>,
    /// Click Deny instead of Approve.
    #[arg(long)]
    deny: bool,
}

#[derive(Debug, Args)]
struct Fire {
    /// Which alert; see `scenarios`.
    #[arg(value_name = "SCENARIO", value_parser = scenario)]
    scenario: &'static Scenario,
    /// What stands before /webhook.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    url: String,
    /// The source's webhook secret.
    #[arg(long, value_name = "SECRET")]
    secret: String,
    /// The tenant.
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// How many, each its own alert.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

impl Start {
    fn options(&self, first_port: Option<u16>) -> Options {
        Options {
            data: self.data.clone(),
            live: self.live,
            aws_endpoint: self.aws_endpoint.clone(),
            deploy: self.deploy.clone(),
            proxy: self.proxy.clone(),
            first_port,
            delivery: if self.push { Delivery::Push } else { Delivery::Poll },
            quorum: self.quorum,
            fresh: self.fresh,
            discord_openapi: self.discord_openapi.clone(),
            parameters: self.parameters.clone().unwrap_or_default(),
            ..Options::default()
        }
    }

    fn logs(&self) -> Option<&'static str> {
        (!self.verbose).then_some("error")
    }
}

impl Cli {
    /// Does what was asked for.
    pub async fn run(self) -> ExitCode {
        let outcome = match self.command {
            None => up(&self.up).await,
            Some(Command::Up(arguments)) => up(&arguments).await,
            Some(Command::Demo(arguments)) => demo(&arguments).await,
            Some(Command::Fire(arguments)) => fire_all(&arguments).await,
            Some(Command::Aws(arguments)) => embedded_aws(&arguments).await,
            Some(Command::Scenarios) => {
                for scenario in SCENARIOS {
                    println!("{:<20} {}", scenario.name, scenario.summary);
                }
                Ok(())
            }
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("vyrox-local: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

async fn start(arguments: &Start, first_port: Option<u16>) -> Result<System, String> {
    vyrox_platform::telemetry::init_with(arguments.logs());
    match System::start(arguments.options(first_port), clock::system()).await {
        Ok(system) => Ok(system),
        Err(error) if is_port_taken(&error) => Err(format!("{}\n  {TAKEN}", chain(&error))),
        Err(error) => Err(chain(&error)),
    }
}

/// Whether this, or what caused it, is a port that somebody else listens on.
fn is_port_taken(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_it = |error: &std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    error.downcast_ref::<std::io::Error>().is_some_and(is_it) || error.source().is_some_and(is_port_taken)
}

async fn up(arguments: &Up) -> Result<(), String> {
    eprintln!("starting: AWS, the functions, the edge proxy, Discord, the EDR and a model, all on this machine ...");
    let system = start(&arguments.start, (arguments.port != 0).then_some(arguments.port)).await?;
    if let Some(directory) = &arguments.environments {
        system.write_environments(directory).map_err(|error| chain(&error))?;
    }
    if let Some(file) = &arguments.endpoints_file {
        system.endpoints.write(file).map_err(|error| format!("the endpoints file cannot be written: {error}"))?;
    }
    println!("{}", welcome::text(&system, arguments.start.live));
    stop_requested().await;
    eprintln!("\nstopping ...");
    system.shutdown().await;
    Ok(())
}

async fn demo(arguments: &Demo) -> Result<(), String> {
    let system = start(&arguments.start, None).await?;
    let click = if arguments.deny { Click::Deny } else { Click::Approve };
    let scenario = arguments.vendor.unwrap_or(arguments.scenario);
    let outcome = demo::run(&system, scenario, click, arguments.start.live, &random::nonce()).await;
    let text = match outcome {
        Ok(story) => Ok(story.text(&system.timeline.stages())),
        Err(error) => Err(format!("the demo failed: {}", chain(&error))),
    };
    system.shutdown().await;
    println!("{}", text?);
    println!("All of it happened, and both audit chains verify.");
    Ok(())
}

async fn embedded_aws(arguments: &EmbeddedAws) -> Result<(), String> {
    let bind = (Ipv4Addr::LOCALHOST, arguments.port).into();
    let embedded = Embedded::start(EmbeddedOptions { data: arguments.data.clone(), bind })
        .await
        .map_err(|error| format!("the embedded AWS could not be started: {}", chain(&error)))?;
    println!("AWS endpoint: {}", embedded.endpoint_url());
    stop_requested().await;
    embedded.shutdown().await;
    Ok(())
}

async fn fire_all(arguments: &Fire) -> Result<(), String> {
    let aim = Aim { base_url: &arguments.url, tenant: &arguments.tenant, secret: &arguments.secret };
    let simulator = Simulator::new(aim).map_err(|error| chain(&error))?;
    for number in 1..=arguments.count {
        let now = clock::system().now();
        let fired = simulator.fire(arguments.scenario, &random::nonce(), now).await.map_err(|error| chain(&error))?;
        println!("{number}/{} {} {}", arguments.count, fired.status, fired.alert_id.as_deref().unwrap_or("-"));
    }
    Ok(())
}

/// Ctrl-C, or a polite request to end.
async fn stop_requested() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
