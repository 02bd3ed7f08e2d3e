//! `vyroxctl evidence`: what a tenant hands to somebody who trusts neither it nor Vyrox. The audit's own bytes, what was
//! signed, the public keys, two verifiers and how to use them, and a report for people.
//!
//! Everything is written to disk as it comes and verified there, as whoever gets the pack will do it; memory grows with the
//! number of alerts and decisions in the report's period, not with the audit.

mod archive;
mod chains;
mod controls;
mod facts;
mod guide;
mod keys;
mod pack;
mod period;
mod report;
mod signed;
mod verification;

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report as Answer;
use crate::table;
use clap::Args;
use facts::Facts;
use keys::Keys;
use pack::Pack;
use period::Period;
use report::Material;
use serde_json::json;
use signed::Copies;
use std::path::PathBuf;
use time::Date;
use verification::Verification;
use vyrox_contract::TenantId;

/// Write a tenant's evidence pack; that it was taken is entered first
#[derive(Debug, Args)]
#[command(
    long_about = "Write a tenant's evidence pack; that it was taken is entered first.\n\nThe audit in it is whole, because \
    only a whole chain can be verified; --from and --to choose what the report tells of. Exit code 1: the pack was \
    written, and what is in it does not verify.",
    after_help = "Examples:\n  vyroxctl evidence --tenant acme --from 2026-01-01 --to 2026-03-31\n  \
    vyroxctl evidence --tenant acme --from 2026-01-01 --to 2026-03-31 --out acme-q1.zip --proxy-log /var/lib/vyrox/audit"
)]
pub(crate) struct Evidence {
    /// The tenant
    #[arg(long)]
    tenant: TenantId,
    /// The first day of the report (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = period::day)]
    from: Date,
    /// Its last day, included
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = period::day)]
    to: Date,
    /// A new folder, or a new file if the name ends in .zip; without, evidence-TENANT-FROM-TO
    #[arg(long, value_name = "DIR|FILE.zip")]
    out: Option<PathBuf>,
    /// A proxy's audit directory, which is compared with the cloud's audit; repeat it for each proxy
    #[arg(long, value_name = "DIR")]
    proxy_log: Vec<PathBuf>,
}

/// What a pack is of.
#[derive(Debug)]
struct Subject {
    tenant: TenantId,
    /// As the tenant calls itself.
    name: String,
    period: Period,
    /// When the pack was made, unix seconds.
    made_at: i64,
    /// By whom, if that was said.
    operator: Option<String>,
    /// The folders of the pack that hold proxies' logs.
    logs: Vec<String>,
}

impl Evidence {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Answer, CtlError> {
        let period = Period::new(self.from, self.to).ok_or(CtlError::Asked("--to is a day before --from"))?;
        let tenant = deployment.tenant(&self.tenant).await?.value;
        let out = self
            .out
            .unwrap_or_else(|| PathBuf::from(format!("evidence-{}-{}-{}", self.tenant, period.first(), period.last())));
        let mut pack = Pack::create(&out)?;
        let mut logs = Vec::new();
        for (number, directory) in (1..).zip(&self.proxy_log) {
            let name = format!("proxy-log-{number}");
            chains::proxy(directory, &name, &mut pack)?;
            verification::refuse_foreign(&pack, &self.tenant, &name, &directory.display().to_string())?;
            logs.push(name);
        }
        let subject = Subject {
            tenant: self.tenant,
            name: tenant.name,
            period,
            made_at: deployment.now(),
            operator: deployment.settings.operator.clone(),
            logs,
        };
        let keys = Keys::read(deployment, &subject.tenant).await?;
        keys.write(&mut pack)?;
        chains::cloud(deployment, &subject.tenant, period, &mut pack).await?;
        let found = write(&subject, &keys, &mut pack)?;
        let files = pack.files().len();
        pack.finish()?;
        let name = out.display().to_string();
        let mut text = format!("evidence of tenant {} in {name}: {files} files\n", subject.tenant);
        for problem in found.problems() {
            text.push_str(&format!("WRONG  {problem}\n"));
        }
        let json = json!({"tenant_id": subject.tenant, "pack": name, "files": files, "verification": found.to_json()});
        Ok(Answer::new(json, text).ending_with(u8::from(!found.holds())))
    }
}

/// Everything that follows from the chains and keys that are in the pack.
fn write(subject: &Subject, keys: &Keys, pack: &mut Pack) -> Result<Verification, CtlError> {
    let mut copies = Copies::into(pack, keys)?;
    let mut facts = Facts::of(subject.period);
    let cloud = verification::cloud(pack, keys, subject.made_at, |seen| {
        let envelope = copies.take(&seen);
        facts.take(seen, envelope.as_ref());
    })?;
    let signed = copies.finish(pack)?;
    let crosscheck = verification::both(pack, keys, subject.made_at, &subject.logs);
    let found = Verification { cloud, crosscheck, signed };
    guide::write(subject, keys, pack)?;
    pack.put("controls.csv", controls::csv(&facts.kinds))?;
    let page = report::write(Material { subject, keys, facts: &facts, found: &found, files: pack.files() });
    pack.put("report.html", page)?;
    pack.put("manifest.json", manifest(subject, keys, pack, &found))?;
    Ok(found)
}

/// What the pack is, for programs.
fn manifest(subject: &Subject, keys: &Keys, pack: &Pack, found: &Verification) -> String {
    let keys: Vec<_> =
        keys.iter().map(|key| json!({"file": key.file, "signs": key.signs(), "id": key.public.id()})).collect();
    let files: Vec<_> = pack.files().iter().map(|file| json!({"name": file.name, "bytes": file.bytes})).collect();
    let manifest = json!({
        "tenant_id": subject.tenant,
        "from": subject.period.first(),
        "to": subject.period.last(),
        "made_at": subject.made_at,
        "made": table::time(subject.made_at),
        "operator": subject.operator,
        "version": env!("CARGO_PKG_VERSION"),
        "keys": keys,
        "files": files,
        "verification": found.to_json(),
    });
    format!("{manifest:#}\n")
}
