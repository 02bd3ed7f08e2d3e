//! What can go wrong, and which exit code says so.

use crate::profile::ProfileError;
use vyrox_contract::{AlertId, ProxyId, TenantId, Vendor};
use vyrox_platform::config::BadConfiguration;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::secrets::SecretError;
use vyrox_platform::signer::SignerError;
use vyrox_platform::table::TableError;
use vyrox_relay::TokenError;

/// Why a command did not do what was asked. Nothing was changed unless the text says otherwise.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CtlError {
    #[error(transparent)]
    Configuration(#[from] BadConfiguration),
    #[error("there is no tenant {0}")]
    NoSuchTenant(TenantId),
    #[error("tenant {0} has no source {1}; `vyroxctl source add {0} {1}` makes one")]
    NoSuchSource(TenantId, Vendor),
    #[error("tenant {0} has no proxy {1}; `vyroxctl proxy list {0}` shows those it has")]
    NoSuchProxy(TenantId, ProxyId),
    #[error("tenant {0} has no alert {1}; records are kept for 90 days, the audit for good")]
    NoSuchAlert(TenantId, AlertId),
    #[error("there is no queue {0}; is --stack right?")]
    NoSuchQueue(String),
    #[error("{question} Nobody can be asked here: say --yes")]
    NobodyToAsk { question: String },
    #[error("nothing to change: give at least one setting, see --help")]
    NothingToChange,
    #[error("{0} exists already")]
    FileExists(String),
    #[error("declined, nothing was changed")]
    Declined,
    #[error("tenant {0} exists already; `vyroxctl tenant set {0}` changes it")]
    TenantExists(TenantId),
    #[error("tenant {0} has a source {1} already; `vyroxctl source rotate {0} {1}` gives it a new secret")]
    SourceExists(TenantId, Vendor),
    #[error("tenant {0} has a proxy {1} already; revoke it first, or choose another --proxy-id")]
    ProxyExists(TenantId, ProxyId),
    #[error("{what} belongs to another tenant already")]
    Taken { what: String },
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("reading")]
    Table(#[from] TableError),
    #[error("storing")]
    Commit(#[from] CommitError),
    #[error("sealing the secret")]
    Secret(#[from] SecretError),
    #[error("making the token")]
    Token(#[from] TokenError),
    #[error("reading the signing key's public half")]
    Signer(#[from] SignerError),
    #[error("the queue does not answer")]
    Queue(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the audit does NOT verify")]
    Verification(#[source] vyrox_audit::verify::Failure),
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
            | Self::NoSuchProxy(..)
            | Self::NoSuchAlert(..)
            | Self::NoSuchQueue(_)
            | Self::NobodyToAsk { .. }
            | Self::NothingToChange
            | Self::FileExists(_) => 2,
            Self::Declined
            | Self::TenantExists(_)
            | Self::SourceExists(..)
            | Self::ProxyExists(..)
            | Self::Taken { .. }
            | Self::Profile(_)
            | Self::Table(_)
            | Self::Commit(_)
            | Self::Secret(_)
            | Self::Token(_)
            | Self::Signer(_)
            | Self::Queue(_)
            | Self::Verification(_)
            | Self::Io(_) => 1,
        }
    }
}
