//! Who clicked, or entered a command.

use super::wire;
use crate::tenant::Snowflake;
use crate::text::visible_line;
use crate::timestamp;

/// The longest name of a member that is kept, in characters.
const MOST_NAME: usize = 80;

/// Who clicked.
#[derive(Debug, Clone)]
pub struct Member {
    user_id: Snowflake,
    name: String,
    roles: Vec<Snowflake>,
    bot: bool,
    pending: bool,
    timed_out_until: Option<i64>,
}

impl Member {
    /// Their id.
    #[must_use]
    pub const fn user_id(&self) -> Snowflake {
        self.user_id
    }

    /// Their name now: one line of at most 80 visible characters. It goes into audit entries and signed actions, where a
    /// hidden character could make one approver look like another.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their roles, without @everyone.
    #[must_use]
    pub fn roles(&self) -> &[Snowflake] {
        &self.roles
    }

    /// Whether they may act at all: a person, past membership screening, not timed out at `now` (unix seconds).
    #[must_use]
    pub fn may_act(&self, now: i64) -> bool {
        !self.bot && !self.pending && self.timed_out_until.is_none_or(|until| until <= now)
    }
}

impl From<wire::MemberBody> for Member {
    fn from(member: wire::MemberBody) -> Self {
        let until = member.communication_disabled_until.as_ref();
        Self {
            user_id: member.user.id,
            name: visible_line(&member.user.global_name.unwrap_or(member.user.username), MOST_NAME),
            roles: member.roles,
            bot: member.user.bot,
            pending: member.pending,
            // A time that cannot be read counts as a time-out that lasts.
            timed_out_until: until
                .filter(|value| !value.is_null())
                .map(|value| timestamp::parse(value).unwrap_or(i64::MAX)),
        }
    }
}
