//! Bodies that `PhoenixKit`'s own archiver has compressed: gzip in base64, in the column of the body itself.

use std::io::Read as _;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use flate2::read::MultiGzDecoder;

use super::BODY_BYTES_MAX;

/// How gzip begins in base64: <https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1>
pub(super) const MAGIC: &str = "H4sI";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a body that is marked as compressed turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// Gzip in base64, and this is the text.
    Text(String),
    /// Something else, or damaged: it is what it is.
    Other,
    /// Gzip in base64 of more than [`BODY_BYTES_MAX`].
    TooLong,
}

/// Reads a body that is marked as compressed. Never takes more memory than a body may have, whatever the data claims.
pub(super) fn read(column: &str) -> Elsewhere {
    if !column.trim_start().starts_with(MAGIC) {
        return Elsewhere::Other;
    }
    let digits: Vec<u8> = column.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let Ok(packed) = BASE64.decode(digits) else { return Elsewhere::Other };
    let mut text = Vec::new();
    match MultiGzDecoder::new(&*packed).take(BODY_BYTES_MAX + 1).read_to_end(&mut text) {
        Ok(_) if u64::try_from(text.len()).is_ok_and(|bytes| bytes > BODY_BYTES_MAX) => Elsewhere::TooLong,
        // PostgreSQL's text holds no U+0000, so none was in the body.
        Ok(_) if !text.contains(&0) => String::from_utf8(text).map_or(Elsewhere::Other, Elsewhere::Text),
        _ => Elsewhere::Other,
    }
}

#[cfg(test)]
pub(super) fn pack(text: &[u8]) -> String {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    BASE64.encode(encoder.finish().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_in_base64_is_read() {
        let text = "<p>Ä body 🦀</p>\u{301}";
        let packed = pack(text.as_bytes());
        assert_eq!(read(&packed), Elsewhere::Text(text.to_owned()));
        assert_eq!(read(packed.trim_end_matches('=')), Elsewhere::Text(text.to_owned()));
        let lines: Vec<String> =
            packed.as_bytes().chunks(20).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        assert_eq!(read(&lines.join("\r\n")), Elsewhere::Text(text.to_owned()));
        assert_eq!(read(&pack(b"")), Elsewhere::Text(String::new()));
    }

    #[test]
    fn what_is_something_else_stays_so() {
        let packed = pack(b"a text");
        let wrong_sum = {
            let mut bytes = BASE64.decode(&packed).unwrap();
            let sum = bytes.len() - 6;
            bytes[sum] ^= 1;
            BASE64.encode(bytes)
        };
        let cut = &packed[..packed.len() - 8];
        for other in [
            "",
            "<p>plain</p>",
            "H4sI",
            "H4sI<p>",
            "H4sIAAAA",
            &wrong_sum,
            cut,
            &pack(b"\xff"),
            &pack(b"a\0b"),
        ] {
            assert_eq!(read(other), Elsewhere::Other, "{other}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bytes = usize::try_from(BODY_BYTES_MAX).unwrap();
        assert_eq!(read(&pack(&vec![b' '; bytes + 1])), Elsewhere::TooLong);
        assert!(matches!(read(&pack(&vec![b' '; bytes])), Elsewhere::Text(text) if text.len() == bytes));
    }
}
