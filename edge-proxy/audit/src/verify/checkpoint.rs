//! Checkpoints: what they note of other chains, and whether those chains bear it out.

use super::{ChainReport, Problem, PublicKey, json};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// What a checkpoint's signature says it is.
const PAYLOAD_TYPE: &str = "application/vnd.vyrox.checkpoint+json";
/// The beginning of a checkpoint chain's name; the tenant follows.
const NAME: &str = "checkpoints-";

/// Whether an entry is, or poses as, a checkpoint.
pub(super) fn is_one(chain: &str, entry: &Map<String, Value>) -> bool {
    chain.starts_with(NAME) || entry.get("action_type").and_then(Value::as_str) == Some("CHECKPOINT")
}

/// A head as a checkpoint notes it.
#[derive(Deserialize)]
struct Lane {
    chain: String,
    seq: u64,
    hash: String,
    #[serde(default)]
    closed: bool,
    kept_until: Option<i64>,
}

/// The same, not met yet.
#[derive(Debug)]
struct Head {
    seq: u64,
    hash: String,
    n: u64,
}

#[derive(Debug, Default)]
struct Heads {
    pending: VecDeque<Head>,
    last: Option<u64>,
    met: Option<u64>,
    kept_until: Option<i64>,
}

/// All heads that checkpoints have noted.
#[derive(Debug, Default)]
pub(super) struct Noted {
    lanes: BTreeMap<String, Heads>,
    keys: Vec<PublicKey>,
    checkpoints: u64,
}

impl Noted {
    pub(super) fn trust(&mut self, key: PublicKey) {
        self.keys.push(key);
    }

    /// How many checkpoints there were, and whether their signatures were checked.
    pub(super) const fn counted(&self) -> (u64, bool) {
        (self.checkpoints, !self.keys.is_empty())
    }

    /// The last entry of a chain that has been met as it was noted.
    pub(super) fn covered(&self, chain: &str) -> Option<u64> {
        self.lanes.get(chain)?.met
    }

    /// An entry of a chain: if it was noted, it must be the one.
    pub(super) fn meet(&mut self, chain: &str, seq: u64, hash: &str) -> Result<(), Problem> {
        let Some(heads) = self.lanes.get_mut(chain) else { return Ok(()) };
        // Of a part of a chain, what was noted of earlier entries cannot be asked for.
        while heads.pending.front().is_some_and(|head| head.seq < seq) {
            heads.pending.pop_front();
        }
        let Some(head) = heads.pending.pop_front_if(|head| head.seq == seq) else { return Ok(()) };
        if head.hash != hash {
            return Err(Problem::CheckpointMismatch { n: head.n });
        }
        heads.met = Some(seq);
        Ok(())
    }

    /// A checkpoint, the `n`-th. `read` tells of chains that have been read already.
    pub(super) fn take<'r>(
        &mut self,
        n: u64,
        previous: &str,
        entry: &Map<String, Value>,
        read: impl Fn(&str) -> Option<&'r ChainReport>,
    ) -> Result<(), Problem> {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        if text("action_type") != "CHECKPOINT" {
            return Err(Problem::BadCheckpoint("another entry in a checkpoint chain"));
        }
        if text("chain").strip_prefix(NAME) != Some(text("tenant_id")) {
            return Err(Problem::BadCheckpoint("its chain is not the tenant's"));
        }
        let detail = entry.get("detail").and_then(Value::as_object);
        let detail = detail.ok_or(Problem::BadCheckpoint("it has no detail"))?;
        self.signature(previous, entry, detail)?;
        // Each an object: a list of the same values would be read as one.
        let lanes = detail.get("lanes").and_then(Value::as_array).filter(|lanes| lanes.iter().all(Value::is_object));
        let lanes = lanes.and_then(|lanes| lanes.iter().map(|lane| Lane::deserialize(lane).ok()).collect());
        let lanes: Vec<Lane> = lanes.ok_or(Problem::BadCheckpoint("its lanes cannot be read"))?;
        for Lane { chain, seq, hash, closed, kept_until } in lanes {
            let heads = self.lanes.entry(chain.clone()).or_default();
            if heads.last.is_some_and(|last| seq <= last) {
                return Err(Problem::BadCheckpoint("a lane goes back"));
            }
            heads.last = Some(seq);
            if closed {
                heads.kept_until = kept_until;
            }
            match read(&chain).filter(|known| known.last_seq >= seq) {
                None => heads.pending.push_back(Head { seq, hash, n }),
                Some(known) if known.last_seq > seq => return Err(Problem::LateCheckpoint),
                Some(known) if known.head != hash => return Err(Problem::CheckpointMismatch { n }),
                Some(_) => heads.met = Some(seq),
            }
        }
        self.checkpoints += 1;
        Ok(())
    }

    /// The signature is over the canonical entry without `hash` and without itself.
    fn signature(
        &self,
        previous: &str,
        entry: &Map<String, Value>,
        detail: &Map<String, Value>,
    ) -> Result<(), Problem> {
        let signature = &detail.get("signature").unwrap_or(&Value::Null);
        let (Some(keyid), Some(sig)) = (signature["keyid"].as_str(), signature["sig"].as_str()) else {
            return Err(Problem::BadCheckpoint("it is not signed"));
        };
        if self.keys.is_empty() {
            return Ok(());
        }
        let mut detail = detail.clone();
        detail.remove("signature");
        let mut content = entry.clone();
        content.insert("detail".to_owned(), Value::Object(detail));
        content.insert("previous_hash".to_owned(), Value::from(previous));
        let content = json::plain(&content);
        let signed = |key: &PublicKey| key.id() == keyid && key.has_signed(PAYLOAD_TYPE, &content, sig);
        if self.keys.iter().any(signed) { Ok(()) } else { Err(Problem::BadSignature) }
    }

    /// The first head, by chain and number, that was noted and has not been met. A lane that is gone as a whole is fine once
    /// its retention has ended at `at` (unix seconds).
    pub(super) fn missing(&self, is_there: impl Fn(&str) -> bool, at: Option<i64>) -> Option<(String, u64, String)> {
        let expired = |heads: &Heads| heads.kept_until.is_some_and(|until| at.is_some_and(|at| until <= at));
        self.lanes.iter().find_map(|(chain, heads)| {
            let head = heads.pending.front()?;
            let gone = !is_there(chain) && expired(heads);
            (!gone).then(|| (chain.clone(), head.seq, head.hash.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lane_is_an_object() {
        let take = |lanes: Value| {
            let detail = json!({"signature": {"keyid": "k", "sig": "s"}, "lanes": lanes});
            let entry = json!({"action_type": "CHECKPOINT", "chain": "checkpoints-acme", "tenant_id": "acme", "detail": detail});
            Noted::default().take(0, "", entry.as_object().unwrap(), |_| None)
        };
        assert!(take(json!([{"chain": "lane", "seq": 3, "hash": "00"}])).is_ok());
        assert!(take(json!([["lane", 3, "00"]])).is_err());
        assert!(take(json!([{"chain": "lane", "seq": "3", "hash": "00"}])).is_err());
    }
}
