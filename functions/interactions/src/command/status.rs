//! `/vyrox status`: how the tenant is set up, from the table alone.

use super::{approvers, auto_approve};
use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use vyrox_contract::Vendor;
use vyrox_domain::approval::OptIn;
use vyrox_domain::card::{self, Ephemeral, Tone};
use vyrox_domain::channel::BrokenChannel;
use vyrox_domain::command::Checklist;
use vyrox_domain::tenant::{LlmConsent, Tenant, TenantStatus};
use vyrox_domain::text::Shown;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::source::Source;
use vyrox_platform::table::SortKey;

/// Every vendor that a source can be of.
const VENDORS: [Vendor; 4] = [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic];

impl Interactions {
    pub(super) async fn status(&self, tenant: &Tenant) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let sources = VENDORS.map(|vendor| {
            let key = SortKey::source(vendor);
            async move { self.table.read::<Source>(&tenant.id, &key, now).await }
        });
        let proxy = async {
            match &tenant.proxy_id {
                Some(id) => self.table.read::<EnrolledProxy>(&tenant.id, &SortKey::proxy(id), now).await,
                None => Ok(None),
            }
        };
        let broken = async {
            match tenant.channel_id {
                Some(id) => self.table.read::<BrokenChannel>(&tenant.id, &SortKey::channel(id), now).await,
                None => Ok(None),
            }
        };
        let opt_in_key = SortKey::opt_in();
        let opt_in = self.table.read::<OptIn>(&tenant.id, &opt_in_key, now);
        let (sources, proxy, broken, opt_in) =
            tokio::try_join!(futures::future::try_join_all(sources), proxy, broken, opt_in)?;
        let opt_in = opt_in.map(|found| found.value).filter(|opt_in| opt_in.is_open(now));
        let sources: Vec<Source> = sources.into_iter().flatten().map(|found| found.value).collect();
        let proxy = proxy.map(|found| found.value);
        let broken = broken.map(|found| found.value);
        Ok(Answer::Whisper(Box::new(shown(tenant, &sources, proxy.as_ref(), broken.as_ref(), opt_in.as_ref()))))
    }
}

fn shown(
    tenant: &Tenant,
    sources: &[Source],
    proxy: Option<&EnrolledProxy>,
    broken: Option<&BrokenChannel>,
    opt_in: Option<&OptIn>,
) -> Ephemeral {
    let checklist = Checklist::of(tenant, sources.len());
    let (status, tone) = match (tenant.status, checklist.next()) {
        (TenantStatus::Suspended, _) => ("suspended: nothing is taken, nobody can approve", Tone::Bad),
        (_, Some(_)) => ("being set up", Tone::Warning),
        (_, None) if broken.is_some() => ("in use, but its channel takes no cards", Tone::Bad),
        (_, None) => ("in use", Tone::Good),
    };
    let line = Shown::join([Shown::inline(&tenant.name, 100).bold(), Shown::literal(" is "), Shown::literal(status)]);
    let channel = tenant.channel_id.map_or_else(|| Shown::literal("none"), Shown::channel);
    let channel = Shown::lines([channel].into_iter().chain(broken.map(card::channel_is_broken)));
    let decides = Shown::lines([
        approvers::roles(&tenant.approver_roles),
        Shown::literal(if tenant.quorum > 1 { "two approvers" } else { "one approver" }),
    ]);
    let model = match tenant.llm {
        LlmConsent::OptedIn => "may see summaries of ambiguous alerts",
        LlmConsent::OptedOut => "is not asked",
    };
    Ephemeral::panel(
        line,
        tone,
        "Status",
        checklist.shown(),
        [
            (Shown::literal("Cards"), channel),
            (Shown::literal("Who decides"), decides),
            (
                Shown::literal("In advance"),
                opt_in.map_or_else(|| Shown::literal("nothing: people are always asked"), auto_approve::told),
            ),
            (Shown::literal("Sources"), listed(sources)),
            (Shown::literal("Edge proxy"), acting(proxy)),
            (Shown::literal("Language model"), Shown::literal(model)),
        ],
    )
}

fn listed(sources: &[Source]) -> Shown {
    let line = |source: &Source| {
        let schemes: Vec<&str> = source.credentials.iter().map(|credential| credential.scheme.as_str()).collect();
        Shown::join([
            Shown::span(source.vendor.as_str(), 40),
            Shown::literal(" by "),
            Shown::span(&schemes.join(", "), 120),
        ])
    };
    if sources.is_empty() { Shown::literal("none") } else { Shown::lines(sources.iter().map(line)) }
}

fn acting(proxy: Option<&EnrolledProxy>) -> Shown {
    let Some(proxy) = proxy else { return Shown::literal("none: nothing can be contained") };
    let way = if proxy.push_url.is_some() { " is pushed to, enrolled " } else { " polls, enrolled " };
    let revoked = proxy.revoked_at.map(|at| Shown::join([Shown::literal(", revoked "), Shown::time(at, 'R')]));
    Shown::join(
        [Shown::span(proxy.id.as_str(), 70), Shown::literal(way), Shown::time(proxy.enrolled_at, 'R')]
            .into_iter()
            .chain(revoked),
    )
}
