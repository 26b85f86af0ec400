//! Where a text names a person, in whatever spelling, and the text without that.

use std::{collections::BTreeSet, ops::Range};

use aftersend_event::normalise_address;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

/// How an `@` may be spelled: as it is, in a URL, in quoted-printable, in HTML, in a JSON text within another.
const AT_SIGNS: [&str; 7] = ["@", "%40", "=40", "&#64;", "&#x40;", "&commat;", "\\u0040"];

/// How a `+` may be spelled.
const PLUS_SIGNS: [&str; 3] = ["+", "%2b", "=2b"];

/// Characters of base64 in a row that may hold an address at least.
const BASE64_CHARS_MIN: usize = 12;

/// What stands in the place of base64 that named the person.
const ERASED: &str = "(erased)";

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// A person who is erased, by an address.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Normalised.
    pub(crate) address: String,
    /// What stands in its place from now on.
    pub(crate) pseudonym: String,
    spellings: Vec<String>,
    /// Of these every text that names the person has one, in any case.
    pub(crate) hints: Vec<String>,
}

impl Person {
    pub(crate) fn new(address: String, pseudonym: String) -> Self {
        let (local, host) = address.rsplit_once('@').unwrap_or((&address, ""));
        let mut spellings = Vec::new();
        for at in AT_SIGNS {
            for plus in PLUS_SIGNS {
                spellings.push(format!("{}{at}{host}", local.replace('+', plus)));
            }
        }
        spellings.sort_unstable();
        spellings.dedup();
        let hints = hints(&address);
        Self { address, pseudonym, spellings, hints }
    }

    /// Whether a text may name the person: quickly, and also of some that do not.
    pub(crate) fn may_be_in(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        self.hints.iter().any(|hint| lower.contains(&hint.to_lowercase()))
    }

    /// Whether a text has the address in it at all, also as a part of what may be another's.
    pub(crate) fn is_part_of(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        self.spellings.iter().any(|spelling| lower.contains(spelling.as_str()))
    }

    /// Where a text names the person, the first place from `from` on.
    fn find(&self, lower: &Lower, from: usize) -> Option<(usize, usize)> {
        self.spellings.iter().filter_map(|spelling| lower.find(spelling, from)).min()
    }

    /// Whether a text names the person, also in base64.
    pub(crate) fn is_named_in(&self, text: &str) -> bool {
        self.without(text).is_some()
    }

    /// The text without the person; nothing where it names nobody.
    pub(crate) fn without(&self, text: &str) -> Option<String> {
        let plain = self.without_plain(text);
        let encoded = self.without_base64(plain.as_deref().unwrap_or(text));
        encoded.or(plain)
    }

    fn without_plain(&self, text: &str) -> Option<String> {
        if text.len() < self.address.len() {
            return None;
        }
        let lower = Lower::of(text);
        let mut kept = String::new();
        let mut done = 0;
        while let Some((start, end)) = self.find(&lower, done) {
            let before = &text[done..start];
            // The name before an address in angle brackets is the person's, too.
            let named = if text[end..].starts_with('>') { before_name(before) } else { None };
            kept.push_str(&before[..named.unwrap_or(before.len())]);
            kept.push_str(&self.pseudonym);
            done = end + usize::from(named.is_some());
        }
        if done == 0 {
            return None;
        }
        kept.push_str(&text[done..]);
        Some(kept)
    }

    fn without_base64(&self, text: &str) -> Option<String> {
        let mut kept = String::new();
        let mut done = 0;
        for (start, end) in base64_runs(text) {
            let names = decoded(&text[start..end]).is_some_and(|inner| self.without_plain(&inner).is_some());
            if names {
                kept.push_str(&text[done..start]);
                kept.push_str(ERASED);
                done = end;
            }
        }
        if done == 0 {
            return None;
        }
        kept.push_str(&text[done..]);
        Some(kept)
    }

