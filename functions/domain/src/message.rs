//! What travels between functions through SQS: ids only, never content. Content lives in the table, so a message can be
//! delivered twice or late without being wrong.

use crate::approval::ApprovedAction;
use crate::tenant::Snowflake;
use crate::trace::TraceId;
use serde::{Deserialize, Serialize};
use vyrox_contract::{AlertId, RequestId, TenantId};

/// Something that travels in a queue.
pub trait Message: Serialize + serde::de::DeserializeOwned {
    /// Whose it is: the queue's fairness group.
    fn tenant_id(&self) -> &TenantId;

    /// What it is about: everything that comes of it is found under this.
    fn trace_id(&self) -> TraceId;
}

/// ingest to triage: an alert (or a changed payload of one) is stored and wants a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertQueued {
    /// Whose alert.
    pub tenant_id: TenantId,
    /// Which alert.
    pub alert_id: AlertId,
    /// Which of its payloads.
    pub revision: u32,
}

/// anyone to notify: an alert's card should show its present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRequested {
    /// Whose alert.
    pub tenant_id: TenantId,
    /// Which alert.
    pub alert_id: AlertId,
    /// Why now.
    #[serde(default)]
    pub reason: CardReason,
}

/// interactions to assist: a slash command is stored and wants carrying out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAsked {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which invocation: Discord's id of it.
    pub interaction_id: Snowflake,
}

/// Why a card is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardReason {
    /// Something has changed.
    #[default]
    Changed,
    /// Its question may have expired meanwhile.
    Expiry,
}

impl CardRequested {
    /// Because something has changed.
    #[must_use]
    pub const fn changed(tenant_id: TenantId, alert_id: AlertId) -> Self {
        Self { tenant_id, alert_id, reason: CardReason::Changed }
    }
}

/// interactions to dispatch: an approved action wants delivering. Made only from an [`ApprovedAction`]; the private field
/// keeps it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionApproved {
    tenant_id: TenantId,
    alert_id: AlertId,
    request_id: RequestId,
    /// When it was queued, unix seconds: before the decision is committed, so a consumer may be early.
    queued_at: i64,
}

impl ActionApproved {
    /// The message for an approved action.
    #[must_use]
    pub fn of(action: &ApprovedAction, queued_at: i64) -> Self {
        Self {
            tenant_id: action.tenant_id().clone(),
            alert_id: action.alert_id(),
            request_id: action.request_id().clone(),
            queued_at,
        }
    }

    /// Which alert.
    #[must_use]
    pub const fn alert_id(&self) -> AlertId {
        self.alert_id
    }

    /// Which action.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// When it was queued, unix seconds.
    #[must_use]
    pub const fn queued_at(&self) -> i64 {
        self.queued_at
    }
}

impl Message for AlertQueued {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    fn trace_id(&self) -> TraceId {
        self.alert_id.into()
    }
}

impl Message for CardRequested {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    fn trace_id(&self) -> TraceId {
        self.alert_id.into()
    }
}

impl Message for CommandAsked {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    fn trace_id(&self) -> TraceId {
        self.interaction_id.into()
    }
}

impl Message for ActionApproved {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    fn trace_id(&self) -> TraceId {
        self.alert_id.into()
    }
}
