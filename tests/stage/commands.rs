//! Slash commands as members enter them, and their answers.

use crate::{APPROVER, ClickBody, PATIENCE, Stage};
use serde_json::{Value, json};
use tokio::time::Instant;
use vyrox_contract::AlertId;
use vyrox_domain::record::AlertRecord;
use vyrox_platform::table::Prefix;
use vyrox_standins::discord::ClickOutcome;

/// The member who sets things up: Manage Server, and the administrator role.
pub const ADMINISTRATOR: &str = "900000000000000004";
/// The roles of the runner's server.
pub const APPROVER_ROLE: &str = "800000000000000001";
/// Whoever may set the tenant up.
pub const ADMIN_ROLE: &str = "800000000000000003";

/// Text.
pub const TEXT: u64 = 3;
/// A whole number.
pub const WHOLE: u64 = 4;
/// A role.
pub const ROLE_OPTION: u64 = 8;

/// An option as it is entered: name, type, value.
pub type Entered<'a> = (&'a str, u64, Value);

/// Discord's option array for a command of `/vyrox`.
#[must_use]
pub fn options(path: &[&str], entered: &[Entered<'_>]) -> Value {
    let options = entered.iter().map(|(name, kind, value)| json!({"name": name, "type": kind, "value": value}));
    let mut options: Value = options.collect();
    for (depth, word) in path.iter().rev().enumerate() {
        options = json!([{"name": word, "type": depth + 1, "options": options}]);
    }
    options
}

/// Everything that an answer says, as JSON text.
#[must_use]
pub fn said(answer: &Value) -> String {
    json!([answer["content"], answer["embeds"]]).to_string()
}

impl Stage {
    /// A member enters a command; what Discord got for it at once.
    ///
    /// # Panics
    /// The client would not have let them.
    pub async fn enter(&self, member: &str, path: &[&str], entered: &[Entered<'_>]) -> ClickOutcome {
        let outcome = self.system.discord.command(member, "vyrox", options(path, entered)).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("/vyrox {}: {error}", path.join(" ")));
        assert_eq!(outcome.failure, None, "/vyrox {}", path.join(" "));
        assert!(outcome.is_ephemeral(), "answers are for the one who asked: {outcome:?}");
        outcome
    }

    /// A member enters a command and waits for its whole answer.
    ///
    /// # Panics
    /// None comes.
    pub async fn ask(&self, member: &str, path: &[&str], entered: &[Entered<'_>]) -> Value {
        self.enter(member, path, entered).await;
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let answer = self.system.discord.ephemerals(member).pop().expect("there is an answer or its place");
            if answer["flags"].as_u64().is_some_and(|flags| flags & 128 == 0) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "no answer to /vyrox {}: {:#?}",
                path.join(" "),
                self.system.timeline.stages()
            );
            tokio::time::sleep(crate::LOOK).await;
        }
    }

    /// Links the server with the code that the runner made.
    ///
    /// # Panics
    /// Something is set up already.
    pub async fn link(&self) -> Value {
        let code = self.system.link_code.clone().expect("a fresh system has a code");
        let entered = [("code", TEXT, json!(code)), ("admin_role", ROLE_OPTION, json!(ADMIN_ROLE))];
        self.ask(ADMINISTRATOR, &["register"], &entered).await
    }

    /// Links the server, adds approvers and a source, and puts the tenant into use; all with commands.
    pub async fn set_up(&self) {
        self.link().await;
        self.ask(ADMINISTRATOR, &["approvers", "add"], &[("role", ROLE_OPTION, json!(APPROVER_ROLE))]).await;
        self.ask(ADMINISTRATOR, &["setup"], &[("source", TEXT, json!("crowdstrike"))]).await;
        self.ask(ADMINISTRATOR, &["onboard"], &[]).await;
    }

    /// The alert that came in last.
    ///
    /// # Panics
    /// There is none.
    pub async fn latest_alert(&self) -> AlertId {
        let (table, tenant) = (&self.system.table, self.tenant());
        let alerts =
            table.list::<AlertRecord>(&tenant, &Prefix::alerts(), self.now()).await.expect("the table can be read");
        let latest = alerts.iter().max_by_key(|found| found.value.alert.received_at);
        latest.expect("an alert came in").value.alert.id
    }

    /// A command as Discord would post it, by an approver without Manage Server; every part can be made to lie.
    #[must_use]
    pub fn command_body(&self, path: &[&str], entered: &[Entered<'_>]) -> ClickBody {
        command_body(self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed), path, entered)
    }
}

/// The `number`-th command as Discord would post it, by an approver without Manage Server.
#[must_use]
pub fn command_body(number: u64, path: &[&str], entered: &[Entered<'_>]) -> ClickBody {
    ClickBody(json!({
        "id": (1_600_000_000_000_000_000_u64 + number).to_string(), "application_id": "500000000000000001",
        "type": 2, "token": "t", "version": 1, "guild_id": "600000000000000001",
        "channel_id": "700000000000000001",
        "data": {"id": "1", "name": "vyrox", "type": 1, "options": options(path, entered), "resolved": {"roles": {
            "600000000000000001": {"id": "600000000000000001", "name": "@everyone", "managed": false, "flags": 0},
            APPROVER_ROLE: {"id": APPROVER_ROLE, "name": "approver", "managed": false, "flags": 0},
            ADMIN_ROLE: {"id": ADMIN_ROLE, "name": "vyrox-admin", "managed": false, "flags": 0},
            "81": {"id": "81", "name": "a bot's", "managed": true, "flags": 0},
            "82": {"id": "82", "name": "chosen while joining", "managed": false, "flags": 1},
            "83": {"id": "83", "name": "of a linked account", "managed": false, "flags": 0, "tags": {"guild_connections": null}},
            "84": {"id": "84", "name": "another", "managed": false, "flags": 0},
        }}},
        "member": {"user": {"id": APPROVER, "username": "member", "global_name": null, "bot": false},
            "roles": [APPROVER_ROLE], "pending": false, "communication_disabled_until": null, "permissions": "0"},
    }))
}
