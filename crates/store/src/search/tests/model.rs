//! What a search must find, said once more: a filter over mails in memory.

use std::collections::BTreeSet;

use aftersend_event::normalise_address;
use jiff::{SignedDuration, Timestamp};
use proptest::{
    collection::vec, option, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner,
};
use serde_json::{Value as Json, json};
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{super::*, clock};
use crate::{
    search::{
        filter::Filter,
        find::{Columns, Direction, Finder, Pace},
        query::{AgoUnit, Clock, Condition, EventKind, Moment, Period, Query, Term, Value},
    },
    testing::Fixture,
};

/// An event as the tables hold it.
#[derive(Clone, Debug)]
struct Event {
    kind: EventKind,
    at: Timestamp,
    folded: bool,
    bounce_type: Option<&'static str>,
    subtype: Option<&'static str>,
}

/// A mail as the tables hold it.
#[derive(Clone, Debug)]
struct Mail {
    uuid: Uuid,
    message_id: String,
    aws_message_id: Option<String>,
    /// In `aftersend_ids` alone.
    alias: Option<String>,
    to: &'static str,
    from: &'static str,
    subject: Option<&'static str>,
    campaign: Option<&'static str>,
    template: Option<&'static str>,
    status: &'static str,
    sent_at: Timestamp,
    tags: Json,
    recipients: BTreeSet<&'static str>,
    events: Vec<Event>,
}

/// What mails are made of and what is searched for: the same, so that something is found.
const ADDRESSES: [&str; 8] = [
    "ann@example.com",
    "Bob@Example.com",
    "Cyd <cyd@example.org>",
    "d_e%f@mail.example",
    "order@example.net",
    "x",
    "ann@example.com.au",
    "\\@back.slash",
];
const SUBJECTS: [&str; 8] = [
    "Your order",
    "ORDER 100% off_er",
    "a",
    "C:\\temp",
    "",
    "Sale -now: \"today\"",
    "\u{65e5}\u{672c} order",
    "x__x",
];
const CAMPAIGNS: [&str; 4] = ["summer_sale", "Summer-Sale", "ann", "100%"];
const TEMPLATES: [&str; 3] = ["order_shipped", "Order_shipped", "sale"];
const TAG_NAMES: [&str; 3] = ["list", "ses:operation", "n"];
const TAG_VALUES: [&str; 3] = ["a", "Summer sale", "7"];
const STATUSES: [&str; 7] =
    ["queued", "sent", "delivered", "opened", "clicked", "hard_bounced", "an_application_s_own"];
const SUBTYPES: [&str; 3] = ["General", "MailboxFull", "NoEmail"];
const BOUNCE_TYPES: [&str; 3] = ["hard", "soft", "undetermined"];

