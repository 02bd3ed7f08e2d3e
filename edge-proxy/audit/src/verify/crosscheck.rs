//! Each side's log against what the other side noted of it.
//!
//! The cloud enters a proxy's head with every receipt and poll, the proxy enters the cloud's last checkpoint with every
//! action. So a chain that was cut or rewritten, though it verifies by itself, is not what the other side saw: this finds it,
//! and says between which two entries.
//!
//! ```text
//!  cloud  ... RECEIPT_RECORDED {proxy_audit_head: 17} ... PROXY_HEAD {proxy_audit_head: 23} ...
//!                                   │ is as noted                        │ is not there
//!  proxy  0 ... ................... 17 .... 19                           =>  entries 20 to 23 were cut off
//! ```

use super::{Failure, PublicKey, Report, Seen, Verifier};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Which log is not as the other side noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The cloud's.
    Cloud,
    /// The proxy's.
    Proxy,
}

/// In what way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It ends before the noted entry.
    Cut,
    /// It has another entry in the noted one's place.
    Rewritten,
}

/// A chain that is not what the other side saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose chain.
    pub side: Side,
    /// The chain.
    pub chain: String,
    /// In what way.
    pub how: How,
    /// The last entry before the damage: for a chain that was cut its last entry, otherwise the last one that is as noted.
    /// `None`: it may begin at entry 0.
    pub after: Option<u64>,
    /// The first entry that is known not to be as it was.
    pub until: u64,
    /// The chain that holds the other side's note.
    pub noted_in: String,
    /// The note's entry there.
    pub noted_at: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Cloud => "cloud",
            Side::Proxy => "proxy",
        };
        let Self { chain, until, noted_in, noted_at, .. } = self;
        // Escaped: names come from the logs.
        write!(f, "the {side}'s chain {chain:?} ")?;
        match (self.how, self.after) {
            (How::Cut, Some(last)) => write!(f, "was cut off behind entry {last}: entry {until} is not there")?,
            (How::Cut, None) => write!(f, "is not there, up to entry {until} at least")?,
            (How::Rewritten, Some(good)) => write!(
                f,
                "was rewritten between entry {good}, which is as it was noted, and entry {until}, which is another one"
            )?,
            (How::Rewritten, None) => write!(f, "was rewritten at or before entry {until}, which is another one")?,
        }
        write!(f, " (noted in entry {noted_at} of {noted_in:?})")
    }
}

/// What was compared.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// What does not agree; empty if all does.
    pub findings: Vec<Finding>,
    /// Heads of the proxy that the cloud noted and that are there.
    pub proxy_heads: u64,
    /// Checkpoints that the proxy noted and that are there.
    pub checkpoints: u64,
    /// Proxies that the cloud knows and whose logs were not given.
    pub not_given: Vec<String>,
    /// The cloud's log by itself.
    pub cloud: Report,
    /// The proxy's log by itself.
    pub proxy: Report,
}

/// Verifies both logs and compares them. `at` is as for [`Verifier::at`].
///
/// # Errors
/// [`Failure`] if one of them does not verify by itself.
pub fn crosscheck(cloud: &[PathBuf], proxy: &[PathBuf], keys: &[PublicKey], at: i64) -> Result<Comparison, Failure> {
    let (mut heads, mut checkpoints) = (Anchors::default(), Anchors::default());
    let mut made: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut lane = String::new();
    let cloud = read(cloud, keys, at, |seen| {
        if seen.text("action_type") == "CHECKPOINT" {
            seen.chain.clone_into(&mut lane);
            made.insert((seen.chain.to_owned(), seen.seq), seen.hash.to_owned());
        }
        if let (Some(proxy), Some(head)) =
            (seen.detail("proxy_id").as_str(), noted(seen.detail("proxy_audit_head"), "seq"))
        {
            heads.note(proxy, head, seen);
        }
    })?;
    let proxy = read(proxy, &[], at, |seen| {
        heads.meet(seen.chain, seen.seq, seen.hash);
        if let Some(checkpoint) = noted(seen.detail("checkpoint"), "n") {
            checkpoints.note(&lane, checkpoint, seen);
        }
    })?;
    for ((chain, n), hash) in &made {
        checkpoints.meet(chain, *n, hash);
    }
    let given = |chain: &str| proxy.chains.iter().any(|known| known.chain == chain);
    let not_given = heads.chains.keys().filter(|chain| proxy.entries > 0 && !given(chain)).cloned().collect();
    let (proxy_heads, met) = (heads.met, checkpoints.met);
    let mut findings = heads.findings(Side::Proxy, |chain| last_of(&proxy, chain));
    findings.retain(|finding| proxy.entries == 0 || given(&finding.chain));
    findings.extend(checkpoints.findings(Side::Cloud, |chain| last_of(&cloud, chain)));
    Ok(Comparison { findings, proxy_heads, checkpoints: met, not_given, cloud, proxy })
}