    /// Takes the person out of all texts and names of a JSON value, and says whether any named the person.
    pub(crate) fn leave(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.without(text).map(|without| *text = without).is_some(),
            Value::Array(values) => values.iter_mut().fold(false, |named, value| self.leave(value) | named),
            Value::Object(object) => {
                let mut named = object.values_mut().fold(false, |named, value| self.leave(value) | named);
                let keys: Vec<(String, String)> =
                    object.keys().filter_map(|key| Some((key.clone(), self.without(key)?))).collect();
                for (old, new) in keys {
                    if let Some(value) = object.remove(&old) {
                        object.insert(new, value);
                        named = true;
                    }
                }
                named
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// JSON without the person; nothing where it names nobody. What is no JSON counts as text.
    pub(crate) fn json_without(&self, json: &str) -> Option<String> {
        match serde_json::from_str::<Value>(json) {
            Ok(mut value) => self.leave(&mut value).then(|| value.to_string()),
            Err(_) => self.without(json),
        }
    }

    /// Whether bytes of any kind name the person.
    pub(crate) fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        self.is_named_in(&text) || self.json_without(&text).is_some()
    }
}

/// A part of the address that no spelling changes, and the address in base64 at each of the three places where it may begin.
fn hints(address: &str) -> Vec<String> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let part = local.split('+').max_by_key(|part| part.len()).unwrap_or(local);
    let mut hints = vec![part.to_owned()];
    for before in 0..3 {
        let shifted = [&vec![b' '; before], address.as_bytes()].concat();
        let encoded = BASE64.encode(&shifted);
        // What stands at its ends depends on its neighbours.
        let (from, to) = (if before == 0 { 0 } else { 4 }, encoded.len().saturating_sub(4));
        hints.extend(encoded.get(from..to).map(str::to_owned));
    }
    hints
}

/// All addresses that a text may name, normalised: each candidate is looked for by its hash.
pub(crate) fn addresses_in(text: &str, found: &mut BTreeSet<String>) {
    addresses_in_plain(text, found);
    for (start, end) in base64_runs(text) {
        if let Some(inner) = decoded(&text[start..end]) {
            addresses_in_plain(&inner, found);
        }
    }
}

fn addresses_in_plain(text: &str, found: &mut BTreeSet<String>) {
    if !AT_SIGNS.iter().any(|at| text.contains(at)) {
        return;
    }
    let mut plain = text.to_lowercase();
    for at in &AT_SIGNS[1..] {
        plain = plain.replace(at, "@");
    }
    for plus in &PLUS_SIGNS[1..] {
        plain = plain.replace(plus, "+");
    }
    for (place, _) in plain.match_indices('@') {
        let host: String = plain[place + 1..].chars().take_while(|c| is_host_char(*c)).collect();
        let host = host.trim_end_matches(['.', '-']);
        for is_local in [is_local_char, is_any_local_char] {
            let local: String = plain[..place].chars().rev().take_while(|c| is_local(*c)).collect();
            let local: String = local.chars().rev().collect();
            if !local.is_empty() && !host.is_empty() {
                found.insert(format!("{local}@{host}"));
            }
        }
    }
    if text.len() < 1_000 {
        found.insert(normalise_address(text));
    }
}

/// Where a text names anybody, in any spelling and in base64: at least so much of each address that what is left of it leads to
/// nobody.
pub(crate) fn address_places(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for (at, sign) in at_signs(text) {
        let end = at + sign;
        let local: usize =
            text[..at].chars().rev().take_while(|c| is_coded_local_char(*c)).map(char::len_utf8).sum();
        let host: usize = text[end..].chars().take_while(|c| is_host_char(*c)).map(char::len_utf8).sum();
        let is_local = local > 0 || text[..at].chars().next_back().is_some_and(is_any_local_char);
        if is_local && host > 0 {
            places.push(at - local..end + host);
        }
    }
    for (start, end) in base64_runs(text) {
        // What stands before it, as a URL's path does, may look like base64 as well.
        let names =
            |shift| text.get(start + shift..end).and_then(decoded).is_some_and(|inner| names_a_host(&inner));
        if (0..4).any(names) {
            places.push(start..end);
        }
    }
    places
}

