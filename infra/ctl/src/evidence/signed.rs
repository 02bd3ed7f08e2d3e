//! What the entries hold under a signature of its own: actions as the platform signed them, receipts as a proxy did. Each is
//! copied out with the place of its entry, and its signature is checked.

use super::keys::Keys;
use super::pack::{Pack, Sink};
use serde_json::{Value, json};
use std::io::Write as _;
use vyrox_audit::verify::{Opened, PublicKey, Seen};

/// One line each: the entry's `chain` and `seq`, `request_id`, `signature` (what was found) and `envelope`.
const ACTIONS: &str = "actions.jsonl";
const RECEIPTS: &str = "receipts.jsonl";

/// What a signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// It is the key's, over exactly these bytes.
    Valid,
    /// It is not.
    Invalid,
    /// It names a key that is not in the pack.
    UnknownKey,
}

impl Signature {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "INVALID",
            Self::UnknownKey => "by a key that is not in the pack",
        }
    }

    fn of(opened: Option<&Opened>, keys: &[PublicKey]) -> Self {
        match opened {
            Some(opened) if opened.is_signed_by(keys) => Self::Valid,
            Some(opened) if keys.iter().all(|key| key.id() != opened.key_id()) => Self::UnknownKey,
            _ => Self::Invalid,
        }
    }
}

/// An entry's envelope.
#[derive(Debug)]
pub(super) struct Envelope {
    /// What its signature is worth.
    pub(super) signature: Signature,
    /// What was signed; null if it cannot be read.
    pub(super) payload: Value,
}

/// How many there are of a kind, and how many of them have which signature.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) struct Count {
    pub(super) valid: u64,
    pub(super) invalid: u64,
    pub(super) unknown_key: u64,
}

impl Count {
    fn add(&mut self, signature: Signature) {
        match signature {
            Signature::Valid => self.valid += 1,
            Signature::Invalid => self.invalid += 1,
            Signature::UnknownKey => self.unknown_key += 1,
        }
    }
}

/// Copies envelopes out of the entries that it is shown.
#[derive(Debug)]
pub(super) struct Copies<'k> {
    keys: &'k Keys,
    actions: (Sink, Count),
    receipts: (Sink, Count),
    failed: Option<std::io::Error>,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) struct Counted {
    pub(super) actions: Count,
    pub(super) receipts: Count,
}

impl<'k> Copies<'k> {
    pub(super) fn into(pack: &Pack, keys: &'k Keys) -> std::io::Result<Self> {
        let (actions, receipts) = (pack.open(ACTIONS)?, pack.open(RECEIPTS)?);
        Ok(Self { keys, actions: (actions, Count::default()), receipts: (receipts, Count::default()), failed: None })
    }

    /// The envelope of an entry, if it holds one.
    pub(super) fn take(&mut self, seen: &Seen<'_>) -> Option<Envelope> {
        let (action, receipt) = (seen.detail("envelope"), seen.detail("receipt"));
        let (envelope, keys, (sink, count)) = if action.is_object() {
            (action, self.keys.actions(), &mut self.actions)
        } else if receipt.is_object() {
            let proxy = seen.detail("proxy_id").as_str().unwrap_or_default();
            (receipt, self.keys.receipts(proxy), &mut self.receipts)
        } else {
            return None;
        };
        let opened = Opened::of(envelope);
        let signature = Signature::of(opened.as_ref(), &keys);
        count.add(signature);
        let line = json!({
            "chain": seen.chain,
            "seq": seen.seq,
            "request_id": seen.text("request_id"),
            "signature": signature.as_str(),
            "envelope": envelope,
        });
        if let Err(error) = writeln!(sink, "{line}") {
            self.failed.get_or_insert(error);
        }
        Some(Envelope { signature, payload: opened.map_or(Value::Null, |opened| opened.payload().clone()) })
    }

    /// Ends both files.
    ///
    /// # Errors
    /// What the operating system said of any line.
    pub(super) fn finish(self, pack: &mut Pack) -> std::io::Result<Counted> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let ((actions, counted_actions), (receipts, counted_receipts)) = (self.actions, self.receipts);
        pack.close(actions)?;
        pack.close(receipts)?;
        Ok(Counted { actions: counted_actions, receipts: counted_receipts })
    }
}
