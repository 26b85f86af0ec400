//! A query as SQL.
//!
//! Nothing of what somebody wrote gets into a statement's text: values are parameters, and the text is put together
//! from the sentences below. The schema stands there as `"prefix"`, as in the files of `sql/`.

use std::collections::BTreeMap;

use aftersend_event::{Status, normalise_address};
use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::query::{Clock, Condition, EventKind, Period, Query, Term};
use crate::{QueryError, Store, connect::Reader, sql::Statement};

/// Characters of a text that lists beside the mails search for, at most.
pub const SEARCH_TEXT_CHARS_MAX: usize = 200;

/// Characters that a bare word must have at least to be looked up as an id.
const ID_CHARS_MIN: usize = 8;

/// Mails to one address whose keys are looked up beforehand. Of an address with more, each mail is asked instead.
const ADDRESSED_MAILS_MAX: i64 = 5_000;

/// States that are walked through by an index of each; more are a filter.
const WALKED_STATUSES_MAX: usize = 4;

/// Letters and digits in a row that a part of a text must have for the trigram indexes to be of use, where they stand at its
/// beginning or end.
/// <https://www.postgresql.org/docs/current/pgtrgm.html#PGTRGM-INDEX>
const TRIGRAM_CHARS: usize = 3;

/// A parameter of a statement.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    Text(String),
    Texts(Vec<String>),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Time(Timestamp),
    Number(i64),
}

impl Parameter {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(text) => (text, Type::TEXT),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
            Self::Uuid(uuid) => (uuid, Type::UUID),
            Self::Uuids(uuids) => (uuids, Type::UUID_ARRAY),
            Self::Time(time) => (time, Type::TIMESTAMPTZ),
            Self::Number(number) => (number, Type::INT8),
        }
    }
}

/// The parameters of a statement that is being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<Parameter>);

impl Parameters {
    /// Adds one, and says how the statement calls it.
    pub(super) fn add(&mut self, parameter: Parameter) -> String {
        self.0.push(parameter);
        format!("${}", self.0.len())
    }

    fn text(&mut self, text: impl Into<String>) -> String {
        self.add(Parameter::Text(text.into()))
    }

    pub(super) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(Parameter::typed).collect()
    }
}

/// By which way the mails that fit are found beside a walk through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gather {
    /// No index knows them.
    Impossible,
    /// An index knows all that may fit: trigrams, a template's name, events by type.
    ByIndex,
    /// So few are to be expected that a walk would be a waste: it is about an id, or an address with few mails.
    AtOnce,
}

/// A query that is ready to be asked, with its keys looked up and its times settled.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// What must hold of a row of the mails, called `mail`. True where the query is all mails.
    pub(super) row: String,
    /// The same, spelled so that an index of the events finds them, where only that one can.
    pub(super) set: String,
    pub(super) parameters: Parameters,
    /// Sent at this time or later.
    pub(super) from: Option<Timestamp>,
    /// Sent before this time.
    pub(super) until: Option<Timestamp>,
    /// The states to walk through, each by its index.
    pub(super) statuses: Vec<Status>,
    pub(super) gather: Gather,
}

/// What the database knows of the words of a query beforehand.
#[derive(Debug, Default)]
struct Known {
    /// Mails that have this id.
    ids: BTreeMap<String, Vec<Uuid>>,
    /// Mails that went to this address; nothing where there are too many.
    addressed: BTreeMap<String, Option<Vec<Uuid>>>,
}

impl Filter {
    pub(super) async fn of(
        store: &Store,
        client: &Reader,
        query: &Query,
        clock: &Clock,
    ) -> Result<Self, QueryError> {
        let known = Known::look_up(store, client, query).await?;
        Ok(Self::new(query, clock, &known))
    }

    fn new(query: &Query, clock: &Clock, known: &Known) -> Self {
        let mut filter = Self {
            row: String::new(),
            set: String::new(),
            parameters: Parameters::default(),
            from: None,
            until: None,
            statuses: Vec::new(),
            gather: Gather::Impossible,
        };
        let (mut rows, mut sets) = (Vec::new(), Vec::new());
        for term in query.terms() {
            if filter.settle(term, clock) {
                continue;
            }
            let Clause { row, set, gather } = clause(&term.condition, clock, known, &mut filter.parameters);
            if term.negated {
                // What is unknown of a mail does not hold of it.
                rows.push(format!("({row}) IS NOT TRUE"));
                sets.push(format!("({row}) IS NOT TRUE"));
                continue;
            }
            filter.gather = filter.gather.max(gather);
            sets.push(set.unwrap_or_else(|| row.clone()));
            rows.push(row);
        }
        let all = |conditions: Vec<String>| match conditions.len() {
            0 => "true".to_owned(),
            _ => conditions.join(" AND "),
        };
        (filter.row, filter.set) = (all(rows), all(sets));
        filter
    }

