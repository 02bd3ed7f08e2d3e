//! An envelope that KMS did not sign.

use vyrox_contract::{Action, Envelope};
use vyrox_platform::signer::SignedAction;

fn forge(envelope: Envelope, action: Action) -> SignedAction {
    SignedAction { envelope, action }
}

fn main() {}
