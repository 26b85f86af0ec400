//! What a line of JSON says of a mail.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::{Status, normalise_address};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Body, LOG_BODY_BYTES_MAX, LOG_HEADER_BYTES_MAX, LOG_HEADERS_MAX, LOG_LINE_BYTES_MAX, LOG_TAG_CHARS_MAX,
    LOG_TAGS_MAX, LoggedMail, PREVIEW_CHARS_MAX,
};
use crate::{
    ingest::facts::{COLUMN_CHARS_MAX, HEADER_TEXT_BYTES_MAX, INDEXED_TEXT_BYTES_MAX, storable},
    tags::Tags,
};

/// Characters of a locale: what the column holds.
const LOCALE_CHARS_MAX: usize = 10;

/// Recipients of one mail. SES takes 50. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
const TO_MAX: usize = 50;

/// What a mail may say, each by its name.
const FIELDS: [&str; 18] = [
    "message_id",
    "aws_message_id",
    "to",
    "from",
    "subject",
    "template",
    "campaign",
    "configuration_set",
    "tags",
    "headers",
    "body",
    "attachments_count",
    "size_bytes",
    "locale",
    "user_uuid",
    "queued_at",
    "sent_at",
    "status",
];

/// What is wrong with a line. It says where, and quotes no value: these hold addresses and bodies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMail {
    /// It is no JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// It is JSON of another kind.
    #[error("this is no JSON object, and a mail is one: {{\"message_id\": …, \"to\": …}}")]
    NoObject,
    /// It is too long.
    #[error("this is too long for a mail: {LOG_LINE_BYTES_MAX} bytes at most")]
    TooLong,
    /// A name that no mail has.
    #[error("a mail has no `{name}`{}", near.map(|near| format!(", but a `{near}`")).unwrap_or_default())]
    Field {
        /// The name, cut.
        name: String,
        /// The one that may be meant.
        near: Option<&'static str>,
    },
    /// A value that can't be one of its field.
    #[error("`{field}` should be {should_be}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it should be.
        should_be: String,
    },
    /// Nothing says which mail it is, and it does not say enough for a new one.
    #[error("nothing says which mail this is: give `message_id`, `aws_message_id`, or `to` and `from`")]
    Nameless,
}

fn bad(field: &'static str, should_be: impl Into<String>) -> BadMail {
    BadMail::Value { field, should_be: should_be.into() }
}

impl LoggedMail {
    /// Reads one mail.
    ///
    /// # Errors
    ///
    /// A [`BadMail`] that names the field and says what would be right.
    pub fn from_json(json: &[u8]) -> Result<Self, BadMail> {
        if json.len() > LOG_LINE_BYTES_MAX {
            return Err(BadMail::TooLong);
        }
        let value: Value = serde_json::from_slice(json).map_err(|error| BadMail::Json(reason(&error)))?;
        let Value::Object(mut fields) = value else { return Err(BadMail::NoObject) };
        fields.retain(|_, value| !value.is_null());
        if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(unknown(name));
        }
        let mut headers = fields.remove("headers").map(headers).transpose()?;
        let to = fields.remove("to").map(|to| recipients(to, &mut headers)).transpose()?;
        let fields = &mut fields;
        let mut mail = Self {
            given: None,
            message_id: text(fields, "message_id", chars(COLUMN_CHARS_MAX))?,
            aws_message_id: text(fields, "aws_message_id", chars(COLUMN_CHARS_MAX))?,
            to,
            from: text(fields, "from", bytes(HEADER_TEXT_BYTES_MAX))?
                .map(|from| address("from", &from).map(|()| from))
                .transpose()?,
            subject: any_text(fields, "subject", bytes(HEADER_TEXT_BYTES_MAX))?,
            template: text(fields, "template", chars(COLUMN_CHARS_MAX))?,
            campaign: text(fields, "campaign", bytes(INDEXED_TEXT_BYTES_MAX))?,
            configuration_set: text(fields, "configuration_set", chars(COLUMN_CHARS_MAX))?,
            tags: fields.remove("tags").map(tags).transpose()?,
            headers,
            body: fields.remove("body").map(body).transpose()?.flatten(),
            attachments_count: number(fields, "attachments_count")?,
            size_bytes: number(fields, "size_bytes")?,
            locale: text(fields, "locale", chars(LOCALE_CHARS_MAX))?,
            user_uuid: text(fields, "user_uuid", chars(COLUMN_CHARS_MAX))?
                .map(|text| text.parse::<Uuid>().map_err(|_| bad("user_uuid", "a UUID")))
                .transpose()?,
            queued_at: time(fields, "queued_at")?,
            sent_at: time(fields, "sent_at")?,
            status: status(fields)?,
        };
        let is_named = mail.message_id.is_some() || mail.aws_message_id.is_some();
        if !is_named {
            if mail.to.is_none() || mail.from.is_none() {
                return Err(BadMail::Nameless);
            }
            // Once, and not by each attempt to log it: of a commit whose answer was lost, the next attempt finds the row.
            mail.given = Some(Uuid::now_v7());
        }
        Ok(mail)
    }
}

