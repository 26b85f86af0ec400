//! Mail addresses, reduced to what can be compared.

mod encoded_word;
mod scan;

use scan::{Piece, pieces};

use crate::Text;

/// A recipient as the record names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// As it stands in the record, a display name and all.
    pub raw: Text<'a>,
}

impl Address<'_> {
    /// The address alone, in lower case: see [`normalise_address`].
    pub fn normalised(&self) -> String {
        normalise_address(&self.raw)
    }

    /// The address alone, in the record's spelling.
    pub fn bare(&self) -> &str {
        bare(&self.raw)
    }
}

/// The address alone, in lower case: what keys are made of.
///
/// `Jane <Jane@Example.com>` and `jane@example.com` are one recipient; so is an encoded word for the name
/// (RFC 2047), or for the whole. What is no address stays what it is, trimmed and in lower case.
///
/// The local part is lower-cased too: servers that tell `Jane` from `jane` are a curiosity, senders that write
/// both for one person are not.
pub fn normalise_address(raw: &str) -> String {
    let address = bare(raw);
    match encoded_word::decode(address) {
        // One level only: an encoded word inside an encoded word is garbage.
        Some(decoded) => lower(bare(&decoded)),
        None => lower(address),
    }
}

/// The bare address, in its own spelling, of the first mailbox of a list as mail headers write it:
/// `jane@example.com` for `"Doe, Jane" <jane@example.com>, mary@example.com`.
///
/// Where no entry has an `@`, the first that is not empty; the empty text where there is none.
/// <https://www.rfc-editor.org/rfc/rfc5322#section-3.4>
pub fn first_address(list: &str) -> &str {
    let mut first = "";
    for entry in entries(list) {
        let address = bare(entry);
        if address.contains('@') {
            return address;
        }
        if first.is_empty() {
            first = address;
        }
    }
    first
}

/// Whether a normalised address is one of SES's mailbox simulator, whose events show but never count or block.
/// <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html>
pub fn is_simulator_address(normalised: &str) -> bool {
    normalised.ends_with("@simulator.amazonses.com")
}

/// The entries of an address list: between commas and semicolons, without the names of groups.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let mut found = Vec::new();
    let (mut start, mut in_angle, mut has_at) = (0, false, false);
    for piece in pieces(list) {
        let Piece::Plain { at, byte } = piece else { continue };
        match byte {
            b'<' => in_angle = true,
            b'>' => in_angle = false,
            b'@' => has_at = true,
            // `Team: jane@example.com, mary@example.com;` is a group. A colon after the `@` is an IPv6 literal.
            b':' if !in_angle && !has_at => start = at + 1,
            b',' | b';' if !in_angle => {
                found.push(&list[start..at]);
                (start, has_at) = (at + 1, false);
            }
            _ => {}
        }
    }
    found.push(&list[start..]);
    found.into_iter()
}

/// What stands in angle brackets, or the whole without the comments around it.
fn bare(raw: &str) -> &str {
    let text = raw.trim();
    let (mut open, mut inside) = (None, None);
    for piece in pieces(text) {
        match (piece, open) {
            (Piece::Plain { at, byte: b'<' }, _) => open = Some(at + 1),
            (Piece::Plain { at, byte: b'>' }, Some(start)) => {
                inside = Some(&text[start..at]);
                open = None;
            }
            _ => {}
        }
    }
    // A bracket that never closes is a cut header: what stands behind it is still the address.
    let cut = open.map(|start| &text[start..]).filter(|rest| rest.contains('@'));
    match inside.or(cut).map(without_comments) {
        Some(address) if !address.is_empty() => address,
        _ => without_comments(text),
    }
}

/// The text without the comments and spaces at both its ends; the text itself where there is nothing else.
fn without_comments(text: &str) -> &str {
    let text = text.trim();
    let mut span: Option<(usize, usize)> = None;
    for piece in pieces(text) {
        let (from, to) = match piece {
            Piece::Plain { byte, .. } if byte.is_ascii_whitespace() => continue,
            Piece::Plain { at, .. } => (at, at + 1),
            Piece::Quoted { from, to } => (from, to),
            Piece::Comment => continue,
        };
        span = Some((span.map_or(from, |(start, _)| start), to));
    }
    span.map_or(text, |(from, to)| text[from..to].trim())
}

/// Lower case, character by character: `str::to_lowercase` looks at neighbours (the Greek final sigma), so
/// that a cut text could compare unequal to the whole one.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
