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

/// Characters of base64 in a row that may hold an address at least: `a@b.cd`.
const BASE64_CHARS_MIN: usize = 8;

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
    /// In lower case: of these every text that names the person has one, in lower case.
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
        self.hints.iter().any(|hint| lower.contains(hint.as_str()))
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
        for (start, end) in base64_runs(text, base64_chars(self.address.len())) {
            if let Some(named) = self.find_in_base64(&text[start..end], text[..start].ends_with('.')) {
                kept.push_str(&text[done..start + named]);
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

    /// From where on a run of base64 is to go, since it names the person. Behind a dot it may be the end of a host's name, and
    /// a path.
    fn find_in_base64(&self, run: &str, is_behind_dot: bool) -> Option<usize> {
        let names = |bytes: &[u8]| {
            self.may_be_in_bytes(bytes) && self.without_plain(&String::from_utf8_lossy(bytes)).is_some()
        };
        let begins_at =
            (0..4).find(|begins_at| reading(run, *begins_at).is_some_and(|bytes| names(&bytes)))?;
        // What stands before it in a URL's path stays, if only a slash tells it from base64.
        let is_begun = |place: usize| {
            place.checked_sub(1).map_or(!is_behind_dot, |before| run.as_bytes()[before] == b'/')
        };
        let begun = (begins_at..run.len()).step_by(4).find(|place| is_begun(*place));
        Some(begun.filter(|place| reading(run, *place).is_some_and(|bytes| names(&bytes))).unwrap_or(0))
    }

    /// Whether what base64 says may name the person: quickly, since it may be a picture of a megabyte.
    fn may_be_in_bytes(&self, bytes: &[u8]) -> bool {
        let host = self.address.rsplit_once('@').map_or("", |(_, host)| host).as_bytes();
        let starts_with_host =
            |rest: &[u8]| rest.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host));
        // Where letters beyond ASCII change case, only the closer look knows.
        !host.is_ascii() || at_signs(bytes).any(|(place, length)| starts_with_host(&bytes[place + length..]))
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

/// A part of the address that no spelling changes, and the address in base64, as it is and as in a URL, at each of the three
/// places where it may begin. In base64 another case is other text: of that, only the case that addresses are kept in is told.
fn hints(address: &str) -> Vec<String> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let part = local.split('+').max_by_key(|part| part.len()).unwrap_or(local);
    let in_url = address.replace('@', "%40");
    let coded = in_url.replace('+', "%2B");
    let mut hints = vec![part.to_owned()];
    for spelling in [address, &in_url, &coded] {
        for before in 0..3 {
            let known = in_base64(spelling, before);
            hints.extend([known.replace('+', "-").replace('/', "_"), known]);
        }
    }
    for hint in &mut hints {
        *hint = hint.to_lowercase();
    }
    hints[1..].sort_unstable();
    hints.dedup();
    hints
}

/// What a text is in base64 behind so many bytes, of those up to two that stand with its first one in a group: the characters that
/// do not depend on its neighbours.
fn in_base64(text: &str, before: usize) -> String {
    let encoded = BASE64.encode([&b"  "[..before], text.as_bytes()].concat());
    let (from, to) = (base64_chars(before), (before + text.len()) * 4 / 3);
    encoded.get(from..to).unwrap_or_default().to_owned()
}

/// Characters that so many bytes take at least.
const fn base64_chars(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// All addresses that a text may name, normalised: each candidate is looked for by its hash.
pub(crate) fn addresses_in(text: &str, found: &mut BTreeSet<String>) {
    addresses_in_plain(text, found);
    for (start, end) in base64_runs(text, BASE64_CHARS_MIN) {
        for inner in decoded(&text[start..end]) {
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
    for (at, sign) in at_signs(text.as_bytes()) {
        let end = at + sign;
        let local: usize =
            text[..at].chars().rev().take_while(|c| is_coded_local_char(*c)).map(char::len_utf8).sum();
        let host: usize = text[end..].chars().take_while(|c| is_host_char(*c)).map(char::len_utf8).sum();
        let is_local = local > 0 || text[..at].chars().next_back().is_some_and(is_any_local_char);
        if is_local && host > 0 {
            places.push(at - local..end + host);
        }
    }
    for (start, end) in base64_runs(text, BASE64_CHARS_MIN) {
        if decoded(&text[start..end]).any(|inner| names_a_host(&inner)) {
            places.push(start..end);
        }
    }
    places
}

/// Where signs stand that mean an `@`, and how long each is.
fn at_signs(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let sign_at = |place: usize| {
        let rest = &text[place..];
        let is_here = |sign: &&'static str| {
            rest.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign.as_bytes()))
        };
        AT_SIGNS.into_iter().find(is_here).map(|sign| (place, sign.len()))
    };
    let starts_one = |byte: &u8| matches!(byte, b'@' | b'%' | b'=' | b'&' | b'\\');
    (0..text.len()).filter(move |place| starts_one(&text[*place])).filter_map(sign_at)
}

/// Whether bytes that may be text have an address with a whole host's name: others come about by chance.
fn names_a_host(text: &str) -> bool {
    at_signs(text.as_bytes()).any(|(at, length)| {
        let host: String = text[at + length..].chars().take_while(|c| is_host_char(*c)).collect();
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

/// Runs of base64's characters, of both alphabets, of so many at least.
fn base64_runs(text: &str, chars_min: usize) -> impl Iterator<Item = (usize, usize)> {
    let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let start = rest + text[rest..].find(is_one)?;
            let end = text[start..].find(|c| !is_one(c)).map_or(text.len(), |length| start + length);
            rest = end;
            if end - start >= chars_min {
                return Some((start, end));
            }
        }
    })
}

/// What a run of base64 says whose first group of four begins at one of its characters.
fn reading(run: &str, begins_at: usize) -> Option<Vec<u8>> {
    let rest = run.get(begins_at..)?;
    // A single character of a group says nothing, and is an error to the decoder.
    let whole = &rest[..rest.len() - usize::from(rest.len() % 4 == 1)];
    BASE64.decode(whole.replace('-', "+").replace('_', "/")).ok()
}

/// What a run of base64 may say that names anybody. What stands before it, as a URL's path does, may look like base64 as well, so
/// it may begin at any of four characters.
fn decoded(run: &str) -> impl Iterator<Item = String> {
    (0..4)
        .filter_map(|begins_at| reading(run, begins_at))
        .filter(|bytes| at_signs(bytes).next().is_some())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
