//! Ingest alone, in any number of execution environments, over an embedded AWS with a [`Hop`] before it. Time stands still
//! unless a test moves it, and nobody takes messages from the queues.

use crate::environment::straight;
use crate::{Hop, Reply};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt as _;
use vyrox_audit::{Draft, Entry};
use vyrox_contract::{Ed25519Signer, TenantId, Vendor};
use vyrox_domain::access::{Access, Role};
use vyrox_domain::tenant::Tenant;
use vyrox_domain::webhook::{SIGNATURE_HEADER, Scheme, sign};
use vyrox_ingest::Ingest;
use vyrox_local::scenario::Scenario;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Topology};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::{Clock as _, ManualClock};
use vyrox_platform::config::{self, Aws};
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::rate::Limits;
use vyrox_platform::secrets::{Secret, Secrets};
use vyrox_platform::source::{Credential, Kept, Source};
use vyrox_platform::table::{Lookup, SortKey, Table};

/// Every tenant's webhook secret.
const SECRET: &[u8] = b"the bench's webhook secret";

/// A message as the queue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its group.
    pub group: Option<String>,
    /// Its body.
    pub body: String,
}

/// The bench.
pub struct Bench {
    /// Every request of the functions passes here.
    pub hop: Hop,
    /// The functions' clock.
    pub clock: Arc<ManualClock>,
    /// The table, past the hop.
    pub table: Table,
    /// The names of everything.
    pub provisioned: Provisioned,
    /// SDK clients past the hop.
    pub direct: ClientSet,
    clients: Clients,
    ledger: Ledger,
    counter: AtomicU64,
    aws: Embedded,
}

