//! A receipt recorded without the proxy's signature.

use vyrox_contract::{Receipt, TenantId};
use vyrox_platform::delivery::{Delivery, VerifiedReceipt};

async fn record(delivery: &Delivery, tenant: &TenantId, receipt: &Receipt) {
    let _ = delivery.record(tenant, receipt).await;
}

fn forge(receipt: Receipt) -> VerifiedReceipt {
    VerifiedReceipt(receipt)
}

fn main() {}
