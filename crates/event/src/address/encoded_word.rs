//! Encoded words: how a header spells what is not ASCII.
//!
//! <https://www.rfc-editor.org/rfc/rfc2047>

/// The text of an encoded word that holds a whole address, such as `=?UTF-8?Q?jane=40example.com?=`. Nothing
/// for any other text, an unknown character set, or a broken encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let (charset, rest) = text.strip_prefix("=?")?.strip_suffix("?=")?.split_once('?')?;
    let (encoding, payload) = rest.split_once('?')?;
    if payload.contains('?') {
        return None;
    }
    let bytes = match encoding {
        "Q" | "q" => decode_q(payload)?,
        "B" | "b" => decode_b(payload)?,
        _ => return None,
    };
    // RFC 2231 allows a language behind the name: `utf-8*en`.
    match charset.split('*').next()?.to_ascii_lowercase().as_str() {
        "utf-8" | "us-ascii" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(bytes.into_iter().map(char::from).collect()),
        _ => None,
    }
}

fn decode_q(payload: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(payload.len());
    let mut rest = payload.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut hex = || char::from(rest.next()?).to_digit(16);
                u8::try_from(hex()? * 16 + hex()?).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

fn decode_b(payload: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(payload.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in payload.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    Some(bytes)
}
