//! Bytes of bodies, compressed and back, with a dictionary or without.

use std::{cell::RefCell, fmt, io};

use sha2::{Digest, Sha256};
use zstd::{
    bulk::Compressor,
    dict::{DecoderDictionary, EncoderDictionary},
    zstd_safe::{CParameter, DCtx},
};

thread_local! {
    /// What decompressing needs besides a dictionary. To make it takes longer than to decompress a body.
    static DECOMPRESSING: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// How hard bodies and dictionaries are compressed. The next level takes half as long again and saves nothing of a body of some
/// kilobytes; three levels less take a quarter off the time, and add three hundredths to the bytes.
const LEVEL: i32 = 8;

/// A stored body that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// It is no data of zstd's, or needs another dictionary.
    #[error("its data can't be decompressed")]
    Undecodable,
    /// It is another body.
    #[error("what its data says is not what was stored: the checksums differ")]
    OtherContent,
    /// It is a body, and no text.
    #[error("its data is no text in UTF-8")]
    NoText,
}

/// What tells bodies apart, and damage: the first 64 bits of SHA-256. Enough for both, since whoever finds two bodies with the
/// same compares them.
pub(crate) fn digest(body: &[u8]) -> i64 {
    let hash = Sha256::digest(body);
    i64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

/// One dictionary to compress bodies with, or none.
pub(super) struct Encoder {
    dictionary: Option<EncoderDictionary<'static>>,
}

impl Encoder {
    pub(super) fn new(dictionary: Option<&[u8]>) -> Self {
        Self { dictionary: dictionary.map(|dictionary| EncoderDictionary::copy(dictionary, LEVEL)) }
    }
}

/// What compressing needs besides a dictionary: a megabyte of tables, for one body after the other.
pub(super) struct Press<'a> {
    plain: Compressor<'static>,
    with_dictionary: Compressor<'a>,
}

impl<'a> Press<'a> {
    /// # Errors
    ///
    /// When there is no memory for it.
    pub(super) fn new() -> io::Result<Self> {
        let mut press = Self { plain: Compressor::new(LEVEL)?, with_dictionary: Compressor::new(LEVEL)? };
        // The row says which dictionary it is.
        press.with_dictionary.set_parameter(CParameter::DictIdFlag(false))?;
        Ok(press)
    }

    /// # Errors
    ///
    /// When there is no memory for it.
    pub(super) fn compress(&mut self, encoder: &'a Encoder, body: &[u8]) -> io::Result<Vec<u8>> {
        match &encoder.dictionary {
            Some(dictionary) => {
                self.with_dictionary.set_prepared_dictionary(dictionary)?;
                self.with_dictionary.compress(body)
            }
            None => self.plain.compress(body),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder(with dictionary: {})", self.dictionary.is_some())
    }
}

/// Decompresses what a [`Press`] made of it with the same dictionary.
pub(crate) struct Decoder {
    dictionary: Option<DecoderDictionary<'static>>,
}

impl Decoder {
    pub(crate) fn new(dictionary: Option<&[u8]>) -> Self {
        Self { dictionary: dictionary.map(DecoderDictionary::copy) }
    }

    /// The body, if it has this length and digest.
    pub(crate) fn body(&self, compressed: &[u8], bytes: usize, digest: i64) -> Result<String, Damage> {
        let body = self.decompress(compressed, bytes)?;
        if body.len() != bytes || self::digest(&body) != digest {
            return Err(Damage::OtherContent);
        }
        String::from_utf8(body).map_err(|_| Damage::NoText)
    }

    /// Whether the body is this one.
    pub(super) fn says(&self, compressed: &[u8], body: &[u8]) -> bool {
        self.decompress(compressed, body.len()).is_ok_and(|decompressed| decompressed == body)
    }

    fn decompress(&self, compressed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Damage> {
        DECOMPRESSING.with_borrow_mut(|kept| {
            let mut context = kept.take().or_else(DCtx::try_create).ok_or(Damage::Undecodable)?;
            let mut body = Vec::with_capacity(bytes_max);
            match &self.dictionary {
                Some(dictionary) => {
                    context.decompress_using_ddict(&mut body, compressed, dictionary.as_ddict())
                }
                None => context.decompress(&mut body, compressed),
            }
            .map_err(|_| Damage::Undecodable)?;
            // Only after a success: one that failed may be in the midst of something.
            *kept = Some(context);
            Ok(body)
        })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder(with dictionary: {})", self.dictionary.is_some())
    }
}

/// A dictionary as its row keeps it: bodies in a dictionary resemble each other.
///
/// # Errors
///
/// When there is no memory for it.
pub(super) fn pack(dictionary: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(dictionary, LEVEL)
}

/// The dictionary of a row.
pub(crate) fn unpack(packed: &[u8], bytes: usize) -> Result<Vec<u8>, Damage> {
    let dictionary = zstd::bulk::decompress(packed, bytes).map_err(|_| Damage::Undecodable)?;
    if dictionary.len() == bytes { Ok(dictionary) } else { Err(Damage::OtherContent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back_or_is_refused() {
        let text = "<p>Dear Ann, your order 4711 has left us.</p>".repeat(20);
        for dictionary in [None, Some("<p>Dear Bob, your order 1 has left us.</p>".as_bytes())] {
            let encoder = Encoder::new(dictionary);
            let compressed = Press::new().unwrap().compress(&encoder, text.as_bytes()).unwrap();
            let decoder = Decoder::new(dictionary);
            let digest = digest(text.as_bytes());
            assert_eq!(decoder.body(&compressed, text.len(), digest).as_deref(), Ok(&*text));
            assert_eq!(decoder.body(&compressed, text.len(), digest ^ 1), Err(Damage::OtherContent));
            assert_eq!(decoder.body(&compressed, text.len() + 1, digest), Err(Damage::OtherContent));
            assert_eq!(decoder.body(&compressed, text.len() - 1, digest), Err(Damage::Undecodable));
            assert_eq!(decoder.body(b"no data of zstd's", 4, 0), Err(Damage::Undecodable));
        }
        let bytes = b"\xff\xfe";
        let plain = Encoder::new(None);
        let compressed = Press::new().unwrap().compress(&plain, bytes).unwrap();
        assert_eq!(Decoder::new(None).body(&compressed, 2, digest(bytes)), Err(Damage::NoText));
    }

    #[test]
    fn another_dictionary_gives_no_body() {
        let text = "Dear Ann, your order 4711 has left us and is on its way to you.";
        let encoder = Encoder::new(Some(text.as_bytes()));
        let compressed = Press::new().unwrap().compress(&encoder, text.as_bytes()).unwrap();
        for other in [None, Some(&b"Dear Bob, another text that is about as long as the first one was"[..])] {
            assert!(Decoder::new(other).body(&compressed, text.len(), digest(text.as_bytes())).is_err());
        }
    }

    #[test]
    fn a_dictionary_is_kept_small_and_whole() {
        let dictionary = b"<table><tr><td>".repeat(500);
        let packed = pack(&dictionary).unwrap();
        assert!(packed.len() < dictionary.len() / 50);
        assert_eq!(unpack(&packed, dictionary.len()), Ok(dictionary.clone()));
        assert_eq!(unpack(&packed, dictionary.len() + 1), Err(Damage::OtherContent));
    }
}
