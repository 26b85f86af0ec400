//! What a file is, by its beginning: a wrong one is refused whole, before its lines fill the quarantine.

use memchr::{memchr, memchr_iter};

/// Files by their first bytes. <https://www.rfc-editor.org/rfc/rfc1952>, <https://www.rfc-editor.org/rfc/rfc8878>
const PACKED: [(&[u8], &str, &str); 4] = [
    (&[0x1f, 0x8b], "gzip", "zcat"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstdcat"),
    (b"BZh", "bzip2", "bzcat"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz", "xzcat"),
];

/// Why a file that begins like this holds no events of SES; nothing if it may hold some. A few broken lines among others
/// are nobody's reason to refuse a file: in `beginning`, as much of it as was read, no line may begin as JSON does.
pub(super) fn fault(beginning: &[u8]) -> Option<String> {
    for (magic, name, unpack) in PACKED {
        if beginning.starts_with(magic) {
            return Some(format!(
                "it is packed with {name}, and nothing was taken in; unpack it on the way: `{unpack} FILE | aftersend \
                 ingest file -`"
            ));
        }
    }
    if memchr(0, beginning).is_some() {
        return Some("it is no text, and nothing was taken in; events of SES are JSON".to_owned());
    }
    let starts = std::iter::once(0).chain(memchr_iter(b'\n', beginning).map(|end| end + 1));
    let mut lines = starts.map(|start| beginning[start..].trim_ascii_start()).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let is_json =
        |line: &[u8]| matches!(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).first(), Some(b'{' | b'['));
    (!is_json(first) && !lines.any(is_json)).then(|| {
        "none of its lines begins as JSON does, and nothing was taken in; it should hold events as SES publishes them, \
         one JSON document after the other"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_is_told_by_its_beginning() {
        for (beginning, told) in [
            (&b"\x1f\x8b\x08\x00"[..], Some("zcat FILE")),
            (b"\x28\xb5\x2f\xfd\x00", Some("zstdcat")),
            (b"\x7fELF\x02\x00{", Some("no text")),
            (b"to,status\na@example.com,sent\n", Some("none of its lines")),
            (b"null\n", Some("none of its lines")),
            (b"", None),
            (b" \r\n\n", None),
            (b"\xef\xbb\xbf{\"mail\"", None),
            (b"[\n  {", None),
            (b"broken\n  {\"mail\": 1}\n", None),
        ] {
            let fault = fault(beginning);
            assert_eq!(fault.is_some(), told.is_some(), "{beginning:?}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(told.unwrap_or_default()), "{beginning:?}");
        }
    }
}
