//! Makes what a topology describes, at any endpoint. What is there already stays, with its data.

use crate::sqs::{ACCOUNT, REGION};
use crate::{ClientSet, Key, Queue, Table, Topology};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What exists after provisioning, by names in the template.
#[derive(Debug, Clone, Default)]
pub struct Provisioned {
    tables: BTreeMap<String, String>,
    queues: BTreeMap<String, ProvisionedQueue>,
    keys: BTreeMap<String, ProvisionedKey>,
}

#[derive(Debug, Clone)]
struct ProvisionedQueue {
    url: String,
    arn: String,
}

/// A key as its endpoint names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionedKey {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

impl Provisioned {
    /// A table's name at the endpoint, such as for `Table`.
    #[must_use]
    pub fn table(&self, logical_id: &str) -> Option<&str> {
        self.tables.get(logical_id).map(String::as_str)
    }

    /// A queue's URL, such as for `AlertsQueue`.
    #[must_use]
    pub fn queue_url(&self, logical_id: &str) -> Option<&str> {
        self.queues.get(logical_id).map(|queue| queue.url.as_str())
    }

    /// A key, such as for `SigningKey`.
    #[must_use]
    pub fn key(&self, logical_id: &str) -> Option<&ProvisionedKey> {
        self.keys.get(logical_id)
    }

    /// What `Ref` and `Fn::GetAtt` give for all of it.
    pub(crate) fn names(&self) -> BTreeMap<String, String> {
        let table_arn = |name: &str| format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}");
        let tables = self
            .tables
            .iter()
            .flat_map(|(id, name)| [(id.clone(), name.clone()), (format!("{id}.Arn"), table_arn(name))]);
        let queues =
            self.queues.iter().flat_map(|(id, q)| [(id.clone(), q.url.clone()), (format!("{id}.Arn"), q.arn.clone())]);
        let keys =
            self.keys.iter().flat_map(|(id, k)| [(id.clone(), k.id.clone()), (format!("{id}.Arn"), k.arn.clone())]);
        tables.chain(queues).chain(keys).collect()
    }
}

/// What could not be provisioned.
#[derive(Debug, thiserror::Error)]
#[error("cannot provision {logical_id}")]
pub struct ProvisionError {
    /// Its name in the template.
    pub logical_id: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// An answer that a working endpoint does not give.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint's answer has no {0}")]
struct Missing(&'static str);

/// Only for the inside of one resource; the caller adds which.
type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Topology {
    /// Creates what is not there, and brings queues' attributes and the table's expiry to what the template says.
    /// Doing it again changes nothing. Keys are found by their alias.
    ///
    /// # Errors
    /// [`ProvisionError`] for the first resource that cannot be made.
    pub async fn provision(&self, clients: &ClientSet) -> Result<Provisioned, ProvisionError> {
        let failed = |logical_id: &str| {
            let logical_id = logical_id.to_owned();
            move |source| ProvisionError { logical_id, source }
        };
        let mut done = Provisioned::default();
        for table in &self.tables {
            provision_table(clients, table).await.map_err(failed(&table.logical_id))?;
            done.tables.insert(table.logical_id.clone(), table.name.clone());
        }
        for queue in &self.queues {
            let made = provision_queue(clients, queue, &done).await.map_err(failed(&queue.logical_id))?;
            done.queues.insert(queue.logical_id.clone(), made);
        }
        for key in &self.keys {
            let made = provision_key(clients, key).await.map_err(failed(&key.logical_id))?;
            done.keys.insert(key.logical_id.clone(), made);
        }
        Ok(done)
    }
}

async fn provision_table(clients: &ClientSet, table: &Table) -> Result<(), Cause> {
    let dynamodb = &clients.dynamodb;
    let mut attributes = BTreeSet::from([&table.partition_key]);
    attributes.extend(&table.sort_key);
    let mut create = dynamodb
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.partition_key, table.sort_key.as_ref())?));
    for index in &table.indexes {
        attributes.insert(&index.partition_key);
        attributes.extend(&index.sort_key);
        create = create.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(&index.name)
                .set_key_schema(Some(key_schema(&index.partition_key, index.sort_key.as_ref())?))
                .projection(Projection::builder().projection_type(ProjectionType::All).build())
                .build()?,
        );
    }
    for name in attributes {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        create = create.attribute_definitions(definition.build()?);
    }
    if let Err(error) = create.send().await
        && !error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception())
    {
        return Err(error.into());
    }
    let active = async {
        loop {
            let described = dynamodb.describe_table().table_name(&table.name).send().await?;
            if described.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
                return Ok::<_, Cause>(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), active).await??;

    let Some(attribute) = &table.ttl_attribute else { return Ok(()) };
    let ttl = dynamodb.describe_time_to_live().table_name(&table.name).send().await?;
    let status = ttl.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if !matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build()?;
        dynamodb.update_time_to_live().table_name(&table.name).time_to_live_specification(specification).send().await?;
    }
    Ok(())
}

fn key_schema(partition: &str, sort: Option<&String>) -> Result<Vec<KeySchemaElement>, Cause> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut schema = vec![element(partition, KeyType::Hash)?];
    if let Some(sort) = sort {
        schema.push(element(sort, KeyType::Range)?);
    }
    Ok(schema)
}

async fn provision_queue(clients: &ClientSet, queue: &Queue, done: &Provisioned) -> Result<ProvisionedQueue, Cause> {
    let sqs = &clients.sqs;
    let url = match sqs.get_queue_url().queue_name(&queue.name).send().await {
        Ok(found) => found.queue_url.ok_or(Missing("queue URL"))?,
        Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()) => {
            sqs.create_queue().queue_name(&queue.name).send().await?.queue_url.ok_or(Missing("queue URL"))?
        }
        Err(error) => return Err(error.into()),
    };
    let mut set = sqs.set_queue_attributes().queue_url(&url);
    for (name, value) in &queue.attributes {
        set = set.attributes(QueueAttributeName::from(name.as_str()), value);
    }
    if let Some(redrive) = &queue.redrive {
        let target = &done.queues.get(&redrive.dead_letters).ok_or(Missing("dead-letter queue"))?.arn;
        let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": redrive.max_receive_count});
        set = set.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    set.send().await?;
    let arn = QueueAttributeName::QueueArn;
    let told = sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await?;
    let arn = told.attributes.and_then(|mut attributes| attributes.remove(&arn)).ok_or(Missing("queue ARN"))?;
    Ok(ProvisionedQueue { url, arn })
}

async fn provision_key(clients: &ClientSet, key: &Key) -> Result<ProvisionedKey, Cause> {
    let kms = &clients.kms;
    let metadata = match kms.describe_key().key_id(&key.alias).send().await {
        Ok(found) => found.key_metadata,
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
            let made = kms
                .create_key()
                .key_spec(key.spec.as_str().into())
                .key_usage(key.usage.as_str().into())
                .description(&key.description)
                .send()
                .await?
                .key_metadata;
            let id = made.as_ref().map(|made| made.key_id());
            kms.create_alias().alias_name(&key.alias).set_target_key_id(id.map(str::to_owned)).send().await?;
            made
        }
        Err(error) => return Err(error.into()),
    };
    let metadata = metadata.ok_or(Missing("key metadata"))?;
    let arn = metadata.arn.ok_or(Missing("key ARN"))?;
    Ok(ProvisionedKey { id: metadata.key_id, arn })
}
