//! `/vyrox proxy enrol`: a one-time token, shown once.

use crate::{Asked, Assist, AssistError, warn};
use serde_json::json;
use vyrox_contract::ProxyId;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::text::Shown;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::enrolment::{Enrolment, EnrolmentToken};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::SortKey;

/// How long a token is good for, in seconds.
const TOKEN_LIFE: i64 = 15 * 60;

impl Assist {
    pub(crate) async fn enrol(&self, asked: &Asked, name: &ProxyId) -> Result<Ephemeral, AssistError> {
        let (tenant_id, now) = (asked.tenant_id(), self.clock.now());
        let known = self.table.read::<EnrolledProxy>(tenant_id, &SortKey::proxy(name), now).await?;
        if known.is_some_and(|proxy| proxy.value.revoked_at.is_none()) {
            // A second enrolment would replace the key and shut the running proxy out.
            return Ok(warn(
                "A proxy of this name is enrolled. Choose another name, or have it revoked: `vyroxctl proxy revoke`.",
            ));
        }
        let token = EnrolmentToken::generate(tenant_id);
        let enrolment = Enrolment {
            hash: token.hash()?,
            proxy_id: name.clone(),
            push_url: None,
            uses_left: 1,
            expires_at: now.saturating_add(TOKEN_LIFE),
        };
        let change =
            Change::put(SortKey::enrolment(token.id()), &enrolment, Expect::Absent).expiring(enrolment.expires_at);
        let mut entry = self.entry(asked, "ENROLMENT_CREATED");
        entry.detail.insert("token".to_owned(), json!(token.id()));
        entry.detail.insert("proxy_id".to_owned(), json!(name));
        entry.detail.insert("expires_at".to_owned(), json!(enrolment.expires_at));
        self.ledger.commit(tenant_id, &[change], &entry).await?;
        Ok(self.token_shown(&token, &enrolment))
    }

    fn token_shown(&self, token: &EnrolmentToken, enrolment: &Enrolment) -> Ephemeral {
        let line = format!("vyrox-edge-proxy enrol --url {} --token -", self.relay_url);
        Ephemeral::panel(
            Shown::join([
                Shown::literal("A token for the proxy "),
                Shown::span(enrolment.proxy_id.as_str(), 70),
                Shown::literal(", good once, until "),
                Shown::time(enrolment.expires_at, 'R'),
            ]),
            Tone::Good,
            "Edge proxy",
            Shown::literal(
                "Run the line beside your EDR and give it the token on standard input. The token is shown this once, to \
                 you only. The proxy begins in dry run: it calls your EDR only when its own configuration says so.",
            ),
            [
                (Shown::literal("Run"), Shown::fence(&line, 400)),
                (Shown::literal("Token"), Shown::fence(&token.reveal(), 300)),
            ],
        )
    }
}
