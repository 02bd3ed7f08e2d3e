//! Handing an approved action to its proxy and taking its receipt back: what push (`dispatch`) and poll (`relay`) share.
//!
//! Both sign at delivery (`delivery/hand_over.rs`), and both accept a receipt only if the proxy's own enrolled key signed it
//! and it answers an action of that proxy (`delivery/receipt.rs`).

mod click;
mod entry;
mod error;
mod hand_over;
mod proxy;
mod receipt;
mod watch;

pub use click::CountedClick;
pub use error::DeliveryError;
pub use proxy::{EnrolledProxy, PreviousKey};
pub use receipt::VerifiedReceipt;
pub use watch::ProxyWatch;

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::signer::Signer;
use crate::table::{SortKey, Table, Versioned};
use ed25519_dalek::VerifyingKey as DiscordKey;
use std::sync::Arc;
use vyrox_contract::{Operation, RequestId, TenantId};
use vyrox_domain::action::ActionRecord;
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::{ActionSummary, AlertRecord};

/// An action without a receipt is handed over again after this, in seconds: the proxy answers a repetition with what it did.
pub const AGAIN_AFTER: i64 = 30;

/// What dispatch and relay can do: read, commit with an audit entry, sign, request cards.
#[derive(Debug, Clone)]
pub struct Delivery {
    table: Table,
    ledger: Ledger,
    signer: Signer,
    cards: Queue<CardRequested>,
    discord_keys: Vec<DiscordKey>,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    /// Wires it up. `discord_keys` prove the clicks behind an approval once more before it is signed.
    #[must_use]
    pub fn new(
        table: Table,
        ledger: Ledger,
        signer: Signer,
        cards: Queue<CardRequested>,
        discord_keys: Vec<DiscordKey>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { table, ledger, signer, cards, discord_keys, clock }
    }

    /// One stored action.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn action(
        &self,
        tenant: &TenantId,
        id: &RequestId,
    ) -> Result<Option<Versioned<ActionRecord>>, DeliveryError> {
        Ok(self.table.read(tenant, &SortKey::action(id), self.clock.now()).await?)
    }
}

/// The card's line about this very action. An earlier release's late receipt has none any more.
fn summary_of<'a>(record: &'a mut AlertRecord, action: &ActionRecord) -> Option<&'a mut ActionSummary> {
    let summary = match action.operation {
        Operation::Execute => record.containment.as_mut(),
        Operation::Rollback => record.release.as_mut(),
    };
    summary.filter(|summary| summary.request_id == action.request_id)
}
