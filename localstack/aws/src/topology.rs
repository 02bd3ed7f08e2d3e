//! What the deployment consists of where a client can see it: table, queues, keys, and each function's environment.

use crate::provision::Provisioned;
use crate::sqs::{ACCOUNT, REGION};
use crate::template::{DEPLOYED, Resource, Template, TemplateError, resolve, text_of};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a template does not describe a topology.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// It cannot be read.
    #[error("the template cannot be read")]
    Template(#[from] TemplateError),
    /// A resource is not what its type should be.
    #[error("resource {0} is not as expected")]
    Resource(String, #[source] serde_json::Error),
    /// A queue names a dead-letter queue that is not in the template, or a key has no alias, or a table no key.
    #[error("resource {0} lacks its {1}")]
    Incomplete(String, &'static str),
    /// There is no such function.
    #[error("no function {0}")]
    UnknownFunction(String),
    /// A function's variable refers to something without a value.
    #[error("{function}: {variable} refers to {reference}, which has no value here")]
    Unresolved {
        /// The function.
        function: String,
        /// The environment variable.
        variable: String,
        /// What stayed unresolved.
        reference: String,
    },
}

/// A table's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The attribute of its partition key, a string.
    pub partition_key: String,
    /// The attribute of its sort key, a string, if it has one.
    pub sort_key: Option<String>,
}

/// A table. All key attributes are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name at the endpoint.
    pub name: String,
    /// The attribute of its partition key.
    pub partition_key: String,
    /// The attribute of its sort key, if it has one.
    pub sort_key: Option<String>,
    /// Its global secondary indexes, each with all attributes.
    pub indexes: Vec<Index>,
    /// The attribute that says when an item expires, in unix seconds.
    pub ttl_attribute: Option<String>,
}

/// When a queue gives a message up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue's name in the template.
    pub dead_letters: String,
    /// After how many receives.
    pub max_receive_count: u32,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name at the endpoint.
    pub name: String,
    /// Its attributes under SQS's names, without the redrive policy.
    pub attributes: BTreeMap<String, String>,
    /// Where its dead letters go; none for a dead-letter queue.
    pub redrive: Option<Redrive>,
}

/// A KMS key with its alias, by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in the template.
    pub logical_id: String,
    /// Such as `ECC_NIST_P256`.
    pub spec: String,
    /// Such as `SIGN_VERIFY`.
    pub usage: String,
    /// For people.
    pub description: String,
    /// `alias/...`.
    pub alias: String,
}

/// Everything of the template that functions and tests see over the SDK.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The tables.
    pub tables: Vec<Table>,
    /// The queues, dead-letter queues before those that use them.
    pub queues: Vec<Queue>,
    /// The keys.
    pub keys: Vec<Key>,
    template: Template,
    names: BTreeMap<String, String>,
}

impl Topology {
    /// What infra/template.yaml describes, under a stack's name, which every name at the endpoint begins with.
    ///
    /// # Errors
    /// [`TopologyError`].
    pub fn for_stack(stack: &str) -> Result<Self, TopologyError> {
        Self::parse(DEPLOYED, stack)
    }

    /// What another template describes.
    ///
    /// # Errors
    /// [`TopologyError`].
    pub fn parse(template: &str, stack: &str) -> Result<Self, TopologyError> {
        let template = Template::parse(template)?;
        let pseudo = [("StackName", stack), ("Region", REGION), ("AccountId", ACCOUNT), ("Partition", "aws")];
        let mut names = template.parameter_defaults();
        names.extend(pseudo.map(|(name, value)| (format!("AWS::{name}"), value.to_owned())));
        let read = Reading { template: &template, names: &names };
        let mut queues =
            template.resources_of("AWS::SQS::Queue").map(|r| queue(read, r)).collect::<Result<Vec<_>, _>>()?;
        queues.sort_by_key(|queue| queue.redrive.is_some());
        for queue in &queues {
            if let Some(redrive) = &queue.redrive
                && !queues.iter().any(|other| other.logical_id == redrive.dead_letters)
            {
                return Err(TopologyError::Incomplete(queue.logical_id.clone(), "dead-letter queue"));
            }
        }
        let aliases: Vec<AliasProperties> =
            template.resources_of("AWS::KMS::Alias").map(|r| read.properties(r)).collect::<Result<_, _>>()?;
        let tables = template.resources_of("AWS::DynamoDB::Table").map(|r| table(read, r)).collect::<Result<_, _>>()?;
        let keys = template.resources_of("AWS::KMS::Key").map(|r| key(read, r, &aliases)).collect::<Result<_, _>>()?;
        Ok(Self { tables, queues, keys, template, names })
    }

