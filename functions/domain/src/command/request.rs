//! What somebody asks for, read from the options that Discord delivered: typed, or one sentence about what is wrong.

use super::table::{self, Kind};
use super::wire::{DataBody, OptionBody};
use crate::tenant::Snowflake;
use crate::webhook::Scheme;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use vyrox_contract::{AlertId, DeviceId, ProxyId, Vendor};

/// A command with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command", content = "options")]
pub enum Request {
    /// Link the server.
    Register {
        /// The one-time code; never stored, never logged.
        #[serde(skip)]
        code: OneTimeCode,
        /// Whose members may set Vyrox up.
        admin_role: CardRole,
        /// Where cards go; here if absent.
        channel: Option<Snowflake>,
    },
    /// What to do next.
    Onboard,
    /// A source, or a new secret for it.
    Setup {
        /// Where its alerts come from.
        source: Vendor,
        /// How they prove themselves.
        scheme: Scheme,
        /// The header's name, for a scheme with one.
        header: Option<String>,
    },
    /// How the tenant is set up.
    Status,
    /// What is wrong.
    Doctor,
    /// A synthetic alert.
    TestAlert {
        /// Whose payload it imitates.
        source: Option<Vendor>,
        /// The host on the card.
        host: Option<String>,
        /// The device that a containment would be for.
        device: Option<DeviceId>,
    },
    /// The latest alerts.
    History {
        /// Of this host only; text from outside.
        host: Option<String>,
    },
    /// Numbers, with a chart.
    Stats {
        /// How many days back.
        days: u16,
    },
    /// Whose members decide.
    ApproversList,
    /// One role more.
    ApproversAdd {
        /// The role.
        role: CardRole,
    },
    /// One role less.
    ApproversRemove {
        /// The role.
        role: CardRole,
    },
    /// A token for a proxy.
    ProxyEnrol {
        /// The proxy's name.
        name: ProxyId,
    },
    /// Undo a containment.
    Release {
        /// Whose.
        alert: AlertId,
    },
    /// Approve alone. The form that it opens asks for the reason.
    BreakGlass {
        /// What.
        alert: AlertId,
    },
    /// Allow LOW alerts to be contained without asking.
    AutoApproveOn {
        /// For so many days.
        days: u16,
        /// For so many minutes each.
        minutes: u16,
        /// Why; hostile text.
        reason: String,
    },
    /// Allow it no longer.
    AutoApproveOff,
    /// The audit as a file.
    AuditExport,
}

/// Text that must not be printed: a code that is good once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// The code.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

/// A role as the signed invocation describes it: enough to tell one that somebody could give themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRole {
    /// Its id.
    pub id: Snowflake,
    /// Its name; text from outside.
    pub name: String,
    /// Whether an integration manages it: a bot's own, a subscription's, a booster's.
    pub managed: bool,
    /// Whether members can choose it themselves while joining.
    pub self_service: bool,
}

/// Not a command of this version, or not with such options. The client lets none of these through; a sentence for whoever
/// sees it all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Not in the table.
    #[error("This version of Vyrox has no such command. Ask your operator to run `vyroxctl discord register`.")]
    Unknown,
    /// An option is missing.
    #[error("The option {0} is missing.")]
    Missing(&'static str),
    /// An option is of another kind, or outside its bounds.
    #[error("The option {0} is not usable.")]
    Unusable(&'static str),
    /// Two options contradict.
    #[error("The option header is for static_header and crowdstrike_hmac, and static_header needs it.")]
    Header,
}

/// The options that came with a command, each looked at once.
struct Given<'a> {
    options: &'a [OptionBody],
    data: &'a DataBody,
    command: &'static table::Command,
}

impl Given<'_> {
    fn value(&self, name: &'static str) -> Result<Option<&Value>, Misuse> {
        let found = self.options.iter().find(|option| option.name == name).and_then(|option| option.value.as_ref());
        let spec = self.command.options.iter().find(|spec| spec.name == name).ok_or(Misuse::Unknown)?;
        match found {
            None if spec.required => Err(Misuse::Missing(name)),
            Some(value) if !fits(spec.kind, value) => Err(Misuse::Unusable(name)),
            found => Ok(found),
        }
    }

    fn parsed<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Misuse> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        value.as_str().and_then(parse).map(Some).ok_or(Misuse::Unusable(name))
    }

    fn needed<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Misuse> {
        self.parsed(name, parse)?.ok_or(Misuse::Missing(name))
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Misuse> {
        self.parsed(name, |text| Some(text.to_owned()))
    }

    fn whole(&self, name: &'static str, default: u16) -> Result<u16, Misuse> {
        if self.value(name)?.is_none() { Ok(default) } else { self.needed_whole(name) }
    }

    fn needed_whole(&self, name: &'static str) -> Result<u16, Misuse> {
        let value = self.value(name)?.ok_or(Misuse::Missing(name))?;
        value.as_u64().and_then(|number| u16::try_from(number).ok()).ok_or(Misuse::Unusable(name))
    }

    /// A role with what Discord says about it. One that it says nothing about is not used.
    fn role(&self, name: &'static str) -> Result<CardRole, Misuse> {
        let id: Snowflake = self.needed(name, |text| text.parse().ok())?;
        let role = self.data.resolved.roles.get(&id).ok_or(Misuse::Unusable(name))?;
        Ok(CardRole {
            id,
            name: role.name.clone(),
            managed: role.managed,
            self_service: role.flags & IN_PROMPT != 0 || role.tags.is_some(),
        })
    }
}

