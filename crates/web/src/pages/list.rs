//! The list of mails.

use std::fmt;

use std::collections::BTreeMap;

use aftersend_event::{RecipientState, Status};
use aftersend_store::{
    Cursor, MailPage, MailRecipients, MailSummary, Order, PageStart, Search,
    search::{
        MailCount, NewMails,
        query::{
            AgoUnit, Condition, EventKind, Fault, Moment, QUERY_CHARS_MAX, Query, SearchTextError, Statuses,
            Term, VALUE_CHARS_MAX, Value,
        },
    },
};
use askama::Template;
use serde::Deserialize;
use uuid::Uuid;

use super::Frame;
use crate::{
    clock::{self, Clock},
    text,
    words::{Label, others, recipient_label, status_label, status_word},
};

/// Mails on one page.
const PAGE_MAILS: usize = 50;

/// The query of the URL, as it came.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Params {
    pub(crate) q: Option<String>,
    /// The state that is chosen in the form.
    pub(crate) status: Option<String>,
    /// The state that was chosen when the form was made: the choice counts where it differs.
    pub(crate) was: Option<String>,
    /// When the mails were sent, as it is chosen in the form, and as it was when the form was made.
    pub(crate) sent: Option<String>,
    pub(crate) was_sent: Option<String>,
    pub(crate) order: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) newer: Option<String>,
    /// How many new mails the page tells of already.
    pub(crate) told: Option<String>,
}

/// What to list. The URL holds all of it.
#[derive(Clone, Debug)]
pub(crate) struct ListRequest {
    query: Query,
    order: Order,
    page: PageStart,
    /// Whether the URL says it in another way than this site does.
    is_loose: bool,
}

/// Why a request can't be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadRequest {
    Query,
    Text(SearchTextError),
    Status,
    Sent,
    Order,
    Cursor,
    TwoCursors,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => f.write_str("The part of the address after the question mark can’t be read."),
            Self::Text(error) => f.write_str(&told(error)),
            Self::Status => f.write_str("No mail can have the status that the address asks for; choose one."),
            Self::Sent => f.write_str("The address names a time of sending that the form does not have; choose one."),
            Self::Order => f.write_str("Mails are listed with the newest or with the oldest first."),
            Self::Cursor => f.write_str(
                "The address names a place in the list that does not exist; it may have been cut off on its way. \
                 Start at the newest mails.",
            ),
            Self::TwoCursors => {
                f.write_str("A page is either older or newer than a place in the list; the address says both.")
            }
        }
    }
}

