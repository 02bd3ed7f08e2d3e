//! The rules. Each takes a template and tells every way in which it is broken.

use crate::grants::{Grants, choices, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vyrox_local_aws::template::{Resource, Template, resolve};

const FUNCTION: &str = "AWS::Serverless::Function";

/// Every violation of every rule.
pub(crate) fn violations(template: &Template) -> Vec<String> {
    let rules = [roles, actions_queue, signing, sealing, detours, functions, models, queues, data, secrets];
    rules.into_iter().flat_map(|rule| rule(template)).collect()
}

/// A resource's properties with references as `${Name}`.
fn properties(resource: Resource<'_>) -> Value {
    resolve(resource.properties(), &BTreeMap::new())
}

/// Roles say what they mean: plain grants, no wildcards, only for Lambda.
fn roles(template: &Template) -> Vec<String> {
    let grants = Grants::of(template);
    let mut found = grants.irregular.clone();
    for grant in grants.all() {
        // The objects of a bucket have no other name.
        let objects = grant.action == "s3:PutObject" && grant.resource == "${CheckpointBucket.Arn}/*";
        if grant.action.contains('*') || (grant.resource.contains('*') && !objects) {
            found.push(format!("{} has a wildcard: {} on {}", grant.role, grant.action, grant.resource));
        }
        if !grant.resource.starts_with("${") {
            found.push(format!("{} names {} instead of referring to it", grant.role, grant.resource));
        }
    }
    for role in template.resources_of("AWS::IAM::Role") {
        for statement in properties(role)["AssumeRolePolicyDocument"]["Statement"].as_array().into_iter().flatten() {
            if statement["Principal"] != serde_json::json!({"Service": "lambda.amazonaws.com"}) {
                found.push(format!("{} is assumed by {}", role.logical_id, statement["Principal"]));
            }
        }
    }
    found
}

/// Only interactions, where humans decide, may ask for a containment; and triage, for what a human has allowed in advance and
/// delivery proves once more.
fn actions_queue(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    let mut asks = false;
    for grant in Grants::of(template).all() {
        let sends = grant.action.to_ascii_lowercase().starts_with("sqs:send");
        // By whatever reference: a resource that so much as mentions the queue counts.
        if sends && (grant.resource.contains("ActionsQueue") || grant.resource.contains("-actions")) {
            if grant.role == "InteractionsRole" {
                asks = true;
            } else if grant.role != "TriageRole" || grant.resource != "${ActionsQueue.Arn}" {
                found.push(format!("{} may write to the actions queue", grant.role));
            }
        }
    }
    if !asks {
        found.push("InteractionsRole may not write to the actions queue".to_owned());
    }
    found
}

/// Which roles may sign with which key: dispatch and relay, which deliver, actions; checkpoint the audit.
const SIGNERS: [(&str, &[&str]); 2] = [("SigningKey", DELIVERERS), ("CheckpointKey", &["CheckpointRole"])];
/// Those that deliver, who sign with the stack's own key or with the one that has taken its place.
const DELIVERERS: &[&str] = &["DispatchRole", "RelayRole"];

/// Each key signs for its own roles alone; by the roles and by the keys' policies.
fn signing(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for grant in Grants::of(template).all() {
        let signs =
            grant.action.eq_ignore_ascii_case("kms:Sign") || grant.action.eq_ignore_ascii_case("kms:CreateGrant");
        let own = |(key, roles): &(&str, &[&str])| {
            grant.resource == format!("${{{key}.Arn}}") && roles.contains(&grant.role.as_str())
        };
        let successor = grant.resource == "${SignWithKeyArn}" && DELIVERERS.contains(&grant.role.as_str());
        if signs && !successor && !SIGNERS.iter().any(own) {
            found.push(format!("{} may sign with {}", grant.role, grant.resource));
        }
    }
    for key in template.resources_of("AWS::KMS::Key") {
        let roles = SIGNERS.iter().find(|(name, _)| *name == key.logical_id).map_or(&[][..], |(_, roles)| *roles);
        let signers: BTreeSet<String> = roles
            .iter()
            .filter_map(|role| template.resources().find(|resource| resource.logical_id == *role))
            .filter_map(|role| properties(role)["RoleName"].as_str().map(str::to_owned))
            .map(|name| format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}"))
            .collect();
        for statement in choices(&properties(key)["KeyPolicy"]["Statement"]) {
            let actions = texts(&statement["Action"]);
            if actions.is_empty() || actions.iter().any(|action| action.contains('*')) {
                found.push(format!("{}'s policy has a wildcard", key.logical_id));
            }
            let signs = actions.iter().any(|action| ["kms:Sign", "kms:CreateGrant"].contains(&action.as_str()));
            let only =
                texts(&statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]).into_iter().collect::<BTreeSet<_>>();
            if signs && only != signers {
                found.push(format!("{}'s policy lets others sign", key.logical_id));
            }
        }
    }
    found
}

