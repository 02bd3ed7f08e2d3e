//! Aliases: names for keys.

use super::key::{Key, arn_of};
use super::{Kms, invalid, refuse};
use crate::wire::OperationError;
use rusqlite::params;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateAlias {
    alias_name: String,
    target_key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliases {
    key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Aliases {
    aliases: Vec<Alias>,
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Alias {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: f64,
}

impl Kms {
    pub(super) fn create_alias(&self, input: &CreateAlias) -> Result<(), OperationError> {
        let name = &input.alias_name;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
        let rest = name.strip_prefix("alias/").filter(|rest| !rest.is_empty() && !rest.starts_with("aws/"));
        if name.len() > 256 || !rest.is_some_and(|rest| rest.chars().all(allowed)) {
            return Err(refuse("InvalidAliasNameException", "Alias must start with the prefix \"alias/\"."));
        }
        if input.target_key_id.starts_with("alias/") {
            return Err(invalid("Aliases must refer to keys. Not aliases"));
        }
        let now = self.clock.now();
        self.store.transact(|transaction| {
            let key = Key::find(transaction, &input.target_key_id)?;
            let inserted = transaction.execute(
                "INSERT INTO aliases (name, key, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                params![name, key.id, now],
            )?;
            if inserted == 0 {
                return Err(refuse("AlreadyExistsException", format!("An alias with the name {name} already exists")));
            }
            Ok(())
        })
    }

    pub(super) fn list_aliases(&self, input: &ListAliases) -> Result<Aliases, OperationError> {
        self.store.transact(|transaction| {
            let only = match &input.key_id {
                Some(reference) => Some(Key::find(transaction, reference)?.id),
                None => None,
            };
            let aliases = transaction
                .prepare_cached("SELECT name, key, created FROM aliases WHERE key = coalesce(?, key) ORDER BY name")?
                .query_map([only], |row| {
                    let alias_name: String = row.get(0)?;
                    let alias_arn = arn_of(&alias_name);
                    let creation_date = row.get::<_, i64>(2)? as f64 / 1_000.0;
                    Ok(Alias { alias_name, alias_arn, target_key_id: row.get(1)?, creation_date })
                })?
                .collect::<Result<_, _>>()?;
            Ok(Aliases { aliases, truncated: false })
        })
    }
}