/// What is wrong with a search text, in a sentence. What was written stands in it as text.
fn told(error: &SearchTextError) -> String {
    let fault = error.fault.to_string();
    let mut told = String::with_capacity(fault.len() + 32);
    if error.at > 1 && error.fault != Fault::TooLong {
        told = format!("At character {}: ", error.at);
    }
    let mut is_open = false;
    for character in fault.chars() {
        if character == '`' {
            is_open = !is_open;
            told.push(if is_open { '“' } else { '”' });
        } else {
            told.push(character);
        }
    }
    let told = format!("{}.", text::visible(&told));
    let mut characters = told.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The search text with the word in it that was meant most likely, where there is one.
fn mended(text: &str, error: &SearchTextError) -> Option<String> {
    let (wrong, right) = match &error.fault {
        Fault::UnknownField { name, nearest } => (format!("{name}:"), format!("{nearest}:")),
        Fault::Day { written, meant } => (written.clone(), meant.clone()),
        Fault::UnknownStatus { name, nearest } | Fault::UnknownEvent { name, nearest } => {
            (name.clone(), (*nearest).to_owned())
        }
        _ => return None,
    };
    let (term, _) = text.char_indices().nth(error.at - 1)?;
    // The name of a state stands behind the colon, where the word before it may hold the same letters.
    let is_value = !matches!(error.fault, Fault::UnknownField { .. });
    let from = term + if is_value { text[term..].find(':')? } else { 0 };
    let place = from + text[from..].find(&wrong)?;
    Some(format!("{}{right}{}", &text[..place], &text[place + wrong.len()..]))
}

impl ListRequest {
    /// What the URL asks for. Fields left empty, as forms send them, ask for nothing.
    pub(crate) fn parse(params: Params) -> Result<Self, BadRequest> {
        let given = |param: Option<String>| {
            param.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let is_form = params.status.is_some();
        let text = given(params.q).unwrap_or_default();
        let mut query: Query = text.parse().map_err(BadRequest::Text)?;
        let status = given(params.status)
            .map(|name| Chosen::from_name(&name).ok_or(BadRequest::Status))
            .transpose()?;
        let sent = given(params.sent)
            .map(|name| SentWithin::from_name(&name).ok_or(BadRequest::Sent))
            .transpose()?;
        let order = match given(params.order).as_deref() {
            None | Some("newest") => Order::NewestFirst,
            Some("oldest") => Order::OldestFirst,
            Some(_) => return Err(BadRequest::Order),
        };
        let cursor = |text: String| text.parse::<Cursor>().map_err(|_| BadRequest::Cursor);
        let page = match (given(params.older), given(params.newer)) {
            (None, None) => PageStart::First,
            (Some(older), None) => PageStart::OlderThan(cursor(older)?),
            (None, Some(newer)) => PageStart::NewerThan(cursor(newer)?),
            (Some(_), Some(_)) => return Err(BadRequest::TwoCursors),
        };
        let was = given(params.was).and_then(|name| Chosen::from_name(&name));
        let was_sent = given(params.was_sent).and_then(|name| SentWithin::from_name(&name));
        let is_loose = is_form;
        if status != was {
            query = with_status(&query, status)?;
        }
        if sent != was_sent {
            query = with_times(&query, sent)?;
        }
        Ok(Self { query, order, page, is_loose })
    }

    /// Where to go instead, if the URL says it in another way than this site does.
    pub(crate) fn canonical(&self) -> Option<String> {
        self.is_loose.then(|| self.path(PageStart::First))
    }

    /// The search text where it may be a whole id: a bare word, alone, and long enough for one.
    pub(crate) fn possible_id(&self) -> Option<&str> {
        const ID_BYTES_MIN: usize = 8;
        let [Term { negated: false, condition: Condition::Text(value) }] = self.query.terms() else {
            return None;
        };
        let text = Some(value.as_str()).filter(|_| self.page == PageStart::First)?;
        let one_piece = !text.chars().any(|character| character.is_whitespace() || character.is_control());
        (one_piece && text.len() >= ID_BYTES_MIN).then_some(text)
    }

    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// The place that somebody asks for what is newer than.
    pub(crate) fn since(&self) -> Option<Cursor> {
        match self.page {
            PageStart::NewerThan(cursor) => Some(cursor),
            PageStart::First | PageStart::OlderThan(_) => None,
        }
    }

    pub(crate) fn order(&self) -> Order {
        self.order
    }

    pub(crate) fn search(&self, clock: &Clock) -> Search {
        Search {
            page: self.page,
            order: self.order,
            mails_max: PAGE_MAILS,
            clock: clock.for_search(),
            ..Search::new(self.query.clone())
        }
    }

    /// Whether this is the place where new mails appear.
    fn is_newest(&self) -> bool {
        self.page == PageStart::First && self.order == Order::NewestFirst
    }

    /// The list itself, and the very page of it.
    pub(crate) fn here(&self) -> String {
        self.path(self.page)
    }

    fn path(&self, page: PageStart) -> String {
        list_path("/mails", &self.query, self.order, page)
    }

    fn of(&self, query: &Query) -> String {
        list_path("/mails", query, self.order, PageStart::First)
    }
}

/// What can be chosen of what became of mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen {
    /// The state that they are in.
    Status(Status),
    /// That they came back in whichever way, whatever their state.
    AnyBounce,
}

impl Chosen {
    const ANY_BOUNCE: &str = "any_bounce";

    fn from_name(name: &str) -> Option<Self> {
        if name == Self::ANY_BOUNCE {
            Some(Self::AnyBounce)
        } else {
            Status::from_name(name).map(Self::Status)
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Status(status) => status.name(),
            Self::AnyBounce => Self::ANY_BOUNCE,
        }
    }

    /// As the form says it.
    fn word(self) -> &'static str {
        match self {
            // Beside the other two ways to come back it would pass for all of them.
            Self::Status(Status::Bounced) => "Bounced (kind unknown)",
            Self::Status(status) => status_word(status),
            Self::AnyBounce => "Any bounce",
        }
    }

    fn condition(self) -> Option<Condition> {
        match self {
            Self::Status(status) => Statuses::new([status]).map(Condition::Status),
            Self::AnyBounce => Some(Condition::Event(EventKind::Bounce, None)),
        }
    }

    /// Whether this part of a search says what is chosen.
    fn is_said_by(term: &Term) -> bool {
        !term.negated
            && matches!(term.condition, Condition::Status(_) | Condition::Event(EventKind::Bounce, None))
    }
}