fn moment() -> impl Strategy<Value = Moment> {
    let time = (0..40_i64).prop_map(|n| clock().now - SignedDuration::from_mins(30 * n));
    prop_oneof![
        4 => time.prop_map(Moment::Instant),
        2 => (1..20_u32).prop_map(|hours| Moment::Ago(hours, AgoUnit::Hours)),
        1 => select(vec![Moment::Today, Moment::Yesterday]),
        1 => super::super::query::tests::moment(),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (
        select(EventKind::ALL.to_vec()),
        0..40_i64,
        select(BOUNCE_TYPES.to_vec()),
        select(SUBTYPES.to_vec()),
        any::<bool>(),
    );
    vec(event, 0..4).prop_map(|events| {
        let mut taken = Vec::new();
        let mut build =
            |(kind, n, bounce_type, subtype, folded): (EventKind, i64, &'static str, &'static str, bool)| {
                // What V137's unique indexes have no place for is folded.
                let is_second = taken.contains(&kind);
                taken.push(kind);
                let is_bounce = kind == EventKind::Bounce;
                Event {
                    kind,
                    at: clock().now - SignedDuration::from_mins(30 * n),
                    folded: folded || is_second,
                    bounce_type: is_bounce.then_some(bounce_type),
                    subtype: is_bounce.then_some(subtype),
                }
            };
        events.into_iter().map(&mut build).collect()
    })
}

fn tags() -> impl Strategy<Value = Json> {
    let value = || select(TAG_VALUES.to_vec());
    let name = || select(TAG_NAMES.to_vec());
    prop_oneof![
        Just(json!({})),
        Just(Json::Null),
        Just(json!(["list"])),
        (name(), vec(value(), 0..3)).prop_map(|(name, values)| json!({ name: values })),
        (name(), value()).prop_map(|(name, value)| json!({ name: value })),
        name().prop_map(|name| json!({ name: 7 })),
    ]
}

fn mail() -> impl Strategy<Value = Mail> {
    let texts = (
        select(ADDRESSES.to_vec()),
        select(ADDRESSES.to_vec()),
        option::of(select(SUBJECTS.to_vec())),
        option::of(select(CAMPAIGNS.to_vec())),
        option::of(select(TEMPLATES.to_vec())),
        select(STATUSES.to_vec()),
    );
    let rest = (0..40_i64, tags(), vec(select(ADDRESSES.to_vec()), 0..3), events(), any::<u128>(), 0..3_u8);
    (texts, rest).prop_map(|((to, from, subject, campaign, template, status), rest)| {
        let (time, tags, others, events, id, ids) = rest;
        let uuid = Uuid::from_u128(id);
        Mail {
            uuid,
            message_id: format!("pk_{:08x}", uuid.as_fields().0),
            aws_message_id: (ids > 0).then(|| format!("0100-{:08x}", uuid.as_fields().0)),
            alias: (ids > 1).then(|| format!("0200-{:08x}", uuid.as_fields().0)),
            to,
            from,
            subject,
            campaign,
            template,
            status,
            // Half an hour between the times, so that many mails share one.
            sent_at: clock().now - SignedDuration::from_mins(30 * time),
            tags,
            recipients: others.into_iter().collect(),
            events,
        }
    })
}

/// A word of the language that means something among these mails: a part of one of their texts, as a rule.
fn part(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let part = select(texts.to_vec()).prop_flat_map(|text| {
        let chars = text.chars().count();
        (0..=chars, 0..=chars).prop_map(move |(one, other)| {
            let (start, end) = (one.min(other), one.max(other));
            text.chars().skip(start).take(end - start).collect::<String>()
        })
    });
    let whole = select(texts.to_vec()).prop_map(str::to_owned);
    let other = select(vec!["%", "_", "\\", "nothing at all", "ORDER", "ex"]).prop_map(str::to_owned);
    prop_oneof![6 => part, 3 => whole, 1 => other].prop_filter_map("a value", |text| Value::new(&text).ok())
}

fn condition(mails: &[Mail]) -> impl Strategy<Value = Condition> {
    let id = |mail: &Mail| {
        let ids = [
            Some(mail.uuid.to_string()),
            Some(mail.message_id.clone()),
            mail.aws_message_id.clone(),
            mail.alias.clone(),
        ];
        ids.into_iter().flatten().collect::<Vec<_>>()
    };
    let ids: Vec<String> = mails.iter().flat_map(id).collect();
    let id = move || select(ids.clone()).prop_map(|id| Value::new(&id).unwrap());
    let whole =
        |texts: &'static [&'static str]| select(texts.to_vec()).prop_map(|text| Value::new(text).unwrap());
    let period =
        (option::of(moment()), option::of(moment())).prop_map(|(from, until)| Period::new(from, until));
    let text = prop_oneof![part(&ADDRESSES), part(&SUBJECTS), part(&CAMPAIGNS), id()];
    let domain = select(vec![
        "example.com",
        "EXAMPLE.com",
        "example.org",
        "example",
        "mail.example",
        "com",
        "back.slash",
    ]);
    let tag = (select(TAG_NAMES.to_vec()), option::of(select(TAG_VALUES.to_vec())))
        .prop_map(|(name, value)| Condition::tag(name, value).unwrap());
    let bounce = select([&SUBTYPES[..], &BOUNCE_TYPES[..], &["generAL", "never"]].concat());
    prop_oneof![
        4 => text.prop_map(Condition::Text),
        2 => part(&ADDRESSES).prop_map(Condition::To),
        1 => part(&ADDRESSES).prop_map(Condition::From),
        1 => part(&SUBJECTS).prop_map(Condition::Subject),
        1 => part(&CAMPAIGNS).prop_map(Condition::Campaign),
        1 => whole(&TEMPLATES).prop_map(Condition::Template),
        1 => domain.prop_map(|domain| Condition::Domain(Value::new(domain).unwrap())),
        1 => id().prop_map(Condition::Id),
        2 => super::super::query::tests::statuses().prop_map(Condition::Status),
        1 => tag,
        1 => moment().prop_map(Condition::Before),
        1 => moment().prop_map(Condition::After),
        2 => (select(EventKind::ALL.to_vec()), period).prop_map(|(kind, period)| Condition::Event(kind, period)),
        1 => bounce.prop_map(|word| Condition::Bounce(Value::new(word).unwrap())),
    ]
}