/// Under the one key for secrets and evidence, each use names its tenant; ingest opens secrets and not evidence, everybody
/// else evidence and not secrets; interactions approvers' second factors, too. Data keys are evidence's alone, but for
/// ingest's decoy and the webhook secrets that assist seals.
fn sealing(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for role in template.resources_of("AWS::IAM::Role") {
        for policy in choices(&properties(role)["Policies"]) {
            for statement in choices(&policy["PolicyDocument"]["Statement"]) {
                for action in texts(&statement["Action"]) {
                    let action = action.to_ascii_lowercase();
                    if !["kms:decrypt", "kms:generatedatakey"].contains(&action.as_str()) {
                        continue;
                    }
                    let condition = &statement["Condition"];
                    let (null, equal) = (&condition["Null"], &condition["StringEquals"]);
                    let purpose = "kms:EncryptionContext:purpose";
                    // A decoy for a tenant that cannot exist: what a refusal opens, to take as long as any other.
                    if action == "kms:generatedatakey"
                        && role.logical_id == "IngestRole"
                        && equal["kms:EncryptionContext:tenant_id"] == "nobody."
                        && null[purpose] == "true"
                    {
                        continue;
                    }
                    // Webhook secrets that are made in Discord's name: sealed there, opened by ingest only.
                    if action == "kms:generatedatakey"
                        && role.logical_id == "AssistRole"
                        && null["kms:EncryptionContext:tenant_id"] == "false"
                        && null[purpose] == "true"
                    {
                        continue;
                    }
                    if null["kms:EncryptionContext:tenant_id"] != "false" {
                        found.push(format!("{} uses {action} without the tenant", role.logical_id));
                    }
                    if action == "kms:decrypt" && role.logical_id == "IngestRole" {
                        if null[purpose] != "true" {
                            found.push(format!("{} may open evidence as well", role.logical_id));
                        }
                    } else if role.logical_id == "InteractionsRole" && equal[purpose] == json!(["evidence", "step_up"])
                    {
                        // What it shows, and what it checks codes with.
                    } else if equal[purpose] != "evidence" {
                        found.push(format!("{} uses {action} without the purpose `evidence`", role.logical_id));
                    }
                }
            }
        }
    }
    found
}

/// Permissions are in roles, one role to a function, and nowhere else.
fn detours(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for resource in template.resources() {
        let properties = properties(resource);
        let is_other = resource.kind.starts_with("AWS::IAM::") && resource.kind != "AWS::IAM::Role";
        let is_grant =
            ["AWS::SQS::QueuePolicy", "AWS::KMS::Grant", "AWS::Serverless::Connector"].contains(&resource.kind);
        let adds = (resource.kind == FUNCTION && !properties["Policies"].is_null())
            || !properties["ManagedPolicyArns"].is_null()
            || !properties["ResourcePolicy"].is_null();
        if is_other || is_grant || adds {
            found.push(format!("{} gives permissions outside a role", resource.logical_id));
        }
        if resource.kind == FUNCTION {
            let own = format!("${{{}Role.Arn}}", resource.logical_id.trim_end_matches("Function"));
            if properties["Role"] != own {
                found.push(format!("{} does not have a role of its own", resource.logical_id));
            }
        }
    }
    found
}

/// Functions run what we build, and tell which messages of a batch failed.
fn functions(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    let globals = &template.document()["Globals"]["Function"];
    for function in template.resources_of(FUNCTION) {
        let name = function.logical_id;
        let properties = properties(function);
        let effective = |key: &str| properties.get(key).unwrap_or(&globals[key]).clone();
        if effective("Runtime") != "provided.al2023" || effective("Architectures") != serde_json::json!(["arm64"]) {
            found.push(format!("{name} runs on {} and {}", effective("Runtime"), effective("Architectures")));
        }
        let binary = name.trim_end_matches("Function").to_lowercase();
        let code = &properties["CodeUri"];
        if *code != format!("../target/lambda/{binary}") {
            found.push(format!("{name} is built as {code}, not by `infra/lambda build`"));
        }
        for (event, body) in properties["Events"].as_object().into_iter().flatten() {
            let source = &body["Properties"];
            if body["Type"] != "SQS" {
                continue;
            }
            if source["FunctionResponseTypes"] != serde_json::json!(["ReportBatchItemFailures"])
                || source["BatchSize"] != 10
            {
                found.push(format!("{name}.{event} loses messages or batches other than ten"));
            }
            let queue = source["Queue"].as_str().unwrap_or_default().trim_start_matches("${").trim_end_matches(".Arn}");
            let queue = template.resources_of("AWS::SQS::Queue").find(|resource| resource.logical_id == queue);
            let hidden = queue.and_then(|queue| queue.properties()["VisibilityTimeout"].as_i64()).unwrap_or(0);
            if hidden < 6 * effective("Timeout").as_i64().unwrap_or(i64::MAX / 6) {
                found.push(format!("{name}.{event}: the queue's visibility is not six times the function's timeout"));
            }
        }
    }
    found
}