/// Where it went wrong, without what stood there.
fn reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Eof => "it ends too early",
        _ if error.to_string().contains("hex escape") => "a \\u that is half of a surrogate pair, or broken",
        _ => "something stands where it may not",
    };
    format!("{what} (line {} of it, column {})", error.line(), error.column())
}

fn unknown(name: &str) -> BadMail {
    let near = FIELDS
        .into_iter()
        .map(|field| (strsim::damerau_levenshtein(field, &name.chars().take(40).collect::<String>()), field))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, field)| field);
    let name = name.chars().take(40).flat_map(char::escape_debug).collect();
    BadMail::Field { name, near }
}

/// How long a text may be.
#[derive(Clone, Copy)]
enum Length {
    Chars(usize),
    Bytes(usize),
}

const fn chars(max: usize) -> Length {
    Length::Chars(max)
}

const fn bytes(max: usize) -> Length {
    Length::Bytes(max)
}

impl Length {
    fn holds(self, text: &str) -> bool {
        match self {
            Self::Chars(max) => text.chars().count() <= max,
            Self::Bytes(max) => text.len() <= max,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Chars(max) => format!("text of {max} characters at most"),
            Self::Bytes(max) => format!("text of {max} bytes at most"),
        }
    }
}

/// A text, which may be empty. U+0000, which PostgreSQL holds in no text, becomes U+FFFD, as in events.
fn any_text(
    fields: &mut Map<String, Value>,
    field: &'static str,
    length: Length,
) -> Result<Option<String>, BadMail> {
    match fields.remove(field) {
        None => Ok(None),
        Some(Value::String(text)) => {
            let text = storable(&text);
            if length.holds(&text) { Ok(Some(text)) } else { Err(bad(field, length.words())) }
        }
        Some(_) => Err(bad(field, length.words())),
    }
}

/// A text that is not empty.
fn text(
    fields: &mut Map<String, Value>,
    field: &'static str,
    length: Length,
) -> Result<Option<String>, BadMail> {
    match any_text(fields, field, length)? {
        Some(text) if text.trim().is_empty() => {
            Err(bad(field, "no empty text; leave it out where there is none"))
        }
        text => Ok(text),
    }
}

fn address(field: &'static str, text: &str) -> Result<(), BadMail> {
    let address = normalise_address(text);
    let is_address =
        address.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    if is_address { Ok(()) } else { Err(bad(field, "an address, such as jane@example.com")) }
}

