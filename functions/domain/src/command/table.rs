//! Every command, once.

/// The command that all others are below.
pub(super) const ROOT: &str = "vyrox";

/// Who may use a command. Checked on every invocation, whatever Discord's own settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever may manage the server, in a server that may not be linked yet.
    Installer,
    /// Whoever may manage the server and has one of the tenant's administrator roles.
    Administrator,
    /// Whoever has one of the tenant's approver roles.
    Approver,
    /// An approver or an administrator.
    Reader,
}

impl Audience {
    /// In words, for the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installer => "Manage Server",
            Self::Administrator => "Manage Server and an administrator role",
            Self::Approver => "an approver role",
            Self::Reader => "an approver or administrator role",
        }
    }
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text of so many characters.
    Text {
        /// The fewest.
        min: u16,
        /// The most.
        max: u16,
    },
    /// A whole number within these bounds.
    Whole {
        /// The smallest.
        min: u16,
        /// The largest.
        max: u16,
    },
    /// One of the server's roles.
    Role,
    /// One of the server's text channels.
    Channel,
    /// One of these: (label, value).
    Choice(&'static [(&'static str, &'static str)]),
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// What it is for, at most 100 characters.
    pub about: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be given. Discord wants those that must first.
    pub required: bool,
}

/// One command: `/vyrox <path>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// One word, or a group and a word.
    pub path: &'static [&'static str],
    /// What it does, at most 100 characters.
    pub about: &'static str,
    /// Who may use it.
    pub audience: Audience,
    /// Its options.
    pub options: &'static [OptionSpec],
}

impl Command {
    /// As it is typed, without the slash: `vyrox proxy enrol`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{ROOT} {}", self.path.join(" "))
    }
}

const fn required(name: &'static str, about: &'static str, kind: Kind) -> OptionSpec {
    OptionSpec { name, about, kind, required: true }
}

const fn optional(name: &'static str, about: &'static str, kind: Kind) -> OptionSpec {
    OptionSpec { name, about, kind, required: false }
}

const fn command(
    path: &'static [&'static str],
    about: &'static str,
    audience: Audience,
    options: &'static [OptionSpec],
) -> Command {
    Command { path, about, audience, options }
}

const VENDORS: Kind = Kind::Choice(&[
    ("CrowdStrike Falcon", "crowdstrike"),
    ("SentinelOne", "sentinelone"),
    ("Microsoft Defender", "defender"),
    ("Anything else that posts JSON", "generic"),
]);
const SCHEMES: Kind = Kind::Choice(&[
    ("Vyrox signature (HMAC-SHA256)", "vyrox_hmac"),
    ("Bearer token", "bearer"),
    ("CrowdStrike Fusion signature", "crowdstrike_hmac"),
    ("A header with a fixed secret", "static_header"),
    ("Microsoft Graph clientState", "graph_client_state"),
    ("Standard Webhooks", "standard_webhooks"),
]);
const ALERT: OptionSpec = required("alert", "The alert's id, from its card", Kind::Text { min: 36, max: 36 });

/// All of them, in the order in which a new tenant needs them.
pub const COMMANDS: &[Command] = &[
    command(
        &["register"],
        "Link this server to your Vyrox tenant with a one-time code",
        Audience::Installer,
        &[
            required("code", "The one-time code that your operator gave you", Kind::Text { min: 20, max: 200 }),
            required("admin_role", "Whose members may set Vyrox up, together with Manage Server", Kind::Role),
            optional("channel", "Where cards are posted; this channel if left out", Kind::Channel),
        ],
    ),
    command(&["onboard"], "What to do next, step by step, until the tenant is in use", Audience::Administrator, &[]),
    command(
        &["setup"],
        "Add a source of alerts, or give it a new secret; the secret is shown once, to you only",
        Audience::Administrator,
        &[
            required("source", "Where the alerts come from", VENDORS),
            optional("scheme", "How deliveries prove themselves; the Vyrox signature if left out", SCHEMES),
            optional("header", "For a header with a fixed secret: its name", Kind::Text { min: 1, max: 64 }),
        ],
    ),
    command(&["status"], "How this tenant is set up, and what is missing", Audience::Reader, &[]),
    command(
        &["doctor"],
        "Check roles, permissions, sources, the proxy and this server's security settings",
        Audience::Reader,
        &[],
    ),
    command(
        &["test-alert"],
        "Send a signed synthetic alert the whole way; its card is marked as a test",
        Audience::Administrator,
        &[
            optional("source", "Whose payload it imitates; your first source if left out", VENDORS),
            optional("host", "The host's name on the card", Kind::Text { min: 1, max: 64 }),
            optional(
                "device",
                "A device id of your own lab machine, to test containment itself",
                Kind::Text { min: 1, max: 64 },
            ),
        ],
    ),
    command(
        &["history"],
        "The latest alerts and what became of them",
        Audience::Reader,
        &[optional("host", "Only this host's", Kind::Text { min: 1, max: 255 })],
    ),
    command(
        &["stats"],
        "Alerts a day by verdict, with a chart, and how fast they were decided",
        Audience::Reader,
        &[optional("days", "How many days back; 14 if left out", Kind::Whole { min: 1, max: 90 })],
    ),
    command(&["approvers", "list"], "Whose members may decide", Audience::Reader, &[]),
    command(
        &["approvers", "add"],
        "Let a role's members decide",
        Audience::Administrator,
        &[required("role", "The role", Kind::Role)],
    ),
    command(
        &["approvers", "remove"],
        "Let a role's members decide no longer",
        Audience::Administrator,
        &[required("role", "The role", Kind::Role)],
    ),
    command(
        &["proxy", "enrol"],
        "Make a one-time token for an edge proxy; it is shown once, to you only",
        Audience::Administrator,
        &[optional("name", "The proxy's name; edge-1 if left out", Kind::Text { min: 1, max: 64 })],
    ),
    command(&["release"], "Undo the containment of an alert's host", Audience::Approver, &[ALERT]),
    command(
        &["break-glass"],
        "Approve alone where two are wanted: with a reason, told to everybody, marked in the audit",
        Audience::Approver,
        &[ALERT],
    ),
    command(
        &["auto-approve", "on"],
        "Allow in your name, for a while, that hosts of LOW alerts are isolated without asking",
        Audience::Approver,
        &[
            required("days", "For how many days", Kind::Whole { min: 1, max: 30 }),
            required("minutes", "How long each host stays isolated at most", Kind::Whole { min: 5, max: 1_440 }),
            required("reason", "Why; it stands on every card and in the audit", Kind::Text { min: 5, max: 400 }),
        ],
    ),
    command(&["auto-approve", "off"], "Take that back, whoever allowed it", Audience::Reader, &[]),
    command(
        &["audit", "export"],
        "The tenant's audit as a file, to you only; it verifies without us",
        Audience::Administrator,
        &[],
    ),
];

/// The command with this path.
pub(super) fn named(path: &[&str]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.path == path)
}
