//! One run: a system of its own, alerts at one rate, and what came of them.

use crate::offer::{Acknowledged, Sender, Webhook};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::tenant::TenantStatus;
use vyrox_standins::discord::RateLimits;
use vyrox_tests::{Options, Promised, Reckoning, Stage, StormPolicy};

/// The other tenants' webhook secret.
const SECRET: &str = "the load's webhook secret";
/// How long nothing may happen before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long before the first alert counts: connections are opened and keys fetched before.
const WARM_UP: Duration = Duration::from_secs(2);
/// Nobody is to be turned away for sending much: what is measured is what the system carries.
const NO_LIMIT: &str = "100000000";

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) tenants: usize,
    /// Alerts a second, all tenants together.
    pub(crate) rate: u32,
    pub(crate) offered_for: Duration,
    /// How many times as much as the others the first tenant offers, if it floods.
    pub(crate) flood: Option<u32>,
    pub(crate) is_each_a_card: bool,
    pub(crate) data: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) plan: Plan,
    /// Alerts a second that were brought to their card, from the first one offered to the last one done.
    pub(crate) sustained: f64,
    /// From webhook to card; the flooding tenant's are not among them.
    pub(crate) card: Times,
    /// The flooding tenant's own.
    pub(crate) flooding: Option<Times>,
    /// From webhook to its acknowledgement.
    pub(crate) acknowledged: Times,
    /// Deliveries that were refused and repeated.
    pub(crate) refused: usize,
    /// Alerts that no repetition brought in.
    pub(crate) given_up: usize,
    /// Processor time of this process for each alert, all sides together: functions, embedded AWS, stand-in, senders.
    pub(crate) processor: Duration,
    /// The largest this process was, in MiB.
    pub(crate) peak_mib: u64,
    pub(crate) reckoning: Reckoning,
}

impl Row {
    pub(crate) fn holds(&self) -> bool {
        self.reckoning.holds() && self.given_up == 0
    }
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        // Integer arithmetic: the rank that at least so many percent do not exceed.
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let at = |percent| at(percent).unwrap_or_default();
        Self { p50: at(50), p99: at(99), most: at(100) }
    }
}

/// When notify was first done with each alert.
type Done = HashMap<AlertId, Instant>;

/// Starts a system, offers the load, waits until it is carried, and reckons.
pub(crate) async fn run(plan: &Plan) -> Row {
    let parameters = ["TenantRatePerMinute", "SourceRatePerMinute"].map(|name| (name.to_owned(), NO_LIMIT.to_owned()));
    let storm = (!plan.is_each_a_card).then(StormPolicy::default);
    let options = Options { data: plan.data.clone(), parameters: parameters.into(), storm, ..Options::default() };
    let stage = Stage::start(options).await;
    // Discord takes five messages in five seconds per channel: that is what would be measured otherwise.
    if plan.is_each_a_card {
        stage.system.discord.set_rate_limits(RateLimits::Lifted);
    }
    let senders = tenants(&stage, plan.tenants).await;
    let mut steps = stage.system.timeline.watch();
    let (told, mut acknowledgements) = mpsc::unbounded_channel();
    let webhook = Arc::new(Webhook::new(&stage.system.endpoints.webhook_base_url, told));
    let now = stage.now();
    webhook.offer(&senders, Duration::from_millis(50), Instant::now() + WARM_UP, now).await;
    let (began, processor_before) = (Instant::now(), processor());
    let offered = {
        let (webhook, plan, senders) = (Arc::clone(&webhook), plan.clone(), senders.clone());
        let until = began + plan.offered_for;
        tokio::spawn(async move {
            let every = Duration::from_secs(1) / plan.rate.max(1);
            let Some(times) = plan.flood else { return webhook.offer(&senders, every, until, now).await };
            // The others share the rate among themselves; the first one offers many times one share besides.
            let (flooding, others) = senders.split_at(1);
            let flood = every * u32::try_from(others.len().max(1)).unwrap_or(1) / times.max(1);
            let others = if others.is_empty() { flooding } else { others };
            tokio::join!(webhook.offer(others, every, until, now), webhook.offer(flooding, flood, until, now));
        })
    };
    let (mut done, mut all) = (Done::new(), HashMap::<AlertId, Acknowledged>::new());
    let (mut last, mut said) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            Some(step) = steps.recv() => if let Some(alert) = carried(&step) {
                last = Instant::now();
                done.entry(alert).or_insert(last);
            },
            Some(acknowledged) = acknowledgements.recv() => {
                last = Instant::now();
                all.insert(acknowledged.alert, acknowledged);
            }
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        if said.elapsed() >= Duration::from_secs(5) {
            said = Instant::now();
            eprintln!(
                "{} tenants, {}/s: {:>3} s, {} acknowledged, {} done, {} MiB",
                plan.tenants,
                plan.rate,
                began.elapsed().as_secs(),
                all.len(),
                done.len(),
                memory("VmRSS:")
            );
        }
        let is_carried =
            offered.is_finished() && acknowledgements.is_empty() && all.keys().all(|id| done.contains_key(id));
        if is_carried || last.elapsed() > PATIENCE {
            break;
        }
    }
    offered.await.expect("senders do not panic");
    let spent = processor().saturating_sub(processor_before);
    stage.drawn(&senders.iter().map(|sender| sender.tenant.clone()).collect::<Vec<_>>()).await;
    measured(plan, stage, &webhook, &all, &done, (began, spent)).await
}

