//! Configuration from the environment: one typed struct per function, every problem collected and reported together by
//! NAME, never by value. A binary with a bad configuration exits with 64.

use crate::secrets::Secret;
use ed25519_dalek::VerifyingKey;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
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

/// Reads names and collects what is wrong.
struct Reader<'a> {
    lookup: Lookup<'a>,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    fn parsed<T>(&mut self, name: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.required(name);
        if text.is_empty() {
            return None;
        }
        let value = parse(&text);
        if value.is_none() {
            self.problems.push(format!("{name} is not {what}"));
        }
        value
    }

    fn url(&mut self, name: &str) -> String {
        self.parsed(name, "an http or https URL", |text| {
            (text.starts_with("https://") || text.starts_with("http://")).then(|| text.trim_end_matches('/').to_owned())
        })
        .unwrap_or_default()
    }

    /// A whole number in a range, or `default` where the variable is not set.
    fn number<N>(&mut self, name: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: Copy + PartialOrd + std::str::FromStr + fmt::Display,
    {
        let Some(text) = self.optional(name) else { return default };
        match text.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.problems.push(format!("{name} is not a number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    fn done<T>(self, value: T) -> Result<T, BadConfiguration> {
        if self.problems.is_empty() { Ok(value) } else { Err(BadConfiguration(self.problems)) }
    }
}

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The region.
    pub region: String,
    /// Another endpoint than AWS's own, for emulators.
    pub endpoint_url: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key.
    pub secret_access_key: Secret,
    /// The session token that Lambda's own credentials carry.
    pub session_token: Option<Secret>,
}

impl Aws {
    /// An emulator on this machine, which takes any credentials.
    #[must_use]
    pub fn local(endpoint_url: &str) -> Self {
        Self {
            region: "us-east-1".to_owned(),
            endpoint_url: Some(endpoint_url.to_owned()),
            access_key_id: "test".to_owned(),
            secret_access_key: Secret::new(b"test".to_vec()),
            session_token: None,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            region: reader.required("AWS_REGION"),
            endpoint_url: reader.optional("AWS_ENDPOINT_URL"),
            access_key_id: reader.required("AWS_ACCESS_KEY_ID"),
            secret_access_key: Secret::new(reader.required("AWS_SECRET_ACCESS_KEY").into_bytes()),
            session_token: reader.optional("AWS_SESSION_TOKEN").map(|token| Secret::new(token.into_bytes())),
        }
    }

    /// For the operator's command line, which needs nothing else.
    ///
    /// # Errors
    /// [`BadConfiguration`].
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Self, BadConfiguration> {
        let mut reader = Reader::new(lookup);
        let aws = Self::read(&mut reader);
        reader.done(aws)
    }
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

/// Discord's REST API.
#[derive(Debug, Clone)]
pub struct Discord {
    /// `https://discord.com/api/v10`, or a stand-in (`VYROX_DISCORD_API_URL`).
    pub api_url: String,
    /// The bot's token (`VYROX_DISCORD_BOT_TOKEN`).
    pub bot_token: Secret,
}

impl Discord {
    /// For the operator's command line. `https://discord.com/api/v10` unless another URL is set.
    ///
    /// # Errors
    /// [`BadConfiguration`].
    pub fn from_environment(lookup: Lookup<'_>) -> Result<(Self, Snowflake), BadConfiguration> {
        const OFFICIAL: &str = "https://discord.com/api/v10";
        let or_official =
            |name: &str| lookup(name).or_else(|| (name == "VYROX_DISCORD_API_URL").then(|| OFFICIAL.to_owned()));
        let mut reader = Reader::new(&or_official);
        let (discord, application) = (Self::read(&mut reader), application_id(&mut reader));
        reader.done((discord, application))
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            api_url: reader.url("VYROX_DISCORD_API_URL"),
            bot_token: Secret::new(reader.required("VYROX_DISCORD_BOT_TOKEN").into_bytes()),
        }
    }
}

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct Llm {
    /// Its base URL, up to and including `/v1` (`VYROX_LLM_URL`).
    pub url: String,
    /// Its key (`VYROX_LLM_API_KEY`).
    pub api_key: Secret,
    /// The models to ask, the next where one fails, at most three (`VYROX_LLM_MODELS`, comma separated).
    pub models: Vec<String>,
    /// How long one model may take (`VYROX_LLM_TRY_SECONDS`, 15 s unless set).
    pub try_timeout: Duration,
    /// How long all of them may take together (`VYROX_LLM_TOTAL_SECONDS`, 40 s unless set).
    pub deadline: Duration,
    /// How many tokens a day one tenant may spend, unless its profile says otherwise (`VYROX_LLM_DAILY_TOKENS`, 500,000
    /// unless set: about 300 questions).
    pub daily_tokens: u64,
}

/// What all questions of one batch may take together: the function's time limit in the template (120 s) without what the
/// table and the queues need.
const BATCH_SECONDS: u64 = 105;
/// The most messages of a batch, as in the template.
const BATCH_SIZE: u64 = 10;

impl Llm {
    /// Without a key there is no model: mock mode, no connection at all.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let api_key = reader.optional("VYROX_LLM_API_KEY")?;
        let url = reader.url("VYROX_LLM_URL");
        let models: Vec<String> = reader
            .required("VYROX_LLM_MODELS")
            .split(',')
            .map(|model| model.trim().to_owned())
            .filter(|model| !model.is_empty())
            .collect();
        if models.len() > 3 {
            reader.problems.push("VYROX_LLM_MODELS names more than three models".to_owned());
        }
        let one = reader.number("VYROX_LLM_TRY_SECONDS", 15, 1..=60);
        let all = reader.number("VYROX_LLM_TOTAL_SECONDS", 40, 1..=100);
        let at_once = reader.number("VYROX_TRIAGE_CONCURRENCY", 8, 1..=10);
        if BATCH_SIZE.div_ceil(at_once) * all > BATCH_SECONDS {
            reader.problems.push(format!(
                "VYROX_LLM_TOTAL_SECONDS is too long for VYROX_TRIAGE_CONCURRENCY: a batch of {BATCH_SIZE} would need more than {BATCH_SECONDS} s"
            ));
        }
        Some(Self {
            url,
            api_key: Secret::new(api_key.into_bytes()),
            models,
            try_timeout: Duration::from_secs(one),
            deadline: Duration::from_secs(all),
            daily_tokens: reader.number("VYROX_LLM_DAILY_TOKENS", 500_000, 0..=u64::MAX),
        })
    }
}

/// A problem that was noted makes the value one that is never used.
fn application_id(reader: &mut Reader<'_>) -> Snowflake {
    let found = reader.parsed("VYROX_DISCORD_APPLICATION_ID", "a Discord id", |text| text.parse().ok());
    found.unwrap_or_else(|| "1".parse().expect("one is a Discord id"))
}

fn discord_keys(text: &str) -> Option<Vec<VerifyingKey>> {
    let keys: Option<Vec<VerifyingKey>> = text
        .split(',')
        .map(|hex_key| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(hex_key.trim(), &mut bytes).ok()?;
            VerifyingKey::from_bytes(&bytes).ok()
        })
        .collect();
    keys.filter(|keys| (1..=2).contains(&keys.len()))
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