impl Bench {
    /// A bench with the tenant `acme`.
    ///
    /// # Panics
    /// It cannot be set up.
    pub async fn start() -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.expect("the embedded AWS starts");
        let direct = ClientSet::new(&aws.endpoint_url());
        let topology = Topology::for_stack("vyrox").expect("the template can be read");
        let provisioned = topology.provision(&direct).await.expect("the embedded AWS takes the template");
        let clients = Clients::new(&Aws::local(&aws.endpoint_url()));
        let table = Table::new(clients.dynamodb.clone(), provisioned.table("Table").expect("it has a table"));
        let clock = Arc::new(ManualClock::at(1_800_000_000));
        let bench = Self {
            hop: Hop::before(&aws.endpoint_url()).await,
            ledger: Ledger::new(table.clone(), "test", clock.clone()),
            counter: AtomicU64::new(0),
            clock,
            table,
            provisioned,
            direct,
            clients,
            aws,
        };
        bench.tenant("acme", |_| {}).await;
        bench
    }

    /// What leads a function's binary past the hop.
    #[must_use]
    pub fn past_the_hop(&self) -> BTreeMap<String, String> {
        straight(&self.aws)
    }

    /// Another tenant, with a source of every vendor, after `change`.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn tenant(&self, id: &str, change: impl FnOnce(&mut Tenant)) -> TenantId {
        let tenant_id: TenantId = id.parse().expect("a tenant id");
        let mut tenant: Tenant = serde_json::from_value(serde_json::json!({
            "id": id, "name": id, "status": "active", "approver_roles": [], "quorum": 1, "llm": "opted_out",
        }))
        .expect("a profile");
        change(&mut tenant);
        let secrets = Secrets::new(self.clients.kms.clone(), self.key(), self.clock.clone());
        let mut changes = vec![Change::profile(&tenant, Expect::Anything)];
        for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
            let sealed = secrets.seal(&tenant_id, vendor, &Secret::new(SECRET.to_vec())).await.expect("KMS seals");
            let source = Source::new(vendor, id).with(Credential::new(Scheme::VyroxHmac, Kept::Sealed(sealed)));
            changes.push(
                Change::put(SortKey::source(vendor), &source, Expect::Anything).known_as(Lookup::account(vendor, id)),
            );
        }
        let event = Draft::event(self.clock.now(), id, "TENANT_PROVISIONED");
        self.ledger.commit(&tenant_id, &changes, &event).await.expect("the tenant is stored");
        tenant_id
    }

    /// Enrols a proxy of a tenant, whose own key this is; it polls.
    pub async fn enrol(&self, tenant: &TenantId, proxy: &str, signer: &Ed25519Signer) {
        self.enrol_at(tenant, proxy, signer, None).await;
    }

    /// The same for a proxy that is pushed to at this address.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn enrol_at(&self, tenant: &TenantId, proxy: &str, signer: &Ed25519Signer, push_url: Option<String>) {
        let key = signer.verifying_key();
        let enrolled = EnrolledProxy {
            id: proxy.parse().expect("a proxy's id"),
            public_key: key.to_text(),
            enrolled_at: self.clock.now(),
            push_url,
            revoked_at: None,
            previous: None,
        };
        let put = Change::put(SortKey::proxy(&enrolled.id), &enrolled, Expect::Absent).known_as(Lookup::key(&key.id()));
        let event = Draft::event(self.clock.now(), tenant.as_str(), "PROXY_ENROLLED");
        self.ledger.commit(tenant, &[put], &event).await.expect("the proxy is stored");
    }

    /// A key for a tenant's API that may read alerts, for a day.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn api_key(&self, tenant: &TenantId) -> ApiKeyToken {
        let (token, now) = (ApiKeyToken::generate(), self.clock.now());
        let key = ApiKey::made(&token, Access::of(Role::Security), now, now + 86_400);
        let put = Change::put(SortKey::api_key(&key.prefix), &key, Expect::Absent);
        let event = Draft::event(now, tenant.as_str(), "API_KEY_CREATED");
        let change = put.known_as(Lookup::api_key(&key.prefix));
        self.ledger.commit(tenant, &[change], &event).await.expect("the key is stored");
        token
    }

    /// The KMS key for secrets and evidence.
    ///
    /// # Panics
    /// The template has none.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.provisioned.key("SecretsKey").expect("the template has this key").arn
    }

    /// A fresh execution environment of ingest behind the hop.
    ///
    /// # Panics
    /// The template lacks something.
    pub fn ingest(&self, limits: Limits) -> Router {
        let config = config::Ingest {
            aws: Aws::local(&self.hop.url),
            table: self.provisioned.table("Table").expect("it has a table").to_owned(),
            alerts_queue_url: self.queue().to_owned(),
            secrets_key_id: self.key().to_owned(),
            tenant_rate_per_minute: limits.tenant,
            source_rate_per_minute: limits.source,
        };
        vyrox_ingest::router(Arc::new(Ingest::new(&Clients::new(&config.aws), &config, self.clock.clone())))
    }

    fn queue(&self) -> &str {
        // The embedded queue is addressed by its path, so the same URL serves through the hop.
        self.provisioned.queue_url("AlertsQueue").expect("the template has this queue")
    }

    /// Every tenant's webhook secret, for a sender that signs by itself.
    ///
    /// # Panics
    /// Never: it is text.
    #[must_use]
    pub fn secret(&self) -> &'static str {
        std::str::from_utf8(SECRET).expect("it is text")
    }

    /// A body with an id of its own.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.body_of("credential-dump")
    }

    /// A body of this scenario with an id of its own.
    ///
    /// # Panics
    /// There is no such scenario.
    #[must_use]
    pub fn body_of(&self, scenario: &str) -> Vec<u8> {
        let unique = format!("bench-{:06}", self.counter.fetch_add(1, Ordering::Relaxed));
        let scenario = Scenario::named(scenario).unwrap_or_else(|| panic!("no scenario {scenario}"));
        scenario.body(&unique, "acme", self.clock.now())
    }

    /// An HTTP API's event with this body, signed, for a tenant's CrowdStrike source.
    ///
    /// # Panics
    /// The body is no text.
    #[must_use]
    pub fn event(&self, tenant: &str, body: Vec<u8>) -> Value {
        let template = include_str!("../../events/lambda/ingest.json");
        let mut event: Value = serde_json::from_str(template).expect("the file is JSON");
        let path = format!("/webhook/crowdstrike/{tenant}");
        event["headers"]["x-vyrox-signature"] = json!(sign(SECRET, &body));
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        event["body"] = json!(String::from_utf8(body).expect("a body is text"));
        event
    }

    /// Delivers a body to `acme` as its CrowdStrike source does.
    pub async fn deliver(&self, to: &Router, body: &[u8]) -> Reply {
        self.deliver_as("acme", Vendor::Crowdstrike, to, body).await
    }

    /// Delivers a body as a tenant's source does.
    pub async fn deliver_as(&self, tenant: &str, vendor: Vendor, to: &Router, body: &[u8]) -> Reply {
        post(to, &format!("/webhook/{vendor}/{tenant}"), body, &sign(SECRET, body)).await
    }

    /// All audit entries of a tenant; all lanes verify.
    ///
    /// # Panics
    /// One does not.
    pub async fn audit(&self, tenant: &str) -> Vec<Entry> {
        let lines = vyrox_local::cloud_audit(&self.table, &tenant.parse().expect("a tenant id")).await;
        let lines = lines.expect("the audit can be read");
        vyrox_audit::verify::reader(lines.as_slice(), "cloud").expect("the audit verifies");
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).expect("an audit line is an entry")).collect()
    }

    /// How many audit entries of a kind `acme` has.
    pub async fn entries(&self, kind: &str) -> usize {
        self.audit("acme").await.iter().filter(|entry| entry.action_type() == kind).count()
    }

    /// Takes all messages for triage out of the queue.
    ///
    /// # Panics
    /// The queue does not answer.
    pub async fn queued(&self) -> Vec<Queued> {
        let mut all = Vec::new();
        loop {
            let request = self.direct.sqs.receive_message().queue_url(self.queue()).max_number_of_messages(10);
            let request = request.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
            let messages = request.send().await.expect("the queue answers").messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                let attributes = message.attributes.unwrap_or_default();
                let group = attributes.get(&MessageSystemAttributeName::MessageGroupId).cloned();
                let (body, receipt) = (message.body.unwrap_or_default(), message.receipt_handle.unwrap_or_default());
                all.push(Queued { group, body });
                let delete = self.direct.sqs.delete_message().queue_url(self.queue()).receipt_handle(receipt);
                delete.send().await.expect("the queue answers");
            }
        }
    }

    /// Stops everything.
    pub async fn end(self) {
        self.aws.shutdown().await;
    }
}

/// Posts a body with a signature.
///
/// # Panics
/// The router gives no answer.
pub async fn post(to: &Router, path: &str, body: &[u8], signature: &str) -> Reply {
    let request = Request::post(path).header("content-type", "application/json").header(SIGNATURE_HEADER, signature);
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let response = to.clone().oneshot(request).await.expect("a router always answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.expect("the body arrives").to_bytes().to_vec();
    Reply { status, headers, body }
}