/// Where signs stand that mean an `@`, and how long each is.
fn at_signs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let sign_at = |place: usize| {
        let rest = &text.as_bytes()[place..];
        AT_SIGNS.iter().map(|sign| sign.len()).zip(AT_SIGNS).find_map(|(length, sign)| {
            rest.get(..length)?.eq_ignore_ascii_case(sign.as_bytes()).then_some((place, length))
        })
    };
    text.char_indices().filter(|(_, c)| "@%=&\\".contains(*c)).filter_map(move |(place, _)| sign_at(place))
}

/// Whether bytes that may be text have an address with a whole host's name: others come about by chance.
fn names_a_host(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let host: String = text[at + 1..].chars().take_while(|c| is_host_char(*c)).collect();
        let is_host = host.trim_end_matches(['.', '-']).trim_start_matches('.').contains('.');
        text[..at].chars().next_back().is_some_and(is_any_local_char) && is_host
    })
}

/// All addresses that JSON, or what is none, may name.
pub(crate) fn addresses_in_json(json: &str) -> BTreeSet<String> {
    fn of_value(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => addresses_in(text, found),
            Value::Array(values) => values.iter().for_each(|value| of_value(value, found)),
            Value::Object(object) => object.iter().for_each(|(name, value)| {
                addresses_in(name, found);
                of_value(value, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    match serde_json::from_str::<Value>(json) {
        Ok(value) => of_value(&value, &mut found),
        Err(_) => addresses_in(json, &mut found),
    }
    found
}

/// A text in lower case, with the places in the text as it was.
struct Lower {
    text: String,
    /// Where each byte of it stood; behind them the text's end.
    places: Vec<usize>,
}

impl Lower {
    fn of(text: &str) -> Self {
        let mut lower =
            Self { text: String::with_capacity(text.len()), places: Vec::with_capacity(text.len() + 1) };
        for (place, c) in text.char_indices() {
            lower.text.extend(c.to_lowercase());
            lower.places.resize(lower.text.len(), place);
        }
        lower.places.push(text.len());
        lower
    }

    /// The first place, from `from` of the text as it was, at which a spelling stands by itself.
    fn find(&self, spelling: &str, from: usize) -> Option<(usize, usize)> {
        let begin = self.places.partition_point(|place| *place < from);
        self.text.get(begin..)?.match_indices(spelling).find_map(|(offset, _)| {
            let (start, end) = (begin + offset, begin + offset + spelling.len());
            let before = self.text[..start].chars().next_back();
            let mut after = self.text[end..].chars();
            let (next, second) = (after.next(), after.next());
            let goes_on = match next {
                Some('.') => second.is_some_and(char::is_alphanumeric),
                Some(c) => is_host_char(c),
                None => false,
            };
            (!before.is_some_and(is_local_char) && !goes_on).then(|| (self.places[start], self.places[end]))
        })
    }
}

fn is_local_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-')
}

/// A `+` in a URL, in quoted-printable.
fn is_coded_local_char(c: char) -> bool {
    is_local_char(c) || matches!(c, '%' | '=')
}

/// <https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3>
fn is_any_local_char(c: char) -> bool {
    is_local_char(c) || "!#$%&'*/=?^`{|}~".contains(c)
}

fn is_host_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-')
}

/// Where the name begins that stands before an address in angle brackets.
fn before_name(before: &str) -> Option<usize> {
    let name = before.strip_suffix('<')?;
    let trimmed = name.trim_end();
    if let Some(quoted) = trimmed.strip_suffix('"') {
        return Some(quoted.rfind('"').unwrap_or(0));
    }
    let start = trimmed.rfind([',', ';', '<', '>', '\n', ':', '"']).map_or(0, |place| place + 1);
    let spaces = trimmed[start..].len() - trimmed[start..].trim_start().len();
    // What a server says before an address is no name: it has numbers in it.
    if trimmed[start..].contains(|c: char| c.is_ascii_digit()) && !trimmed[start..].contains("=?") {
        return None;
    }
    Some(start + spaces)
}

/// Runs of base64's characters, of both alphabets, as long as one that may hold an address.
fn base64_runs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let start = rest + text[rest..].find(is_one)?;
            let end = text[start..].find(|c| !is_one(c)).map_or(text.len(), |length| start + length);
            rest = end;
            if end - start >= BASE64_CHARS_MIN {
                return Some((start, end));
            }
        }
    })
}

