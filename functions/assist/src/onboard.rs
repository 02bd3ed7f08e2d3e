//! `/vyrox onboard`: what is still missing, and, when nothing is, the proof that puts the tenant into use.

use crate::{Asked, Assist, AssistError};
use serde_json::json;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::{Checklist, DEFAULT_HOST};
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_domain::text::Shown;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::source::Source;
use vyrox_platform::table::Prefix;

impl Assist {
    pub(crate) async fn onboard(&self, asked: &Asked) -> Result<Ephemeral, AssistError> {
        let tenant = &asked.tenant.value;
        let sources = self.table.list::<Source>(&tenant.id, &Prefix::sources(), self.clock.now()).await?;
        let checklist = Checklist::of(tenant, sources.len());
        if checklist.next().is_none() {
            return Ok(in_use(&checklist, None));
        }
        let Some(source) = sources.first().filter(|_| checklist.is_ready_for_proof()) else {
            let line = "There is something left to do before this tenant can be used.";
            return Ok(Ephemeral::panel(Shown::literal(line), Tone::Warning, "Setting up", checklist.shown(), []));
        };
        let way = self.prove(asked, source.value.vendor, DEFAULT_HOST, None).await?;
        if !way.is_whole() {
            let line = "The test alert did not come back, so this tenant is not in use yet. `/vyrox doctor` looks for the reason.";
            let fields = [(Shown::literal("The test alert's way"), way.shown())];
            return Ok(Ephemeral::panel(Shown::literal(line), Tone::Bad, "Setting up", checklist.shown(), fields));
        }
        let active = Tenant { status: TenantStatus::Active, ..tenant.clone() };
        let mut entry = self.entry(asked, "TENANT_ACTIVATED");
        entry.alert_id = way.alert_id.map(|id| id.to_string());
        entry.detail.insert("proven_by".to_owned(), json!("a test alert whose card was posted"));
        let change = Change::profile(&active, Expect::Version(asked.tenant.version));
        self.ledger.commit(&tenant.id, &[change], &entry).await?;
        Ok(in_use(&Checklist::of(&active, sources.len()), Some(way.shown())))
    }
}

fn in_use(checklist: &Checklist, way: Option<Shown>) -> Ephemeral {
    let line = "This tenant is in use: alerts are judged, and approvers are asked here.";
    let fields = way.map(|way| (Shown::literal("The test alert's way"), way));
    Ephemeral::panel(Shown::literal(line), Tone::Good, "Set up", checklist.shown(), fields)
}
