//! Cloud exports: two lanes under a checkpoint lane, sound and tampered with in every way that the checkpoints show.

use super::{Case, broken, detail, lines, seal, sound};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use vyrox_audit::{Chain, Draft, Entry};

/// When retention ends that has ended, and that never ends, unix seconds.
const PAST: i64 = 1_700_100_000;
const NEVER: i64 = 32_503_680_000;

/// A platform's checkpoint key. `seed` 7 is the one whose public half is among the vectors.
fn signer(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// The public half, as PEM.
pub(crate) fn key() -> String {
    signer(7).verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
}

/// A lane of `count` entries; `closed` ends with the entry that says so.
pub(crate) fn lane(id: &str, count: usize, closed: bool) -> Vec<Entry> {
    let mut drafts: Vec<Draft> = (0..count).map(|number| detail(json!({"number": number}))).collect();
    if closed {
        drafts.push(Draft::event(1_700_000_000, "acme", "LANE_CLOSED"));
    }
    seal(id, &drafts)
}

/// What a checkpoint says of a lane that ends with this entry.
pub(crate) fn note(entry: &Entry) -> Value {
    json!({"chain": entry.chain(), "seq": entry.seq(), "hash": entry.hash()})
}

/// The checkpoint behind `chain`'s head that says this of lanes, signed.
pub(crate) fn checkpoint(chain: &Chain, lanes: &[Value], seed: u8) -> Entry {
    let mut event = Draft::event(1_700_000_100, "acme", "CHECKPOINT");
    event.detail = Map::from_iter([("lanes".to_owned(), json!(lanes)), ("open".to_owned(), json!(lanes.len()))]);
    // What is signed: the canonical entry without its hash.
    let mut content: Value = serde_json::from_str(&chain.seal(&event).unwrap().to_line()).unwrap();
    content.as_object_mut().unwrap().remove("hash");
    let content = vyrox_contract::canonical::to_bytes(&content).unwrap();
    let message =
        [format!("DSSEv1 37 application/vnd.vyrox.checkpoint+json {} ", content.len()).as_bytes(), &content].concat();
    let signature: Signature = signer(seed).sign(&message);
    let spki = signer(seed).verifying_key().to_public_key_der().unwrap();
    let keyid = hex::encode(Sha256::digest(spki.as_bytes()));
    event.detail.insert("signature".into(), json!({"keyid": keyid, "sig": STANDARD.encode(signature.to_der())}));
    chain.seal(&event).unwrap()
}

/// A checkpoint lane: one checkpoint for each list of notes.
pub(crate) fn checkpoints(notes: &[Vec<Value>], seed: u8) -> Vec<Entry> {
    let mut chain = Chain::genesis("checkpoints-acme");
    let append = |lanes: &Vec<Value>| {
        let entry = checkpoint(&chain, lanes, seed);
        chain.advance(&entry);
        entry
    };
    notes.iter().map(append).collect()
}

fn checked(case: Case) -> Case {
    Case { signed: true, ..case }
}

fn head(entry: &Entry) -> String {
    format!("{}={}:{}", entry.chain(), entry.seq(), entry.hash())
}

fn with(value: &Value, name: &str, member: Value) -> Value {
    let mut value = value.clone();
    value[name] = member;
    value
}

pub(super) fn cases() -> Vec<Case> {
    let (open, closed) = (lane("ingest-01", 5, false), lane("triage-02", 2, true));
    let notes = vec![vec![note(&open[1])], vec![note(&open[3]), with(&note(&closed[2]), "closed", json!(true))]];
    let made = checkpoints(&notes, 7);
    let all = |checkpoints: &[Entry], lanes: &[&[Entry]]| {
        lines(checkpoints) + &lanes.iter().map(|lane| lines(lane)).collect::<String>()
    };
    let whole = all(&made, &[&open, &closed]);
    let heads = vec![head(&made[1]), head(&open[4]), head(&closed[2])];
    let kept = |until: i64| {
        let gone = with(&with(&note(&closed[2]), "closed", json!(true)), "kept_until", json!(until));
        checkpoints(&[vec![note(&open[1]), gone]], 7)
    };
    let (expired, current) = (kept(PAST), kept(NEVER));
    let rewritten = seal("ingest-01", &[detail(json!({"forged": true})), detail(json!({"number": 1}))]);
    let forged_notes = vec![vec![note(&rewritten[1]), with(&note(&closed[2]), "closed", json!(true))]];
    let mut beyond = Chain::resume("triage-02", closed[2].seq(), closed[2].hash());
    let after = beyond.seal(&detail(json!({"late": true}))).unwrap();
    beyond.advance(&after);
    let again = Chain::resume("checkpoints-acme", 1, made[1].hash());
    let replayed = checkpoint(&again, &notes[0], 7);
    let unsigned = seal("checkpoints-acme", &[Draft::event(1_700_000_100, "acme", "CHECKPOINT")]);
    let other_kind = seal("checkpoints-acme", &[Draft::event(1_700_000_100, "acme", "EVENT")]);
    let foreign = seal("ingest-01", &[Draft::event(1_700_000_100, "acme", "CHECKPOINT")]);
    let altered = whole.replacen("\"open\":1", "\"open\":2", 1);
    vec![
        checked(sound(
            "sound-checkpoints",
            "an export: two checkpoints, then the lanes",
            whole.clone(),
            10,
            heads.clone(),
        )),
        sound("sound-checkpoints-unchecked", "the same, without a key to check signatures", whole, 10, heads),
        checked(sound(
            "sound-lane-expired",
            "a closed lane is gone whose retention has ended",
            all(&expired, &[&open]),
            6,
            vec![head(&expired[0]), head(&open[4])],
        )),
        checked(broken(
            "broken-lane-early",
            "a closed lane is gone before its time",
            all(&current, &[&open]),
            0,
            "head_missing",
        )),
        checked(broken(
            "broken-lane-cut",
            "a lane's last entries were removed",
            all(&made, &[&open[..3], &closed]),
            0,
            "head_missing",
        )),
        checked(broken("broken-lane-dropped", "a lane was removed", all(&made, &[&closed]), 0, "head_missing")),
        checked(broken(
            "broken-lane-part",
            "only the end of a closed lane is gone",
            all(&expired, &[&open, &closed[..2]]),
            0,
            "head_missing",
        )),
        checked(broken(
            "broken-lane-rewritten",
            "a lane was written anew, every hash and link right",
            all(&made, &[&rewritten, &closed]),
            4,
            "checkpoint_mismatch",
        )),
        checked(broken(
            "broken-lane-goes-on",
            "an entry was added to a closed lane",
            all(&made, &[&open, &closed]) + &lines(&[after]),
            11,
            "closed_lane",
        )),
        checked(broken(
            "broken-checkpoint-forged",
            "everything was written anew, signed with another key",
            all(&checkpoints(&forged_notes, 8), &[&rewritten, &closed]),
            1,
            "bad_signature",
        )),
        checked(broken("broken-checkpoint-altered", "a checkpoint was altered", altered, 1, "hash_mismatch")),
        checked(broken(
            "broken-checkpoint-removed",
            "a checkpoint was removed",
            all(&made[1..], &[&open, &closed]),
            1,
            "sequence_gap",
        )),
        checked(broken(
            "broken-checkpoint-swapped",
            "two checkpoints were swapped",
            all(&[made[1].clone(), made[0].clone()], &[&open, &closed]),
            1,
            "sequence_gap",
        )),
        checked(broken(
            "broken-checkpoint-replayed",
            "an old checkpoint's content as a new one",
            all(&[made[0].clone(), made[1].clone(), replayed], &[&open, &closed]),
            3,
            "bad_checkpoint",
        )),
        checked(broken(
            "broken-checkpoint-late",
            "checkpoints behind the lanes",
            lines(&open) + &lines(&made),
            6,
            "late_checkpoint",
        )),
        broken("broken-checkpoint-unsigned", "a checkpoint without a signature", lines(&unsigned), 1, "bad_checkpoint"),
        broken(
            "broken-checkpoint-kind",
            "something else in the checkpoint lane",
            lines(&other_kind),
            1,
            "bad_checkpoint",
        ),
        broken("broken-checkpoint-place", "a checkpoint in another lane", lines(&foreign), 1, "bad_checkpoint"),
    ]
}