/// What a run of base64 says, if that is text.
fn decoded(run: &str) -> Option<String> {
    let standard = run.replace('-', "+").replace('_', "/");
    let bytes = BASE64.decode(standard).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.contains('@').then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Person {
        Person::new("ann+x@example.com".to_owned(), "erased-0@example.com".to_owned())
    }

    #[test]
    fn a_person_is_found_in_every_spelling() {
        for (text, expected) in [
            ("ann+x@example.com", "erased-0@example.com"),
            ("to ANN+X@Example.COM, or", "to erased-0@example.com, or"),
            (
                "Ann Smith <ann+x@example.com>, Bob <bob@example.com>",
                "erased-0@example.com, Bob <bob@example.com>",
            ),
            (
                "Bob <bob@example.com>, \"Smith, Ann\" <ann+x@example.com>",
                "Bob <bob@example.com>, erased-0@example.com",
            ),
            ("https://x.org/?e=ann%2Bx%40example.com&y", "https://x.org/?e=erased-0@example.com&y"),
            ("https://x.org/?e=ann+x%40example.com.", "https://x.org/?e=erased-0@example.com."),
            (
                "smtp; 550 5.1.1 <ann+x@example.com>: unknown",
                "smtp; 550 5.1.1 <erased-0@example.com>: unknown",
            ),
            ("a=3D\"mailto:ann+x=40example.com\"", "a=3D\"mailto:erased-0@example.com\""),
            ("id YW5uK3hAZXhhbXBsZS5jb20= end", "id (erased)= end"),
            ("ann&#64;example.com ann+x&#64;example.com", "ann&#64;example.com erased-0@example.com"),
        ] {
            assert_eq!(ann().without(text).as_deref(), Some(expected), "{text}");
        }
        for other in [
            "joann+x@example.com",
            "ann+x@example.com.au",
            "ann+x@example.community",
            "ann+x@example.co",
            "",
            "ann",
            "am9lQGV4YW1wbGUuY29tIGFuZCBvdGhlcnM=",
        ] {
            assert_eq!(ann().without(other), None, "{other}");
        }
    }

    #[test]
    fn case_that_changes_length_moves_nothing() {
        let text = "İİ ann+x@example.com ß";
        assert_eq!(ann().without(text).unwrap(), "İİ erased-0@example.com ß");
    }

    #[test]
    fn all_of_a_json_value_is_looked_at() {
        let mut value = serde_json::json!({
            "to": ["Ann <ann+x@example.com>", { "ann+x@example.com": 1 }], "n": 1, "inner": "{\"a\": \"ann+x\\u0040example.com\"}",
        });
        assert!(ann().leave(&mut value));
        assert!(!value.to_string().contains("ann+x"), "{value}");
        assert!(!ann().leave(&mut value));
    }

    #[test]
    fn every_address_is_a_candidate() {
        for text in [
            "ann+x@example.com",
            "Ann <ANN+x@example.com>;",
            "?e=ann%2Bx%40example.com&",
            "'ann+x@example.com'.",
            "x YW5uK3hAZXhhbXBsZS5jb20 y",
        ] {
            let mut found = BTreeSet::new();
            addresses_in(text, &mut found);
            assert!(found.contains("ann+x@example.com"), "{text}: {found:?}");
        }
    }
}