    /// Takes a term that the walk's index serves. Whether it is dealt with by that.
    fn settle(&mut self, term: &Term, clock: &Clock) -> bool {
        match (&term.condition, term.negated) {
            (Condition::After(moment), false) | (Condition::Before(moment), true) => {
                self.from = self.from.max(Some(moment.start(clock)));
                true
            }
            (Condition::Before(moment), false) | (Condition::After(moment), true) => {
                let until = moment.start(clock);
                self.until = Some(self.until.map_or(until, |other| other.min(until)));
                true
            }
            (Condition::Status(statuses), false)
                if self.statuses.is_empty() && statuses.as_slice().len() <= WALKED_STATUSES_MAX =>
            {
                self.statuses = statuses.as_slice().to_vec();
                true
            }
            _ => false,
        }
    }
}

impl Known {
    async fn look_up(store: &Store, client: &Reader, query: &Query) -> Result<Self, QueryError> {
        let mut known = Self::default();
        for term in query.terms() {
            match &term.condition {
                Condition::Id(id) => {
                    known.ids.insert(id.as_str().to_owned(), Vec::new());
                }
                Condition::Text(text) => {
                    if may_be_id(text.as_str()) {
                        known.ids.insert(text.as_str().to_owned(), Vec::new());
                    }
                    known.expect_address(text.as_str());
                }
                Condition::To(text) => known.expect_address(text.as_str()),
                _ => {}
            }
        }
        known.find_ids(store, client).await?;
        known.find_addressed(store, client).await?;
        Ok(known)
    }

    fn expect_address(&mut self, text: &str) {
        if let Some(address) = whole_address(text) {
            self.addressed.insert(address, Some(Vec::new()));
        }
    }

    async fn find_ids(&mut self, store: &Store, client: &Reader) -> Result<(), QueryError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = self.ids.keys().map(String::as_str).collect();
        let uuids: Vec<Option<Uuid>> = texts.iter().map(|text| Uuid::try_parse(text).ok()).collect();
        let statement = client.prepare_cached(store.sql(Statement::FindIds)).await?;
        let rows = client.query(&statement, &[&texts, &uuids]).await?;
        let mut found: Vec<Vec<Uuid>> = vec![Vec::new(); texts.len()];
        for row in rows {
            let number: i64 = row.try_get(0)?;
            if let Some(uuids) = usize::try_from(number - 1).ok().and_then(|place| found.get_mut(place)) {
                uuids.push(row.try_get(1)?);
            }
        }
        for (held, uuids) in self.ids.values_mut().zip(found) {
            *held = uuids;
        }
        Ok(())
    }

    async fn find_addressed(&mut self, store: &Store, client: &Reader) -> Result<(), QueryError> {
        if self.addressed.is_empty() {
            return Ok(());
        }
        let addresses: Vec<&str> = self.addressed.keys().map(String::as_str).collect();
        let statement = client.prepare_cached(store.sql(Statement::FindAddressed)).await?;
        let rows_max = ADDRESSED_MAILS_MAX + 1;
        let rows = client.query(&statement, &[&addresses, &rows_max]).await?;
        let mut found: Vec<Vec<Uuid>> = vec![Vec::new(); addresses.len()];
        for row in rows {
            let number: i64 = row.try_get(0)?;
            if let Some(uuids) = usize::try_from(number - 1).ok().and_then(|place| found.get_mut(place)) {
                uuids.push(row.try_get(1)?);
            }
        }
        for (held, uuids) in self.addressed.values_mut().zip(found) {
            let few = i64::try_from(uuids.len()).is_ok_and(|count| count <= ADDRESSED_MAILS_MAX);
            *held = few.then_some(uuids);
        }
        Ok(())
    }
}

/// One condition as SQL.
struct Clause {
    row: String,
    set: Option<String>,
    gather: Gather,
}

impl Clause {
    fn filter(row: String) -> Self {
        Self { row, set: None, gather: Gather::Impossible }
    }

    fn indexed(row: String) -> Self {
        Self { row, set: None, gather: Gather::ByIndex }
    }
}

