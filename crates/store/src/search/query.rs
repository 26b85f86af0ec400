//! What somebody looks for: the language of the search, without SQL and without a clock.
//!
//! A text is read into a [`Query`] once, at the edge. A query is a list of [`Term`]s that all hold; its text form is
//! canonical, so that links and forms carry it: reading that text again gives the same query.

use std::fmt::{self, Write as _};

use aftersend_event::Status;

use super::filter::whole_address;

mod moment;
mod parse;

pub use moment::{AgoUnit, Clock, Moment, Period};
pub use parse::{Fault, SearchTextError};

/// Characters of a whole search text at most.
pub const QUERY_CHARS_MAX: usize = 1_000;

/// Terms of a query at most.
pub const QUERY_TERMS_MAX: usize = 20;

/// Characters of one value at most: as many as a template's name may have, and some.
pub const VALUE_CHARS_MAX: usize = 300;

/// A text that is searched for: not empty, bounded, without the character U+0000, which no column holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value(String);

impl Value {
    /// Reads a value. U+0000 is left out.
    ///
    /// # Errors
    ///
    /// When nothing is left, or the text is longer than [`VALUE_CHARS_MAX`].
    pub fn new(text: &str) -> Result<Self, Fault> {
        let text = text.replace('\0', "");
        if text.trim().is_empty() {
            return Err(Fault::NoValue);
        }
        if text.chars().count() > VALUE_CHARS_MAX {
            return Err(Fault::ValueTooLong);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// States of which a mail is in one: at least one, by rank, each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statuses(Vec<Status>);

impl Statuses {
    /// The states, or nothing where there is none.
    pub fn new(statuses: impl IntoIterator<Item = Status>) -> Option<Self> {
        let mut statuses: Vec<Status> = statuses.into_iter().collect();
        statuses.sort_unstable();
        statuses.dedup();
        (!statuses.is_empty()).then_some(Self(statuses))
    }

    /// The states, lowest rank first.
    pub fn as_slice(&self) -> &[Status] {
        &self.0
    }
}

/// The events that a mail can be searched by, under the names that the database has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// SES accepted the mail.
    Send,
    /// A recipient's server took it.
    Delivery,
    /// A recipient's server put it off.
    DeliveryDelay,
    /// It came back.
    Bounce,
    /// A recipient called it spam.
    Complaint,
    /// It was opened, by a person or by a machine.
    Open,
    /// A link was followed.
    Click,
    /// SES refused it.
    Reject,
    /// Its template could not be rendered.
    RenderingFailure,
    /// A recipient changed a subscription.
    Subscription,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Send,
        Self::Delivery,
        Self::DeliveryDelay,
        Self::Bounce,
        Self::Complaint,
        Self::Open,
        Self::Click,
        Self::Reject,
        Self::RenderingFailure,
        Self::Subscription,
    ];

    /// The name that the database holds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Delivery => "delivery",
            Self::DeliveryDelay => "delivery_delay",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Open => "open",
            Self::Click => "click",
            Self::Reject => "reject",
            Self::RenderingFailure => "rendering_failure",
            Self::Subscription => "subscription",
        }
    }
}

/// What holds of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// A part of the first recipient, the subject or the campaign, in any case; the whole address of any recipient; or
    /// one of the mail's ids, whole and to the letter.
    Text(Value),
    /// A part of the first recipient, or the whole address of any recipient.
    To(Value),
    /// A part of the sender.
    From(Value),
    /// A part of the subject.
    Subject(Value),
    /// A part of the campaign.
    Campaign(Value),
    /// The template's whole name, to the letter.
    Template(Value),
    /// The whole domain of the first recipient, in any case.
    Domain(Value),
    /// The mail's uuid, its message id or an id that SES gave it.
    Id(Value),
    /// The state that the mail is in.
    Status(Statuses),
    /// A tag of that name, with that value if one is given.
    Tag {
        /// The tag's name, without `=`.
        name: Value,
        /// One of the tag's values, whole and to the letter.
        value: Option<Value>,
    },
    /// Sent before then.
    Before(Moment),
    /// Sent then or later.
    After(Moment),
    /// There is such an event of the mail, within the period if there is one.
    Event(EventKind, Option<Period>),
    /// It bounced so: `hard`, `soft` or `undetermined`, or a subtype of SES's such as `MailboxFull`, in any case.
    Bounce(Value),
}

impl Condition {
    /// A tag with a value, or with any.
    ///
    /// # Errors
    ///
    /// When the name or the value can't be searched for; a name has no `=`.
    pub fn tag(name: &str, value: Option<&str>) -> Result<Self, Fault> {
        if name.contains('=') {
            return Err(Fault::TagName);
        }
        Ok(Self::Tag { name: Value::new(name)?, value: value.map(Value::new).transpose()? })
    }

