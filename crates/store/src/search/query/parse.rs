//! Reads a search text.

use std::{iter::Peekable, str::CharIndices, str::FromStr};

use aftersend_event::Status;

use super::{
    Condition, EventKind, QUERY_CHARS_MAX, QUERY_TERMS_MAX, Query, Statuses, Term, VALUE_CHARS_MAX, Value,
};

/// The words that stand before a colon.
const FIELDS: [&str; 13] = [
    "to", "from", "subject", "campaign", "template", "domain", "id", "status", "tag", "before", "after",
    "event", "bounce",
];

/// Words of other searches, and ours for the same.
const FOREIGN: [(&str, &str); 12] = [
    ("is", "status"),
    ("has", "event"),
    ("since", "after"),
    ("until", "before"),
    ("newer", "after"),
    ("older", "before"),
    ("recipient", "to"),
    ("cc", "to"),
    ("bcc", "to"),
    ("sender", "from"),
    ("message-id", "id"),
    ("addressed", "to"),
];

/// Other names of events: what the mail is after them.
const HAPPENED: [(&str, EventKind); 9] = [
    ("sent", EventKind::Send),
    ("delivered", EventKind::Delivery),
    ("delayed", EventKind::DeliveryDelay),
    ("bounced", EventKind::Bounce),
    ("complained", EventKind::Complaint),
    ("opened", EventKind::Open),
    ("clicked", EventKind::Click),
    ("rejected", EventKind::Reject),
    ("failed", EventKind::RenderingFailure),
];

/// A search text that can't be read: where, why, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {fault}")]
pub struct SearchTextError {
    /// The place of the term that is wrong, in characters, counted from 1.
    pub at: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a part of a search.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The whole text is too long.
    #[error("the search text is too long; it may have {QUERY_CHARS_MAX} characters")]
    TooLong,
    /// There are too many terms.
    #[error(
        "the search has too many words; it may have {QUERY_TERMS_MAX}. Words that belong together go in quotes"
    )]
    TooManyTerms,
    /// A value is too long.
    #[error(
        "a word of the search is too long; it may have {VALUE_CHARS_MAX} characters, and a part of it does"
    )]
    ValueTooLong,
    /// There is nothing behind the colon, or between the quotation marks.
    #[error("there is nothing to search for; write it right behind the colon or between the quotation marks")]
    NoValue,
    /// A quotation has no end.
    #[error("the quotation mark has no counterpart; close it, or write \\\" for one that is meant")]
    OpenQuotation,
    /// No field has that name, and one has nearly that name.
    #[error("there is no `{name}:`, but `{nearest}:`; to search for the text itself, put it in quotes")]
    UnknownField {
        /// What was written.
        name: String,
        /// The field that is meant, most likely.
        nearest: &'static str,
    },
    /// No status has that name.
    #[error("there is no status `{name}`, the nearest is `{nearest}`; there are {all}", all = status_names())]
    UnknownStatus {
        /// What was written.
        name: String,
        /// The status whose name is most like it.
        nearest: &'static str,
    },
    /// No event has that name.
    #[error("there is no event `{name}`, the nearest is `{nearest}`; there are {all}", all = event_names())]
    UnknownEvent {
        /// What was written.
        name: String,
        /// The event whose name is most like it.
        nearest: &'static str,
    },
    /// A tag's name has an equals sign.
    #[error("a tag is searched for as `tag:name` or `tag:name=value`; the name has no equals sign")]
    TagName,
    /// A time that can't be read.
    #[error(
        "`{0}` is no time; write 2026-05-03, 2026-05-03T10:00, 2026-05-03T10:00Z, today, or 7d for seven days ago"
    )]
    Time(String),
    /// A day as it is written elsewhere.
    #[error("days are written with the year first: `{meant}`, not `{written}`")]
    Day {
        /// What was written.
        written: String,
        /// The same day as it is read here.
        meant: String,
    },
    /// A period that can't be read.
    #[error(
        "`{0}` is no period; write 2026-05-01..2026-05-07, 2026-05-01.., 2026-05-01, or 7d for the last seven days"
    )]
    Period(String),
}

fn status_names() -> String {
    Status::ALL.map(Status::name).join(", ")
}

fn event_names() -> String {
    EventKind::ALL.map(EventKind::name).join(", ")
}

