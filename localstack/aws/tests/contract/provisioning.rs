//! Provisioning from the template.

use crate::World;
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeMap;

pub(crate) async fn doing_it_again_changes_nothing(world: &World) {
    let dynamodb = &world.clients.dynamodb;
    let item =
        ["tenant_id", "sk"].map(|name| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S("a".into())));
    dynamodb.put_item().table_name(world.table()).set_item(Some(item.into())).send().await.unwrap();
    world.clients.sqs.send_message().queue_url(world.queue("AlertsQueue")).message_body("a").send().await.unwrap();

    let again = world.topology.provision(&world.clients).await.unwrap();
    for key in ["SigningKey", "SecretsKey"] {
        assert_eq!(again.key(key), world.provisioned.key(key));
    }
    assert_eq!(again.queue_url("AlertsQueue"), Some(world.queue("AlertsQueue")));
    assert_eq!(dynamodb.scan().table_name(world.table()).send().await.unwrap().count(), 1);
    let told = world
        .clients
        .sqs
        .get_queue_attributes()
        .queue_url(world.queue("AlertsQueue"))
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let told = told.attributes.unwrap();
    assert_eq!(told[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(told[&QueueAttributeName::VisibilityTimeout], "720");
    assert!(told[&QueueAttributeName::RedrivePolicy].contains("-alerts-dlq"));
}

pub(crate) async fn every_function_gets_its_environment(world: &World) {
    let parameters = ["DiscordApplicationId", "DiscordPublicKey", "DiscordBotToken", "DiscordApiUrl"]
        .map(|name| (name.to_owned(), format!("the {name}")));
    let parameters = BTreeMap::from(parameters);
    let of = |function: &str| world.topology.environment(function, &world.provisioned, &parameters).unwrap();
    let ingest = of("IngestFunction");
    assert_eq!(ingest["VYROX_TABLE"], world.table());
    assert_eq!(ingest["VYROX_ALERTS_QUEUE_URL"], world.queue("AlertsQueue"));
    assert_eq!(ingest["VYROX_SECRETS_KEY_ID"], world.key("SecretsKey"));
    assert_eq!(of("NotifyFunction")["VYROX_DISCORD_API_URL"], "the DiscordApiUrl");
    assert_eq!(of("TriageFunction")["VYROX_LLM_MODELS"], "", "no models by default");
    for function in ["InteractionsFunction", "DispatchFunction", "RelayFunction"] {
        assert_eq!(of(function)["VYROX_CARDS_QUEUE_URL"], world.queue("CardsQueue"));
    }
    let missing = world.topology.environment("NotifyFunction", &world.provisioned, &BTreeMap::new());
    assert!(missing.is_err(), "a parameter without a value must not become an empty text");
}
