//! interactions alone, over an embedded AWS with a [`Hop`] before it: one tenant, alerts whose cards are posted, and clicks
//! that the test builds and signs with a key of its own. Time stands still unless a test moves it. Every answer is checked
//! against `docs/openapi.yaml` and against what Discord takes from this kind of interaction.

mod question;

use crate::environment::{environment, straight};
use crate::{ClickBody, Hop, OpenApi, Reply};
use aws_sdk_sqs::types::QueueAttributeName;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use ed25519_dalek::{Signer as _, SigningKey};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt as _;
use vyrox_audit::{Draft, Entry};
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::step_up::{self, Factor};
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_interactions::{Interactions, router};
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Topology};
use vyrox_platform::approver::Approver;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::{Clock as _, ManualClock};
use vyrox_platform::config::{self, Aws};
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::secrets::{Secret, Secrets};
use vyrox_platform::table::{Lookup, SortKey, Table, Versioned};
use vyrox_standins::discord::{Origin, callback_problems};

/// The guild of the tenant.
pub const GUILD: &str = "600000000000000001";
/// Its channel for cards.
pub const CHANNEL: &str = "700000000000000001";
/// Its approvers' role.
pub const ROLE: &str = "800000000000000001";
const APPLICATION: &str = "500000000000000001";
/// The secret behind every second factor.
const FACTOR: [u8; 20] = *b"12345678901234567890";

/// The desk.
pub struct Desk {
    /// Every request of the function passes here.
    pub hop: Hop,
    /// The function's clock.
    pub clock: Arc<ManualClock>,
    /// The table, past the hop.
    pub table: Table,
    /// What Discord signs with.
    pub key: SigningKey,
    /// The function.
    pub router: Router,
    ledger: Ledger,
    secrets: Secrets,
    provisioned: Provisioned,
    direct: ClientSet,
    counter: AtomicU64,
    aws: Embedded,
}

/// What came back for a click.
#[derive(Debug, Clone)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// The callback; null without one.
    pub callback: Value,
}

impl Said {
    /// The callback's type: 4 is a new message, 7 replaces the card, 9 is a form.
    #[must_use]
    pub fn kind(&self) -> u64 {
        self.callback["type"].as_u64().unwrap_or(0)
    }

    /// The callback's text.
    #[must_use]
    pub fn content(&self) -> &str {
        self.callback["data"]["content"].as_str().unwrap_or_default()
    }

    /// Everything the callback shows, as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        self.callback["data"].to_string()
    }

    /// Whether only the one who clicked sees it.
    #[must_use]
    pub fn is_whispered(&self) -> bool {
        self.callback["data"]["flags"] == 64
    }
}

impl Desk {
    /// A desk with the tenant `acme`, in use, and nothing asked.
    pub async fn start() -> Self {
        Self::start_at(1_800_000_000).await
    }

