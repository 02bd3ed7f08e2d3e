//! The keys.

use crate::World;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, MessageType, SigningAlgorithmSpec};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use sha2::{Digest as _, Sha256};

async fn sign(world: &World, message: &[u8], kind: MessageType) -> Vec<u8> {
    let sign = world.clients.kms.sign().key_id(world.key("SigningKey")).message(Blob::new(message)).message_type(kind);
    let signed = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap();
    signed.signature.unwrap().into_inner()
}

pub(crate) async fn what_is_signed_verifies_offline_raw_and_digest(world: &World) {
    let told = world.clients.kms.get_public_key().key_id(world.key("SigningKey")).send().await.unwrap();
    let key = VerifyingKey::from_public_key_der(told.public_key().unwrap().as_ref()).unwrap();
    let message = b"DSSEv1 30 application/vnd.vyrox.action+j 2 {}";
    for signature in
        [sign(world, message, MessageType::Raw).await, sign(world, &Sha256::digest(message), MessageType::Digest).await]
    {
        let signature = DerSignature::from_bytes(&signature).unwrap();
        key.verify(message, &signature).unwrap();
        assert!(key.verify(b"another message", &signature).is_err());
    }
}

/// AWS says so; ministack 1.5.33 signs it.
pub(crate) async fn a_raw_message_over_4096_bytes_is_refused(world: &World) {
    sign(world, &[7; 4096], MessageType::Raw).await;
    let sign = world.clients.kms.sign().key_id(world.key("SigningKey")).message(Blob::new([7; 4097]));
    sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap_err();
}

pub(crate) async fn what_is_encrypted_comes_back_only_in_its_context(world: &World) {
    let kms = &world.clients.kms;
    let encrypt = kms.encrypt().key_id(world.key("SecretsKey")).plaintext(Blob::new(*b"webhook secret"));
    let encrypt = encrypt.encryption_context("tenant_id", "acme").encryption_context("source", "crowdstrike#1");
    let ciphertext = encrypt.send().await.unwrap().ciphertext_blob.unwrap();
    assert!(!ciphertext.as_ref().windows(14).any(|window| window == b"webhook secret"));
    let decrypt = |tenant: &str, ciphertext: &Blob| {
        kms.decrypt()
            .ciphertext_blob(ciphertext.clone())
            .encryption_context("source", "crowdstrike#1")
            .encryption_context("tenant_id", tenant)
            .send()
    };
    let opened = decrypt("acme", &ciphertext).await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), b"webhook secret");
    let refused = decrypt("globex", &ciphertext).await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_ciphertext_exception(), "{refused:?}");
    let refused = kms.decrypt().ciphertext_blob(ciphertext).send().await.unwrap_err().into_service_error();
    assert!(refused.is_invalid_ciphertext_exception(), "{refused:?}");
}

/// AWS says so; ministack 1.5.33 does not notice.
pub(crate) async fn a_changed_ciphertext_is_refused(world: &World) {
    let kms = &world.clients.kms;
    let sealed = kms.encrypt().key_id(world.key("SecretsKey")).plaintext(Blob::new(*b"webhook secret"));
    let sealed = sealed.send().await.unwrap().ciphertext_blob.unwrap().into_inner();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[index] ^= 1;
        let refused = kms.decrypt().ciphertext_blob(Blob::new(changed)).send().await.unwrap_err().into_service_error();
        assert!(refused.is_invalid_ciphertext_exception(), "byte {index}: {refused:?}");
    }
}

pub(crate) async fn a_data_key_opens_in_its_context(world: &World) {
    let kms = &world.clients.kms;
    let generate = kms.generate_data_key().key_id(world.key("SecretsKey")).key_spec(DataKeySpec::Aes256);
    let generate = generate.encryption_context("tenant_id", "acme").encryption_context("purpose", "evidence");
    let made = generate.send().await.unwrap();
    let plaintext = made.plaintext.unwrap();
    assert_eq!(plaintext.as_ref().len(), 32);
    let sealed = made.ciphertext_blob.unwrap();
    let decrypt = |tenant: &str, purpose: &str| {
        let request = kms.decrypt().key_id(world.key("SecretsKey")).ciphertext_blob(sealed.clone());
        request.encryption_context("purpose", purpose).encryption_context("tenant_id", tenant).send()
    };
    assert_eq!(decrypt("acme", "evidence").await.unwrap().plaintext.unwrap(), plaintext);
    for (tenant, purpose) in [("globex", "evidence"), ("acme", "another")] {
        let refused = decrypt(tenant, purpose).await.unwrap_err().into_service_error();
        assert!(refused.is_invalid_ciphertext_exception(), "{tenant} {purpose}: {refused:?}");
    }
}

pub(crate) async fn a_key_answers_to_its_alias_and_a_missing_one_is_an_error_that_the_sdk_knows(world: &World) {
    let kms = &world.clients.kms;
    for key in &world.topology.keys {
        let described = kms.describe_key().key_id(&key.alias).send().await.unwrap().key_metadata.unwrap();
        assert_eq!(described.arn(), Some(world.key(&key.logical_id)));
        assert_eq!(described.key_spec().unwrap().as_str(), key.spec);
        assert_eq!(described.key_usage().unwrap().as_str(), key.usage);
    }
    let refused = kms.describe_key().key_id("alias/nowhere").send().await.unwrap_err().into_service_error();
    assert!(refused.is_not_found_exception(), "{refused:?}");
}

pub(crate) async fn a_key_does_only_what_it_is_for(world: &World) {
    let kms = &world.clients.kms;
    let encrypt = kms.encrypt().key_id(world.key("SigningKey")).plaintext(Blob::new(*b"a"));
    encrypt.send().await.unwrap_err();
    let sign = kms.sign().key_id(world.key("SecretsKey")).message(Blob::new(*b"a"));
    sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap_err();
}