/// When mails were sent, as the form offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SentWithin {
    Today,
    Yesterday,
    Days(u32),
}

impl SentWithin {
    const ALL: [Self; 4] = [Self::Today, Self::Yesterday, Self::Days(7), Self::Days(30)];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sent| sent.name() == name)
    }

    fn name(self) -> String {
        match self {
            Self::Today => "today".to_owned(),
            Self::Yesterday => "yesterday".to_owned(),
            Self::Days(days) => format!("{days}d"),
        }
    }

    /// As the form says it.
    fn word(self) -> String {
        match self {
            Self::Today => "Today".to_owned(),
            Self::Yesterday => "Yesterday".to_owned(),
            Self::Days(days) => format!("Last {days} days"),
        }
    }

    fn terms(self) -> Vec<Term> {
        let after = |moment| Term::is(Condition::After(moment));
        match self {
            Self::Today => vec![after(Moment::Today)],
            Self::Yesterday => {
                vec![after(Moment::Yesterday), Term::is(Condition::Before(Moment::Today))]
            }
            Self::Days(days) => vec![after(Moment::Ago(days, AgoUnit::Days))],
        }
    }

    /// Whether this part of a search says when mails were sent.
    fn is_said_by(term: &Term) -> bool {
        !term.negated && matches!(term.condition, Condition::After(_) | Condition::Before(_))
    }

    /// What the query says of it, where the form can say the same.
    fn chosen(query: &Query) -> Option<Self> {
        let said: Vec<&Term> = query.terms().iter().filter(|term| Self::is_said_by(term)).collect();
        Self::ALL.into_iter().find(|sent| sent.terms().iter().collect::<Vec<_>>() == said)
    }
}

/// The query with this choice and no other one; with none, if there is none.
fn with_status(query: &Query, chosen: Option<Chosen>) -> Result<Query, BadRequest> {
    let terms = query.terms().iter().filter(|term| !Chosen::is_said_by(term)).cloned();
    let chosen = chosen.and_then(Chosen::condition).map(Term::is);
    Query::of(terms.chain(chosen)).map_err(|fault| BadRequest::Text(SearchTextError { at: 1, fault }))
}

/// The query for mails that were sent then, or at any time.
fn with_times(query: &Query, sent: Option<SentWithin>) -> Result<Query, BadRequest> {
    let terms = query.terms().iter().filter(|term| !SentWithin::is_said_by(term)).cloned();
    let sent = sent.map(SentWithin::terms).unwrap_or_default();
    Query::of(terms.chain(sent)).map_err(|fault| BadRequest::Text(SearchTextError { at: 1, fault }))
}