/// The tenants: the runner's own, and as many more as it takes.
async fn tenants(stage: &Stage, count: usize) -> Vec<Sender> {
    let own = stage.system.endpoints.webhook_secret.clone();
    let mut senders = vec![Sender { tenant: stage.tenant(), secret: own }];
    for number in 1..count {
        let guild = (610_000_000_000_000_000_u64 + number as u64).to_string();
        let tenant = stage.second_tenant(&format!("load-{number:02}"), &guild, SECRET, TenantStatus::Active).await;
        senders.push(Sender { tenant, secret: SECRET.to_owned() });
    }
    senders
}

/// The alert that notify is done with, if the step says so.
fn carried(step: &vyrox_local::Stage) -> Option<AlertId> {
    let body = (step.part == "notify").then(|| step.detail.strip_suffix(" done"))??;
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    body["alert_id"].as_str()?.parse().ok()
}

async fn measured(
    plan: &Plan,
    stage: Stage,
    webhook: &Webhook,
    all: &HashMap<AlertId, Acknowledged>,
    done: &Done,
    (began, spent): (Instant, Duration),
) -> Row {
    let mut promised = Promised::default();
    for acknowledged in all.values() {
        promised.alerts.entry(acknowledged.tenant.clone()).or_default().insert(acknowledged.alert);
    }
    let peak_mib = memory("VmHWM:");
    let reckoning = stage.reckon(&promised).await;
    let flooding = plan.flood.map(|_| stage.tenant());
    stage.system.shutdown().await;
    let counts: Vec<&Acknowledged> = all.values().filter(|acknowledged| acknowledged.due >= began).collect();
    let shown = |acknowledged: &&&Acknowledged| !reckoning.not_shown.contains(&acknowledged.alert);
    let took = |acknowledged: &Acknowledged| Some(done.get(&acknowledged.alert)?.duration_since(acknowledged.due));
    let of = |is_meant: &dyn Fn(&TenantId) -> bool| {
        let meant = counts.iter().filter(shown).filter(|acknowledged| is_meant(&acknowledged.tenant));
        Times::of(meant.filter_map(|acknowledged| took(acknowledged)).collect())
    };
    let finished: HashSet<&AlertId> = counts.iter().map(|acknowledged| &acknowledged.alert).collect();
    let last = done.iter().filter(|(alert, _)| finished.contains(alert)).map(|(_, at)| *at).max().unwrap_or(began);
    Row {
        sustained: counts.len() as f64 / last.duration_since(began).as_secs_f64().max(0.001),
        card: of(&|tenant| flooding.as_ref() != Some(tenant)),
        flooding: flooding.as_ref().map(|flooding| of(&|tenant| tenant == flooding)),
        acknowledged: Times::of(counts.iter().map(|acknowledged| acknowledged.after).collect()),
        refused: webhook.refused.load(Ordering::Relaxed),
        given_up: webhook.given_up.load(Ordering::Relaxed),
        processor: spent / u32::try_from(counts.len()).unwrap_or(u32::MAX).max(1),
        peak_mib,
        reckoning,
        plan: plan.clone(),
    }
}

/// How much processor time this process has had; none where there is no such file.
fn processor() -> Duration {
    // In the 14th and 15th field, after the name in parentheses, in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A line of this process's memory in `/proc`, in MiB; 0 where there is no such file.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once('\t')).collect();
    let kib = lines.get(line).and_then(|size| size.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