/// One recipient or several: the column holds the first, and where nothing else says so, a header tells all of them.
fn recipients(value: Value, headers: &mut Option<BTreeMap<String, Vec<String>>>) -> Result<String, BadMail> {
    let should_be = || bad("to", format!("an address, or a list of 1 to {TO_MAX} addresses"));
    let several = match value {
        Value::String(one) => vec![Value::String(one)],
        Value::Array(several) if (1..=TO_MAX).contains(&several.len()) => several,
        _ => return Err(should_be()),
    };
    let mut texts = Vec::with_capacity(several.len());
    for one in several {
        let Value::String(one) = one else { return Err(should_be()) };
        let one = storable(&one);
        address("to", &one)?;
        if !bytes(INDEXED_TEXT_BYTES_MAX).holds(&one) {
            return Err(bad("to", bytes(INDEXED_TEXT_BYTES_MAX).words()));
        }
        texts.push(one);
    }
    if texts.len() > 1 {
        let headers = headers.get_or_insert_default();
        if !headers.keys().any(|name| name.eq_ignore_ascii_case("to")) {
            headers.insert("To".to_owned(), vec![texts.join(", ")]);
        }
    }
    Ok(texts.swap_remove(0))
}

/// Names with a value or several: an object, or a list of objects with `name` and `value`, as SES has it.
fn named(field: &'static str, value: Value) -> Result<Vec<(String, Vec<String>)>, BadMail> {
    let should_be = || bad(field, "an object of names and texts, or a list of {\"name\": …, \"value\": …}");
    let texts = |value: Value| match value {
        Value::String(text) => Ok(vec![storable(&text)]),
        Value::Number(number) => Ok(vec![number.to_string()]),
        Value::Bool(truth) => Ok(vec![truth.to_string()]),
        Value::Array(values) => values
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(storable(&text)),
                _ => Err(should_be()),
            })
            .collect(),
        _ => Err(should_be()),
    };
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| Ok((storable(&name), texts(value)?)))
            .collect(),
        Value::Array(pairs) => pairs
            .into_iter()
            .map(|pair| {
                let Value::Object(mut pair) = pair else { return Err(should_be()) };
                let mut take = |small: &str, large: &str| pair.remove(small).or_else(|| pair.remove(large));
                match (take("name", "Name"), take("value", "Value")) {
                    (Some(Value::String(name)), Some(value)) => Ok((storable(&name), texts(value)?)),
                    _ => Err(should_be()),
                }
            })
            .collect(),
        _ => Err(should_be()),
    }
}

fn headers(value: Value) -> Result<BTreeMap<String, Vec<String>>, BadMail> {
    let pairs = named("headers", value)?;
    let length: usize =
        pairs.iter().map(|(name, values)| name.len() + values.iter().map(String::len).sum::<usize>()).sum();
    let count: usize = pairs.iter().map(|(_, values)| values.len().max(1)).sum();
    if count > LOG_HEADERS_MAX || length > LOG_HEADER_BYTES_MAX {
        let most = format!("{LOG_HEADERS_MAX} headers of {LOG_HEADER_BYTES_MAX} bytes together at most");
        return Err(bad("headers", most));
    }
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, values) in pairs {
        headers.entry(name).or_default().extend(values);
    }
    Ok(headers)
}

fn tags(value: Value) -> Result<Tags, BadMail> {
    let pairs = named("tags", value)?;
    let mut tags = Tags::new();
    let is_long = |text: &String| text.chars().count() > LOG_TAG_CHARS_MAX;
    if pairs.iter().any(|(name, values)| is_long(name) || values.iter().any(is_long)) {
        return Err(bad("tags", format!("names and values of {LOG_TAG_CHARS_MAX} characters at most")));
    }
    for (name, values) in pairs {
        tags.entry(name).or_default().extend(values);
    }
    if tags.values().map(BTreeSet::len).sum::<usize>() > LOG_TAGS_MAX {
        return Err(bad("tags", format!("{LOG_TAGS_MAX} tags at most")));
    }
    Ok(tags)
}