fn clause(condition: &Condition, clock: &Clock, known: &Known, parameters: &mut Parameters) -> Clause {
    match condition {
        Condition::Text(text) => part_of_any(text.as_str(), known, parameters),
        Condition::To(text) => {
            let pattern = parameters.text(pattern_of(text.as_str()));
            let mut ways = vec![format!(r#"mail."to" ILIKE {pattern}"#)];
            let gather = add_addressed(text.as_str(), known, &mut ways, parameters);
            either(&ways, text.as_str(), gather)
        }
        Condition::From(text) => {
            let pattern = parameters.text(pattern_of(text.as_str()));
            Clause::filter(format!(r#"mail."from" ILIKE {pattern}"#))
        }
        Condition::Subject(text) => part_of("subject", text.as_str(), parameters),
        Condition::Campaign(text) => part_of("campaign_id", text.as_str(), parameters),
        Condition::Template(name) => {
            let name = parameters.text(name.as_str());
            Clause::indexed(format!("mail.template_name = {name}"))
        }
        Condition::Domain(domain) => {
            let ends = escaped(domain.as_str());
            let bare = parameters.text(format!("%@{ends}"));
            let with_name = parameters.text(format!("%@{ends}>"));
            let ways = [format!(r#"mail."to" ILIKE {bare}"#), format!(r#"mail."to" ILIKE {with_name}"#)];
            either(&ways, domain.as_str(), Gather::ByIndex)
        }
        Condition::Id(id) => {
            let uuids = known.ids.get(id.as_str()).cloned().unwrap_or_default();
            let uuids = parameters.add(Parameter::Uuids(uuids));
            Clause { row: format!("mail.uuid = ANY ({uuids})"), set: None, gather: Gather::AtOnce }
        }
        Condition::Status(statuses) => {
            let names = statuses.as_slice().iter().map(|status| status.name().to_owned()).collect();
            let names = parameters.add(Parameter::Texts(names));
            Clause::filter(format!("mail.status = ANY ({names})"))
        }
        Condition::Tag { name, value: None } => {
            let name = parameters.text(name.as_str());
            Clause::filter(format!("mail.message_tags -> {name} IS NOT NULL"))
        }
        Condition::Tag { name, value: Some(value) } => {
            // SES gives each name a list; applications write a plain value now and then.
            let (name, value) = (parameters.text(name.as_str()), parameters.text(value.as_str()));
            Clause::filter(format!(
                "(mail.message_tags -> {name} ? {value} OR mail.message_tags ->> {name} = {value})"
            ))
        }
        Condition::Before(moment) => {
            let time = parameters.add(Parameter::Time(moment.start(clock)));
            Clause::filter(format!("mail.sent_at < {time}"))
        }
        Condition::After(moment) => {
            let time = parameters.add(Parameter::Time(moment.start(clock)));
            Clause::filter(format!("mail.sent_at >= {time}"))
        }
        Condition::Event(kind, period) => with_event(*kind, period.as_ref(), clock, parameters),
        Condition::Bounce(word) => bounced(word.as_str(), parameters),
    }
}

fn part_of(column: &str, text: &str, parameters: &mut Parameters) -> Clause {
    let pattern = parameters.text(pattern_of(text));
    either(&[format!("mail.{column} ILIKE {pattern}")], text, Gather::ByIndex)
}

fn part_of_any(text: &str, known: &Known, parameters: &mut Parameters) -> Clause {
    let pattern = parameters.text(pattern_of(text));
    let mut ways =
        ["\"to\"", "subject", "campaign_id"].map(|column| format!("mail.{column} ILIKE {pattern}")).to_vec();
    if let Some(uuids) = known.ids.get(text).filter(|uuids| !uuids.is_empty()) {
        let uuids = parameters.add(Parameter::Uuids(uuids.clone()));
        ways.push(format!("mail.uuid = ANY ({uuids})"));
    }
    let gather = match add_addressed(text, known, &mut ways, parameters) {
        // A text that is an id is no common part of others.
        Gather::ByIndex if ways.len() > 3 => Gather::AtOnce,
        gather => gather,
    };
    either(&ways, text, gather)
}

/// Adds the mails to an address, if the text is one. By which way they are found then.
fn add_addressed(text: &str, known: &Known, ways: &mut Vec<String>, parameters: &mut Parameters) -> Gather {
    let Some(address) = whole_address(text) else { return Gather::ByIndex };
    if let Some(Some(uuids)) = known.addressed.get(&address) {
        // That it is nobody's address tells nothing: it may be the end of many.
        if uuids.is_empty() {
            return Gather::ByIndex;
        }
        let uuids = parameters.add(Parameter::Uuids(uuids.clone()));
        ways.push(format!("mail.uuid = ANY ({uuids})"));
        return Gather::AtOnce;
    }
    let address = parameters.text(address);
    ways.push(format!(
        r#"EXISTS (SELECT FROM "prefix".aftersend_recipients AS known
            WHERE known.email_log_uuid = mail.uuid AND known.address = {address} OFFSET 0)"#
    ));
    Gather::Impossible
}

/// Any of these, of which those that look for a part of a text are found by its trigrams, if it has any.
fn either(ways: &[String], text: &str, gather: Gather) -> Clause {
    let gather = if has_trigram(text) { gather } else { Gather::Impossible };
    Clause { row: format!("({})", ways.join(" OR ")), set: None, gather }
}

fn with_event(
    kind: EventKind,
    period: Option<&Period>,
    clock: &Clock,
    parameters: &mut Parameters,
) -> Clause {
    let kind = parameters.text(kind.name());
    let mut holds = format!("event.event_type = {kind}");
    let (from, until) = period.map_or((None, None), |period| period.bounds(clock));
    for (time, comparison) in [(from, ">="), (until, "<")] {
        if let Some(time) = time {
            let time = parameters.add(Parameter::Time(time));
            holds = format!("{holds} AND event.occurred_at {comparison} {time}");
        }
    }
    has_event(&holds, &holds)
}

fn bounced(word: &str, parameters: &mut Parameters) -> Clause {
    let word = parameters.text(word.trim().to_lowercase());
    let told = |subtype: &str| {
        format!(
            "event.event_type = 'bounce' AND {word} IN (lower(event.bounce_type), lower(event.{subtype}))"
        )
    };
    has_event(&told("aftersend_subtype"), &told("subtype"))
}

/// Mails with an event of which this holds, in the row that V137 has for it, or folded.
///
/// `OFFSET 0` keeps PostgreSQL from reading all events of the type into a hash first, for the few rows of a slice.
fn has_event(standing: &str, folded: &str) -> Clause {
    let (events, folded_events) =
        (r#""prefix".phoenix_kit_email_events"#, r#""prefix".aftersend_folded_events"#);
    let row = format!(
        "(EXISTS (SELECT FROM {events} AS event WHERE event.email_log_uuid = mail.uuid AND {standing} OFFSET 0)
          OR EXISTS (SELECT FROM {folded_events} AS event WHERE event.email_log_uuid = mail.uuid AND {folded} OFFSET 0))"
    );
    let set = format!(
        "mail.uuid IN (SELECT event.email_log_uuid FROM {events} AS event WHERE {standing}
             UNION SELECT event.email_log_uuid FROM {folded_events} AS event WHERE {folded})"
    );
    Clause { row, set: Some(set), gather: Gather::ByIndex }
}

fn may_be_id(text: &str) -> bool {
    text.chars().count() >= ID_CHARS_MIN && !text.contains(char::is_whitespace)
}

/// The text as an address, if it is one and nothing else: a part of one is searched for in the column `to` alone.
pub(super) fn whole_address(text: &str) -> Option<String> {
    let address = normalise_address(text);
    let is_one =
        address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    (is_one && !address.contains(char::is_whitespace)).then_some(address)
}

/// Whether the trigram indexes can tell where the text is. A word that begins and ends within it is made trigrams of with the
/// space around it, however short it is.
fn has_trigram(text: &str) -> bool {
    let runs: Vec<&str> = text.split(|character: char| !character.is_alphanumeric()).collect();
    let last = runs.len() - 1;
    (0..).zip(runs).any(|(place, run)| {
        let is_within = place > 0 && place < last && !run.is_empty();
        is_within || run.chars().count() >= TRIGRAM_CHARS
    })
}

/// The pattern for a part of a text that lists beside the mails search for.
pub(crate) fn like_pattern(text: &str) -> Result<String, QueryError> {
    if text.chars().count() > SEARCH_TEXT_CHARS_MAX {
        return Err(QueryError::TextTooLong);
    }
    Ok(pattern_of(text))
}

/// The text as a pattern for `ILIKE` that finds it anywhere. U+0000, which no column holds, is left out.
fn pattern_of(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// The text for `LIKE`: what has a meaning of its own there stands for itself.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    for character in text.chars().filter(|&character| character != '\0') {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
