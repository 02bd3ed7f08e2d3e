//! What the product needs from DynamoDB, SQS and KMS: written once, run against the embedded services always and against
//! any other endpoint that `VYROX_TEST_AWS_ENDPOINT` names.
//!
//! A need of the functions belongs here; what only the embedded services promise belongs in `persistence.rs`, what only
//! the template promises in `template.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "contract/dynamodb.rs"]
mod dynamodb;
#[path = "contract/kms.rs"]
mod kms;
#[path = "contract/provisioning.rs"]
mod provisioning;
#[path = "contract/sqs.rs"]
mod sqs;

use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Topology};

/// A freshly provisioned stack.
struct World {
    clients: ClientSet,
    topology: Topology,
    provisioned: Provisioned,
    /// Kept running for as long as the test.
    _embedded: Option<Embedded>,
}

impl World {
    async fn embedded() -> Self {
        let embedded = Embedded::start(EmbeddedOptions::default()).await.unwrap();
        Self::at(&embedded.endpoint_url().clone(), Some(embedded)).await
    }

    /// At the other endpoint, if one is named.
    #[expect(clippy::disallowed_methods, reason = "the endpoint is the test's configuration")]
    #[expect(clippy::print_stderr, reason = "a skipped test should say so")]
    async fn outside() -> Option<Self> {
        let Ok(endpoint) = std::env::var("VYROX_TEST_AWS_ENDPOINT") else {
            eprintln!("skipped: VYROX_TEST_AWS_ENDPOINT names no endpoint");
            return None;
        };
        Some(Self::at(&endpoint, None).await)
    }

    /// Under a name of its own, because an endpoint may be shared and outlive the test.
    async fn at(endpoint: &str, embedded: Option<Embedded>) -> Self {
        let mut suffix = [0_u8; 6];
        getrandom::fill(&mut suffix).unwrap();
        let suffix: String = suffix.iter().map(|byte| format!("{byte:02x}")).collect();
        let clients = ClientSet::new(endpoint);
        let topology = Topology::for_stack(&format!("contract-{suffix}")).unwrap();
        let provisioned = topology.provision(&clients).await.unwrap();
        Self { clients, topology, provisioned, _embedded: embedded }
    }

    fn table(&self) -> &str {
        self.provisioned.table("Table").unwrap()
    }

    fn queue(&self, logical_id: &str) -> &str {
        self.provisioned.queue_url(logical_id).unwrap()
    }

    fn key(&self, logical_id: &str) -> &str {
        &self.provisioned.key(logical_id).unwrap().arn
    }
}

/// Runs each check against the embedded services.
macro_rules! embedded {
    ($name:ident: $($module:ident: $($check:ident),+ $(,)?;)+) => {
        mod $name {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    crate::$module::$check(&crate::World::embedded().await).await;
                }
            )+ })+
        }
    };
}

/// Runs each check against either kind of endpoint.
macro_rules! contract {
    ($($module:ident: $($check:ident),+ $(,)?;)+) => {
        embedded! { embedded: $($module: $($check),+;)+ }
        mod outside {
            $(mod $module { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    if let Some(world) = crate::World::outside().await {
                        crate::$module::$check(&world).await;
                    }
                }
            )+ })+
        }
    };
}

contract! {
    dynamodb:
        a_put_on_condition_happens_once_and_tells_what_was_there,
        a_transaction_happens_whole_or_not_at_all_and_says_why,
        of_twenty_decisions_at_once_one_wins,
        twenty_additions_at_once_all_count,
        a_query_sees_one_tenant_and_one_prefix_in_order,
        a_query_goes_on_where_its_page_ended,
        an_outside_name_finds_its_tenant_and_nothing_else_is_in_the_index,
        expiry_is_switched_on;
    sqs:
        a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent,
        a_received_message_is_hidden_until_its_time_is_up,
        a_message_given_back_is_there_at_once,
        a_message_that_failed_twenty_times_is_a_dead_letter,
        a_message_deleted_with_its_fresh_receipt_stays_away,
        attributes_and_group_arrive_with_the_message,
        a_batch_succeeds_and_fails_entry_by_entry,
        a_delayed_message_comes_later,
        a_queue_that_is_not_there_is_an_error_that_the_sdk_knows,
        a_message_over_one_mebibyte_is_refused;
    kms:
        what_is_signed_verifies_offline_raw_and_digest,
        what_is_encrypted_comes_back_only_in_its_context,
        a_data_key_opens_in_its_context,
        a_key_answers_to_its_alias_and_a_missing_one_is_an_error_that_the_sdk_knows,
        a_key_does_only_what_it_is_for;
    provisioning:
        doing_it_again_changes_nothing,
        every_function_gets_its_environment;
}

// What AWS promises and not every imitation keeps, so that it cannot be asked of an outside endpoint.
embedded! {
    embedded_strict:
    kms: a_raw_message_over_4096_bytes_is_refused, a_changed_ciphertext_is_refused;
}
