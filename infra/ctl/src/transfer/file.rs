//! The file: written once from front to back, and read twice, first to see that it is whole.

use super::kind_of;
use crate::error::CtlError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, Write};
use vyrox_contract::TenantId;
use vyrox_platform::transfer::Stored;

/// The only version there is.
const VERSION: u32 = 1;
/// More than any item's line: DynamoDB's own limit is 400 KB, base64 a third more.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The version of the form.
    pub(super) vyrox_export: u32,
    /// Unix seconds.
    pub(super) exported_at: i64,
    /// The stack it comes from.
    pub(super) stack: String,
    pub(super) tenants: Vec<TenantId>,
    /// Whether secrets and payloads are in it, in the clear.
    pub(super) with_secrets: bool,
    /// The key that signed the checkpoints so far: PEM.
    pub(super) checkpoint_key: String,
}

impl Head {
    pub(super) fn new(exported_at: i64, stack: &str, tenants: Vec<TenantId>, with_secrets: bool, key: String) -> Self {
        let stack = stack.to_owned();
        Self { vyrox_export: VERSION, exported_at, stack, tenants, with_secrets, checkpoint_key: key }
    }
}

/// How many items of each kind.
pub(super) type Counts = BTreeMap<String, u64>;

/// The last line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// What is in the file.
    pub(super) items: Counts,
    /// What is not, though it was stored.
    pub(super) left_out: Counts,
    /// Of every byte before the manifest's line.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn total(&self) -> u64 {
        self.items.values().sum()
    }
}

/// An item on its way.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) tenant: TenantId,
    pub(super) item: Stored,
    /// What was sealed, in the clear; null without.
    pub(super) clear: Value,
}

/// Writes the file.
pub(super) struct Writer<W> {
    out: W,
    hash: Sha256,
    manifest: Manifest,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(out: W, head: &Head) -> Result<Self, CtlError> {
        let mut writer = Self { out, hash: Sha256::new(), manifest: Manifest::default() };
        writer.line(&json!(head))?;
        Ok(writer)
    }

    pub(super) fn item(&mut self, tenant: &TenantId, item: &Stored, clear: Value) -> Result<(), CtlError> {
        let mut line = item.to_json()?;
        line["tenant_id"] = json!(tenant);
        if !clear.is_null() {
            line["clear"] = clear;
        }
        *self.manifest.items.entry(kind_of(item.key().as_str()).to_owned()).or_default() += 1;
        self.line(&line)
    }

    pub(super) fn leave_out(&mut self, what: &str) {
        *self.manifest.left_out.entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn end(mut self) -> Result<(W, Manifest), CtlError> {
        self.manifest.sha256 = hex::encode(self.hash.finalize());
        writeln!(self.out, "{}", json!({"manifest": self.manifest}))?;
        self.out.flush()?;
        Ok((self.out, self.manifest))
    }

    fn line(&mut self, line: &Value) -> Result<(), CtlError> {
        let text = format!("{line}\n");
        self.hash.update(&text);
        Ok(self.out.write_all(text.as_bytes())?)
    }
}

/// A file that is whole: its bytes are those that its manifest tells of.
#[derive(Debug)]
pub(super) struct Whole {
    file: BufReader<File>,
    pub(super) head: Head,
    pub(super) manifest: Manifest,
}

impl Whole {
    /// Reads all of it.
    ///
    /// # Errors
    /// [`CtlError::NotAnExport`], with what is wrong; nothing of it is to be used then.
    pub(super) fn check(file: File) -> Result<Self, CtlError> {
        let mut file = BufReader::new(file);
        let mut hash = Sha256::new();
        let first = line(&mut file)?.ok_or(CtlError::NotAnExport("it is empty"))?;
        let head = head(&first)?;
        hash.update(&first);
        let mut counts = Counts::new();
        let (mut before, mut begun) = (None, BTreeSet::new());
        loop {
            let text = line(&mut file)?.ok_or(CtlError::NotAnExport("it has no manifest: it was cut off"))?;
            let json: Value = serde_json::from_slice(&text).map_err(|_| CtlError::NotAnExport("a line is not JSON"))?;
            if let Some(manifest) = json.get("manifest") {
                let manifest = Manifest::deserialize(manifest)
                    .map_err(|_| CtlError::NotAnExport("its manifest cannot be read"))?;
                if manifest.sha256 != hex::encode(hash.finalize()) || manifest.items != counts {
                    return Err(CtlError::NotAnExport("its bytes are not those that its manifest tells of"));
                }
                if line(&mut file)?.is_some() {
                    return Err(CtlError::NotAnExport("something follows its manifest"));
                }
                return Ok(Self { file, head, manifest });
            }
            hash.update(&text);
            let parsed = parse(&json)?;
            if !head.tenants.contains(&parsed.tenant) {
                return Err(CtlError::NotAnExport("it holds an item of a tenant that its first line does not name"));
            }
            if before.as_ref() != Some(&parsed.tenant) {
                if !begun.insert(parsed.tenant.clone()) {
                    return Err(CtlError::NotAnExport("the items of a tenant do not stand together"));
                }
                before = Some(parsed.tenant.clone());
            }
            *counts.entry(kind_of(parsed.item.key().as_str()).to_owned()).or_default() += 1;
        }
    }

