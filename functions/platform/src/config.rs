//! Configuration from the environment: one typed struct per function, every problem collected and reported together by
//! NAME, never by value. A binary with a bad configuration exits with 64.

mod aws;
mod discord;
mod llm;
mod reader;

pub use aws::Aws;
pub use discord::Discord;
pub use llm::Llm;

use discord::{application_id, discord_keys};
use ed25519_dalek::VerifyingKey;
use reader::Reader;
use std::fmt;
use vyrox_domain::tenant::Snowflake;

/// The exit code for a bad configuration (`EX_USAGE`).
pub const EXIT_BAD_CONFIGURATION: u8 = 64;

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BadConfiguration(Vec<String>);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {}", self.0.join("; "))
    }
}

/// Where names are looked up: the environment, or a map in tests and in the local runner.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A function's configuration: a struct whose every field names its variable.
macro_rules! function_config {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = |$reader:ident| $read:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// How to reach AWS.
            pub aws: Aws,
            /// The table (`VYROX_TABLE`).
            pub table: String,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// Reads it from the environment.
            ///
            /// # Errors
            /// [`BadConfiguration`], naming everything that is wrong at once.
            pub fn from_environment(lookup: Lookup<'_>) -> Result<Self, BadConfiguration> {
                let mut reader = Reader::new(lookup);
                let aws = Aws::read(&mut reader);
                let table = reader.required("VYROX_TABLE");
                $(let $field = { let $reader = &mut reader; $read };)*
                reader.done(Self { aws, table, $($field),* })
            }
        }
    };
}

function_config! {
    /// ingest.
    Ingest {
        /// Where alerts wait for triage (`VYROX_ALERTS_QUEUE_URL`).
        alerts_queue_url: String = |reader| reader.url("VYROX_ALERTS_QUEUE_URL"),
        /// The key that seals tenants' secrets (`VYROX_SECRETS_KEY_ID`).
        secrets_key_id: String = |reader| reader.required("VYROX_SECRETS_KEY_ID"),
        /// How many deliveries a minute one tenant may make, all sources and all execution environments together, unless
        /// its profile says otherwise (`VYROX_TENANT_RATE_PER_MINUTE`, 60,000 unless set).
        tenant_rate_per_minute: u32 = |reader| reader.number("VYROX_TENANT_RATE_PER_MINUTE", 60_000, 1..=u32::MAX),
        /// The same for one source (`VYROX_SOURCE_RATE_PER_MINUTE`, 60,000 unless set).
        source_rate_per_minute: u32 = |reader| reader.number("VYROX_SOURCE_RATE_PER_MINUTE", 60_000, 1..=u32::MAX),
    }
}

function_config! {
    /// triage.
    Triage {
        /// Where its own messages come from (`VYROX_SOURCE_QUEUE_URL`).
        source_queue_url: String = |reader| reader.url("VYROX_SOURCE_QUEUE_URL"),
        /// Where cards wait to be drawn (`VYROX_CARDS_QUEUE_URL`).
        cards_queue_url: String = |reader| reader.url("VYROX_CARDS_QUEUE_URL"),
        /// Where approved actions wait to be delivered; only what somebody has allowed in advance goes there
        /// (`VYROX_ACTIONS_QUEUE_URL`).
        actions_queue_url: String = |reader| reader.url("VYROX_ACTIONS_QUEUE_URL"),
        /// Our Discord application's public keys, to prove an opt-in (`VYROX_DISCORD_PUBLIC_KEY`).
        discord_keys: Vec<VerifyingKey> = |reader| reader
            .parsed("VYROX_DISCORD_PUBLIC_KEY", "one or two Ed25519 keys of 64 hex digits", discord_keys)
            .unwrap_or_default(),
        /// The model endpoint; absent is mock mode (`VYROX_LLM_URL`, `VYROX_LLM_API_KEY`, `VYROX_LLM_MODELS`).
        llm: Option<Llm> = |reader| Llm::read(reader),
        /// How many messages of a batch are worked on at once (`VYROX_TRIAGE_CONCURRENCY`, 8 unless set).
        concurrency: usize = |reader| reader.number("VYROX_TRIAGE_CONCURRENCY", 8, 1..=10),
    }
}

function_config! {
    /// notify.
    Notify {
        /// Where its own messages come from (`VYROX_SOURCE_QUEUE_URL`).
        source_queue_url: String = |reader| reader.url("VYROX_SOURCE_QUEUE_URL"),
        /// Discord's REST API.
        discord: Discord = |reader| Discord::read(reader),
    }
}

