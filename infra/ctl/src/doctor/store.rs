//! The table.

use super::{Finding, not_answered};
use crate::deployment::Deployment;

/// What every key is made of, and the index of outside names.
const KEY: [(&str, &str); 2] = [("tenant_id", "HASH"), ("sk", "RANGE")];
const INDEX: &str = "lookup";

pub(super) async fn look(deployment: &Deployment) -> Vec<Finding> {
    let (dynamodb, name) = (&deployment.clients.dynamodb, &deployment.settings.table);
    let what = format!("table {name}");
    let table = match dynamodb.describe_table().table_name(name).send().await {
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
            return vec![Finding::bad(
                what,
                "it is not there",
                "Deploy the stack, or say which one: --stack, --table.",
            )];
        }
        Err(error) => return vec![not_answered(what, &error)],
        Ok(told) => told.table.unwrap_or_else(|| unreachable!("a described table is described")),
    };
    let mut findings = Vec::new();
    let key: Vec<(&str, &str)> =
        table.key_schema().iter().map(|part| (part.attribute_name(), part.key_type().as_str())).collect();
    let names = table.global_secondary_indexes().iter().flat_map(|index| index.key_schema());
    findings.push(if key != KEY || !names.into_iter().any(|part| part.attribute_name() == INDEX) {
        Finding::bad(what, format!("its key is {key:?}"), "This is no table of Vyrox's: say --table.")
    } else if table.table_status().is_none_or(|status| status.as_str() != "ACTIVE") {
        Finding::bad(what, "it is not active yet", "Wait, and ask again.")
    } else {
        Finding::good(what, format!("{} items, about", table.item_count().unwrap_or(0)))
    });
    let ttl = dynamodb.describe_time_to_live().table_name(name).send().await;
    findings.push(match ttl.map(|told| told.time_to_live_description) {
        Ok(Some(told)) if told.attribute_name() == Some("ttl") => Finding::good("expiry", "old items are removed"),
        Ok(_) => Finding::look("expiry", "off", "Deploy the template: TimeToLiveSpecification on `ttl`."),
        Err(error) => not_answered("expiry", &error),
    });
    let backups = dynamodb.describe_continuous_backups().table_name(name).send().await;
    let recovery = backups.ok().and_then(|told| told.continuous_backups_description);
    let recovery = recovery.and_then(|told| told.point_in_time_recovery_description);
    findings.push(match recovery.as_ref().and_then(|told| told.point_in_time_recovery_status()) {
        Some(status) if status.as_str() == "ENABLED" => Finding::good("point-in-time recovery", "on"),
        Some(_) => Finding::look(
            "point-in-time recovery",
            "off",
            "Deploy the template: without it, what is deleted by mistake is gone.",
        ),
        None => Finding::unknown("point-in-time recovery", "not told", "Emulators do not tell. On AWS: may you ask?"),
    });
    findings
}