fn queries(mails: &[Mail]) -> impl Strategy<Value = Query> {
    let term = (prop::bool::weighted(0.25), condition(mails));
    let term = term.prop_map(|(negated, condition)| Term { negated, condition });
    vec(term, 0..4).prop_map(|terms| Query::of(terms).unwrap())
}

impl Mail {
    fn fits(&self, query: &Query, clock: &Clock) -> bool {
        query.terms().iter().all(|term| self.has(&term.condition, clock) != term.negated)
    }

    fn has(&self, condition: &Condition, clock: &Clock) -> bool {
        let holds = |text: &str, part: &Value| lower(text).contains(&lower(part.as_str()));
        let may = |text: Option<&str>, part: &Value| text.is_some_and(|text| holds(text, part));
        let within = |at: Timestamp, period: Option<&Period>| {
            let (from, until) = period.map_or((None, None), |period| period.bounds(clock));
            from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until)
        };
        match condition {
            Condition::Text(part) => {
                let is_long = part.as_str().chars().count() >= 8;
                holds(self.to, part)
                    || may(self.subject, part)
                    || may(self.campaign, part)
                    || self.is_addressed(part)
                    || is_long && self.is_id(part)
            }
            Condition::To(part) => holds(self.to, part) || self.is_addressed(part),
            Condition::From(part) => holds(self.from, part),
            Condition::Subject(part) => may(self.subject, part),
            Condition::Campaign(part) => may(self.campaign, part),
            Condition::Template(name) => self.template == Some(name.as_str()),
            Condition::Domain(domain) => {
                let address = lower(self.to);
                let address = address.strip_suffix('>').unwrap_or(&address);
                address.ends_with(&format!("@{}", lower(domain.as_str())))
            }
            Condition::Id(id) => self.is_id(id),
            Condition::Status(statuses) => {
                statuses.as_slice().iter().any(|status| status.name() == self.status)
            }
            Condition::Tag { name, value } => match (self.tags.get(name.as_str()), value) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(Json::Array(values)), Some(value)) => values.iter().any(|held| held == value.as_str()),
                (Some(Json::String(held)), Some(value)) => held == value.as_str(),
                (Some(other), Some(value)) => format!("{other}") == value.as_str(),
            },
            Condition::Before(moment) => self.sent_at < moment.start(clock),
            Condition::After(moment) => self.sent_at >= moment.start(clock),
            Condition::Event(kind, period) => {
                self.events.iter().any(|event| event.kind == *kind && within(event.at, period.as_ref()))
            }
            Condition::Bounce(word) => self.events.iter().any(|event| {
                let same = |told: Option<&str>| told.is_some_and(|told| lower(told) == lower(word.as_str()));
                same(event.bounce_type) || same(event.subtype)
            }),
        }
    }

    fn is_addressed(&self, part: &Value) -> bool {
        let address = normalise_address(part.as_str());
        let is_whole =
            address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        is_whole && self.recipients.iter().any(|recipient| normalise_address(recipient) == address)
    }

    fn is_id(&self, id: &Value) -> bool {
        let id = Some(id.as_str());
        id == Some(&self.message_id)
            || id == self.aws_message_id.as_deref()
            || id == self.alias.as_deref()
            || id.and_then(|id| Uuid::try_parse(id).ok()) == Some(self.uuid)
    }
}

/// Case as every locale has it; beyond ASCII no text here has any.
fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