/// A text, or an object with `html`, `text` or both.
fn body(value: Value) -> Result<Option<Body>, BadMail> {
    let should_be = || bad("body", "a text, or an object with `html`, `text` or both");
    let (html, text) = match value {
        Value::String(text) => (None, Some(text)),
        Value::Object(mut parts) => {
            let mut take = |name: &str| match parts.remove(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text)),
                Some(_) => Err(should_be()),
            };
            let (html, text) = (take("html")?, take("text")?);
            if !parts.is_empty() {
                return Err(should_be());
            }
            (html, text)
        }
        _ => return Err(should_be()),
    };
    let (html, text) = (html.map(|html| storable(&html)), text.map(|text| storable(&text)));
    let length = [&html, &text].into_iter().flatten().map(String::len).sum::<usize>();
    if length > LOG_BODY_BYTES_MAX {
        return Err(bad("body", format!("{LOG_BODY_BYTES_MAX} bytes at most, HTML and text together")));
    }
    Ok(match (html, text) {
        (Some(html), text) => Some(Body { full: html, preview: text }),
        (None, Some(text)) => {
            let preview = text.chars().take(PREVIEW_CHARS_MAX).collect();
            Some(Body { full: text, preview: Some(preview) })
        }
        (None, None) => None,
    })
}

fn number(fields: &mut Map<String, Value>, field: &'static str) -> Result<Option<i32>, BadMail> {
    let Some(value) = fields.remove(field) else { return Ok(None) };
    let number = value.as_i64().filter(|number| *number >= 0).and_then(|number| i32::try_from(number).ok());
    number.map(Some).ok_or_else(|| bad(field, format!("a whole number from 0 to {}", i32::MAX)))
}

/// A time with its zone, to the microsecond, which is what PostgreSQL holds.
fn time(fields: &mut Map<String, Value>, field: &'static str) -> Result<Option<Timestamp>, BadMail> {
    let Some(value) = fields.remove(field) else { return Ok(None) };
    let microsecond = TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Trunc);
    value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok())
        .filter(|time| *time >= Timestamp::UNIX_EPOCH)
        .and_then(|time| time.round(microsecond).ok())
        .map(Some)
        .ok_or_else(|| bad(field, "a time with its zone, from 1970 on, such as 2026-11-23T10:00:00Z"))
}