    /// The same at a time (unix seconds) of the caller's.
    ///
    /// # Panics
    /// It cannot be set up.
    pub async fn start_at(now: i64) -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.expect("the embedded AWS starts");
        let direct = ClientSet::new(&aws.endpoint_url());
        let topology = Topology::for_stack("vyrox").expect("the template can be read");
        let provisioned = topology.provision(&direct).await.expect("the embedded AWS takes the template");
        let clients = Clients::new(&Aws::local(&aws.endpoint_url()));
        let table = Table::new(clients.dynamodb.clone(), provisioned.table("Table").expect("it has a table"));
        let clock = Arc::new(ManualClock::at(now));
        let hop = Hop::before(&aws.endpoint_url()).await;
        let key = SigningKey::from_bytes(&[7; 32]);
        let secrets_key = &provisioned.key("SecretsKey").expect("the template has this key").arn;
        let queue = |name| provisioned.queue_url(name).expect("the template has this queue").to_owned();
        let config = config::Interactions {
            aws: Aws::local(&hop.url),
            table: provisioned.table("Table").expect("it has a table").to_owned(),
            cards_queue_url: queue("CardsQueue"),
            commands_queue_url: queue("CommandsQueue"),
            actions_queue_url: queue("ActionsQueue"),
            secrets_key_id: secrets_key.clone(),
            application_id: APPLICATION.parse().expect("a Discord id"),
            public_keys: vec![key.verifying_key()],
        };
        let function = Interactions::new(&Clients::new(&config.aws), &config, clock.clone());
        let desk = Self {
            ledger: Ledger::new(table.clone(), "test", clock.clone()),
            secrets: Secrets::new(clients.kms.clone(), secrets_key, clock.clone()),
            router: router(Arc::new(function)),
            counter: AtomicU64::new(1),
            hop,
            clock,
            table,
            key,
            provisioned,
            direct,
            aws,
        };
        let tenant: Tenant = serde_json::from_value(json!({
            "id": "acme", "name": "Acme", "status": TenantStatus::Active, "guild_id": GUILD, "channel_id": CHANNEL,
            "approver_roles": [ROLE], "quorum": 1, "proxy_id": "edge-1", "llm": "opted_out",
        }))
        .expect("a profile");
        let profile = Change::put(SortKey::profile(), &tenant, Expect::Absent);
        desk.commit(&[profile.known_as(Lookup::guild(GUILD.parse().expect("a Discord id")))]).await;
        desk
    }

    /// The environment of one function's binary (`InteractionsFunction`), with AWS at `endpoint`.
    #[must_use]
    pub fn environment(&self, function: &str, endpoint: &str) -> BTreeMap<String, String> {
        let key = hex::encode(self.key.verifying_key().as_bytes());
        let parameters = [("DiscordApplicationId", APPLICATION.to_owned()), ("DiscordPublicKey", key)];
        environment(&self.provisioned, function, endpoint, &parameters)
    }

    /// What leads a function's binary past the hop.
    #[must_use]
    pub fn past_the_hop(&self) -> BTreeMap<String, String> {
        straight(&self.aws)
    }

    /// An HTTP API's event with an approver's click on the alert's card, signed at `now` (unix seconds).
    ///
    /// # Panics
    /// The alert has no card.
    pub async fn event(&self, alert: AlertId, verb: Verb, user: &str, now: i64) -> Value {
        self.posted(&self.click(alert, verb, user, &[ROLE]).await, now)
    }

    /// An HTTP API's event with this interaction, signed at `now` (unix seconds).
    ///
    /// # Panics
    /// Never: the file is JSON.
    #[must_use]
    pub fn posted(&self, interaction: &ClickBody, now: i64) -> Value {
        let body = interaction.0.to_string();
        let (template, timestamp) = (include_str!("../../events/lambda/interactions.json"), now.to_string());
        let mut event: Value = serde_json::from_str(template).expect("the file is JSON");
        event["headers"]["x-signature-ed25519"] = json!(self.sign(&timestamp, body.as_bytes()));
        event["headers"]["x-signature-timestamp"] = json!(timestamp);
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(false);
        event
    }

    /// What is queued for dispatch about an action that was approved just now.
    ///
    /// # Panics
    /// It is not approved.
    pub async fn approved_action(&self, user: &str) -> Value {
        let alert = self.ask().await;
        let said = self.post(&self.click(alert, Verb::Approve, user, &[ROLE]).await).await;
        let action = self.record(alert).await.containment.unwrap_or_else(|| panic!("approved: {said:?}"));
        json!({
            "tenant_id": self.tenant_id(), "alert_id": alert, "request_id": action.request_id,
            "queued_at": self.now(),
        })
    }

    /// Where the embedded AWS listens.
    #[must_use]
    pub fn aws_url(&self) -> String {
        self.aws.endpoint_url()
    }

    /// The tenant.
    ///
    /// # Panics
    /// Never: it is a word.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        "acme".parse().expect("a word is a tenant id")
    }

    /// The time, unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    async fn commit(&self, changes: &[Change]) {
        let event = Draft::event(self.now(), "acme", "CHANGED_BY_TEST");
        self.ledger.commit(&self.tenant_id(), changes, &event).await.expect("the changes are committed");
    }

    /// Changes the tenant's settings.
    ///
    /// # Panics
    /// There are none.
    pub async fn set(&self, change: impl FnOnce(&mut Tenant)) {
        let found = self.table.read::<Tenant>(&self.tenant_id(), &SortKey::profile(), self.now()).await;
        let Versioned { value: mut tenant, version } = found.expect("the table can be read").expect("there is one");
        change(&mut tenant);
        let profile = Change::put(SortKey::profile(), &tenant, Expect::Version(version));
        self.commit(&[profile.known_as(Lookup::guild(GUILD.parse().expect("a Discord id")))]).await;
    }

    /// Another tenant in a guild of its own, with the same roles.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn second_tenant(&self, guild: &str) {
        let found = self.table.read::<Tenant>(&self.tenant_id(), &SortKey::profile(), self.now()).await;
        let mut tenant = found.expect("the table can be read").expect("there is one").value;
        tenant.id = "other".parse().expect("a word is a tenant id");
        tenant.guild_id = Some(guild.parse().expect("a Discord id"));
        let event = Draft::event(self.now(), "other", "CHANGED_BY_TEST");
        let name = Lookup::guild(guild.parse().expect("a Discord id"));
        let profile = Change::put(SortKey::profile(), &tenant, Expect::Absent).known_as(name);
        self.ledger.commit(&tenant.id, &[profile], &event).await.expect("the tenant is stored");
    }

    /// The stored alert.
    ///
    /// # Panics
    /// There is none.
    pub async fn record(&self, alert: AlertId) -> AlertRecord {
        self.stored(alert).await.value
    }

    async fn stored(&self, alert: AlertId) -> Versioned<AlertRecord> {
        let found = self.table.read(&self.tenant_id(), &SortKey::alert(alert), self.now()).await;
        found.expect("the table can be read").expect("the alert is stored")
    }

    /// Changes the stored alert.
    pub async fn rewrite(&self, alert: AlertId, change: impl FnOnce(&mut AlertRecord)) {
        let Versioned { value: mut record, version } = self.stored(alert).await;
        change(&mut record);
        let put = Change::put(SortKey::alert(alert), &record, Expect::Version(version));
        self.commit(&[put.expiring(record.expires_at())]).await;
    }

    /// Enrols a member's authenticator app.
    ///
    /// # Panics
    /// KMS does not seal.
    pub async fn enrol(&self, user: &str) {
        let user = user.parse().expect("a Discord id");
        let secret = Secret::new(FACTOR.to_vec());
        let approver = Approver::enrolled(&self.secrets, &self.tenant_id(), user, &secret, self.now()).await;
        let approver = approver.expect("KMS seals");
        self.commit(&[Change::put(SortKey::approver(user), &approver, Expect::Absent)]).await;
    }

    /// The code that every enrolled app shows now.
    #[must_use]
    pub fn code(&self) -> String {
        step_up::code(&FACTOR, self.now())
    }

    /// The state of a member's second factor.
    ///
    /// # Panics
    /// None is enrolled.
    pub async fn factor(&self, user: &str) -> Factor {
        let key = SortKey::approver(user.parse().expect("a Discord id"));
        let found = self.table.read::<Approver>(&self.tenant_id(), &key, self.now()).await;
        found.expect("the table can be read").expect("it is enrolled").value.factor
    }

    /// What a button or form of this alert carries.
    ///
    /// # Panics
    /// The alert has no plan.
    pub async fn id(&self, alert: AlertId, verb: Verb) -> String {
        let plan = self.record(alert).await.plan().expect("it has a plan").digest().short();
        CustomId { verb, alert_id: alert, plan }.to_string()
    }

    /// A click on a button of the alert's card by a member with these roles. The interaction id is fresh.
    ///
    /// # Panics
    /// The alert has no card.
    pub async fn click(&self, alert: AlertId, verb: Verb, user: &str, roles: &[&str]) -> ClickBody {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let message = self.record(alert).await.posted.expect("it has a card").message_id;
        ClickBody(json!({
            "id": (1_500_000_000_000_000_000_u64 + number).to_string(), "application_id": APPLICATION,
            "type": 3, "token": "t", "version": 1, "guild_id": GUILD, "channel_id": CHANNEL,
            "message": {"id": message}, "data": {"component_type": 2, "custom_id": self.id(alert, verb).await, "id": 2},
            "member": {
                "user": {"id": user, "username": format!("member-{user}"), "global_name": null, "bot": false},
                "roles": roles, "pending": false, "communication_disabled_until": null, "permissions": "0",
            },
        }))
    }

    /// A form that was sent from the alert's card, in the shape with labels.
    pub async fn form(&self, alert: AlertId, verb: Verb, user: &str, texts: &[(&str, &str)]) -> ClickBody {
        let input = |(id, text): &(&str, &str)| json!({"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": id, "value": text}});
        let components: Vec<Value> = texts.iter().map(input).collect();
        self.click(alert, verb, user, &[ROLE]).await.with("/type", 5).with("/data/components", components)
    }

    /// A form that one of our commands opened: without a message.
    pub async fn command_form(&self, alert: AlertId, verb: Verb, user: &str, texts: &[(&str, &str)]) -> ClickBody {
        self.form(alert, verb, user, texts).await.without("message")
    }

    /// Posts an interaction as Discord does, signed now.
    pub async fn post(&self, click: &ClickBody) -> Said {
        let body = click.0.to_string();
        let timestamp = self.now().to_string();
        let signature = self.sign(&timestamp, body.as_bytes());
        let headers = [("x-signature-ed25519", signature.as_str()), ("x-signature-timestamp", &timestamp)];
        self.post_raw(&headers, body.as_bytes()).await
    }

    /// The signature over a timestamp and a body.
    #[must_use]
    pub fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        hex::encode(self.key.sign(&[timestamp.as_bytes(), body].concat()).to_bytes())
    }

    /// Posts bytes with headers of the test's own.
    ///
    /// # Panics
    /// The answer is none that `docs/openapi.yaml` has, or that Discord would take.
    pub async fn post_raw(&self, headers: &[(&str, &str)], body: &[u8]) -> Said {
        let mut request = Request::post("/interactions").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await.expect("the body arrives").to_bytes().to_vec();
        let reply = Reply { status, headers, body: bytes };
        OpenApi::read().check("post", "/interactions", &reply).expect("docs/openapi.yaml has this answer");
        let callback: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        let sent: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if status == 200 {
            assert_eq!(callback_problems(&callback, origin(&sent)), None, "Discord takes this: {callback}");
        }
        Said { status, callback }
    }

    /// All audit entries of the tenant; all lanes verify.
    ///
    /// # Panics
    /// One does not.
    pub async fn audit(&self) -> Vec<Entry> {
        let lines = vyrox_local::cloud_audit(&self.table, &self.tenant_id()).await.expect("the audit can be read");
        vyrox_audit::verify::reader(lines.as_slice(), "cloud").expect("the audit verifies");
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).expect("an audit line is an entry")).collect()
    }

    /// How many audit entries of a kind there are.
    pub async fn entries(&self, kind: &str) -> usize {
        self.audit().await.iter().filter(|entry| entry.action_type() == kind).count()
    }

    /// How many items of the tenant have a key that begins so.
    ///
    /// # Panics
    /// The table cannot be scanned.
    pub async fn items(&self, prefix: &str) -> usize {
        let name = self.provisioned.table("Table").expect("it has a table");
        let scan = self.direct.dynamodb.scan().table_name(name).consistent_read(true).send().await;
        let items = scan.expect("the table can be scanned").items.unwrap_or_default();
        let begins = |item: &std::collections::HashMap<String, _>| {
            item.get("sk")
                .and_then(|sk: &aws_sdk_dynamodb::types::AttributeValue| sk.as_s().ok())
                .is_some_and(|sk| sk.starts_with(prefix))
        };
        items.iter().filter(|item| begins(item)).count()
    }

    /// How many messages wait in the actions queue to be delivered at once. Each action sends one more for its expiry.
    ///
    /// # Panics
    /// The queue does not answer.
    pub async fn queued_actions(&self) -> u64 {
        let url = self.provisioned.queue_url("ActionsQueue").expect("the template has this queue");
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.direct.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
        let attributes = request.send().await.expect("the queue answers").attributes.unwrap_or_default();
        attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Stops everything.
    pub async fn end(self) {
        self.aws.shutdown().await;
    }
}

/// What Discord would say this interaction is.
fn origin(sent: &Value) -> Origin {
    match (sent["type"].as_u64(), sent["message"].is_object()) {
        (Some(1), _) => Origin::Ping,
        (Some(3), _) => Origin::Component,
        (Some(5), true) => Origin::ModalFromComponent,
        (Some(5), false) => Origin::Command { modal: true },
        _ => Origin::Command { modal: false },
    }
}
