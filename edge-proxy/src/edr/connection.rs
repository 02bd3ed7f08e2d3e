//! Cutting a device off the network and letting it back, where the device itself tells which of the two it is: each sets a
//! state.

use super::api::Call;
use super::change::{Answer, Change, Reading, Taken};
use super::device;
use super::failure::{Failure, Refusal};
use super::{Leave, Order};
use vyrox_contract::Operation;

/// The change, and what differs between the vendors in it.
pub(super) struct Connection<'a> {
    pub(super) order: &'a Order<'a>,
    /// How far it is, by the vendor's word for the device's state.
    pub(super) reading: fn(&str, Operation) -> Reading,
    /// Asks for it.
    pub(super) call: for<'l> fn(Leave<'l>, &str, Operation) -> Call<'l>,
    /// Reads the answer to that.
    pub(super) answer: fn(&[u8], &str) -> Result<Answer, Option<Refusal>>,
}

impl Change for Connection<'_> {
    async fn look(&self, _: Option<&str>) -> Result<Reading, Failure> {
        let device = device::read(self.order.api, self.order.device, self.order.until).await?;
        Ok(device.state.map_or(Reading::Unseen, |state| (self.reading)(&state, self.order.operation)))
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let Order { device, operation, .. } = *self.order;
        let reply = self.order.send(&(self.call)(leave, device, operation)).await?;
        Ok(Taken { answer: reply.settled(|body| (self.answer)(body, device))?, reference: None, trace: reply.trace })
    }
}
