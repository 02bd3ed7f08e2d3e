//! Discord's REST API beyond an alert's card: answering a command, looking at a server, registering commands.

use crate::config;
use crate::discord::{AGENT, DiscordError, refused};
use crate::secrets::Secret;
use reqwest::header::{AUTHORIZATION, USER_AGENT};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vyrox_domain::card::Ephemeral;
use vyrox_domain::command::InteractionToken;
use vyrox_domain::tenant::Snowflake;

/// A file that goes with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, with the ending that says what it is.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A server, as far as its safety matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Guild {
    /// Its id.
    pub id: Snowflake,
    /// 1 if moderators need a second factor.
    pub mfa_level: u8,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its id; the server's own for @everyone.
    pub id: Snowflake,
    /// What it allows, as Discord's bits in decimal digits.
    pub permissions: String,
    /// Whether an integration manages it.
    #[serde(default)]
    pub managed: bool,
    /// Bit 0: members can choose it while joining.
    #[serde(default)]
    pub flags: u64,
    /// Present where it belongs to a bot, an integration, a subscription or boosting.
    #[serde(default)]
    pub tags: Option<Value>,
}

/// What a channel changes of a role's or member's permissions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overwrite {
    /// The role or member.
    pub id: Snowflake,
    /// 0 for a role, 1 for a member.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Bits that are added, in decimal digits.
    pub allow: String,
    /// Bits that are taken away, in decimal digits.
    pub deny: String,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// Its server.
    pub guild_id: Option<Snowflake>,
    /// What it changes.
    #[serde(default)]
    pub permission_overwrites: Vec<Overwrite>,
}

/// The bot as a member of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BotMember {
    /// Its roles, without @everyone.
    pub roles: Vec<Snowflake>,
}

/// The bot of our application.
#[derive(Debug, Clone)]
pub struct Bot {
    http: reqwest::Client,
    api_url: String,
    application: Snowflake,
    authorization: Secret,
}

impl Bot {
    /// With the bot of this configuration.
    #[must_use]
    pub fn new(http: reqwest::Client, config: &config::Discord, application: Snowflake) -> Self {
        let authorization = Secret::new(format!("Bot {}", config.bot_token.expose()).into_bytes());
        Self { http, api_url: config.api_url.clone(), application, authorization }
    }

    /// The application, whose id is the bot's too.
    #[must_use]
    pub const fn application(&self) -> Snowflake {
        self.application
    }

    /// Puts the answer in the place of "is thinking". Who sees it was settled then: the one who asked.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn answer(
        &self,
        token: &InteractionToken,
        message: &Ephemeral,
        files: &[Attachment],
    ) -> Result<(), DiscordError> {
        let mut body = serde_json::to_value(message).expect("an answer has string keys and no floats");
        if let Some(body) = body.as_object_mut() {
            body.remove("flags");
        }
        let path = format!("/webhooks/{}/{}/messages/@original", self.application, token.expose());
        // The token in the path is all the proof that Discord wants here.
        let request = self.http.request(Method::PATCH, format!("{}{path}", self.api_url)).header(USER_AGENT, AGENT);
        if files.is_empty() {
            return send::<Value>(request.json(&body)).await.map(drop);
        }
        let listed = files.iter().enumerate().map(|(id, file)| json!({"id": id, "filename": file.name}));
        body["attachments"] = listed.collect();
        let mut form = Form::new().part("payload_json", part(body.to_string().into_bytes(), "application/json")?);
        for (id, file) in files.iter().enumerate() {
            let bytes = part(file.bytes.clone(), file.kind)?.file_name(file.name);
            form = form.part(format!("files[{id}]"), bytes);
        }
        send::<Value>(request.multipart(form)).await.map(drop)
    }

    /// A server.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn guild(&self, guild: Snowflake) -> Result<Guild, DiscordError> {
        self.get(&format!("/guilds/{guild}")).await
    }

    /// A server's roles.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn roles(&self, guild: Snowflake) -> Result<Vec<Role>, DiscordError> {
        self.get(&format!("/guilds/{guild}/roles")).await
    }

    /// A channel.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn channel(&self, channel: Snowflake) -> Result<Channel, DiscordError> {
        self.get(&format!("/channels/{channel}")).await
    }

    /// The bot itself in a server.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn own_member(&self, guild: Snowflake) -> Result<BotMember, DiscordError> {
        self.get(&format!("/guilds/{guild}/members/{}", self.application)).await
    }

    /// Puts these commands in the place of all that the application has, in one server or everywhere.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn register(&self, guild: Option<Snowflake>, commands: &Value) -> Result<(), DiscordError> {
        let application = self.application;
        let path = match guild {
            Some(guild) => format!("/applications/{application}/guilds/{guild}/commands"),
            None => format!("/applications/{application}/commands"),
        };
        send::<Value>(self.request(Method::PUT, &path).json(commands)).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DiscordError> {
        send(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.api_url))
            .header(AUTHORIZATION, self.authorization.expose())
            .header(USER_AGENT, AGENT)
    }
}

fn part(bytes: Vec<u8>, kind: &str) -> Result<Part, DiscordError> {
    Part::bytes(bytes).mime_str(kind).map_err(|error| DiscordError::Unavailable(error.into()))
}

/// What came back. The path holds an interaction's token, so no error names it.
async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, DiscordError> {
    let unavailable = |error: reqwest::Error| DiscordError::Unavailable(error.without_url().into());
    let response = request.send().await.map_err(unavailable)?;
    if response.status().is_success() {
        return response.json().await.map_err(unavailable);
    }
    Err(refused(response).await)
}
