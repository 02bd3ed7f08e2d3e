//! `/vyrox doctor`: what is wrong with a tenant's setup, and what to do about it. It looks at Discord with the bot's token,
//! which is why it is done here and not in the request path.

use crate::permissions::{in_channel, missing};
use crate::{Asked, Assist, AssistError};
use std::collections::HashMap;
use vyrox_contract::Vendor;
use vyrox_domain::card::{self, Ephemeral, Tone};
use vyrox_domain::channel::BrokenChannel;
use vyrox_domain::tenant::{Snowflake, Tenant};
use vyrox_domain::text::Shown;
use vyrox_platform::bot::Role;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::source::Source;
use vyrox_platform::table::{Prefix, SortKey};
use vyrox_platform::volatile::Volatile;

/// Discord's role flag for "can be chosen while joining".
const IN_PROMPT: u64 = 1;
/// After this many seconds without a poll a proxy is missed: it polls every few seconds, and is noted once a minute.
const MISSED_AFTER: i64 = 180;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Fine,
    Doubtful,
    Broken,
}

/// What was found.
#[derive(Debug)]
struct Finding {
    health: Health,
    text: Shown,
}

fn fine(text: Shown) -> Finding {
    Finding { health: Health::Fine, text }
}

fn doubtful(text: Shown) -> Finding {
    Finding { health: Health::Doubtful, text }
}

fn broken(text: Shown) -> Finding {
    Finding { health: Health::Broken, text }
}

impl Assist {
    pub(crate) async fn examine(&self, asked: &Asked) -> Result<Ephemeral, AssistError> {
        let tenant = &asked.tenant.value;
        let mut groups = vec![
            (Shown::literal("Server"), self.server(asked.command.guild_id).await?),
            (Shown::literal("Roles"), self.roles(asked.command.guild_id, tenant).await?),
            (Shown::literal("Channel"), self.channel(asked.command.guild_id, tenant).await?),
        ];
        groups.push((Shown::literal("Sources"), self.sources(asked).await?));
        groups.push((Shown::literal("Edge proxy"), self.proxy(tenant).await?));
        let worst = groups.iter().flat_map(|(_, findings)| findings).map(|finding| finding.health).max();
        let (line, tone) = match worst.unwrap_or(Health::Fine) {
            Health::Fine => ("Everything is as it should be.", Tone::Good),
            Health::Doubtful => ("It works, and something could be better.", Tone::Warning),
            Health::Broken => ("Something is broken.", Tone::Bad),
        };
        let fields = groups.into_iter().map(|(name, findings)| (name, Shown::lines(findings.into_iter().map(shown))));
        Ok(Ephemeral::panel(Shown::literal(line), tone, "Doctor", Shown::literal(line), fields))
    }

    async fn server(&self, guild: Snowflake) -> Result<Vec<Finding>, AssistError> {
        Ok(match answered(self.bot.guild(guild).await)? {
            Err(code) => vec![broken(cannot_see("the server", code))],
            Ok(guild) if guild.mfa_level == 0 => vec![doubtful(Shown::literal(
                "Moderators need no second factor. Whoever steals an approver's session can approve: switch on \
                 Server Settings › Safety › Require 2FA for moderator actions.",
            ))],
            Ok(_) => vec![fine(Shown::literal("Moderators need a second factor."))],
        })
    }

    async fn roles(&self, guild: Snowflake, tenant: &Tenant) -> Result<Vec<Finding>, AssistError> {
        let roles = match answered(self.bot.roles(guild).await)? {
            Ok(roles) => roles,
            Err(code) => return Ok(vec![broken(cannot_see("the roles", code))]),
        };
        let known: HashMap<Snowflake, &Role> = roles.iter().map(|role| (role.id, role)).collect();
        let mut findings = Vec::new();
        if tenant.approver_roles.is_empty() {
            findings.push(broken(Shown::literal(
                "There is no approver role, so nobody can decide: `/vyrox approvers add`.",
            )));
        }
        let named = [("approver ", &tenant.approver_roles[..]), ("administrator ", &tenant.admin_roles[..])];
        let on_call = ("on call ", tenant.on_call_role.as_slice());
        for (what, roles) in named.into_iter().chain([on_call]) {
            for role in roles {
                let name = || Shown::join([Shown::literal(what), Shown::role(*role)]);
                let bad = |why| Shown::join([name(), Shown::literal(why)]);
                findings.push(match known.get(role) {
                    None => broken(bad(": there is no such role any more")),
                    Some(_) if *role == guild => broken(bad(" is @everyone: everybody has it")),
                    Some(role) if role.managed => {
                        broken(bad(" is managed by an integration, which decides who has it"))
                    }
                    Some(role) if role.flags & IN_PROMPT != 0 || role.tags.is_some() => {
                        broken(bad(": members can give it to themselves"))
                    }
                    Some(_) => fine(name()),
                });
            }
        }
        Ok(findings)
    }