/// Discord's role flag for "can be chosen while joining".
const IN_PROMPT: u64 = 1;

/// Whether a value is of an option's kind, within its bounds.
fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text { min, max } => value.as_str().is_some_and(|text| {
            let units = text.encode_utf16().count();
            usize::from(min) <= units && units <= usize::from(max)
        }),
        Kind::Whole { min, max } => {
            value.as_u64().is_some_and(|number| u64::from(min) <= number && number <= u64::from(max))
        }
        Kind::Role | Kind::Channel => value.as_str().is_some_and(|text| text.parse::<Snowflake>().is_ok()),
        Kind::Choice(choices) => choices.iter().any(|(_, known)| value == known),
    }
}

impl Request {
    /// Reads what Discord delivered.
    ///
    /// # Errors
    /// [`Misuse`].
    pub(super) fn read(data: &DataBody) -> Result<Self, Misuse> {
        if data.name != table::ROOT {
            return Err(Misuse::Unknown);
        }
        let first = data.options.first().ok_or(Misuse::Unknown)?;
        let (path, options) = match (first.kind, first.options.first()) {
            (1, _) => (vec![first.name.as_str()], &first.options),
            (2, Some(second)) => (vec![first.name.as_str(), second.name.as_str()], &second.options),
            _ => return Err(Misuse::Unknown),
        };
        let command = table::named(&path).ok_or(Misuse::Unknown)?;
        let given = Given { options, data, command };
        Ok(match *command.path {
            ["register"] => Self::Register {
                code: given.needed("code", |text| Some(OneTimeCode(text.trim().to_owned())))?,
                admin_role: given.role("admin_role")?,
                channel: given.parsed("channel", |text| text.parse().ok())?,
            },
            ["onboard"] => Self::Onboard,
            ["setup"] => {
                let scheme = given.parsed("scheme", |text| text.parse().ok())?.unwrap_or(Scheme::VyroxHmac);
                let header = given.parsed("header", header)?;
                let takes_header = matches!(scheme, Scheme::StaticHeader | Scheme::CrowdstrikeHmac);
                if header.is_some() && !takes_header || header.is_none() && scheme == Scheme::StaticHeader {
                    return Err(Misuse::Header);
                }
                Self::Setup { source: given.needed("source", |text| text.parse().ok())?, scheme, header }
            }
            ["status"] => Self::Status,
            ["doctor"] => Self::Doctor,
            ["test-alert"] => Self::TestAlert {
                source: given.parsed("source", |text| text.parse().ok())?,
                host: given.text("host")?,
                device: given.parsed("device", |text| text.parse().ok())?,
            },
            ["history"] => Self::History { host: given.text("host")? },
            ["stats"] => Self::Stats { days: given.whole("days", 14)? },
            ["approvers", "list"] => Self::ApproversList,
            ["approvers", "add"] => Self::ApproversAdd { role: given.role("role")? },
            ["approvers", "remove"] => Self::ApproversRemove { role: given.role("role")? },
            ["proxy", "enrol"] => {
                let name = given.parsed("name", |text| text.parse().ok())?;
                Self::ProxyEnrol { name: name.unwrap_or_else(|| "edge-1".parse().expect("a word is a proxy id")) }
            }
            ["release"] => Self::Release { alert: given.needed("alert", |text| text.trim().parse().ok())? },
            ["break-glass"] => Self::BreakGlass { alert: given.needed("alert", |text| text.trim().parse().ok())? },
            ["auto-approve", "on"] => Self::AutoApproveOn {
                days: given.needed_whole("days")?,
                minutes: given.needed_whole("minutes")?,
                reason: given.needed("reason", |text| (!text.trim().is_empty()).then(|| text.to_owned()))?,
            },
            ["auto-approve", "off"] => Self::AutoApproveOff,
            ["audit", "export"] => Self::AuditExport,
            _ => return Err(Misuse::Unknown),
        })
    }

    /// Its row of the table.
    #[must_use]
    pub fn command(&self) -> &'static table::Command {
        let path: &[&str] = match self {
            Self::Register { .. } => &["register"],
            Self::Onboard => &["onboard"],
            Self::Setup { .. } => &["setup"],
            Self::Status => &["status"],
            Self::Doctor => &["doctor"],
            Self::TestAlert { .. } => &["test-alert"],
            Self::History { .. } => &["history"],
            Self::Stats { .. } => &["stats"],
            Self::ApproversList => &["approvers", "list"],
            Self::ApproversAdd { .. } => &["approvers", "add"],
            Self::ApproversRemove { .. } => &["approvers", "remove"],
            Self::ProxyEnrol { .. } => &["proxy", "enrol"],
            Self::Release { .. } => &["release"],
            Self::BreakGlass { .. } => &["break-glass"],
            Self::AutoApproveOn { .. } => &["auto-approve", "on"],
            Self::AutoApproveOff => &["auto-approve", "off"],
            Self::AuditExport => &["audit", "export"],
        };
        table::named(path).expect("every request has a row; a test reads each row")
    }
}

/// A header's name in lower case.
fn header(text: &str) -> Option<String> {
    let is_token = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    (is_token && !text.is_empty()).then(|| text.to_ascii_lowercase())
}
