//! Stored bodies without their dictionary.

use super::codec::{Decoder, Encoder, Press, digest};

/// A stored body.
#[derive(Clone, Debug)]
pub(crate) struct Stored<K> {
    /// Of its row.
    pub(crate) key: K,
    pub(crate) digest: i64,
    pub(crate) bytes: usize,
    pub(crate) compressed: Vec<u8>,
}

/// The same bodies, each compressed without the dictionary that it was compressed with, and proven to say the same. Damaged ones
/// are left out.
///
/// # Errors
///
/// When there is no memory for it.
pub(crate) fn without_dictionary<K>(
    dictionary: &[u8],
    bodies: Vec<Stored<K>>,
) -> std::io::Result<Vec<Stored<K>>> {
    let (with, without, encoder) = (Decoder::new(Some(dictionary)), Decoder::new(None), Encoder::new(None));
    let mut press = Press::new()?;
    let mut plain = Vec::with_capacity(bodies.len());
    for body in bodies {
        let Ok(text) = with.body(&body.compressed, body.bytes, body.digest) else { continue };
        let compressed = press.compress(&encoder, text.as_bytes())?;
        let is_same = without.body(&compressed, body.bytes, digest(text.as_bytes())).as_deref() == Ok(&text);
        plain.extend(is_same.then_some(Stored { compressed, ..body }));
    }
    Ok(plain)
}
