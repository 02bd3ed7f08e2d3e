//! Who sent this? Answered before anything of the body is parsed, and in the same time whatever the reason for a no.
//!
//! What every refusal does, whether the tenant is unknown, suspended, has no such source, or the proof is wrong, missing,
//! old or of another scheme:
//!
//! 1. the index is asked, if the tenant is named by its body; then the profile and the source are read, or decoys of them
//! 2. KMS is asked: to open the source's secrets if they are not in memory, else (afterwards) to open a decoy
//! 3. all schemes are computed with the present and the previous secret, or with stand-ins
//!
//! An accepted delivery skips the decoy, so it asks KMS only once every five minutes.

use crate::{Ingest, Named};
use bytes::Bytes;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_domain::vendor::{
    FieldMap, FieldMapError, NormaliseError, Normalised, Reception, normalise, normalise_mapped,
};
use vyrox_domain::webhook::{Authenticated, Keyring, RawDelivery, Scheme, authenticate, canary};
use vyrox_platform::refusals::Refused;
use vyrox_platform::secrets::{Opening, Secret, SecretError};
use vyrox_platform::source::Source;
use vyrox_platform::table::{Lookup, SortKey, TableError, Versioned};

/// A delivery whose sender is proven, with what its source says about reading it.
#[derive(Debug)]
pub(crate) struct Proven {
    /// Whose.
    pub(crate) tenant: Tenant,
    vendor: Vendor,
    delivery: Authenticated<Bytes>,
    field_map: Option<FieldMap>,
    /// Whether a test's own secret proved it.
    pub(crate) canary: bool,
}

impl Proven {
    /// The scheme that proved it.
    pub(crate) const fn scheme(&self) -> Scheme {
        self.delivery.scheme()
    }

    /// The body.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.delivery.bytes()
    }

    /// Reads the body, by the source's own field map if it has one.
    pub(crate) fn normalise(&self, received_at: i64) -> Result<Normalised, NormaliseError> {
        let reception = Reception { tenant_id: &self.tenant.id, received_at };
        match &self.field_map {
            Some(map) => normalise_mapped(self.vendor, map, &self.delivery, &reception),
            None => normalise(self.vendor, &self.delivery, &reception),
        }
    }
}

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It was checked when it was saved; nothing is read by guesses instead.
    #[error("the source's field map cannot be used")]
    FieldMap(#[from] FieldMapError),
}

impl Ingest {
    /// The delivery as proven, or `None` if it is not.
    pub(crate) async fn authenticate(
        &self,
        vendor: Vendor,
        named: Named,
        delivery: RawDelivery<Bytes>,
        request_id: &str,
        now: i64,
    ) -> Result<Option<Proven>, AuthenticationError> {
        // A name that nobody has costs the same reads as one that somebody has.
        let tenant_id = self.resolve(vendor, named).await?.unwrap_or_else(|| self.nobody.clone());
        let test = canary(&delivery.headers);
        let known = self.known(&tenant_id, vendor, test, now).await?;
        let (keyring, opening): (Keyring<Secret>, _) = match &known {
            Some((_, source)) => self.secrets.keyring(&tenant_id, source, now).await?,
            None => (Keyring::default(), Opening::Memory),
        };
        let proven = authenticate(delivery, &keyring, now);
        let is_known = known.is_some();
        let (Ok(delivery), Some((tenant, source))) = (proven, known) else {
            if opening == Opening::Memory {
                self.secrets.open_nothing(&self.nobody).await?;
            }
            // Counted for unknown names too, as one tenant's that has no audit: that is one number, and the same work.
            let counted = if is_known { &tenant_id } else { &self.nobody };
            tracing::warn!(request_id, tenant_id = %counted, %vendor, "delivery is not authentic");
            self.refuse(counted, Refused::NotAuthentic);
            return Ok(None);
        };
        let field_map = source.field_map.as_deref().map(FieldMap::parse).transpose()?;
        Ok(Some(Proven { tenant, vendor, delivery, field_map, canary: test.is_some() }))
    }

    /// The tenant that is named, if there is such a one. A name proves nothing yet.
    async fn resolve(&self, vendor: Vendor, named: Named) -> Result<Option<TenantId>, TableError> {
        match named {
            Named::Tenant(tenant) => Ok(tenant),
            Named::Account(account) => {
                let found = self.table.owner(&Lookup::account(vendor, &account)).await?;
                Ok(found.map(|(tenant, _)| tenant))
            }
        }
    }

    /// The tenant and its source, or what a test stored in its place: none for an unknown, suspended or unconfigured tenant.
    async fn known(
        &self,
        tenant_id: &TenantId,
        vendor: Vendor,
        test: Option<Snowflake>,
        now: i64,
    ) -> Result<Option<(Tenant, Source)>, TableError> {
        let source = test.map_or_else(|| SortKey::source(vendor), SortKey::canary);
        let profile = SortKey::profile();
        let found = self.table.together(tenant_id, &[&profile, &source], now).await?;
        let tenant = self.decoy.tenant(found.of::<Tenant>(&profile)?).map(|tenant| tenant.value);
        let source: Option<Versioned<Source>> = self.decoy.source(found.of(&source)?);
        let active = tenant.filter(|tenant| tenant.status != TenantStatus::Suspended);
        Ok(active.zip(source.map(|source| source.value).filter(|source| source.vendor == vendor)))
    }
}