    /// The functions: each one's name in the template, and that of its program.
    pub fn functions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.template.resources_of("AWS::Serverless::Function").map(|function| {
            let code = function.body["Properties"]["CodeUri"].as_str().unwrap_or_default();
            (function.logical_id, code.rsplit('/').next().unwrap_or_default())
        })
    }

    /// The name of a function's role.
    #[must_use]
    pub fn role(&self, function: &str) -> Option<String> {
        let named = |kind, id: &str| self.template.resources_of(kind).find(|resource| resource.logical_id == id);
        let role = resolve(&named("AWS::Serverless::Function", function)?.properties()["Role"], &BTreeMap::new());
        let role = role.as_str()?.strip_prefix("${")?.strip_suffix(".Arn}")?;
        text_of(&resolve(&named("AWS::IAM::Role", role)?.properties()["RoleName"], &self.names))
    }

    /// The properties of all resources of one type, with what was provisioned and `parameters` put in.
    pub(crate) fn properties_of(
        &self,
        kind: &str,
        provisioned: &Provisioned,
        parameters: &BTreeMap<String, String>,
    ) -> impl Iterator<Item = (&str, Value)> {
        let names = self.names_with(provisioned, parameters);
        let resources = self.template.resources_of(kind);
        resources.map(move |resource| (resource.logical_id, self.template.chosen(resource.properties(), &names)))
    }

    fn names_with(&self, provisioned: &Provisioned, parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut names = self.names.clone();
        names.extend(parameters.clone());
        names.extend(provisioned.names());
        names
    }

    /// A function's environment, as the template sets it, with what was provisioned and `parameters` put in.
    ///
    /// # Errors
    /// [`TopologyError::UnknownFunction`], [`TopologyError::Unresolved`] for a parameter without default or value.
    pub fn environment(
        &self,
        function: &str,
        provisioned: &Provisioned,
        parameters: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, TopologyError> {
        let names = self.names_with(provisioned, parameters);
        let resource = self
            .template
            .resources_of("AWS::Serverless::Function")
            .find(|resource| resource.logical_id == function)
            .ok_or_else(|| TopologyError::UnknownFunction(function.to_owned()))?;
        let variables = self.template.chosen(&resource.properties()["Environment"]["Variables"], &names);
        let variables = variables.as_object().into_iter().flatten();
        variables
            .map(|(variable, value)| match text_of(value) {
                Some(text) if !text.contains("${") => Ok((variable.clone(), text)),
                _ => Err(TopologyError::Unresolved {
                    function: function.to_owned(),
                    variable: variable.clone(),
                    reference: value.to_string(),
                }),
            })
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    table_name: String,
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexProperties>,
    time_to_live_specification: Option<TtlProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexProperties {
    index_name: String,
    key_schema: Vec<KeyElement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TtlProperties {
    attribute_name: String,
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    queue_name: String,
    redrive_policy: Option<RedriveProperties>,
    #[serde(flatten)]
    attributes: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedriveProperties {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyProperties {
    key_spec: String,
    key_usage: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasProperties {
    alias_name: String,
    target_key_id: String,
}

/// A template with the names that are known.
#[derive(Clone, Copy)]
struct Reading<'a> {
    template: &'a Template,
    names: &'a BTreeMap<String, String>,
}

impl Reading<'_> {
    fn properties<T: DeserializeOwned>(self, resource: Resource<'_>) -> Result<T, TopologyError> {
        serde_json::from_value(self.template.chosen(resource.properties(), self.names))
            .map_err(|error| TopologyError::Resource(resource.logical_id.to_owned(), error))
    }
}

/// Partition key and sort key.
fn keys(of: &str, schema: &[KeyElement]) -> Result<(String, Option<String>), TopologyError> {
    let named = |kind| schema.iter().find(|element| element.key_type == kind).map(|found| found.attribute_name.clone());
    let partition = named("HASH").ok_or_else(|| TopologyError::Incomplete(of.to_owned(), "partition key"))?;
    Ok((partition, named("RANGE")))
}

fn table(read: Reading<'_>, resource: Resource<'_>) -> Result<Table, TopologyError> {
    let found: TableProperties = read.properties(resource)?;
    let (partition_key, sort_key) = keys(resource.logical_id, &found.key_schema)?;
    let index = |index: IndexProperties| {
        let (partition_key, sort_key) = keys(&index.index_name, &index.key_schema)?;
        Ok(Index { name: index.index_name, partition_key, sort_key })
    };
    Ok(Table {
        logical_id: resource.logical_id.to_owned(),
        name: found.table_name,
        partition_key,
        sort_key,
        indexes: found.global_secondary_indexes.into_iter().map(index).collect::<Result<_, TopologyError>>()?,
        ttl_attribute: found.time_to_live_specification.filter(|ttl| ttl.enabled).map(|ttl| ttl.attribute_name),
    })
}

fn queue(read: Reading<'_>, resource: Resource<'_>) -> Result<Queue, TopologyError> {
    let found: QueueProperties = read.properties(resource)?;
    let redrive = found.redrive_policy.map(|policy| Redrive {
        // Unresolved on purpose: the ARN is the endpoint's to tell.
        dead_letters: policy.dead_letter_target_arn.trim_start_matches("${").trim_end_matches(".Arn}").to_owned(),
        max_receive_count: policy.max_receive_count,
    });
    Ok(Queue {
        logical_id: resource.logical_id.to_owned(),
        name: found.queue_name,
        attributes: found.attributes.into_iter().filter_map(|(name, value)| Some((name, text_of(&value)?))).collect(),
        redrive,
    })
}

fn key(read: Reading<'_>, resource: Resource<'_>, aliases: &[AliasProperties]) -> Result<Key, TopologyError> {
    let found: KeyProperties = read.properties(resource)?;
    let target = format!("${{{}}}", resource.logical_id);
    let alias = aliases.iter().find(|alias| alias.target_key_id == target);
    let alias = alias.ok_or_else(|| TopologyError::Incomplete(resource.logical_id.to_owned(), "alias"))?;
    Ok(Key {
        logical_id: resource.logical_id.to_owned(),
        spec: found.key_spec,
        usage: found.key_usage,
        description: found.description,
        alias: alias.alias_name.clone(),
    })
}

#[cfg(test)]
mod tests;