async fn store(fixture: &Fixture, mails: &[Mail]) {
    for mail in mails {
        let client = &fixture.client;
        let insert = fixture.sql(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, aws_message_id, "to", "from", subject, campaign_id, template_name, status, sent_at,
                    message_tags, inserted_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now(), now())"#,
        );
        client
            .execute(
                &insert,
                &[
                    &mail.uuid,
                    &mail.message_id,
                    &mail.aws_message_id,
                    &mail.to,
                    &mail.from,
                    &mail.subject,
                    &mail.campaign,
                    &mail.template,
                    &mail.status,
                    &mail.sent_at,
                    &mail.tags,
                ],
            )
            .await
            .unwrap();
        if let Some(alias) = &mail.alias {
            let insert = fixture.sql(r#"INSERT INTO "prefix".aftersend_ids VALUES ($1, $2, 'alias')"#);
            client.execute(&insert, &[alias, &mail.uuid]).await.unwrap();
        }
        let addresses: BTreeSet<String> =
            mail.recipients.iter().map(|address| normalise_address(address)).collect();
        let insert = fixture.sql(
            r#"INSERT INTO "prefix".aftersend_recipients (email_log_uuid, address, listed)
               SELECT $1, address, true FROM unnest($2::text[]) AS address"#,
        );
        client.execute(&insert, &[&mail.uuid, &addresses.into_iter().collect::<Vec<_>>()]).await.unwrap();
        for event in &mail.events {
            let (table, columns) = if event.folded {
                ("aftersend_folded_events", "subtype, inserted_at, fingerprint")
            } else {
                ("phoenix_kit_email_events", "aftersend_subtype, updated_at, aftersend_fingerprint")
            };
            let times = if event.folded { "" } else { ", inserted_at" };
            let now = if event.folded { "" } else { ", now()" };
            let insert = fixture.sql(&format!(
                r#"INSERT INTO "prefix".{table}
                       (uuid, email_log_uuid, event_type, occurred_at, bounce_type, event_data, {columns}{times})
                   VALUES ($1, $2, $3, $4, $5, '{{}}', $6, now(), $1{now})"#
            ));
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [
                &Uuid::now_v7(),
                &mail.uuid,
                &event.kind.name(),
                &event.at,
                &event.bounce_type,
                &event.subtype,
            ];
            client.execute(&insert, &values).await.unwrap();
        }
    }
}

fn drawn<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

const FAR: Duration = Duration::from_mins(1);

/// Paces at which mails of a small table are found by the walk alone, by the gather, and by one after the other.
const PACES: [Pace; 4] = [
    Pace::NORMAL,
    Pace { first_slice_rows: 7, slice_rows_max: 20, rare_rows_per_mail: 0 },
    Pace { first_slice_rows: 5, slice_rows_max: 5, rare_rows_per_mail: i64::MAX },
    Pace { first_slice_rows: 20, slice_rows_max: 40, rare_rows_per_mail: 8 },
];

/// Goes through all pages by the ways that a reader has, and back.
async fn walked(fixture: &Fixture, asked: &Search, pace: Pace, count: Option<u64>) -> Vec<Uuid> {
    let uuids = |page: &MailPage| page.mails.iter().map(|mail| mail.uuid).collect::<Vec<_>>();
    let look = async |asked: &Search| match count {
        None => fixture.store.search_at(asked, pace).await.unwrap(),
        Some(count) => {
            let (page, counted) = fixture.store.search_and_count_at(asked, pace).await.unwrap();
            assert_eq!(counted, Some(MailCount::Exactly(count)), "{}, {pace:?}", asked.query);
            page
        }
    };
    let mut asked = asked.clone();
    let mut pages = Vec::new();
    loop {
        let page = look(&asked).await;
        assert_eq!(page.looked_until, None);
        pages.push(uuids(&page));
        let (next, newer_first) = match asked.order {
            Order::NewestFirst => (page.older.map(PageStart::OlderThan), true),
            Order::OldestFirst => (page.newer.map(PageStart::NewerThan), false),
        };
        let Some(next) = next else {
            // And back again, if there is anything to come back from.
            let mut back = page;
            for expected in pages.iter().rev().skip(1) {
                let start = if newer_first {
                    back.newer.map(PageStart::NewerThan)
                } else {
                    back.older.map(PageStart::OlderThan)
                };
                asked.page = start.expect("a page that was left has a way back");
                back = look(&asked).await;
                assert_eq!(&uuids(&back), expected, "{}", asked.query);
            }
            return pages.concat();
        };
        asked.page = next;
    }
}

