//! What of the file is here already, what is missing, and what is another than in the file.

use super::super::file::Whole;
use super::super::secret::is_same;
use super::{AT_ONCE, is_last};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::progress;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use vyrox_contract::TenantId;
use vyrox_platform::table::SortKey;
use vyrox_platform::transfer::Transfer;

/// How many differences are told one by one.
const TOLD: usize = 10;
/// The most items that a tenant gets last: beside the note of the import, the audit's entry and its lane, they fit into one
/// transaction.
const MOST_LAST: usize = 97;

/// How a line compares with what is stored.
enum Found {
    Nothing,
    Same,
    Differs(String),
}

/// The same of a tenant's lines.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    /// From this very file, all of it. It has lived on since.
    is_imported: bool,
    pub(super) missing: u64,
    pub(super) same: u64,
    /// What is another now, or gone, since it was imported.
    pub(super) changed: u64,
    /// How many of those that are missing go last.
    last: usize,
}

/// The same of all lines.
#[derive(Debug, Default)]
pub(super) struct Compared {
    tenants: BTreeMap<TenantId, Tenant>,
    count: u64,
    /// The first of those that differ.
    differs: Vec<String>,
}

impl Compared {
    fn note(&mut self, tenant: &TenantId, is_last: bool, found: Found) {
        let of = self.tenants.entry(tenant.clone()).or_default();
        match found {
            Found::Same => of.same += 1,
            Found::Nothing | Found::Differs(_) if of.is_imported => of.changed += 1,
            Found::Nothing => {
                of.missing += 1;
                of.last += usize::from(is_last);
            }
            Found::Differs(what) => {
                self.count += 1;
                if self.differs.len() < TOLD {
                    self.differs.push(what);
                }
            }
        }
    }

    /// Refuses what cannot be imported whole.
    pub(super) fn refuse(&self) -> Result<(), CtlError> {
        if self.count > 0 {
            return Err(CtlError::Differs { count: self.count, items: self.differs.join("\n  ") });
        }
        match self.tenants.iter().find(|(_, of)| of.last > MOST_LAST) {
            Some((tenant, _)) => Err(CtlError::TooManyLanes(tenant.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn is_wanted(&self, tenant: &TenantId) -> bool {
        self.tenants.get(tenant).is_some_and(|of| of.missing > 0)
    }

    pub(super) fn sum(&self, of: impl Fn(&Tenant) -> u64) -> u64 {
        self.tenants.values().map(of).sum()
    }
}

/// Every item of the file beside what is stored. Reads only.
pub(super) async fn compare(
    deployment: &Deployment,
    transfer: &Transfer,
    whole: &mut Whole,
) -> Result<Compared, CtlError> {
    let mut compared = Compared::default();
    for tenant in &whole.head.tenants {
        let marker = SortKey::import(&whole.manifest.sha256);
        let is_imported = deployment.table.holds(tenant, &marker).await?;
        compared.tenants.insert(tenant.clone(), Tenant { is_imported, ..Tenant::default() });
    }
    let progress = progress::of(whole.manifest.total(), "compared");
    let looked = futures::stream::iter(whole.items()?).map(async |line| {
        let line = line?;
        let what = format!("{} {}", line.tenant, line.item.key().as_str());
        let is_last = is_last(&line.item);
        let found = if transfer.is_taken(&line.tenant, &line.item).await? {
            Found::Differs(format!("{what}: another tenant answers to its name here"))
        } else {
            match transfer.find(&line.tenant, line.item.key()).await? {
                None => Found::Nothing,
                Some(stored) if is_same(&stored, &line.item, &line.clear) => Found::Same,
                Some(_) => Found::Differs(what),
            }
        };
        Ok::<_, CtlError>((line.tenant, is_last, found))
    });
    let mut looked = std::pin::pin!(looked.buffered(AT_ONCE));
    while let Some((tenant, is_last, found)) = looked.try_next().await? {
        compared.note(&tenant, is_last, found);
        progress.inc(1);
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(is_imported: bool) -> (Compared, TenantId) {
        let tenant: TenantId = "acme".parse().unwrap();
        let one = (tenant.clone(), Tenant { is_imported, ..Tenant::default() });
        (Compared { tenants: [one].into(), ..Compared::default() }, tenant)
    }

    #[test]
    fn differences_are_told_by_number_and_the_first_ones_by_name() {
        let (mut found, tenant) = compared(false);
        for index in 0..100_000 {
            found.note(&tenant, false, Found::Differs(format!("acme ALERT#{index}")));
        }
        assert_eq!(found.differs.len(), TOLD, "memory does not grow with them");
        let said = found.refuse().unwrap_err().to_string();
        assert!(said.starts_with("100000 items differ") && said.ends_with("acme ALERT#9"), "{said}");
    }

    #[test]
    fn what_has_changed_since_an_import_that_was_finished_is_no_difference() {
        let (mut found, tenant) = compared(true);
        for one in [Found::Same, Found::Nothing, Found::Differs("acme PROFILE".to_owned())] {
            found.note(&tenant, false, one);
        }
        found.refuse().unwrap();
        assert!(!found.is_wanted(&tenant), "what was removed since does not come back");
        let counts = &found.tenants[&tenant];
        assert_eq!((counts.same, counts.missing, counts.changed), (1, 0, 2));
    }

    #[test]
    fn more_lanes_than_one_transaction_takes_are_refused_before_anything_is_written() {
        let (mut found, tenant) = compared(false);
        for _ in 0..MOST_LAST {
            found.note(&tenant, true, Found::Nothing);
        }
        found.refuse().unwrap();
        found.note(&tenant, true, Found::Nothing);
        let said = found.refuse().unwrap_err().to_string();
        assert!(said.contains("acme") && said.contains("export again"), "{said}");
    }
}
