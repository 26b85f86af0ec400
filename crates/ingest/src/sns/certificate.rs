//! The key in a certificate of SNS.

use aws_lc_rs::signature::UnparsedPublicKey;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_cert::{
    Certificate,
    der::{Decode, asn1::ObjectIdentifier},
    time::Time,
};

use super::envelope::SignatureVersion;

/// PKCS #1's `rsaEncryption`. <https://www.rfc-editor.org/rfc/rfc3279#section-2.3.1>
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A key that signs SNS's messages, and when it does.
#[derive(Debug)]
pub(super) struct SigningKey {
    key: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("there is none at its address")]
    Missing,
    #[error("its address leads elsewhere, and that is not followed")]
    Redirected,
    #[error("it is too large")]
    TooLarge,
    #[error("it is no certificate in PEM")]
    NoCertificate,
    #[error("its key is no RSA key")]
    NotRsa,
}

impl SigningKey {
    /// Reads the first certificate of a PEM file.
    ///
    /// Its chain is not followed. That SNS's own host serves the file, over TLS that this machine's authorities
    /// vouch for, is what makes it SNS's; a chain of the same authorities would add nothing, and SNS's file holds
    /// none. Its name is not looked at either, since SNS names it differently from region to region.
    pub(super) fn read(pem: &[u8]) -> Result<Self, Unusable> {
        let der = CertificateDer::from_pem_slice(pem).map_err(|_| Unusable::NoCertificate)?;
        let certificate = Certificate::from_der(&der).map_err(|_| Unusable::NoCertificate)?.tbs_certificate;
        let key = certificate.subject_public_key_info;
        if key.algorithm.oid != RSA {
            return Err(Unusable::NotRsa);
        }
        let key = key.subject_public_key.as_bytes().ok_or(Unusable::NoCertificate)?.to_vec();
        let validity = certificate.validity;
        Ok(Self {
            key,
            not_before: timestamp(validity.not_before)?,
            not_after: timestamp(validity.not_after)?,
        })
    }

    /// Whether the certificate was valid then.
    pub(super) fn was_valid_at(&self, time: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    /// Whether this key, of 2,048 bits or more, signed that text.
    pub(super) fn has_signed(&self, version: SignatureVersion, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(version.algorithm(), &self.key).verify(text.as_bytes(), signature).is_ok()
    }
}

fn timestamp(time: Time) -> Result<Timestamp, Unusable> {
    Timestamp::try_from(time.to_system_time()).map_err(|_| Unusable::NoCertificate)
}