fn status(fields: &mut Map<String, Value>) -> Result<Option<Status>, BadMail> {
    let Some(value) = fields.remove("status") else { return Ok(None) };
    let status = value.as_str().and_then(Status::from_name);
    let names = || Status::ALL.map(Status::name).join(", ");
    status.map(Some).ok_or_else(|| bad("status", format!("one of {}", names())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<LoggedMail, BadMail> {
        LoggedMail::from_json(json.as_bytes())
    }

    #[test]
    fn all_that_a_mail_may_say_is_read() {
        let mail = read(
            r#"{"message_id": "m-1", "aws_message_id": "0100", "to": ["Jane <jane@example.com>", "joe@example.com"],
                "from": "shop@example.com", "subject": "", "template": "order", "campaign": "autumn",
                "configuration_set": "main", "tags": [{"Name": "a", "Value": "x"}, {"name": "a", "value": "y"}],
                "headers": {"X-Order": "7", "Received": ["a", "b"]}, "body": {"html": "<p>", "text": "t\u0000"},
                "attachments_count": 2, "size_bytes": 100, "locale": "de", "user_uuid": null,
                "queued_at": "2026-09-01T10:00:00.1234567+02:00", "sent_at": "2026-09-01T08:00:01Z", "status": "sent"}"#,
        )
        .unwrap();
        assert_eq!(mail.to.as_deref(), Some("Jane <jane@example.com>"));
        assert_eq!(mail.tags.unwrap()["a"], ["x", "y"].map(str::to_owned).into());
        let headers = mail.headers.unwrap();
        assert_eq!(headers["To"], ["Jane <jane@example.com>, joe@example.com"]);
        assert_eq!(headers["Received"], ["a", "b"]);
        let body = Body { full: "<p>".to_owned(), preview: Some("t\u{FFFD}".to_owned()) };
        assert_eq!(mail.body, Some(body));
        assert_eq!(mail.queued_at.unwrap().to_string(), "2026-09-01T08:00:00.123456Z");
        assert_eq!((mail.subject.as_deref(), mail.user_uuid), (Some(""), None));

        let text = read(&format!(r#"{{"message_id": "m", "body": "{}"}}"#, "ü".repeat(600))).unwrap();
        let body = text.body.unwrap();
        assert_eq!((body.full.chars().count(), body.preview.unwrap().chars().count()), (600, 500));
    }

    #[test]
    fn what_is_wrong_is_told_without_its_value() {
        for (json, parts) in [
            ("{", ["no JSON", "too early"]),
            (r#"{"to": secret}"#, ["no JSON", "column 8"]),
            (r#"{"to": "\ud800secret"}"#, ["no JSON", "surrogate"]),
            (r#"["secret"]"#, ["no JSON object", "message_id"]),
            (r#"{"recipient": "secret"}"#, ["no `recipient`", ""]),
            (r#"{"form": "secret"}"#, ["no `form`", "but a `from`"]),
            (r#"{"to": "secret"}"#, ["`to`", "an address"]),
            (r#"{"to": []}"#, ["`to`", "list of 1 to 50"]),
            (r#"{"message_id": " "}"#, ["`message_id`", "no empty text"]),
            (r#"{"message_id": 7}"#, ["`message_id`", "255 characters"]),
            (r#"{"message_id": "m", "headers": "secret"}"#, ["`headers`", "an object"]),
            (r#"{"message_id": "m", "tags": {"a": {"secret": 1}}}"#, ["`tags`", "an object"]),
            (r#"{"message_id": "m", "body": {"secret": ""}}"#, ["`body`", "`html`"]),
            (r#"{"message_id": "m", "size_bytes": -1}"#, ["`size_bytes`", "0 to"]),
            (r#"{"message_id": "m", "sent_at": "2026-09-01 10:00"}"#, ["`sent_at`", "its zone"]),
            (r#"{"message_id": "m", "sent_at": "1969-09-01T10:00:00Z"}"#, ["`sent_at`", "1970"]),
            (r#"{"message_id": "m", "status": "secret"}"#, ["`status`", "hard_bounced"]),
            (r#"{"message_id": "m", "user_uuid": "secret"}"#, ["`user_uuid`", "a UUID"]),
            (r#"{"message_id": "m", "locale": "secretsecret"}"#, ["`locale`", "10 characters"]),
            (r#"{"to": "a@example.com"}"#, ["which mail", "`from`"]),
        ] {
            let said = read(json).unwrap_err().to_string();
            assert!(parts.iter().all(|part| said.contains(part)), "{json}: {said}");
            assert!(!said.contains("secret"), "{json}: {said}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let long = |field: &str, length: usize| {
            format!(r#"{{"message_id": "m", "{field}": "{}"}}"#, "x".repeat(length))
        };
        for (field, most) in
            [("subject", 10_240), ("template", 255), ("campaign", 2_600), ("aws_message_id", 255)]
        {
            assert!(read(&long(field, most)).is_ok(), "{field}");
            assert!(read(&long(field, most + 1)).unwrap_err().to_string().contains(field));
        }
        assert!(read(&long("body", LOG_BODY_BYTES_MAX)).is_ok());
        assert!(read(&long("body", LOG_BODY_BYTES_MAX + 1)).unwrap_err().to_string().contains("41943040"));
        let headers =
            format!(r#"{{"message_id": "m", "headers": {{"X": "{}"}}}}"#, "x".repeat(LOG_HEADER_BYTES_MAX));
        assert!(read(&headers).unwrap_err().to_string().contains("262144 bytes"));
    }
}
