//! Approvers' second factors, as stored under `APPROVER#`, and how often a member was refused lately.

use crate::secrets::{Sealed, Secret, SecretError, Secrets, Use};
use crate::table::{SortKey, Table, TableError};
use serde::{Deserialize, Serialize};
use vyrox_contract::TenantId;
use vyrox_domain::step_up::Factor;
use vyrox_domain::tenant::Snowflake;

/// The window in which refusals are counted, in seconds.
const WINDOW: i64 = 60;

/// An approver's second factor with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// Their id in Discord.
    pub user_id: Snowflake,
    /// The secret, sealed for this approver.
    pub secret: Sealed,
    /// Everything else about it.
    #[serde(flatten)]
    pub factor: Factor,
}

impl Approver {
    /// Seals a secret for an approver who is enrolled at `now` (unix seconds).
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn enrolled(
        secrets: &Secrets,
        tenant: &TenantId,
        user_id: Snowflake,
        secret: &Secret,
        now: i64,
    ) -> Result<Self, SecretError> {
        let secret = secrets.seal(tenant, Use::StepUp(user_id), secret).await?;
        Ok(Self { user_id, secret, factor: Factor::enrolled(now) })
    }

    /// Opens the secret.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn open(&self, secrets: &Secrets, tenant: &TenantId) -> Result<Secret, SecretError> {
        secrets.open(tenant, Use::StepUp(self.user_id), &self.secret).await
    }

    /// The same approver with another state of the factor.
    #[must_use]
    pub fn with(&self, factor: Factor) -> Self {
        Self { factor, ..self.clone() }
    }
}

/// Counts one more refusal of a member, in all execution environments together, and tells how many there are within the
/// minute at `now` (unix seconds).
///
/// # Errors
/// [`TableError`]; whether it was counted is unknown then.
pub async fn count_refusal(table: &Table, tenant: &TenantId, user: Snowflake, now: i64) -> Result<i64, TableError> {
    let window = now.div_euclid(WINDOW) * WINDOW;
    let key = SortKey::refusals(user, window);
    let counted = table.add(tenant, &key, &[("refused".to_owned(), 1)], window + 2 * WINDOW).await?;
    Ok(counted.get("refused").copied().unwrap_or(1))
}