    /// Its items, from the first one on.
    pub(super) fn items(&mut self) -> Result<impl Iterator<Item = Result<Line, CtlError>> + '_, CtlError> {
        self.file.rewind()?;
        line(&mut self.file)?;
        let total = self.manifest.total();
        Ok((0..total).map(|_| {
            let text = line(&mut self.file)?.ok_or(CtlError::NotAnExport("it was changed while it was read"))?;
            parse(&serde_json::from_slice(&text).map_err(|_| CtlError::NotAnExport("a line is not JSON"))?)
        }))
    }
}

/// The first line. Its version is read by itself: another one's line may look otherwise.
fn head(line: &[u8]) -> Result<Head, CtlError> {
    let foreign = || CtlError::NotAnExport("its first line is not that of an export");
    let json: Value = serde_json::from_slice(line).map_err(|_| foreign())?;
    match json["vyrox_export"].as_u64() {
        Some(version) if version > u64::from(VERSION) => {
            Err(CtlError::NotAnExport("it was written by a newer version: import it with that one"))
        }
        _ => serde_json::from_value(json).ok().filter(|head: &Head| head.vyrox_export == VERSION).ok_or_else(foreign),
    }
}

fn parse(json: &Value) -> Result<Line, CtlError> {
    let tenant = json["tenant_id"].as_str().and_then(|id| id.parse().ok());
    let tenant = tenant.ok_or(CtlError::NotAnExport("a line names no tenant"))?;
    Ok(Line { tenant, item: Stored::from_json(json)?, clear: json.get("clear").cloned().unwrap_or_default() })
}

/// One line with its newline; `None` at the end.
fn line(file: &mut BufReader<File>) -> Result<Option<Vec<u8>>, CtlError> {
    let mut text = Vec::new();
    std::io::Read::take(&mut *file, LONGEST_LINE).read_until(b'\n', &mut text)?;
    match text.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(text)),
        Some(_) => Err(CtlError::NotAnExport("a line has no end: it was cut off, or is no export")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported() -> Vec<u8> {
        let tenants: Vec<TenantId> = ["acme", "beta"].map(|id| id.parse().unwrap()).into();
        let head = Head::new(1_700_000_000, "vyrox", tenants.clone(), true, "PEM".to_owned());
        let mut writer = Writer::begin(Vec::new(), &head).unwrap();
        for tenant in &tenants {
            for key in ["ALERT#1", "PROFILE"] {
                let item = json!({"sk": key, "item": {"body": {"S": "{\"a\":1}"}, "raw": {"B": "AAEC"}}});
                writer.item(tenant, &Stored::from_json(&item).unwrap(), json!({"secret": "x"})).unwrap();
            }
        }
        writer.leave_out("ENROL");
        writer.end().unwrap().0
    }

    fn check(bytes: &[u8]) -> Result<Whole, CtlError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        Whole::check(file)
    }

    #[test]
    fn what_was_written_is_whole_and_gives_its_items_back() {
        let mut whole = check(&exported()).unwrap();
        assert_eq!((whole.manifest.total(), whole.manifest.left_out["ENROL"]), (4, 1));
        let keys: Vec<String> =
            whole.items().unwrap().map(|line| line.unwrap().item.key().as_str().to_owned()).collect();
        assert_eq!(keys, ["ALERT#1", "PROFILE", "ALERT#1", "PROFILE"]);
    }

    #[test]
    fn wherever_it_is_cut_it_is_refused() {
        let whole = exported();
        for length in 0..whole.len() {
            assert!(matches!(check(&whole[..length]), Err(CtlError::NotAnExport(_))), "cut at {length}");
        }
    }

    #[test]
    fn whichever_byte_is_changed_it_is_refused() {
        let whole = exported();
        for at in 0..whole.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut altered = whole.clone();
                altered[at] ^= flip;
                if let Ok(read) = check(&altered) {
                    // What is left out is told, not held: nobody relies on that count.
                    assert_eq!(read.manifest.items, check(&whole).unwrap().manifest.items, "byte {at} ^ {flip}");
                    assert!(at > whole.len() - 200 && altered[..at] == whole[..at], "byte {at} ^ {flip}");
                }
            }
        }
    }

    #[test]
    fn a_newer_form_is_told_from_a_foreign_one_however_it_looks() {
        for (first, why) in [
            (r#"{"vyrox_export":2,"what":"is new"}"#, "newer version"),
            (r#"{"vyrox_export":0,"tenants":[]}"#, "first line"),
            (r#"{"vyrox_export":"1"}"#, "first line"),
            (r#"[1]"#, "first line"),
            ("# a list", "first line"),
        ] {
            let said = check(format!("{first}\n").as_bytes()).unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("Nothing was written"), "{first}: {said}");
        }
    }

    #[test]
    fn tenants_that_are_mixed_are_refused() {
        let tenants: Vec<TenantId> = ["acme", "beta"].map(|id| id.parse().unwrap()).into();
        let head = Head::new(1_700_000_000, "vyrox", tenants.clone(), false, "PEM".to_owned());
        let mut writer = Writer::begin(Vec::new(), &head).unwrap();
        for (tenant, key) in [(0, "ALERT#1"), (1, "ALERT#1"), (0, "PROFILE")] {
            let item = Stored::from_json(&json!({"sk": key, "item": {}})).unwrap();
            writer.item(&tenants[tenant], &item, Value::Null).unwrap();
        }
        let said = check(&writer.end().unwrap().0).unwrap_err().to_string();
        assert!(said.contains("do not stand together"), "{said}");
    }
}