/// The path of a list; it holds all that the list depends on.
fn list_path(path: &str, query: &Query, order: Order, page: PageStart) -> String {
    let mut parts = Vec::new();
    if !query.is_empty() {
        parts.push(format!("q={}", text::url_encoded(&query.to_string())));
    }
    if order == Order::OldestFirst {
        parts.push("order=oldest".to_owned());
    }
    match page {
        PageStart::First => {}
        PageStart::OlderThan(cursor) => parts.push(format!("older={cursor}")),
        PageStart::NewerThan(cursor) => parts.push(format!("newer={cursor}")),
    }
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// `/mails` with a search for this condition.
pub(super) fn condition_path(condition: Condition) -> String {
    // One term that was made here is short enough.
    let query = Query::of([Term::is(condition)]).unwrap_or_default();
    list_path("/mails", &query, Order::NewestFirst, PageStart::First)
}

/// A text as a search takes it: what is too long for it is cut, and then a part.
pub(super) fn searched(text: &str) -> Option<Value> {
    let part: String = text.chars().take(VALUE_CHARS_MAX).collect();
    Value::new(&part).ok()
}

/// The page.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage {
    frame: Frame,
    text: String,
    text_chars_max: usize,
    groups: Vec<StatusGroup>,
    /// The one that is chosen among them.
    was: &'static str,
    /// When mails were sent: value, word, whether it is chosen.
    sent: Vec<(String, String, bool)>,
    was_sent: String,
    chips: Vec<Chip>,
    now: String,
    is_oldest_first: bool,
    /// The same list, the other way round.
    reversed: String,
    /// `1,204 mails`, `about 1.2 million mails`; nothing where it is not known.
    count: Option<String>,
    csv: String,
    ndjson: String,
    /// Where to ask whether mails have come since, where they would appear on this very page.
    news: Option<String>,
    content: Content,
}

/// A part of the search, and the list without it.
struct Chip {
    /// `not`, where it must not hold.
    not: bool,
    field: Option<&'static str>,
    value: String,
    without: String,
}

/// Choices of the filter that belong together.
struct StatusGroup {
    name: &'static str,
    choices: Vec<StatusChoice>,
}

struct StatusChoice {
    name: &'static str,
    word: &'static str,
    selected: bool,
}

enum Content {
    Mails {
        rows: Vec<Row>,
        /// Whose states these are, where somebody looks for one address.
        address: Option<String>,
        first: Option<String>,
        newer: Option<String>,
        older: Option<String>,
        /// Until when the search has come, where its time was up.
        looked_until: Option<String>,
    },
    /// The time was up before anything was found.
    NothingFoundYet { looked_until: String, further: String },
    /// Nothing has ever been stored.
    NoMails,
    /// The search leaves nothing.
    NothingFound {
        /// The list of all that came back, where somebody has asked for what came back in an unknown way.
        any_bounce: Option<String>,
    },
    /// The place in the list has no mails on its far side (any more).
    EndOfList { first: String },
    /// The address asks for what can't be listed.
    Refused {
        why: String,
        /// The search that was meant most likely, and the list of it.
        meant: Option<(String, String)>,
    },
}

/// A mail in a list.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) status: Label,
    pub(super) to: String,
    /// `and 22 others`
    pub(super) others: Option<String>,
    /// Whether the mail did not go to this address, but was forwarded there.
    pub(super) forward: bool,
    pub(super) subject: Option<String>,
    pub(super) template: Option<String>,
    pub(super) campaign: Option<String>,
    pub(super) sent: clock::Moment,
}

/// Characters of a value in a row at most: one mail should not fill a phone.
const ROW_VALUE_CHARS_MAX: usize = 120;

fn in_a_row(value: &str) -> String {
    text::clipped(value, ROW_VALUE_CHARS_MAX)
}

impl Row {
    pub(super) fn new(mail: &MailSummary, clock: &Clock) -> Self {
        let given =
            |text: &Option<String>| text.as_deref().filter(|text| !text.trim().is_empty()).map(in_a_row);
        Self {
            path: format!("/mails/{}", mail.uuid),
            status: status_label(&mail.status),
            to: in_a_row(&mail.to),
            others: None,
            forward: false,
            subject: given(&mail.subject),
            template: given(&mail.template_name),
            campaign: given(&mail.campaign_id),
            sent: clock.moment(mail.sent_at),
        }
    }

    /// With what is known of its recipients, and for the one that somebody looks for, if it is one of them.
    fn with(mut self, recipients: &MailRecipients, is_asked: bool) -> Self {
        let others_of =
            |one: u64| usize::try_from(recipients.listed_count.saturating_sub(one)).unwrap_or(usize::MAX);
        self.others = others(others_of(1));
        let Some(one) = &recipients.one else { return self };
        // Of its only recipient a mail's own state says as much, but that it was not tried.
        if is_asked || one.state() == RecipientState::NotTried {
            self.status = recipient_label(one.state());
        }
        if is_asked {
            self.to = in_a_row(&one.address);
            self.forward = !one.listed;
            self.others = others(others_of(u64::from(one.listed)));
        }
        self
    }
}

