//! Addresses as keyed hashes.

use aftersend_event::normalise_address;
use sha2::{Digest, Sha256};

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// The key of a database's hashes, made when the first person is erased.
#[derive(Clone)]
pub(crate) struct HashKey(Vec<u8>);

impl HashKey {
    pub(crate) fn new(secret: Vec<u8>) -> Self {
        Self(secret)
    }

    /// What stands for an address that was normalised.
    pub(crate) fn hash(&self, address: &str) -> Vec<u8> {
        hmac_sha256(&self.0, address.as_bytes()).to_vec()
    }

    /// What stands where an address stood: the same for the same address, and at the same host, so that figures by domain
    /// stay as they were. Nobody who has not the key can tell it from another's.
    pub(crate) fn pseudonym(&self, address: &str) -> String {
        use std::fmt::Write;

        let mut pseudonym = PSEUDONYM_PREFIX.to_owned();
        for byte in &self.hash(address)[..8] {
            write!(pseudonym, "{byte:02x}").expect("a String takes any text");
        }
        let host = address.rsplit_once('@').map_or("erased.invalid", |(_, host)| host);
        pseudonym.push('@');
        pseudonym.push_str(host);
        pseudonym
    }
}

/// What pseudonyms begin with.
pub(crate) const PSEUDONYM_PREFIX: &str = "erased-";

/// Whether an address is a pseudonym.
pub(crate) fn is_pseudonym(address: &str) -> bool {
    let address = normalise_address(address);
    let Some((local, _)) = address.strip_prefix(PSEUDONYM_PREFIX).and_then(|rest| rest.split_once('@'))
    else {
        return false;
    };
    local.len() == 16 && local.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// <https://www.rfc-editor.org/rfc/rfc2104>
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: [u8; 32]) -> String {
        let (high, low) = bytes.split_at(16);
        let number = |half: &[u8]| u128::from_be_bytes(half.try_into().unwrap());
        format!("{:032x}{:032x}", number(high), number(low))
    }

    /// <https://www.rfc-editor.org/rfc/rfc4231#section-4>
    #[test]
    fn the_hash_is_the_one_of_the_standard() {
        for (key, message, expected) in [
            (
                vec![0x0b; 20],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(hmac_sha256(&key, message)), expected);
        }
    }

    #[test]
    fn a_pseudonym_is_known_by_its_form() {
        let key = HashKey::new(vec![7; 32]);
        let pseudonym = key.pseudonym("ann@example.com");
        assert!(is_pseudonym(&pseudonym) && pseudonym.ends_with("@example.com"), "{pseudonym}");
        assert_ne!(pseudonym, key.pseudonym("bob@example.com"));
        assert_ne!(pseudonym, HashKey::new(vec![8; 32]).pseudonym("ann@example.com"));
        for other in ["ann@example.com", "erased-me@example.com", "erased-0011223344556677"] {
            assert!(!is_pseudonym(other), "{other}");
        }
    }
}
