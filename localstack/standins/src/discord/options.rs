//! How a stand-in is set up.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What the install link asks for: VIEW_CHANNEL, SEND_MESSAGES, EMBED_LINKS, READ_MESSAGE_HISTORY, CREATE_PUBLIC_THREADS,
/// SEND_MESSAGES_IN_THREADS.
const BOT_PERMISSIONS: u64 = 309_237_730_304;

/// A member of the guild, whom the page and the tests can act as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Snowflake.
    pub id: String,
    /// The name shown.
    pub name: String,
    /// Role ids, without `@everyone`.
    pub roles: Vec<String>,
    /// The permission bits that an interaction reports.
    pub permissions: u64,
    /// A bot account.
    pub bot: bool,
    /// Membership screening is not finished.
    pub pending: bool,
    /// `communication_disabled_until`, ISO 8601, for a member in time-out.
    pub timed_out_until: Option<String>,
}

impl Member {
    /// VIEW_CHANNEL, SEND_MESSAGES, EMBED_LINKS, READ_MESSAGE_HISTORY, USE_APPLICATION_COMMANDS.
    pub const ORDINARY_PERMISSIONS: u64 = 1 << 10 | 1 << 11 | 1 << 14 | 1 << 16 | 1 << 31;

    /// An ordinary member.
    pub fn new<R: Into<String>>(
        id: impl Into<String>,
        name: impl Into<String>,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            roles: roles.into_iter().map(Into::into).collect(),
            permissions: Self::ORDINARY_PERMISSIONS,
            bot: false,
            pending: false,
            timed_out_until: None,
        }
    }
}

/// A role, for the page's pills and for `GET /guilds/{id}/roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Snowflake.
    pub id: String,
    /// Without `@`.
    pub name: String,
    /// 0xRRGGBB; 0 is "no colour".
    pub colour: u32,
    /// Whether an integration manages it.
    pub managed: bool,
    /// Whether members can choose it while joining (the flag IN_PROMPT).
    pub self_service: bool,
    /// What it allows.
    pub permissions: u64,
}

impl Role {
    /// A role.
    pub fn new(id: impl Into<String>, name: impl Into<String>, colour: u32) -> Self {
        Self { id: id.into(), name: name.into(), colour, managed: false, self_service: false, permissions: 0 }
    }
}

/// How a stand-in is set up. [`DiscordOptions::new`] fills in everything that has a sensible default.
#[derive(Debug, Clone)]
pub struct DiscordOptions {
    /// Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Snowflake; the bot's user id too.
    pub application_id: String,
    /// What follows `Bot ` in `Authorization`.
    pub bot_token: String,
    /// Snowflake.
    pub guild_id: String,
    /// Snowflake of the one channel.
    pub channel_id: String,
    /// Where interactions are posted; may be set later.
    pub interactions_url: Option<String>,
    /// Who can act.
    pub members: Vec<Member>,
    /// Names and colours of roles; a role without an entry is shown by its id.
    pub roles: Vec<Role>,
    /// What @everyone may do in the server.
    pub everyone_permissions: u64,
    /// The bot's own roles, without `@everyone`.
    pub bot_roles: Vec<String>,
    /// What the channel changes of it: (role or member id, 0 for a role and 1 for a member, allowed, denied).
    pub channel_overwrites: Vec<(String, u8, u64, u64)>,
    /// 1 if moderators need a second factor.
    pub mfa_level: u8,
    /// Discord's OpenAPI file, to check every body against as well; needs the cargo feature `openapi`.
    pub schema: Option<PathBuf>,
    /// The Ed25519 seed of the application's key; without one a new key is made at each start.
    pub key_seed: Option<[u8; 32]>,
    /// A file that keeps the channel's messages across restarts.
    pub data: Option<PathBuf>,
    /// The server's name on the page.
    pub guild_name: String,
    /// The channel's name on the page.
    pub channel_name: String,
    /// The bot's name on the page.
    pub bot_name: String,
}

impl DiscordOptions {
    /// Loopback on a free port, no members, a fresh key, no interactions URL.
    pub fn new(
        application_id: impl Into<String>,
        bot_token: impl Into<String>,
        guild_id: impl Into<String>,
        channel_id: impl Into<String>,
    ) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            application_id: application_id.into(),
            bot_token: bot_token.into(),
            guild_id: guild_id.into(),
            channel_id: channel_id.into(),
            interactions_url: None,
            members: Vec::new(),
            roles: Vec::new(),
            everyone_permissions: BOT_PERMISSIONS | Member::ORDINARY_PERMISSIONS,
            bot_roles: Vec::new(),
            channel_overwrites: Vec::new(),
            mfa_level: 1,
            schema: None,
            key_seed: None,
            data: None,
            guild_name: "Security operations".into(),
            channel_name: "edr-alerts".into(),
            bot_name: "Vyrox".into(),
        }
    }
}

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The schema file cannot be read.
    #[error("cannot read the OpenAPI file {path}")]
    SchemaFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The schema file is not what it should be.
    #[error("{path} is not Discord's OpenAPI file: {reason}")]
    SchemaShape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file with the channel's messages cannot be read, or holds something else.
    #[error("cannot read the messages in {path}")]
    Data {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A schema was given to a build without the feature `openapi`.
    #[error("this build cannot check against an OpenAPI file: build with the feature `openapi`")]
    SchemaNotBuiltIn,
    /// The HTTP client for interactions cannot be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The TLS configuration cannot be built.
    #[error("cannot build the TLS configuration")]
    Tls(#[source] rustls::Error),
    /// No randomness for a key.
    #[error("cannot make a key")]
    Key(#[source] getrandom::Error),
}
