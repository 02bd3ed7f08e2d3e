//! What to start, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;
use vyrox_domain::storm::StormPolicy;

/// How actions reach the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The proxy polls `relay`.
    Poll,
    /// `dispatch` posts to the proxy.
    Push,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to keep everything; a temporary directory and memory without.
    pub data: Option<PathBuf>,
    /// Whether the proxy acts on the EDR stand-in. Without, it is in dry run.
    pub live: bool,
    /// Another AWS endpoint than the embedded one.
    pub aws_endpoint: Option<String>,
    /// The command that deploys the template at that endpoint. Without, the functions' handlers run in this process.
    pub deploy: Option<String>,
    /// The command that runs the proxy. Without, it runs in this process.
    pub proxy: Option<String>,
    /// The first of eight ports; any free ones without.
    pub first_port: Option<u16>,
    /// How actions reach the proxy.
    pub delivery: Delivery,
    /// How many approvers it takes.
    pub quorum: u8,
    /// Whether the tenant begins with nothing set up, for whoever wants to do that in Discord.
    pub fresh: bool,
    /// The tenant's budget of cards; the default one without.
    pub storm: Option<StormPolicy>,
    /// Discord's OpenAPI document, to check every body against as well.
    pub discord_openapi: Option<PathBuf>,
    /// Parameters of the template, where they shall be other than the runner's own. With `DiscordBotToken` among them the
    /// functions speak to Discord itself, and none of the stand-ins is used by them.
    pub parameters: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            live: false,
            aws_endpoint: None,
            deploy: None,
            proxy: None,
            first_port: None,
            delivery: Delivery::Poll,
            quorum: 1,
            fresh: false,
            storm: None,
            discord_openapi: None,
            parameters: BTreeMap::new(),
        }
    }
}
