//! What the holder of an API key may do. The one place where roles mean something: everything else asks
//! [`Access::allows`].
//!
//! | | read_alerts | read_statistics | read_decisions | export_audit | manage_keys |
//! |---|---|---|---|---|---|
//! | owner | yes | yes | yes | yes | yes |
//! | admin | yes | yes | yes | | yes |
//! | security | yes | yes | yes | yes | |
//! | developer | yes | yes | | | |
//! | viewer | | yes | | | |
//!
//! Whoever builds on alerts need not know which person decided; whoever looks at figures needs no command lines; whoever
//! administrates need not take a copy of everything that ever happened. No permission approves anything: a containment takes
//! a human's click.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Something that a key's holder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read alerts with their verdicts and evidence.
    ReadAlerts,
    /// Read counts.
    ReadStatistics,
    /// Read who decided what, and what became of it.
    ReadDecisions,
    /// Take a copy of the tenant's whole audit.
    ExportAudit,
    /// See which keys the tenant has.
    ManageKeys,
}

/// What a key is for, as its tenant names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but the audit.
    Admin,
    /// Everything but keys.
    Security,
    /// Alerts and statistics.
    Developer,
    /// Statistics.
    Viewer,
}

/// Not the word for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownWord {
    /// No such role.
    #[error("not a role: owner, admin, security, developer or viewer")]
    Role,
    /// No such permission.
    #[error("not a scope: read_alerts, read_statistics, read_decisions, export_audit or manage_keys")]
    Permission,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ReadAlerts, Self::ReadStatistics, Self::ReadDecisions, Self::ExportAudit, Self::ManageKeys];

    /// The word in payloads and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadAlerts => "read_alerts",
            Self::ReadStatistics => "read_statistics",
            Self::ReadDecisions => "read_decisions",
            Self::ExportAudit => "export_audit",
            Self::ManageKeys => "manage_keys",
        }
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Security, Self::Developer, Self::Viewer];

    /// The word in payloads and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Security => "security",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }

    const fn permissions(self) -> &'static [Permission] {
        use Permission::{ExportAudit, ManageKeys, ReadAlerts, ReadDecisions, ReadStatistics};
        match self {
            Self::Owner => &[ReadAlerts, ReadStatistics, ReadDecisions, ExportAudit, ManageKeys],
            Self::Admin => &[ReadAlerts, ReadStatistics, ReadDecisions, ManageKeys],
            Self::Security => &[ReadAlerts, ReadStatistics, ReadDecisions, ExportAudit],
            Self::Developer => &[ReadAlerts, ReadStatistics],
            Self::Viewer => &[ReadStatistics],
        }
    }
}

/// A role, narrowed by scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    role: Role,
    /// Only these of the role's permissions; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<BTreeSet<Permission>>,
}

impl Access {
    /// All that a role may do.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        Self { role, scopes: None }
    }

    /// The same with only these of the role's permissions. One that the role does not have stays without effect.
    #[must_use]
    pub fn narrowed(self, scopes: impl IntoIterator<Item = Permission>) -> Self {
        let scopes: BTreeSet<Permission> = scopes.into_iter().filter(|scope| self.allows(*scope)).collect();
        Self { scopes: Some(scopes), ..self }
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether it may do this: the role says so, and the scopes, if there are any, do too.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        self.role.permissions().contains(&permission)
            && self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&permission))
    }

    /// All that it may do.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.allows(*permission)).collect()
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or(UnknownWord::Role)
    }
}

impl FromStr for Permission {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == word).ok_or(UnknownWord::Permission)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line here is a decision.
    #[test]
    fn who_may_do_what() {
        let table = "
            owner      read_alerts read_statistics read_decisions export_audit manage_keys
            admin      read_alerts read_statistics read_decisions manage_keys
            security   read_alerts read_statistics read_decisions export_audit
            developer  read_alerts read_statistics
            viewer     read_statistics";
        let rows: Vec<Vec<&str>> = table.trim().lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), Role::ALL.len());
        for (row, role) in rows.iter().zip(Role::ALL) {
            assert_eq!(row[0].parse(), Ok(role));
            for permission in Permission::ALL {
                let expected = row[1..].contains(&permission.as_str());
                assert_eq!(Access::of(role).allows(permission), expected, "{role} {permission}");
            }
        }
    }

    #[test]
    fn scopes_only_ever_narrow_a_role() {
        for role in Role::ALL {
            for scope in Permission::ALL {
                let narrow = Access::of(role).narrowed([scope]);
                for permission in Permission::ALL {
                    let expected = permission == scope && Access::of(role).allows(permission);
                    assert_eq!(narrow.allows(permission), expected, "{role} narrowed to {scope}: {permission}");
                }
                // Even what was stored by somebody else, and a second narrowing, give nothing back.
                let stored = serde_json::json!({"role": role, "scopes": [scope]});
                let stored: Access = serde_json::from_value(stored).unwrap();
                assert_eq!(stored.permissions(), narrow.permissions());
                assert_eq!(narrow.narrowed(Permission::ALL).permissions(), stored.permissions());
            }
            assert_eq!(Access::of(role).narrowed([]).permissions(), [], "no scope is nothing");
        }
    }

    #[test]
    fn words_are_the_same_in_payloads_and_on_the_command_line() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for permission in Permission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownWord::Role));
    }
}
