use super::{Topology, TopologyError};
use crate::template::DEPLOYED;

#[test]
fn the_deployed_template_has_the_table_the_queues_and_the_keys() {
    let topology = Topology::for_stack("s").unwrap();
    let table = &topology.tables[0];
    assert_eq!((table.name.as_str(), table.partition_key.as_str()), ("s-table", "tenant_id"));
    assert_eq!((table.sort_key.as_deref(), table.ttl_attribute.as_deref()), (Some("sk"), Some("ttl")));
    assert_eq!((table.indexes[0].name.as_str(), table.indexes[0].partition_key.as_str()), ("lookup", "lookup"));
    let names: Vec<_> = topology.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "s-actions-dlq",
            "s-alerts-dlq",
            "s-cards-dlq",
            "s-commands-dlq",
            "s-actions",
            "s-alerts",
            "s-cards",
            "s-commands"
        ]
    );
    let redrive = topology.queues[4].redrive.as_ref().unwrap();
    assert_eq!((redrive.dead_letters.as_str(), redrive.max_receive_count), ("ActionsDeadLetters", 20));
    assert_eq!(topology.queues[4].attributes["VisibilityTimeout"], "360");
    let aliases: Vec<_> = topology.keys.iter().map(|key| (key.spec.as_str(), key.alias.as_str())).collect();
    assert_eq!(
        aliases,
        [
            ("ECC_NIST_P256", "alias/s-checkpoints"),
            ("SYMMETRIC_DEFAULT", "alias/s-secrets"),
            ("ECC_NIST_P256", "alias/s-signing"),
        ]
    );
}

#[test]
fn each_function_has_a_program() {
    let topology = Topology::for_stack("s").unwrap();
    let functions: Vec<_> = topology.functions().collect();
    assert!(functions.contains(&("IngestFunction", "ingest")), "{functions:?}");
    assert!(functions.iter().all(|(_, program)| !program.is_empty()), "{functions:?}");
}

#[test]
fn a_dead_letter_queue_that_is_not_there_is_an_error() {
    let broken =
        DEPLOYED.replace("!GetAtt ActionsDeadLetters.Arn, maxReceiveCount", "!GetAtt Nowhere.Arn, maxReceiveCount");
    assert!(matches!(Topology::parse(&broken, "s"), Err(TopologyError::Incomplete(..))));
}