function_config! {
    /// interactions.
    Interactions {
        /// Where cards wait to be drawn (`VYROX_CARDS_QUEUE_URL`).
        cards_queue_url: String = |reader| reader.url("VYROX_CARDS_QUEUE_URL"),
        /// Where approved actions wait for delivery (`VYROX_ACTIONS_QUEUE_URL`).
        actions_queue_url: String = |reader| reader.url("VYROX_ACTIONS_QUEUE_URL"),
        /// Where commands that take longer wait (`VYROX_COMMANDS_QUEUE_URL`).
        commands_queue_url: String = |reader| reader.url("VYROX_COMMANDS_QUEUE_URL"),
        /// The key under which evidence is sealed (`VYROX_SECRETS_KEY_ID`).
        secrets_key_id: String = |reader| reader.required("VYROX_SECRETS_KEY_ID"),
        /// Our Discord application (`VYROX_DISCORD_APPLICATION_ID`).
        application_id: Snowflake = |reader| application_id(reader),
        /// Its public keys, one or two, comma separated (`VYROX_DISCORD_PUBLIC_KEY`).
        public_keys: Vec<VerifyingKey> = |reader| reader
            .parsed("VYROX_DISCORD_PUBLIC_KEY", "one or two Ed25519 keys of 64 hex digits", discord_keys)
            .unwrap_or_default(),
    }
}

function_config! {
    /// assist.
    Assist {
        /// Where its own messages come from (`VYROX_SOURCE_QUEUE_URL`).
        source_queue_url: String = |reader| reader.url("VYROX_SOURCE_QUEUE_URL"),
        /// Discord's REST API.
        discord: Discord = |reader| Discord::read(reader),
        /// Our Discord application (`VYROX_DISCORD_APPLICATION_ID`), whose id is its bot's too.
        application_id: Snowflake = |reader| application_id(reader),
        /// The key that seals tenants' secrets (`VYROX_SECRETS_KEY_ID`).
        secrets_key_id: String = |reader| reader.required("VYROX_SECRETS_KEY_ID"),
        /// What stands before `/webhook` (`VYROX_INGEST_URL`).
        ingest_url: String = |reader| reader.url("VYROX_INGEST_URL"),
        /// What proxies are enrolled at (`VYROX_RELAY_URL`).
        relay_url: String = |reader| reader.url("VYROX_RELAY_URL"),
    }
}

function_config! {
    /// dispatch.
    Dispatch {
        /// Where its own messages come from (`VYROX_SOURCE_QUEUE_URL`).
        source_queue_url: String = |reader| reader.url("VYROX_SOURCE_QUEUE_URL"),
        /// Where cards wait to be drawn (`VYROX_CARDS_QUEUE_URL`).
        cards_queue_url: String = |reader| reader.url("VYROX_CARDS_QUEUE_URL"),
        /// The key that signs actions (`VYROX_SIGNING_KEY_ID`).
        signing_key_id: String = |reader| reader.required("VYROX_SIGNING_KEY_ID"),
        /// Our Discord application's public keys, to prove approvals again before signing (`VYROX_DISCORD_PUBLIC_KEY`).
        discord_keys: Vec<VerifyingKey> = |reader| reader
            .parsed("VYROX_DISCORD_PUBLIC_KEY", "one or two Ed25519 keys of 64 hex digits", discord_keys)
            .unwrap_or_default(),
    }
}

function_config! {
    /// relay.
    Relay {
        /// Where cards wait to be drawn (`VYROX_CARDS_QUEUE_URL`).
        cards_queue_url: String = |reader| reader.url("VYROX_CARDS_QUEUE_URL"),
        /// The key that signs actions (`VYROX_SIGNING_KEY_ID`).
        signing_key_id: String = |reader| reader.required("VYROX_SIGNING_KEY_ID"),
        /// While one signing key takes another's place: the other, which proxies are told too (`VYROX_OTHER_SIGNING_KEY_ID`).
        other_signing_key_id: Option<String> = |reader| reader.optional("VYROX_OTHER_SIGNING_KEY_ID"),
        /// Our Discord application's public keys, to prove approvals again before signing (`VYROX_DISCORD_PUBLIC_KEY`).
        discord_keys: Vec<VerifyingKey> = |reader| reader
            .parsed("VYROX_DISCORD_PUBLIC_KEY", "one or two Ed25519 keys of 64 hex digits", discord_keys)
            .unwrap_or_default(),
    }
}