#[tokio::test]
async fn what_is_found_is_what_a_plain_filter_finds() {
    let fixture = Fixture::new().await;
    let mut runner = TestRunner::deterministic();
    let mut mails = drawn(&mut runner, &vec(mail(), 90));
    mails.sort_by_key(|mail| mail.uuid);
    mails.dedup_by_key(|mail| mail.uuid);
    store(&fixture, &mails).await;
    fixture.run(r#"VACUUM ANALYZE "prefix".phoenix_kit_email_logs, "prefix".phoenix_kit_email_events"#).await;
    let queries = queries(&mails);
    let (mut hits, clock) = (0, clock());
    for number in 0..120 {
        let query = drawn(&mut runner, &queries);
        let mut expected: Vec<&Mail> = mails.iter().filter(|mail| mail.fits(&query, &clock)).collect();
        expected.sort_by_key(|mail| (mail.sent_at, mail.uuid));
        let order = if number % 2 == 0 { Order::NewestFirst } else { Order::OldestFirst };
        if order == Order::NewestFirst {
            expected.reverse();
        }
        let expected: Vec<Uuid> = expected.iter().map(|mail| mail.uuid).collect();
        hits += usize::from(!expected.is_empty() && expected.len() < mails.len());
        let pace = PACES[number % PACES.len()];
        let mails_max = 1 + number % 13;
        let asked = Search { clock: clock.clone(), order, mails_max, ..Search::new(query.clone()) };
        for count in [None, Some(expected.len() as u64)] {
            assert_eq!(
                walked(&fixture, &asked, pace, count).await,
                expected,
                "{query}, {order:?}, {pace:?}, {mails_max}, {count:?}"
            );
        }

        let counted = fixture.store.count_mails(&query, &clock).await.unwrap();
        assert_eq!(counted, MailCount::Exactly(expected.len() as u64), "{query}");
        let mut export = fixture.store.export(query.clone(), clock.clone(), order);
        let exported: Vec<Uuid> =
            export.next_batch().await.unwrap().iter().map(|mail| mail.summary.uuid).collect();
        assert_eq!(exported, expected, "{query}");
        assert!(export.next_batch().await.unwrap().is_empty());
    }
    assert!(hits > 50, "only {hits} queries tell anything");
}

/// The gather alone, from each place, which the pages above begin with a walk.
#[tokio::test]
async fn an_index_names_the_same_mails_as_a_walk() {
    let fixture = Fixture::new().await;
    let mut runner = TestRunner::deterministic();
    let mails = drawn(&mut runner, &vec(mail(), 60));
    store(&fixture, &mails).await;
    let queries = queries(&mails);
    let mut gathered = 0;
    for number in 0..80 {
        let query = drawn(&mut runner, &queries);
        let mut client = fixture.store.reader().await.unwrap();
        let filter = Filter::of(&fixture.store, &client, &query, &clock()).await.unwrap();
        let direction = if number % 2 == 0 { Direction::Back } else { Direction::Forward };
        let mut both = Vec::new();
        for rare_rows_per_mail in [0, i64::MAX] {
            let pace = Pace { first_slice_rows: 9, slice_rows_max: 9, rare_rows_per_mail };
            let mut finder = Finder::new(&fixture.store, &filter, Columns::Summary, direction, None, pace);
            let rows = finder.find(&mut client, 1_000, Instant::now() + FAR).await.unwrap();
            assert!(finder.ended, "{query}");
            both.push(rows.iter().map(|row| row.get::<_, Uuid>("uuid")).collect::<Vec<_>>());
        }
        assert_eq!(both[0], both[1], "{query}");
        gathered += usize::from(filter.gather != super::super::filter::Gather::Impossible);
    }
    assert!(gathered > 30, "only {gathered}");
}
