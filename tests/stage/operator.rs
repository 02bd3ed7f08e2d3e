//! The operator's side: other tenants, queues, keys, and direct writes, which go through the ledger like all others.

use crate::Stage;
use aws_sdk_sqs::types::QueueAttributeName;
use vyrox_audit::Draft;
use vyrox_contract::{AuditHead, Ed25519Signer, Envelope, Poll, TenantId, Vendor};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_domain::webhook::Scheme;
use vyrox_local_aws::{ClientSet, Provisioned, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::config::Aws;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::secrets::{Secret, Secrets};
use vyrox_platform::source::{Credential, Kept, Source};
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// The application that the runner registers in its Discord.
const APPLICATION: &str = "500000000000000001";

impl Stage {
    /// The Discord application's id, and its bot's token.
    ///
    /// # Panics
    /// The runner has kept no token.
    #[must_use]
    pub fn bot(&self) -> (&'static str, String) {
        let kept = std::fs::read(self.home().join("local.json")).expect("the runner keeps its secrets there");
        let kept: serde_json::Value = serde_json::from_slice(&kept).expect("local.json is JSON");
        (APPLICATION, kept["bot_token"].as_str().expect("a token is among them").to_owned())
    }

    /// SDK clients for the system's AWS endpoint.
    #[must_use]
    pub fn clients(&self) -> ClientSet {
        ClientSet::new(&self.system.endpoints.aws_endpoint_url)
    }

    /// The same, as the functions hold them.
    #[must_use]
    pub fn function_clients(&self) -> Clients {
        Clients::new(&Aws::local(&self.system.endpoints.aws_endpoint_url))
    }

    /// The names that AWS gave to the template's resources.
    ///
    /// # Panics
    /// The template cannot be read.
    pub async fn resources(&self) -> Provisioned {
        let topology = Topology::for_stack("vyrox").expect("the template can be read");
        topology.provision(&self.clients()).await.expect("provisioning again changes nothing")
    }

    /// Sends a message body to one of the template's queues (by its logical id), as SQS would deliver it once more.
    ///
    /// # Panics
    /// The queue does not take it.
    pub async fn send(&self, queue: &str, body: &str) {
        let resources = self.resources().await;
        let url = resources.queue_url(queue).unwrap_or_else(|| panic!("no queue {queue}")).to_owned();
        let message = self.clients().sqs.send_message().queue_url(url).message_body(body);
        message.message_group_id(self.tenant().as_str()).send().await.expect("the queue takes the message");
    }

    /// Waits until no message is in a queue or being worked on.
    ///
    /// # Panics
    /// They never come to rest.
    pub async fn quiet(&self) {
        let (resources, sqs) = (self.resources().await, self.clients().sqs);
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        self.wait("the queues are empty", async || {
            let mut left = 0;
            for queue in ["AlertsQueue", "ActionsQueue", "CardsQueue", "CommandsQueue"] {
                let url = resources.queue_url(queue).expect("the template has this queue");
                let request = sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
                let attributes = request.send().await.expect("the queue answers").attributes.unwrap_or_default();
                assert_eq!(attributes.len(), names.len(), "the queue tells both numbers");
                left += attributes.values().filter_map(|count| count.parse::<u64>().ok()).sum::<u64>();
            }
            left == 0
        })
        .await;
    }

    /// Writes the tenant's profile, whatever it is now.
    ///
    /// # Panics
    /// It is refused.
    pub async fn write_profile(&self, profile: &Tenant) {
        self.commit(&profile.id, &[Change::profile(profile, Expect::Anything)]).await;
    }

    /// Commits changes for the tenant with an entry that says a test did it.
    ///
    /// # Panics
    /// They are refused.
    pub async fn commit(&self, tenant: &TenantId, changes: &[Change]) {
        let event = Draft::event(self.now(), tenant.as_str(), "CHANGED_BY_TEST");
        self.ledger.commit(tenant, changes, &event).await.expect("the changes are committed");
    }

    /// Changes the stored record of an alert.
    pub async fn rewrite(&self, stored: Versioned<AlertRecord>, change: impl FnOnce(&mut AlertRecord)) {
        let Versioned { value: mut record, version } = stored;
        change(&mut record);
        let put = Change::put(SortKey::alert(record.alert.id), &record, Expect::Version(version));
        self.commit(&self.tenant(), &[put.expiring(record.expires_at())]).await;
    }

    /// Another tenant with a CrowdStrike source of this secret, in a guild of its own.
    ///
    /// # Panics
    /// It cannot be set up.
    pub async fn second_tenant(&self, id: &str, guild: &str, secret: &str, status: TenantStatus) -> TenantId {
        let tenant_id: TenantId = id.parse().expect("a tenant id");
        let guild: Snowflake = guild.parse().expect("a Discord id");
        let tenant = Tenant { id: tenant_id.clone(), guild_id: Some(guild), status, ..self.profile().await };
        let secrets = self.secrets().await;
        let secret = Secret::new(secret.as_bytes().to_vec());
        let kept = secrets.keep(&tenant_id, Vendor::Crowdstrike, Scheme::VyroxHmac, &secret).await;
        let credential = Credential::new(Scheme::VyroxHmac, kept.expect("KMS seals"));
        let source = Source::new(Vendor::Crowdstrike, id).with(credential);
        let profile = Change::put(SortKey::profile(), &tenant, Expect::Absent).known_as(Lookup::guild(guild));
        let source = Change::put(SortKey::source(Vendor::Crowdstrike), &source, Expect::Absent)
            .known_as(Lookup::account(Vendor::Crowdstrike, id));
        self.commit(&tenant_id, &[profile, source]).await;
        tenant_id
    }

    /// What seals secrets.
    ///
    /// # Panics
    /// The template has no key for it.
    pub async fn secrets(&self) -> Secrets {
        let resources = self.resources().await;
        let key = resources.key("SecretsKey").expect("the template has this key");
        Secrets::new(self.function_clients().kms.clone(), &key.id, self.clock.clone())
    }

    /// A secret for a scheme of one of the tenant's sources, as it is stored.
    ///
    /// # Panics
    /// KMS does not seal.
    pub async fn kept(&self, vendor: Vendor, scheme: Scheme, secret: &[u8]) -> Kept {
        let secret = Secret::new(secret.to_vec());
        self.secrets().await.keep(&self.tenant(), vendor, scheme, &secret).await.expect("KMS seals")
    }

    /// Changes one of the tenant's sources.
    ///
    /// # Panics
    /// There is no such source.
    pub async fn change_source(&self, vendor: Vendor, change: impl FnOnce(&mut Source)) {
        let (tenant, key) = (self.tenant(), SortKey::source(vendor));
        let found = self.system.table.read::<Source>(&tenant, &key, self.now()).await;
        let Versioned { value: mut source, version } = found.expect("the table can be read").expect("there is one");
        change(&mut source);
        let name = Lookup::account(vendor, &source.account);
        self.commit(&tenant, &[Change::put(key, &source, Expect::Version(version)).known_as(name)]).await;
    }

    /// The proxy's own key, as in its file.
    ///
    /// # Panics
    /// The proxy is not enrolled.
    #[must_use]
    pub fn proxy_key(&self) -> Ed25519Signer {
        let file = self.home().join("proxy").join(vyrox_edge_proxy::enrol::KEY_FILE);
        let pem = std::fs::read_to_string(file).expect("the proxy keeps its key there");
        Ed25519Signer::from_pem(&pem).expect("the file holds a key")
    }

    /// The tenant's proxy as it is stored.
    ///
    /// # Panics
    /// It is not enrolled.
    pub async fn proxy(&self) -> Versioned<EnrolledProxy> {
        let id = self.profile().await.proxy_id.expect("the runner enrols a proxy");
        let found = self.system.table.read(&self.tenant(), &SortKey::proxy(&id), self.now()).await;
        found.expect("the table can be read").expect("the proxy is stored")
    }

    /// Changes the stored proxy.
    ///
    /// # Panics
    /// Its key cannot be read.
    pub async fn change_proxy(&self, change: impl FnOnce(&mut EnrolledProxy)) {
        let Versioned { value: mut proxy, version } = self.proxy().await;
        change(&mut proxy);
        let key = proxy.key().expect("the stored key can be read").id();
        let put = Change::put(SortKey::proxy(&proxy.id), &proxy, Expect::Version(version)).known_as(Lookup::key(&key));
        self.commit(&self.tenant(), &[put]).await;
    }

    /// A poll of the tenant's proxy, signed by `signer` now.
    pub async fn poll(&self, signer: &Ed25519Signer) -> Envelope {
        let poll = Poll {
            proxy_id: self.proxy().await.value.id,
            tenant_id: self.tenant(),
            issued_at: self.now(),
            nonce: vyrox_platform::random::nonce(),
            audit_head: None::<AuditHead>,
            version: "test".to_owned(),
        };
        Envelope::seal(&poll, signer)
    }
}
