//! The public keys with which the pack is verified.

use super::pack::Pack;
use crate::audit::pem;
use crate::deployment::Deployment;
use crate::error::CtlError;
use vyrox_audit::verify::PublicKey;
use vyrox_contract::{TenantId, VerifyingKey};
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::table::Prefix;

/// Whose signature a key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Signs {
    /// The platform's, on checkpoints.
    Checkpoints,
    /// The platform's, on actions.
    Actions,
    /// This proxy's, on receipts.
    Receipts(String),
}

/// A key of the pack.
#[derive(Debug, Clone)]
pub(super) struct Key {
    signs: Signs,
    /// Its file in the pack.
    pub(super) file: String,
    /// As the verifier takes it.
    pub(super) public: PublicKey,
    pem: String,
}

impl Key {
    fn new(signs: Signs, file: String, key: &VerifyingKey) -> Self {
        let public = PublicKey::from_text(&key.to_text()).expect("a verifying key is a public key in this form");
        Self { signs, file, public, pem: pem(key) }
    }

    /// What it signs, in words.
    pub(super) fn signs(&self) -> String {
        match &self.signs {
            Signs::Checkpoints => "checkpoints of the audit".to_owned(),
            Signs::Actions => "actions".to_owned(),
            Signs::Receipts(proxy) => format!("receipts of proxy {proxy}"),
        }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// The platform's from KMS, the proxies' as they enrolled with them, revoked ones included.
    pub(super) async fn read(deployment: &Deployment, tenant: &TenantId) -> Result<Self, CtlError> {
        let (checkpoints, actions) = (deployment.checkpoint_key().await?, deployment.signing_key().await?);
        let mut keys = vec![
            Key::new(Signs::Checkpoints, "keys/checkpoint.pem".to_owned(), &checkpoints),
            Key::new(Signs::Actions, "keys/action.pem".to_owned(), &actions),
        ];
        let now = deployment.now();
        for proxy in deployment.table.list::<EnrolledProxy>(tenant, &Prefix::proxies(), now).await? {
            let proxy = proxy.value;
            let previous = proxy.previous.as_ref().map(|key| key.public_key.as_str());
            for (text, ending) in [(Some(proxy.public_key.as_str()), ""), (previous, "-previous")] {
                // A record that holds no key is not hidden: its receipts are shown as signed by a key that is not here.
                let Some(key) = text.and_then(|text| VerifyingKey::from_text(text).ok()) else { continue };
                let file = format!("keys/proxy-{}{ending}.pem", proxy.id);
                keys.push(Key::new(Signs::Receipts(proxy.id.to_string()), file, &key));
            }
        }
        Ok(Self(keys))
    }

    pub(super) fn write(&self, pack: &mut Pack) -> std::io::Result<()> {
        self.0.iter().try_for_each(|key| pack.put(&key.file, &key.pem))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Those that sign checkpoints.
    pub(super) fn checkpoints(&self) -> Vec<PublicKey> {
        self.of(|signs| *signs == Signs::Checkpoints)
    }

    /// Those that sign actions.
    pub(super) fn actions(&self) -> Vec<PublicKey> {
        self.of(|signs| *signs == Signs::Actions)
    }

    /// Those that sign this proxy's receipts.
    pub(super) fn receipts(&self, proxy: &str) -> Vec<PublicKey> {
        self.of(|signs| matches!(signs, Signs::Receipts(id) if id == proxy))
    }

    fn of(&self, wanted: impl Fn(&Signs) -> bool) -> Vec<PublicKey> {
        self.0.iter().filter(|key| wanted(&key.signs)).map(|key| key.public.clone()).collect()
    }
}
