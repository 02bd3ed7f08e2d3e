//! A signature over a stored action, or over an action of one's own making.

use vyrox_contract::Action;
use vyrox_domain::action::ActionRecord;
use vyrox_platform::signer::Signer;

async fn sign_a_record(signer: &Signer, record: &ActionRecord) {
    let _ = signer.sign(record, None, 0).await;
}

async fn sign_an_action(signer: &Signer, action: &Action) {
    let _ = signer.sign(action, None, 0).await;
}

fn main() {}