function_config! {
    /// api.
    Api {
        /// How many requests a minute one key may make, all execution environments together (`VYROX_KEY_RATE_PER_MINUTE`,
        /// 300 unless set).
        key_rate_per_minute: i64 = |reader| reader.number("VYROX_KEY_RATE_PER_MINUTE", 300, 1..=1_000_000),
    }
}

function_config! {
    /// checkpoint.
    Checkpoint {
        /// The key that signs checkpoints (`VYROX_CHECKPOINT_KEY_ID`).
        checkpoint_key_id: String = |reader| reader.required("VYROX_CHECKPOINT_KEY_ID"),
        /// A lane without a new entry for so many minutes is closed (`VYROX_LANE_IDLE_MINUTES`, 30 unless set).
        lane_idle_minutes: i64 = |reader| reader.number("VYROX_LANE_IDLE_MINUTES", 30, 1..=10_080),
        /// How many days a closed lane is kept after its last entry; 0 is for good (`VYROX_AUDIT_RETENTION_DAYS`, 0 unless set).
        audit_retention_days: i64 = |reader| reader.number("VYROX_AUDIT_RETENTION_DAYS", 0, 0..=36_500),
        /// The bucket with object lock that checkpoints are published in (`VYROX_CHECKPOINT_BUCKET`); none unless
        /// `VYROX_CHECKPOINT_LOCK_DAYS` is above 0.
        checkpoint_bucket: Option<String> = |reader| {
            let days = reader.number("VYROX_CHECKPOINT_LOCK_DAYS", 0, 0..=36_500);
            (days > 0).then(|| reader.required("VYROX_CHECKPOINT_BUCKET"))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_KEY: &str = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";

    #[test]
    fn every_problem_is_named_at_once_and_no_value_is_shown() {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("eu-central-1".to_owned()),
            "VYROX_CARDS_QUEUE_URL" => Some("s3cret-value".to_owned()),
            "VYROX_DISCORD_PUBLIC_KEY" => Some("also-s3cret".to_owned()),
            _ => None,
        };
        let text = Interactions::from_environment(&lookup).unwrap_err().to_string();
        for name in [
            "AWS_ACCESS_KEY_ID",
            "VYROX_TABLE",
            "VYROX_CARDS_QUEUE_URL",
            "VYROX_ACTIONS_QUEUE_URL",
            "VYROX_DISCORD_APPLICATION_ID",
            "VYROX_DISCORD_PUBLIC_KEY",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn without_a_model_key_it_is_mock_mode() {
        let lookup = |name: &str| match name {
            "VYROX_LLM_API_KEY" => None,
            "VYROX_DISCORD_PUBLIC_KEY" => Some(PUBLIC_KEY.to_owned()),
            _ => Some("https://example.test".to_owned()),
        };
        let config = Triage::from_environment(&|name| lookup(name).filter(|_| name != "VYROX_TRIAGE_CONCURRENCY"));
        assert!(config.unwrap().llm.is_none());
    }

    #[test]
    fn the_time_for_models_fits_into_the_functions_own() {
        let with = |concurrency: &'static str, seconds: &'static str, models: &'static str| {
            Triage::from_environment(&move |name: &str| match name {
                "VYROX_TRIAGE_CONCURRENCY" => Some(concurrency.to_owned()),
                "VYROX_LLM_TOTAL_SECONDS" => Some(seconds.to_owned()),
                "VYROX_LLM_MODELS" => Some(models.to_owned()),
                "VYROX_DISCORD_PUBLIC_KEY" => Some(PUBLIC_KEY.to_owned()),
                "VYROX_LLM_TRY_SECONDS" | "VYROX_LLM_DAILY_TOKENS" => None,
                _ => Some("https://example.test".to_owned()),
            })
        };
        let llm = with("8", "40", "a, b,c").unwrap().llm.unwrap();
        assert_eq!((llm.models.len(), llm.deadline.as_secs(), llm.daily_tokens), (3, 40, 500_000));
        assert!(with("10", "100", "a").is_ok());
        for (concurrency, seconds, models) in
            [("8", "60", "a"), ("1", "40", "a"), ("0", "1", "a"), ("8", "x", "a"), ("8", "9", "a,b,c,d")]
        {
            assert!(with(concurrency, seconds, models).is_err(), "{concurrency} {seconds} {models}");
        }
    }
}