    async fn channel(&self, guild: Snowflake, tenant: &Tenant) -> Result<Vec<Finding>, AssistError> {
        let Some(id) = tenant.channel_id else {
            return Ok(vec![broken(Shown::literal("There is no channel for cards."))]);
        };
        let looked =
            async { tokio::try_join!(self.bot.channel(id), self.bot.roles(guild), self.bot.own_member(guild)) };
        let (channel, roles, member) = match answered(looked.await)? {
            Ok(found) => found,
            Err(code) => return Ok(vec![broken(cannot_see("the channel", code))]),
        };
        if channel.guild_id.is_some_and(|own| own != guild) {
            return Ok(vec![broken(Shown::literal(
                "The channel for cards is in another server: clicks there count for nothing.",
            ))]);
        }
        // What cards have met lately: the permissions can look right and the channel refuse all the same.
        let key = SortKey::channel(id);
        let broken_lately = self.table.read::<BrokenChannel>(&tenant.id, &key, self.clock.now()).await?;
        let refused = broken_lately.map(|found| broken(card::channel_is_broken(&found.value)));
        let lacking = missing(in_channel(guild, (self.bot.application(), &member.roles), &roles, &channel));
        let permitted = if lacking.is_empty() {
            fine(Shown::join([Shown::literal("Cards can be posted in "), Shown::channel(id)]))
        } else {
            broken(Shown::join([
                Shown::literal("In "),
                Shown::channel(id),
                Shown::literal(" the bot lacks: "),
                Shown::join(lacking.iter().enumerate().map(|(index, name)| {
                    Shown::join([Shown::literal(if index > 0 { ", " } else { "" }), Shown::literal(name)])
                })),
            ]))
        };
        Ok([permitted].into_iter().chain(refused).collect())
    }

    async fn sources(&self, asked: &Asked) -> Result<Vec<Finding>, AssistError> {
        let sources = self.table.list::<Source>(asked.tenant_id(), &Prefix::sources(), self.clock.now()).await?;
        if sources.is_empty() {
            return Ok(vec![broken(Shown::literal("There is none: `/vyrox setup` adds one."))]);
        }
        let alerts = self.alerts(asked).await?;
        let last = |vendor: Vendor| {
            let own = alerts.records.iter().find(|record| record.alert.source == vendor && !record.canary);
            own.map(|record| record.alert.received_at)
        };
        Ok(sources
            .iter()
            .map(|source| {
                let vendor = source.value.vendor;
                let name = Shown::span(vendor.as_str(), 40);
                match last(vendor) {
                    Some(at) => fine(Shown::join([name, Shown::literal(": last alert "), Shown::time(at, 'R')])),
                    None => doubtful(Shown::join([
                        name,
                        Shown::literal(": no alert of its own yet; check the URL and the secret in its console"),
                    ])),
                }
            })
            .collect())
    }

    async fn proxy(&self, tenant: &Tenant) -> Result<Vec<Finding>, AssistError> {
        let now = self.clock.now();
        let Some(id) = &tenant.proxy_id else {
            return Ok(vec![broken(Shown::literal("None acts for this tenant: `/vyrox proxy enrol`."))]);
        };
        let name = || Shown::span(id.as_str(), 70);
        let proxy = self.table.read::<EnrolledProxy>(&tenant.id, &SortKey::proxy(id), now).await?;
        let Some(proxy) = proxy.map(|found| found.value).filter(|proxy| proxy.revoked_at.is_none()) else {
            return Ok(vec![broken(Shown::join([name(), Shown::literal(" is not enrolled any more")]))]);
        };
        if proxy.push_url.is_some() {
            return Ok(vec![fine(Shown::join([
                name(),
                Shown::literal(" is pushed to, so it is seen only when it acts"),
            ]))]);
        }
        Ok(vec![match Volatile::new(self.table.clone()).proxy_seen(&tenant.id, id).await? {
            Some(at) if now.saturating_sub(at) <= MISSED_AFTER => {
                fine(Shown::join([name(), Shown::literal(" polled "), Shown::time(at, 'R')]))
            }
            Some(at) => broken(Shown::join([name(), Shown::literal(" last polled "), Shown::time(at, 'R')])),
            None => broken(Shown::join([name(), Shown::literal(" has not polled yet: is it running?")])),
        }])
    }
}

fn shown(finding: Finding) -> Shown {
    let mark = match finding.health {
        Health::Fine => "✅ ",
        Health::Doubtful => "⚠️ ",
        Health::Broken => "❌ ",
    };
    Shown::join([Shown::literal(mark), finding.text])
}

/// What Discord refuses is a finding; that it cannot be reached is a reason to try again.
fn answered<T>(result: Result<T, DiscordError>) -> Result<Result<T, u64>, AssistError> {
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(DiscordError::Refused { code, .. }) => Ok(Err(code)),
        Err(error) => Err(error.into()),
    }
}

fn cannot_see(what: &'static str, code: u64) -> Shown {
    Shown::join([
        Shown::literal("The bot cannot see "),
        Shown::literal(what),
        Shown::literal(" (Discord's code "),
        Shown::number(i64::try_from(code).unwrap_or(0)),
        Shown::literal("). Was it removed?"),
    ])
}