/// A batch's questions to models fit into triage's time, with room for the rest of its work.
fn models(template: &Template) -> Vec<String> {
    let seconds = |name: &str| {
        let parameter = &template.document()["Parameters"][name];
        parameter["MaxValue"].as_i64().or_else(|| parameter["Default"].as_i64())
    };
    let Some(function) = template.resources_of(FUNCTION).find(|function| function.logical_id == "TriageFunction")
    else {
        return vec!["there is no TriageFunction".to_owned()];
    };
    let properties = properties(function);
    let variables = &properties["Environment"]["Variables"];
    let at_once = variables["VYROX_TRIAGE_CONCURRENCY"].as_str().and_then(|text| text.parse::<i64>().ok());
    let (Some(all), Some(at_once)) = (seconds("LlmTotalSeconds"), at_once) else {
        return vec!["it is not said how long models may take".to_owned()];
    };
    let rounds = (10 + at_once - 1) / at_once.max(1);
    if rounds * all + 15 > properties["Timeout"].as_i64().unwrap_or(0) {
        return vec!["TriageFunction's timeout is too short for its models".to_owned()];
    }
    Vec::new()
}

/// Every queue has a dead-letter queue, every dead-letter queue has time and an alarm.
fn queues(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    let queues: BTreeMap<_, _> =
        template.resources_of("AWS::SQS::Queue").map(|queue| (queue.logical_id, properties(queue))).collect();
    let dead_letters: BTreeSet<String> = queues
        .values()
        .filter_map(|queue| queue["RedrivePolicy"]["deadLetterTargetArn"].as_str())
        .map(|arn| arn.trim_start_matches("${").trim_end_matches(".Arn}").to_owned())
        .collect();
    for (name, queue) in &queues {
        if queue["SqsManagedSseEnabled"] != true {
            found.push(format!("{name} is not encrypted"));
        }
        if dead_letters.contains(*name) {
            if queue["MessageRetentionPeriod"] != 14 * 24 * 3_600 {
                found.push(format!("{name} does not keep its messages for 14 days"));
            }
            if !template.resources_of("AWS::CloudWatch::Alarm").any(|alarm| watches(alarm, name)) {
                found.push(format!("{name} has no alarm"));
            }
        } else if queue["RedrivePolicy"].is_null() {
            found.push(format!("{name} has no dead-letter queue"));
        } else if queue["RedrivePolicy"]["maxReceiveCount"] != 20 {
            found.push(format!("{name} does not give up after 20 receives"));
        }
    }
    for name in dead_letters.iter().filter(|name| !queues.contains_key(name.as_str())) {
        found.push(format!("{name} is not there"));
    }
    found
}

/// Whether an alarm goes off for the first message in a queue, and reports.
fn watches(alarm: Resource<'_>, queue: &str) -> bool {
    let alarm = properties(alarm);
    alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        && alarm["Threshold"] == 0
        && alarm["ComparisonOperator"] == "GreaterThanThreshold"
        && !alarm["AlarmActions"].is_null()
        && alarm["Dimensions"][0]["Value"] == format!("${{{queue}.QueueName}}")
}

/// What cannot be made again outlives the stack.
fn data(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for resource in template.resources() {
        let properties = properties(resource);
        if !["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket"].contains(&resource.kind) {
            continue;
        }
        if resource.body["DeletionPolicy"] != "Retain" || resource.body["UpdateReplacePolicy"] != "Retain" {
            found.push(format!("{} is not retained", resource.logical_id));
        }
        let safe = properties["DeletionProtectionEnabled"] == true
            && properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true
            && properties["SSESpecification"]["SSEEnabled"] == true;
        if resource.kind == "AWS::S3::Bucket" && properties["ObjectLockEnabled"] != true {
            found.push(format!("{} can be written over", resource.logical_id));
        }
        if resource.kind == "AWS::DynamoDB::Table" && !safe {
            found.push(format!("{} lacks deletion protection, recovery or encryption", resource.logical_id));
        }
    }
    found
}

/// Parameters that are secrets are not shown.
fn secrets(template: &Template) -> Vec<String> {
    let parameters = template.document()["Parameters"].as_object().into_iter().flatten();
    parameters
        .filter(|(name, body)| (name.ends_with("Token") || name.ends_with("ApiKey")) && body["NoEcho"] != true)
        .map(|(name, _)| format!("{name} is shown"))
        .collect()
}
