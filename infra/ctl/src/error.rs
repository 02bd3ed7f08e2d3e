//! What can go wrong, and which exit code says so.

use crate::profile::ProfileError;
use vyrox_checkpoint::ConnectError;
use vyrox_contract::{AlertId, ProxyId, TenantId, Vendor};
use vyrox_domain::access::{Permission, Role};
use vyrox_domain::command::BrokenLimit;
use vyrox_domain::heuristics::LoadError;
use vyrox_domain::tenant::Snowflake;
use vyrox_domain::vendor::FieldMapError;
use vyrox_domain::webhook::{CannotProve, Scheme};
use vyrox_platform::api_key::KeyPrefix;
use vyrox_platform::checkpoint::CheckpointError;
use vyrox_platform::config::BadConfiguration;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::enrolment::TokenError;
use vyrox_platform::evidence::EvidenceError;
use vyrox_platform::http::HttpClientError;
use vyrox_platform::kms_key::KmsKeyError;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::secrets::SecretError;
use vyrox_platform::table::TableError;
use vyrox_platform::transfer::BadItem;

/// Why a command did not do what was asked. Nothing was changed unless the text says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CtlError {
    #[error("the environment lacks something (--help says where it comes from)")]
    Configuration(#[from] BadConfiguration),
    #[error("there is no tenant {0}; `vyroxctl tenant list` shows those that there are")]
    NoSuchTenant(TenantId),
    #[error("tenant {0} has no source {1}; `vyroxctl source add {0} {1}` makes one")]
    NoSuchSource(TenantId, Vendor),
    #[error("{1} of tenant {0} has no scheme {2}; `vyroxctl source list {0}` shows those it has")]
    NoSuchScheme(TenantId, Vendor, Scheme),
    #[error("{1} of tenant {0} has several schemes: say --scheme; `vyroxctl source list {0}` shows them")]
    WhichScheme(TenantId, Vendor),
    #[error("{1} of tenant {0} has no field map")]
    NoFieldMap(TenantId, Vendor),
    #[error("{0}")]
    Asked(&'static str),
    #[error("the commands break a limit of Discord's, which is a mistake in this version")]
    Commands(#[from] BrokenLimit),
    #[error("no HTTP client")]
    Client(#[from] HttpClientError),
    #[error("Discord")]
    Discord(#[from] DiscordError),
    #[error("the secret on standard input {0}")]
    BadSecret(&'static str),
    #[error("a delivery cannot be proven with this secret")]
    CannotProve(#[from] CannotProve),
    #[error("nobody answers at {url}")]
    Unanswered { url: String, source: reqwest::Error },
    #[error("{what} is not a field map")]
    FieldMap { what: String, source: FieldMapError },
    #[error("there is no preset {name}; there are {known}")]
    NoSuchPreset { name: String, known: String },
    #[error("no preset takes this sample: write a field map for it and say --map FILE (docs/adapters/field-maps.md)")]
    NoPresetTakesIt,
    #[error("{path} is not JSON")]
    NotJson { path: String, source: serde_json::Error },
    #[error("tenant {0} has no proxy {1}; `vyroxctl proxy list {0}` shows those it has")]
    NoSuchProxy(TenantId, ProxyId),
    #[error("tenant {0} has no second factor of {1}; `vyroxctl approver list {0}` shows those it has")]
    NoSuchApprover(TenantId, Snowflake),
    #[error("tenant {0} has no API key {1}; `vyroxctl apikey list {0}` shows those it has")]
    NoSuchKey(TenantId, KeyPrefix),
    #[error("tenant {0} has {1} API keys that are good, which is as many as it may have: revoke one first")]
    TooManyKeys(TenantId, usize),
    #[error("role {0} does not have the scope {1}; scopes only narrow a role")]
    NotInRole(Role, Permission),
    #[error("tenant {0} has no alert {1}; records are kept for 90 days, the audit for good")]
    NoSuchAlert(TenantId, AlertId),
    #[error("alert {1} of tenant {0} has no stored payload of revision {2}")]
    NoEvidence(TenantId, AlertId, u32),
    #[error("there is no queue {0}; is --stack right?")]
    NoSuchQueue(String),
    #[error("{question} Nobody can be asked here: say --yes")]
    NobodyToAsk { question: String },
    #[error("nothing to change: give at least one setting, see --help")]
    NothingToChange,
    #[error("{0} exists already")]
    FileExists(String),
    #[error("{0} holds no audit-*.jsonl: give the directory of a proxy's audit log")]
    NoProxyLog(String),
    #[error("{0} holds entries of another tenant than {1}: a pack is one tenant's")]
    ForeignLog(String, TenantId),
    #[error("writing the archive")]
    Archive(#[from] zip::result::ZipError),
    #[error("{path} holds no public key")]
    Key { path: String, source: vyrox_audit::verify::UnusableKey },
    #[error("this is not a whole export: {0}. Nothing was written")]
    NotAnExport(&'static str),
    #[error("an item cannot be moved")]
    BadItem(#[from] BadItem),
    #[error("{count} items differ from what is stored here, so nothing was written:\n  {items}")]
    Differs { count: u64, items: String },
    #[error(
        "{0} was written here while the import ran, and is not what the file has. The tenant is not in use yet: find out what wrote it, and run the import again"
    )]
    Meanwhile(String),
    #[error(
        "the file has more open audit lanes of tenant {0} than can be brought in at once. Nothing was written: stop the functions over there, wait until the checkpoint function has closed the lanes that nobody writes any more, and export again"
    )]
    TooManyLanes(TenantId),
    #[error("declined, nothing was changed")]
    Declined,
    #[error("tenant {0} exists already; `vyroxctl tenant set {0}` changes it")]
    TenantExists(TenantId),
    #[error("tenant {0} has a source {1} already; `vyroxctl source rotate {0} {1}` gives it a new secret")]
    SourceExists(TenantId, Vendor),
    #[error("{1} of tenant {0} has {2} already; `vyroxctl source rotate {0} {1} --scheme {2}` gives it a new secret")]
    SchemeExists(TenantId, Vendor, Scheme),
    #[error("{2} is the last scheme of {1} of tenant {0}: add another one first, or suspend the tenant")]
    LastScheme(TenantId, Vendor, Scheme),
    #[error("tenant {0} has a proxy {1} already; revoke it first, or choose another --proxy-id")]
    ProxyExists(TenantId, ProxyId),
    #[error("{what} belongs to another tenant already")]
    Taken { what: String },
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("reading (`vyroxctl doctor` looks for the cause)")]
    Table(#[from] TableError),
    #[error("storing")]
    Commit(#[from] CommitError),
    #[error("sealing the secret")]
    Secret(#[from] SecretError),
    #[error("opening the payload")]
    Evidence(#[from] EvidenceError),
    #[error("making the token")]
    Token(#[from] TokenError),
    #[error("reading the signing key's public half")]
    Signer(#[from] KmsKeyError),
    #[error("the checkpoint key")]
    CheckpointKey(#[from] ConnectError),
    #[error("making a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    #[error("the audit is BROKEN: {0}; `vyroxctl audit export` and look for AUDIT_LANE_BROKEN")]
    BrokenLanes(String),
    #[error("the queue does not answer")]
    Queue(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the audit does NOT verify")]
    Verification(#[source] vyrox_audit::verify::Failure),
    #[error("{path} cannot be read")]
    File { path: String, source: std::io::Error },
    #[error("{path} cannot be written")]
    NotWritten { path: String, source: std::io::Error },
    #[error("{path}, line {line} is not an event")]
    Line { path: String, line: usize, source: serde_json::Error },
    #[error("the event {0} has no label")]
    NoLabel(String),
    #[error("{0} has no event")]
    NothingToMeasure(String),
    #[error("these rules cannot be used:\n{mistakes}")]
    RuleMistakes { mistakes: String },
    #[error("{errors} mistakes in the rules")]
    Lint { errors: usize },
    #[error("loading the rules")]
    Load(#[from] LoadError),
    #[error("input or output")]
    Io(#[from] std::io::Error),
}

impl CtlError {
    /// 2 if the command has to be given differently, 1 if it was right and failed.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_)
            | Self::NoSuchTenant(_)
            | Self::NoSuchSource(..)
            | Self::NoSuchScheme(..)
            | Self::WhichScheme(..)
            | Self::NoFieldMap(..)
            | Self::Asked(_)
            | Self::BadSecret(_)
            | Self::CannotProve(_)
            | Self::FieldMap { .. }
            | Self::NoSuchPreset { .. }
            | Self::NoPresetTakesIt
            | Self::NotJson { .. }
            | Self::NoSuchProxy(..)
            | Self::NoSuchApprover(..)
            | Self::NoSuchKey(..)
            | Self::NotInRole(..)
            | Self::NoSuchAlert(..)
            | Self::NoEvidence(..)
            | Self::NoSuchQueue(_)
            | Self::NobodyToAsk { .. }
            | Self::NothingToChange
            | Self::File { .. }
            | Self::NotWritten { .. }
            | Self::Line { .. }
            | Self::NoLabel(_)
            | Self::NothingToMeasure(_)
            | Self::NoProxyLog(_)
            | Self::ForeignLog(..)
            | Self::NotAnExport(_)
            | Self::Key { .. }
            | Self::FileExists(_) => 2,
            Self::Declined
            | Self::Differs { .. }
            | Self::Meanwhile(_)
            | Self::TooManyLanes(_)
            | Self::BadItem(_)
            | Self::TenantExists(_)
            | Self::SourceExists(..)
            | Self::SchemeExists(..)
            | Self::LastScheme(..)
            | Self::ProxyExists(..)
            | Self::TooManyKeys(..)
            | Self::Taken { .. }
            | Self::Profile(_)
            | Self::Table(_)
            | Self::Commit(_)
            | Self::Secret(_)
            | Self::Evidence(_)
            | Self::Token(_)
            | Self::Commands(_)
            | Self::Client(_)
            | Self::Unanswered { .. }
            | Self::Discord(_)
            | Self::Signer(_)
            | Self::CheckpointKey(_)
            | Self::Checkpoint(_)
            | Self::BrokenLanes(_)
            | Self::Queue(_)
            | Self::Verification(_)
            | Self::RuleMistakes { .. }
            | Self::Lint { .. }
            | Self::Load(_)
            | Self::Archive(_)
            | Self::Io(_) => 1,
        }
    }
}
