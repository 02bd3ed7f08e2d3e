//! What a deployment gives its functions: the template's parameters, and Lambda's own variables.

use super::Options;
use crate::provision;
use crate::state::State;
use std::collections::BTreeMap;
use vyrox_standins::discord::DiscordStandin;
use vyrox_standins::llm::LlmStandin;

/// Whether the functions speak to Discord itself, and to whatever else the parameters name, and to no stand-in.
pub(super) fn is_real(options: &Options) -> bool {
    options.parameters.contains_key("DiscordBotToken")
}

/// The template's parameters, pointing at the stand-ins unless they name a bot.
pub(super) fn parameters(
    options: &Options,
    state: &State,
    discord: &DiscordStandin,
    llm: &LlmStandin,
) -> BTreeMap<String, String> {
    let own = [
        ("DiscordApplicationId", provision::APPLICATION.to_owned()),
        ("DiscordPublicKey", discord.public_key_hex()),
        ("DiscordBotToken", state.bot_token.clone()),
        ("DiscordApiUrl", discord.api_url()),
        ("LlmUrl", llm.base_url()),
        ("LlmApiKey", "local-model-key".to_owned()),
        ("LlmModels", "local-primary,local-fallback,local-last".to_owned()),
    ];
    // A model that is made up must never judge what is real: without one of their own there is none.
    let own = own.into_iter().filter(|_| !is_real(options)).map(|(name, value)| (name.to_owned(), value));
    own.chain(options.parameters.clone()).collect()
}

/// What Lambda itself puts into every function's environment, with credentials that emulators take.
pub(super) fn lambda_environment(endpoint: &str) -> BTreeMap<String, String> {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", endpoint),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