impl ListPage {
    pub(crate) fn new(
        request: &ListRequest,
        page: &MailPage,
        count: Option<MailCount>,
        recipients: &BTreeMap<Uuid, MailRecipients>,
        clock: &Clock,
    ) -> Self {
        let (query, order) = (&request.query, request.order);
        let other = match order {
            Order::NewestFirst => Order::OldestFirst,
            Order::OldestFirst => Order::NewestFirst,
        };
        let export = |format| list_path(&format!("/mails/export/{format}"), query, order, PageStart::First);
        let newest = page.mails.first().filter(|_| request.is_newest());
        let chips = query.terms().iter().enumerate().map(|(place, term)| Chip {
            not: term.negated,
            field: term.condition.field(),
            value: text::value(&term.condition.value()),
            without: request.of(&query.without(place)),
        });
        Self {
            frame: Frame::of("/mails", clock),
            text: query.to_string(),
            text_chars_max: QUERY_CHARS_MAX,
            groups: status_groups(chosen_status(query)),
            was: chosen_status(query).map_or("", Chosen::name),
            sent: sent_choices(SentWithin::chosen(query)),
            was_sent: SentWithin::chosen(query).map(SentWithin::name).unwrap_or_default(),
            chips: chips.collect(),
            now: clock.to_the_second(clock.now()),
            is_oldest_first: order == Order::OldestFirst,
            reversed: list_path("/mails", query, other, PageStart::First),
            count: count.map(|count| {
                let is_one = count == MailCount::Exactly(1);
                format!("{count} {}", if is_one { "mail" } else { "mails" })
            }),
            csv: export("csv"),
            ndjson: export("ndjson"),
            news: newest
                .map(|mail| list_path("/mails/new", query, order, PageStart::NewerThan(mail.cursor()))),
            content: content(request, page, recipients, clock),
        }
    }

    /// The page of a search that can't be read: all that was typed and chosen is still there.
    pub(crate) fn refused(params: &Params, why: &BadRequest, clock: &Clock) -> Self {
        let typed = params.q.clone().unwrap_or_default().trim().to_owned();
        let meant = match why {
            BadRequest::Text(error) => mended(&typed, error),
            _ => None,
        };
        // It may have more faults than one: what is offered leads to a list.
        let meant = meant.and_then(|text| {
            let params = Params { q: Some(text.clone()), older: None, newer: None, ..params.clone() };
            ListRequest::parse(params).ok().map(|request| (text, request.path(PageStart::First)))
        });
        let state = |name: &Option<String>| name.as_deref().and_then(|name| Chosen::from_name(name.trim()));
        let sent =
            |name: &Option<String>| name.as_deref().and_then(|name| SentWithin::from_name(name.trim()));
        Self {
            frame: Frame::of("/mails", clock),
            text: typed,
            text_chars_max: QUERY_CHARS_MAX,
            groups: status_groups(state(&params.status)),
            was: state(&params.was).map_or("", Chosen::name),
            sent: sent_choices(sent(&params.sent)),
            was_sent: sent(&params.was_sent).map(SentWithin::name).unwrap_or_default(),
            chips: Vec::new(),
            now: clock.to_the_second(clock.now()),
            is_oldest_first: params.order.as_deref().is_some_and(|order| order.trim() == "oldest"),
            reversed: String::new(),
            count: None,
            csv: String::new(),
            ndjson: String::new(),
            news: None,
            content: Content::Refused { why: why.to_string(), meant },
        }
    }

    fn has_rows(&self) -> bool {
        matches!(self.content, Content::Mails { .. })
    }

    /// What is wrong with the search, if anything is.
    fn fault(&self) -> Option<&str> {
        match &self.content {
            Content::Refused { why, .. } => Some(why),
            _ => None,
        }
    }
}