fn read<'a>(
    paths: &[PathBuf],
    keys: &[PublicKey],
    at: i64,
    watch: impl FnMut(Seen<'_>) + Send + 'a,
) -> Result<Report, Failure> {
    let verifier = keys.iter().cloned().fold(Verifier::new().at(at), Verifier::trust);
    let mut verifier = verifier.watch(watch);
    paths.iter().map(PathBuf::as_path).try_for_each(|path: &Path| verifier.path(path))?;
    verifier.finish()
}

fn last_of(report: &Report, chain: &str) -> Option<u64> {
    report.chains.iter().find(|known| known.chain == chain).map(|known| known.last_seq)
}

/// The number and the hash in a note.
fn noted(value: &Value, number: &str) -> Option<(u64, String)> {
    Some((value[number].as_u64()?, value["hash"].as_str()?.to_owned()))
}

/// An entry that one side noted of the other's chain.
#[derive(Debug)]
struct Anchor {
    hash: String,
    noted_in: String,
    noted_at: u64,
}

#[derive(Debug, Default)]
struct Noted {
    /// By their numbers; two notes of one entry may contradict each other.
    pending: BTreeMap<u64, Vec<Anchor>>,
    /// Entries that are as noted.
    good: Vec<u64>,
    /// The first that is not.
    bad: Option<(u64, Anchor)>,
}

/// All notes of one side about the other's chains.
#[derive(Debug, Default)]
struct Anchors {
    chains: BTreeMap<String, Noted>,
    met: u64,
}

impl Anchors {
    fn note(&mut self, chain: &str, (seq, hash): (u64, String), seen: Seen<'_>) {
        let anchors = self.chains.entry(chain.to_owned()).or_default().pending.entry(seq).or_default();
        if !anchors.iter().any(|anchor| anchor.hash == hash) {
            anchors.push(Anchor { hash, noted_in: seen.chain.to_owned(), noted_at: seen.seq });
        }
    }

    fn meet(&mut self, chain: &str, seq: u64, hash: &str) {
        let Some(noted) = self.chains.get_mut(chain) else { return };
        for anchor in noted.pending.remove(&seq).unwrap_or_default() {
            if anchor.hash == hash {
                noted.good.push(seq);
                self.met += 1;
            } else if noted.bad.as_ref().is_none_or(|(first, _)| seq < *first) {
                noted.bad = Some((seq, anchor));
            }
        }
    }

    /// What was noted and not met, or met as something else: one finding a chain, the earliest.
    fn findings(self, side: Side, last: impl Fn(&str) -> Option<u64>) -> Vec<Finding> {
        let finding = |(chain, noted): (String, Noted)| {
            let gone = noted.pending.into_iter().next();
            let gone = gone.and_then(|(seq, anchors)| Some((seq, anchors.into_iter().next()?)));
            let (how, (until, anchor)) = match noted.bad {
                Some(bad) => (How::Rewritten, bad),
                None => (How::Cut, gone?),
            };
            let after = match how {
                How::Cut => last(&chain),
                How::Rewritten => noted.good.iter().copied().filter(|seq| *seq < until).max(),
            };
            let Anchor { noted_in, noted_at, .. } = anchor;
            Some(Finding { side, chain, how, after, until, noted_in, noted_at })
        };
        self.chains.into_iter().filter_map(finding).collect()
    }
}
