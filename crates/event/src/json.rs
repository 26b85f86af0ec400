//! What serde leaves to do on JSON text: limits, byte offsets, and escapes that no database holds.

use std::borrow::Cow;

use memchr::memchr2;

use crate::{ReadError, error::Within, limits};

/// Holds valid JSON against the limits of depth and of numbers.
///
/// serde skips what it does not know without recursion, so it sets no such limit itself, while `jsonb`
/// recurses and computes: without this check one record could pass here and fail in the database.
///
/// `json` begins at byte `start` of `text`.
pub(crate) fn check_limits(json: &str, start: usize, text: Within) -> Result<(), ReadError> {
    let bytes = json.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::JSON_DEPTH_MAX {
                    return Err(ReadError::over(
                        format!("the nesting at byte {} of {text} is", start + at),
                        "JSON_DEPTH_MAX",
                        limits::JSON_DEPTH_MAX,
                    ));
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'-' | b'0'..=b'9' => at = number_end(bytes, at, start, text)?,
            _ => at += 1,
        }
    }
    Ok(())
}

/// The byte after the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(plain) = bytes.get(end..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        end += plain;
        if bytes[end] == b'"' {
            return end + 1;
        }
        end += 2;
    }
    bytes.len()
}

/// The byte after the number that begins at `at`.
fn number_end(bytes: &[u8], at: usize, start: usize, text: Within) -> Result<usize, ReadError> {
    let length =
        bytes[at..].iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let end = at + length.count();
    if end - at > limits::NUMBER_BYTES_MAX {
        let what = format!("the number at byte {} of {text} is", start + at);
        return Err(ReadError::over(what, "NUMBER_BYTES_MAX", limits::NUMBER_BYTES_MAX));
    }
    let exponent_digits = bytes[at..end]
        .iter()
        .position(|byte| matches!(byte, b'e' | b'E'))
        .map_or(0, |e| bytes[at + e..end].iter().filter(|byte| byte.is_ascii_digit()).count());
    if exponent_digits > limits::EXPONENT_DIGITS_MAX {
        let what = format!("the exponent of the number at byte {} of {text} is", start + at);
        return Err(ReadError::over(what, "EXPONENT_DIGITS_MAX", limits::EXPONENT_DIGITS_MAX));
    }
    Ok(end)
}

/// The same JSON, with U+FFFD for every escape that names U+0000 or half a surrogate pair.
///
/// JSON may spell both, `text` and `jsonb` hold neither.
/// <https://www.postgresql.org/docs/current/datatype-json.html>
pub(crate) fn storable(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u0000") && !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut clean = String::with_capacity(json.len());
    let (mut rest, mut replaced) = (json, false);
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match unit(rest) {
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            Some(0xD800..0xDC00) if matches!(unit(&rest[6..]), Some(0xDC00..0xE000)) => 12,
            Some(0 | 0xD800..0xE000) => {
                clean.push_str("\\ufffd");
                replaced = true;
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
        };
        clean.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    if !replaced {
        return Cow::Borrowed(json);
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// The UTF-16 code unit that an escape `\uXXXX` at the start of `json` names.
fn unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// An error of serde as one of ours. `json` begins at byte `start` of `text`.
pub(crate) fn read_error(error: &serde_json::Error, json: &str, start: usize, text: Within) -> ReadError {
    let line_start: usize =
        json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let offset = start + (line_start + error.column().saturating_sub(1)).min(json.len());
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    // Errors about syntax repeat nothing of the record; those about data might.
    let problem =
        if error.is_data() { "unexpected JSON".to_owned() } else { format!("broken JSON: {message}") };
    ReadError::Json { offset, text, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_database_holds_is_replaced() {
        for (json, clean) in [
            (r#""plain""#, r#""plain""#),
            (r#""a\u0000b""#, r#""a\ufffdb""#),
            (r#""a\\u0000b""#, r#""a\\u0000b""#),
            (r#""a\\\u0000b""#, r#""a\\\ufffdb""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
            (r#""\ud800\udc00\udbff\udfff""#, r#""\ud800\udc00\udbff\udfff""#),
            (r#""\ud7ff\ue000""#, r#""\ud7ff\ue000""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ud83d\ue000""#, r#""\ufffd\ue000""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""é\u0000é\né""#, r#""é\ufffdé\né""#),
        ] {
            assert_eq!(storable(json), clean, "{json}");
        }
        assert!(matches!(storable(r#"{"a":"\ud83d\ude00"}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn depth_and_numbers_have_limits() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_limits(&nested(limits::JSON_DEPTH_MAX), 0, Within::Message), Ok(()));
        let error = check_limits(&nested(limits::JSON_DEPTH_MAX + 1), 7, Within::Message).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the nesting at byte 107 of the message is over the limit JSON_DEPTH_MAX of 100"
        );
        // Brackets in strings, and many beside each other, are no depth.
        assert_eq!(check_limits(&format!("[\"{}\"]", "[\\\"".repeat(500)), 0, Within::Message), Ok(()));
        assert_eq!(check_limits(&format!("[{}1]", "[],".repeat(500)), 0, Within::Message), Ok(()));

        assert_eq!(check_limits("[-1.5e+0300,1E9999]", 0, Within::Message), Ok(()));
        let error = check_limits("[1e10000]", 0, Within::SnsMessage).unwrap_err();
        assert!(matches!(error, ReadError::OverLimit { limit: "EXPONENT_DIGITS_MAX", .. }), "{error}");
        assert_eq!(check_limits(&"9".repeat(limits::NUMBER_BYTES_MAX), 0, Within::Message), Ok(()));
        let error = check_limits(&"9".repeat(limits::NUMBER_BYTES_MAX + 1), 0, Within::Message).unwrap_err();
        assert!(matches!(error, ReadError::OverLimit { limit: "NUMBER_BYTES_MAX", .. }), "{error}");
    }
}