fn content(
    request: &ListRequest,
    page: &MailPage,
    recipients: &BTreeMap<Uuid, MailRecipients>,
    clock: &Clock,
) -> Content {
    let path = |cursor: Option<Cursor>, start: fn(Cursor) -> PageStart| {
        cursor.map(|cursor| request.path(start(cursor)))
    };
    let newer = path(page.newer, PageStart::NewerThan);
    let older = path(page.older, PageStart::OlderThan);
    if !page.mails.is_empty() {
        let address = request.query.address();
        let row = |mail: &MailSummary| {
            let row = Row::new(mail, clock);
            match recipients.get(&mail.uuid) {
                Some(recipients) => row.with(recipients, address.is_some()),
                None => row,
            }
        };
        return Content::Mails {
            rows: page.mails.iter().map(row).collect(),
            address: address.as_deref().map(text::value),
            first: (request.page != PageStart::First).then(|| request.path(PageStart::First)),
            newer,
            older,
            looked_until: page.looked_until.map(|until| clock.spoken(until)),
        };
    }
    // An empty page has a cursor on the one side only on which the search goes on.
    let ahead = older.or(newer);
    if let (Some(looked_until), Some(further)) = (page.looked_until, ahead) {
        return Content::NothingFoundYet { looked_until: clock.spoken(looked_until), further };
    }
    if request.page != PageStart::First {
        return Content::EndOfList { first: request.path(PageStart::First) };
    }
    if request.query.is_empty() {
        return Content::NoMails;
    }
    let is_unknown_kind = chosen_status(&request.query) == Some(Chosen::Status(Status::Bounced));
    let any_bounce = is_unknown_kind.then(|| with_status(&request.query, Some(Chosen::AnyBounce)).ok());
    Content::NothingFound { any_bounce: any_bounce.flatten().map(|query| request.of(&query)) }
}

/// What the query asks for, where the form can say the same.
fn chosen_status(query: &Query) -> Option<Chosen> {
    let mut said = query.terms().iter().filter(|term| Chosen::is_said_by(term));
    let chosen = match &said.next()?.condition {
        Condition::Status(statuses) => match statuses.as_slice() {
            [one] => Chosen::Status(*one),
            _ => return None,
        },
        _ => Chosen::AnyBounce,
    };
    // The form has one choice.
    said.next().is_none().then_some(chosen)
}

fn sent_choices(selected: Option<SentWithin>) -> Vec<(String, String, bool)> {
    SentWithin::ALL.map(|sent| (sent.name(), sent.word(), selected == Some(sent))).into()
}

fn status_groups(selected: Option<Chosen>) -> Vec<StatusGroup> {
    let choice = |chosen: Chosen| StatusChoice {
        name: chosen.name(),
        word: chosen.word(),
        selected: selected == Some(chosen),
    };
    let group = |name, statuses: &[Status]| StatusGroup {
        name,
        choices: statuses.iter().map(|&status| choice(Chosen::Status(status))).collect(),
    };
    let mut came_back = group("Came back", &[Status::HardBounced, Status::SoftBounced, Status::Bounced]);
    came_back.choices.insert(0, choice(Chosen::AnyBounce));
    vec![
        group("Arrived", &[Status::Delivered, Status::Opened, Status::Clicked]),
        came_back,
        group("Reported as spam", &[Status::Complaint]),
        group("On its way", &[Status::Queued, Status::Sent, Status::Delayed]),
        group("Never sent", &[Status::Rejected, Status::Failed]),
    ]
}

/// Says that mails have come since the page was made; a part of it, which scripts put in its place.
#[derive(Template)]
#[template(path = "news.html")]
pub(crate) struct News {
    /// `3 new mails`
    told: String,
    path: String,
}

impl News {
    /// Nothing where none have come, or no more than the page tells of already: said again, it would be read out again.
    pub(crate) fn new(request: &ListRequest, new: NewMails, told_already: Option<&str>) -> Option<Self> {
        let NewMails { count, or_more } = new;
        let told = format!(
            "{}{count} new {}",
            if or_more { "More than " } else { "" },
            if count == 1 && !or_more { "mail" } else { "mails" }
        );
        (count > 0 && told_already != Some(told.as_str()))
            .then(|| Self { told, path: request.path(PageStart::First) })
    }
}

#[cfg(test)]
mod tests;
