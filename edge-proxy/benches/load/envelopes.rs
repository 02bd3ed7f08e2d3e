//! A platform that signs: P-256 over DSSE, as KMS does.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use vyrox_contract::{
    Action, Ed25519Signer, Envelope, Payload as _, Receipt, TrustedKeys, VerifyingKey, pre_authentication_encoding,
};
use vyrox_edge_proxy::{Clock as _, SystemClock};

pub const AID: &str = "0123456789abcdef0123456789abcdef";

pub struct Platform {
    secret: SigningKey,
    pub key: VerifyingKey,
    made: AtomicUsize,
}

impl Platform {
    pub fn new() -> Self {
        let secret = SigningKey::from_slice(&[5; 32]).unwrap();
        let spki = p256::ecdsa::VerifyingKey::from(&secret).to_public_key_der().unwrap();
        Self { key: VerifyingKey::from_spki(spki.as_bytes()).unwrap(), secret, made: AtomicUsize::new(0) }
    }

    /// So many envelopes of the present, each with a request id of its own. They stay fresh for 30 seconds.
    pub fn envelopes(&self, count: usize) -> Vec<String> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let part = count.div_ceil(threads);
        std::thread::scope(|scope| {
            let sizes = (0..threads).map(|thread| part.min(count.saturating_sub(thread * part)));
            let signers: Vec<_> =
                sizes.map(|size| scope.spawn(move || (0..size).map(|_| self.envelope()).collect::<Vec<_>>())).collect();
            signers.into_iter().flat_map(|signer| signer.join().unwrap()).collect()
        })
    }

    fn envelope(&self) -> String {
        let now = SystemClock.now();
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let payload = json!({
            "request_id": format!("load-{now}-{}-{number}", std::process::id()), "tenant_id": "acme", "proxy_id": "proxy-1",
            "alert_id": "8c5f1f9e-3f0a-5b1e-9d57-0d9f6f3f1a11", "operation": "execute", "action_type": "HOST_ISOLATION",
            "target": {"vendor": "crowdstrike", "device_id": AID, "hostname": "ws-01"},
            "approved_by": [{"id": "100", "name": "approver"}], "approved_at": now - 60, "issued_at": now,
            "expires_at": now + 600, "plan_digest": "ab".repeat(32), "checkpoint": {"n": 7, "hash": "cd".repeat(32)}
        });
        let payload = serde_json::to_vec(&payload).unwrap();
        let signature: Signature = self.secret.sign(&pre_authentication_encoding(Action::TYPE, &payload));
        let envelope = Envelope::from_signature::<Action>(&payload, self.key.id(), signature.to_der().as_bytes());
        serde_json::to_string(&envelope).unwrap()
    }

    /// Begins to check a signature and to make a receipt's, now and then, on a thread of its own, for as long as a load lasts:
    /// on a processor that is shared with as many as the proxy's is then.
    pub fn sign_beside(&self) -> Beside {
        let envelope: Envelope = serde_json::from_str(&self.envelope()).unwrap();
        let (keys, signer) = (TrustedKeys::new(std::slice::from_ref(&self.key)), Ed25519Signer::from_seed(&[1; 32]));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut checking, mut signing) = (Vec::new(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                // Each a second time, with what it needs in the caches, as a proxy at work has it.
                let check = || envelope.verify_by::<Action>(&keys).unwrap();
                let message = pre_authentication_encoding(Receipt::TYPE, check().bytes());
                let begun = Instant::now();
                std::hint::black_box(check());
                checking.push(begun.elapsed());
                std::hint::black_box(signer.sign(&message));
                let begun = Instant::now();
                std::hint::black_box(signer.sign(&message));
                signing.push(begun.elapsed());
                std::thread::sleep(Duration::from_millis(2));
            }
            Signatures { checking: median(checking), signing: median(signing) }
        });
        Beside { stop, thread }
    }
}

/// What one signature takes, in microseconds: the median, which does not count when the thread had to wait for a processor.
#[derive(Clone, Copy)]
pub struct Signatures {
    /// Of an envelope: base64, and P-256 over its bytes.
    pub checking: f64,
    /// Of a receipt: Ed25519.
    pub signing: f64,
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// The thread that signs beside a load.
pub struct Beside {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Signatures>,
}

impl Beside {
    pub fn end(self) -> Signatures {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
