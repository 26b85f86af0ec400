//! A key like SNS's, and its certificate.

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use num_bigint::BigUint;
use rcgen::{CertificateParams, KeyPair};
use x509_cert::der::{
    Decode,
    asn1::{AnyRef, OctetStringRef, UintRef},
};

/// The bytes before a SHA-1 digest in a signature. <https://www.rfc-editor.org/rfc/rfc8017#section-9.2>
const SHA1_PREFIX: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

pub(super) struct Signer {
    key: KeyPair,
}

impl Signer {
    pub(super) fn new() -> Self {
        Self { key: KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap() }
    }

    /// The key's certificate, as SNS serves one, valid since and until so long from now.
    pub(super) fn certificate(&self, from: SignedDuration, until: SignedDuration) -> String {
        certificate(&self.key, from, until)
    }

    /// The signature of a text, in base64, as version 1 or 2 has it.
    pub(super) fn sign(&self, version: &str, text: &str) -> String {
        let signature = match version {
            "1" => self.sign_with_sha1(text),
            "2" => self.sign_with_sha256(text),
            other => panic!("there is no version {other}"),
        };
        STANDARD.encode(signature)
    }

    fn sign_with_sha256(&self, text: &str) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(&self.key.serialize_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        signature
    }

    /// By hand: the library does not sign with SHA-1 any more, and rightly so.
    fn sign_with_sha1(&self, text: &str) -> Vec<u8> {
        let (modulus, private_exponent) = private_key(&self.key.serialize_der());
        let length = usize::try_from(modulus.bits().div_ceil(8)).unwrap();
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let ending = [&SHA1_PREFIX, digest.as_ref()].concat();
        let mut padded = vec![0xff; length];
        padded[..2].copy_from_slice(&[0, 1]);
        padded[length - ending.len() - 1] = 0;
        padded[length - ending.len()..].copy_from_slice(&ending);
        let power = BigUint::from_bytes_be(&padded).modpow(&private_exponent, &modulus).to_bytes_be();
        [vec![0; length - power.len()], power].concat()
    }
}

/// The modulus and the private exponent of an RSA key in PKCS #8.
/// <https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2>
fn private_key(pkcs8: &[u8]) -> (BigUint, BigUint) {
    let wrapped = AnyRef::from_der(pkcs8).unwrap();
    let key = wrapped
        .sequence(|fields| {
            AnyRef::decode(fields)?;
            AnyRef::decode(fields)?;
            OctetStringRef::decode(fields)
        })
        .unwrap();
    let key = AnyRef::from_der(key.as_bytes()).unwrap();
    key.sequence(|fields| {
        let numbers: Vec<UintRef<'_>> = (0..9).map(|_| UintRef::decode(fields)).collect::<Result<_, _>>()?;
        Ok((BigUint::from_bytes_be(numbers[1].as_bytes()), BigUint::from_bytes_be(numbers[3].as_bytes())))
    })
    .unwrap()
}

/// A certificate of any key.
pub(super) fn certificate(key: &KeyPair, from: SignedDuration, until: SignedDuration) -> String {
    let mut params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
    params.not_before = moment(from);
    params.not_after = moment(until);
    params.self_signed(key).unwrap().pem()
}

fn moment(from_now: SignedDuration) -> time::OffsetDateTime {
    let moment = Timestamp::now() + from_now;
    time::OffsetDateTime::from_unix_timestamp(moment.as_second()).unwrap()
}