impl FromStr for Query {
    type Err = SearchTextError;

    fn from_str(text: &str) -> Result<Self, SearchTextError> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(SearchTextError { at: QUERY_CHARS_MAX + 1, fault: Fault::TooLong });
        }
        if let Some(mailbox) = mailbox(text) {
            return Ok(Self { terms: vec![mailbox] });
        }
        let mut terms = Vec::new();
        let mut reader = Reader { text, rest: text.char_indices().peekable() };
        while let Some(start) = reader.skip_whitespace() {
            let at = |fault| SearchTextError { at: text[..start].chars().count() + 1, fault };
            let term = reader.term(start).map_err(at)?;
            if terms.contains(&term) {
                continue;
            }
            if terms.len() == QUERY_TERMS_MAX {
                return Err(at(Fault::TooManyTerms));
            }
            terms.push(term);
        }
        let query = Self { terms };
        // Quotation marks that the canonical text has, and the given one had not, count, too: it goes into links.
        if query.to_string().chars().count() > QUERY_CHARS_MAX {
            return Err(SearchTextError { at: QUERY_CHARS_MAX + 1, fault: Fault::TooLong });
        }
        Ok(query)
    }
}

/// An address with its name, as it is copied from a mail: `Jane Doe <jane@example.com>`, and nothing else.
fn mailbox(text: &str) -> Option<Term> {
    let text = text.trim();
    let (name, address) = text.strip_suffix('>')?.split_once('<')?;
    let one_address =
        address.contains('@') && !address.contains(char::is_whitespace) && !address.contains('<');
    if !one_address || name.starts_with('-') || name.contains(['"', ':', '>']) {
        return None;
    }
    Value::new(text).ok().map(|value| Term::is(Condition::Text(value)))
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    /// Goes to the next term and says where it is.
    fn skip_whitespace(&mut self) -> Option<usize> {
        while self.rest.next_if(|(_, character)| character.is_whitespace()).is_some() {}
        self.rest.peek().map(|&(at, _)| at)
    }

    fn skip_to(&mut self, place: usize) {
        while self.rest.next_if(|&(at, _)| at < place).is_some() {}
    }

    fn term(&mut self, start: usize) -> Result<Term, Fault> {
        let behind = &self.text[start..];
        // A dash alone is a word.
        let negated = behind.starts_with('-') && behind[1..].starts_with(|next: char| !next.is_whitespace());
        let word = start + usize::from(negated);
        self.skip_to(word);
        let condition = match field(&self.text[word..])? {
            Some(field) => {
                self.skip_to(word + field.len() + 1);
                self.skip_gap()?;
                let value = self.value(field == "tag")?;
                condition(field, &value)?
            }
            None => Condition::Text(Value::new(&self.value(false)?)?),
        };
        Ok(Term { negated, condition })
    }

    /// Goes over a space behind a colon, as people write it. What has a field or a dash of its own is no value of this one.
    fn skip_gap(&mut self) -> Result<(), Fault> {
        if self.rest.peek().is_none_or(|(_, character)| !character.is_whitespace()) {
            return Ok(());
        }
        let next = self.skip_whitespace().ok_or(Fault::NoValue)?;
        let behind = &self.text[next..];
        let is_value = !behind.starts_with('-') && field(behind).is_ok_and(|field| field.is_none());
        if is_value { Ok(()) } else { Err(Fault::NoValue) }
    }

    /// A word, or a quotation. A tag's value may be quoted by itself.
    fn value(&mut self, is_tag: bool) -> Result<String, Fault> {
        if self.rest.next_if(|&(_, character)| character == '"').is_some() {
            return self.quotation();
        }
        let mut value = String::new();
        while let Some((_, character)) = self.rest.next_if(|(_, character)| !character.is_whitespace()) {
            value.push(character);
            let opens = is_tag && character == '=' && value.matches('=').count() == 1;
            if opens && self.rest.next_if(|&(_, character)| character == '"').is_some() {
                value.push_str(&self.quotation()?);
                return Ok(value);
            }
        }
        Ok(value)
    }

    /// What is left of a quotation.
    fn quotation(&mut self) -> Result<String, Fault> {
        let mut value = String::new();
        while let Some((_, character)) = self.rest.next() {
            match character {
                '"' => return Ok(value),
                '\\' => {
                    let escaped = self.rest.next_if(|&(_, next)| matches!(next, '"' | '\\'));
                    value.push(escaped.map_or('\\', |(_, next)| next));
                }
                other => value.push(other),
            }
        }
        Err(Fault::OpenQuotation)
    }
}