    /// The word before the colon; nothing for a bare word.
    pub fn field(&self) -> Option<&'static str> {
        Some(match self {
            Self::Text(_) => return None,
            Self::To(_) => "to",
            Self::From(_) => "from",
            Self::Subject(_) => "subject",
            Self::Campaign(_) => "campaign",
            Self::Template(_) => "template",
            Self::Domain(_) => "domain",
            Self::Id(_) => "id",
            Self::Status(_) => "status",
            Self::Tag { .. } => "tag",
            Self::Before(_) => "before",
            Self::After(_) => "after",
            Self::Event(..) => "event",
            Self::Bounce(_) => "bounce",
        })
    }

    /// What stands behind the colon, without quotes.
    pub fn value(&self) -> String {
        match self {
            Self::Text(value)
            | Self::To(value)
            | Self::From(value)
            | Self::Subject(value)
            | Self::Campaign(value)
            | Self::Template(value)
            | Self::Domain(value)
            | Self::Id(value)
            | Self::Bounce(value) => value.0.clone(),
            Self::Status(statuses) => {
                statuses.0.iter().map(|status| status.name()).collect::<Vec<_>>().join(",")
            }
            Self::Tag { name, value: None } => name.0.clone(),
            Self::Tag { name, value: Some(value) } => format!("{}={}", name.0, value.0),
            Self::Before(moment) | Self::After(moment) => moment.to_string(),
            Self::Event(kind, None) => kind.name().to_owned(),
            Self::Event(kind, Some(period)) => format!("{}@{period}", kind.name()),
        }
    }
}

/// One part of a query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Whether the mails are meant of which the condition does not hold.
    pub negated: bool,
    /// The condition.
    pub condition: Condition,
}

impl Term {
    /// A term that must hold.
    pub fn is(condition: Condition) -> Self {
        Self { negated: false, condition }
    }

    /// A term that must not hold.
    pub fn is_not(condition: Condition) -> Self {
        Self { negated: true, condition }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_char('-')?;
        }
        let value = self.condition.value();
        let Some(field) = self.condition.field() else {
            // A bare word must not be taken for a field, a negation or an address with its name.
            let is_plain = !value.starts_with('-') && !value.contains([':', '<', '>']);
            return write_value(f, &value, is_plain);
        };
        write!(f, "{field}:")?;
        // Behind the name of a tag a quotation mark opens a quotation, too.
        write_value(f, &value, field != "tag" || !value.contains("=\""))
    }
}

/// Writes a value so that it is read back as it is.
fn write_value(f: &mut fmt::Formatter<'_>, value: &str, is_plain: bool) -> fmt::Result {
    if is_plain && !value.starts_with('"') && !value.contains(char::is_whitespace) {
        return f.write_str(value);
    }
    f.write_char('"')?;
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
    }
    f.write_char('"')
}

/// What somebody looks for: mails of which every term holds. The empty query is all mails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    terms: Vec<Term>,
}

impl Query {
    /// A query of these terms, for links from other pages.
    ///
    /// # Errors
    ///
    /// When there are more than [`QUERY_TERMS_MAX`], or their text is longer than [`QUERY_CHARS_MAX`].
    pub fn of(terms: impl IntoIterator<Item = Term>) -> Result<Self, Fault> {
        let mut query = Self::default();
        for term in terms {
            // Said twice is said once.
            if !query.terms.contains(&term) {
                query.terms.push(term);
            }
        }
        if query.terms.len() > QUERY_TERMS_MAX {
            return Err(Fault::TooManyTerms);
        }
        if query.to_string().chars().count() > QUERY_CHARS_MAX {
            return Err(Fault::TooLong);
        }
        Ok(query)
    }

    /// Its terms, in the order in which they were written.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it is all mails.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The whole address of a recipient that it asks for, normalised, where it asks for just one.
    pub fn address(&self) -> Option<String> {
        let mut addresses = self.terms.iter().filter_map(|term| match &term.condition {
            Condition::Text(value) | Condition::To(value) if !term.negated => whole_address(value.as_str()),
            _ => None,
        });
        let address = addresses.next()?;
        addresses.next().is_none().then_some(address)
    }

    /// The query without the term at that place, for a chip's cross.
    #[must_use]
    pub fn without(&self, place: usize) -> Self {
        let kept = self.terms.iter().enumerate().filter(|(at, _)| *at != place);
        Self { terms: kept.map(|(_, term)| term.clone()).collect() }
    }

    /// The query with one more term.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn with(&self, term: Term) -> Result<Self, Fault> {
        Self::of(self.terms.iter().cloned().chain([term]))
    }

    /// The query with another term at that place.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn replacing(&self, place: usize, term: &Term) -> Result<Self, Fault> {
        let terms = self.terms.iter().enumerate();
        Self::of(terms.map(|(at, old)| if at == place { term.clone() } else { old.clone() }))
    }
}

impl fmt::Display for Query {
    /// The canonical text. Reading it gives the same query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            if place > 0 {
                f.write_char(' ')?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