/// The field that a term begins with, if it begins with one.
fn field(term: &str) -> Result<Option<&'static str>, Fault> {
    let word = term.split(char::is_whitespace).next().unwrap_or_default();
    let Some((name, value)) = word.split_once(':') else { return Ok(None) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
        return Ok(None);
    }
    let lower = name.to_ascii_lowercase();
    if let Some(known) = FIELDS.into_iter().find(|&field| field == lower) {
        return Ok(Some(known));
    }
    // `http://…` is a text, and so is what ends with its colon.
    if value.is_empty() || value.starts_with('/') {
        return Ok(None);
    }
    let foreign = FOREIGN.into_iter().find(|&(theirs, _)| theirs == lower).map(|(_, ours)| ours);
    let near = || {
        let distance_max = if lower.len() < 5 { 1 } else { 2 };
        let distance = |field: &'static str| (strsim::osa_distance(field, &lower), field);
        let nearest = FIELDS.into_iter().filter(|field| field.len() > 2).map(distance).min();
        nearest.filter(|&(distance, _)| lower.len() > 2 && distance <= distance_max).map(|(_, field)| field)
    };
    match foreign.or_else(near) {
        Some(nearest) => Err(Fault::UnknownField { name: name.to_owned(), nearest }),
        None => Ok(None),
    }
}

fn condition(field: &'static str, text: &str) -> Result<Condition, Fault> {
    let value = Value::new(text)?;
    Ok(match field {
        "to" => Condition::To(value),
        "from" => Condition::From(value),
        "subject" => Condition::Subject(value),
        "campaign" => Condition::Campaign(value),
        "template" => Condition::Template(value),
        "domain" => Condition::Domain(Value::new(value.as_str().trim_start_matches('@'))?),
        "id" => Condition::Id(value),
        "bounce" => Condition::Bounce(value),
        "status" => Condition::Status(statuses(value.as_str())?),
        "tag" => match value.as_str().split_once('=') {
            // Still being written, most likely.
            Some((name, "")) => Condition::tag(name, None)?,
            Some((name, value)) => Condition::tag(name, Some(value))?,
            None => Condition::tag(value.as_str(), None)?,
        },
        "before" => Condition::Before(value.as_str().trim().parse()?),
        "after" => Condition::After(value.as_str().trim().parse()?),
        _ => event(value.as_str().trim())?,
    })
}

fn statuses(text: &str) -> Result<Statuses, Fault> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let statuses: Vec<Status> = names.map(status).collect::<Result<_, _>>()?;
    Statuses::new(statuses).ok_or(Fault::NoValue)
}

fn status(name: &str) -> Result<Status, Fault> {
    let known = name.to_ascii_lowercase().replace('-', "_");
    Status::from_name(&known).ok_or_else(|| Fault::UnknownStatus {
        name: name.to_owned(),
        nearest: nearest(&known, Status::ALL.map(Status::name)),
    })
}

fn event(text: &str) -> Result<Condition, Fault> {
    let (name, period) = match text.split_once('@') {
        Some((name, period)) => (name, Some(period.parse()?)),
        None => (text, None),
    };
    let known = name.to_ascii_lowercase().replace('-', "_");
    let by_name = EventKind::ALL.into_iter().find(|kind| kind.name() == known);
    let after_it = || HAPPENED.into_iter().find(|(word, _)| *word == known).map(|(_, kind)| kind);
    let kind = by_name.or_else(after_it).ok_or_else(|| Fault::UnknownEvent {
        name: name.to_owned(),
        nearest: nearest(&known, EventKind::ALL.map(EventKind::name)),
    })?;
    Ok(Condition::Event(kind, period))
}

/// The name that is most like the given one.
fn nearest(name: &str, names: impl IntoIterator<Item = &'static str>) -> &'static str {
    let likeness = |candidate: &'static str| (strsim::jaro_winkler(name, candidate), candidate);
    let most = names.into_iter().map(likeness).max_by(|(one, _), (other, _)| one.total_cmp(other));
    most.map_or("", |(_, candidate)| candidate)
}
