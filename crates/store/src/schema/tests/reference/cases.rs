//! Made-up V136 databases: small, and full of what makes V137 hard.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, ops::Range};

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

/// Rows that a large group of duplicates has at most. The reference is quadratic in it.
const GROUP_ROWS_MAX: usize = 400;

/// Valid prefixes that need their quotes, and such as begin like the tables in them.
const ODD_NAMES: [&str; 8] = ["select", "order", "user", "table", "public", "_", "phoenix_kit", "analyze"];

/// A schema at V136, or beyond 137 with a part of V137, and its rows.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) seed: u64,
    /// The schemas, all in one database, that the ways are tried in.
    pub(super) prefixes: [String; 3],
    pub(super) marker: u32,
    /// Whether the application has given events a column of its own.
    pub(super) has_own_column: bool,
    /// Whether it gives them another one after step 137, which has no NULL.
    pub(super) has_late_column: bool,
    /// Whether it goes down and up a first time without putting removed events back.
    pub(super) goes_down_twice: bool,
    /// Which of V137's indexes are there already, with the names they have.
    pub(super) built: Vec<(&'static Index, String)>,
    pub(super) mails: Vec<MailRow>,
    pub(super) events: Vec<EventRow>,
}

/// What a case can have less of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Mails,
    Events,
    Built,
}

/// One of V137's eight indexes, as an operator would type it.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) is_unique: bool,
    /// What comes after `ON "prefix".`; `"trgm"` stands for the schema of `pg_trgm`.
    pub(super) on: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct MailRow {
    pub(super) uuid: Uuid,
    pub(super) message_id: String,
    pub(super) aws_message_id: Option<String>,
    /// JSON, spelled as the application wrote it.
    pub(super) headers: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) opened_at: Option<String>,
    pub(super) body_full: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct EventRow {
    pub(super) uuid: Uuid,
    pub(super) mail: Uuid,
    pub(super) event_type: String,
    pub(super) occurred_at: String,
    /// JSON, spelled as the application wrote it.
    pub(super) event_data: Option<String>,
    pub(super) link_url: Option<String>,
    pub(super) inserted_at: String,
}

pub(super) const INDEXES: [Index; 8] = [
    Index {
        name: "phoenix_kit_email_events_log_uuid_event_type_index",
        is_unique: true,
        on: "phoenix_kit_email_events (email_log_uuid, event_type) WHERE event_type NOT IN ('open', 'click')",
    },
    Index {
        name: "phoenix_kit_email_events_log_uuid_type_occurred_index",
        is_unique: true,
        on: "phoenix_kit_email_events (email_log_uuid, event_type, occurred_at) WHERE event_type IN ('open', 'click')",
    },
    Index {
        name: "phoenix_kit_email_logs_to_trgm_index",
        is_unique: false,
        on: "phoenix_kit_email_logs USING gin (\"to\" \"trgm\".gin_trgm_ops)",
    },
    Index {
        name: "phoenix_kit_email_logs_subject_trgm_index",
        is_unique: false,
        on: "phoenix_kit_email_logs USING gin (subject \"trgm\".gin_trgm_ops)",
    },
    Index {
        name: "phoenix_kit_email_logs_campaign_id_trgm_index",
        is_unique: false,
        on: "phoenix_kit_email_logs USING gin (campaign_id \"trgm\".gin_trgm_ops)",
    },
    Index {
        name: "phoenix_kit_email_logs_template_opened_index",
        is_unique: false,
        on: "phoenix_kit_email_logs (template_name, opened_at) WHERE opened_at IS NOT NULL",
    },
    Index {
        name: "phoenix_kit_email_logs_template_clicked_index",
        is_unique: false,
        on: "phoenix_kit_email_logs (template_name, clicked_at) WHERE clicked_at IS NOT NULL",
    },
    Index {
        name: "phoenix_kit_email_logs_compress_scan_index",
        is_unique: false,
        on: "phoenix_kit_email_logs (sent_at) WHERE body_full IS NOT NULL",
    },
];

impl Case {
    /// The same case for the same seed, for as long as this file stays as it is.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut uuids = Uuids::new(&mut rng);
        let mails = mails(&mut rng, &mut uuids);
        let events = events(&mut rng, &mut uuids, &mails);
        let built = built_ahead(&mut rng);
        let is_whole = built.iter().filter(|(index, name)| index.name == name).count() == INDEXES.len();
        Self {
            seed,
            prefixes: prefixes(&mut rng, seed),
            // Where a marker beyond 137 stands with all eight indexes, V137 is there and nothing is left to do.
            marker: if one_in(&mut rng, 3) && !is_whole { 139 } else { 136 },
            has_own_column: one_in(&mut rng, 6),
            has_late_column: one_in(&mut rng, 6),
            goes_down_twice: one_in(&mut rng, 3),
            built,
            mails,
            events,
        }
    }

    /// How much of a part there is.
    pub(super) fn count(&self, part: Part) -> usize {
        match part {
            Part::Mails => self.mails.len(),
            Part::Events => self.events.len(),
            Part::Built => self.built.len(),
        }
    }

    /// The case with less of a part; without mails also without their events.
    pub(super) fn without(&self, part: Part, places: Range<usize>) -> Self {
        let mut smaller = self.clone();
        match part {
            Part::Mails => {
                let gone: HashSet<Uuid> = smaller.mails.drain(places).map(|mail| mail.uuid).collect();
                smaller.events.retain(|event| !gone.contains(&event.mail));
            }
            Part::Events => drop(smaller.events.drain(places)),
            Part::Built => drop(smaller.built.drain(places)),
        }
        smaller
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

fn one_in(rng: &mut Rng, count: u32) -> bool {
    rng.u32(..count) == 0
}

fn prefixes(rng: &mut Rng, seed: u64) -> [String; 3] {
    let mut prefixes = ["a", "b", "c"].map(|letter| format!("{letter}_{seed}"));
    if one_in(rng, 3) {
        let place = rng.usize(..prefixes.len());
        prefixes[place] = (*pick(rng, &ODD_NAMES)).to_owned();
    }
    prefixes
}

fn built_ahead(rng: &mut Rng) -> Vec<(&'static Index, String)> {
    let (of_the_contract, of_another) = *pick(rng, &[(0, 0), (0, 0), (3, 0), (0, 3), (3, 3), (8, 0), (1, 1)]);
    let mut built = Vec::new();
    for (place, index) in INDEXES.iter().enumerate() {
        match rng.u32(..8) {
            chance if chance < of_the_contract => built.push((index, index.name.to_owned())),
            chance if chance < of_the_contract + of_another => {
                built.push((index, format!("by_hand_{place}")));
            }
            _ => {}
        }
    }
    built
}

/// Makes uuids that differ from each other, in the order that rows are made in or against it or in none.
struct Uuids {
    style: u8,
    count: u64,
    made: HashSet<Uuid>,
}

impl Uuids {
    fn new(rng: &mut Rng) -> Self {
        // The highest and the lowest uuid, for nobody else; they may come up by chance below.
        Self { style: rng.u8(..5), count: 0, made: HashSet::new() }
    }

    fn next(&mut self, rng: &mut Rng) -> Uuid {
        loop {
            self.count += 1;
            let milliseconds = 1_788_256_800_000 + self.count;
            let random = rng.u128(..);
            let uuid = match self.style {
                // Version 4.
                0 => uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid(),
                // Version 7, forth and back.
                1 => version_7(milliseconds, random),
                2 => version_7(1_788_256_900_000 - self.count, random),
                // Close to each other, beside each other only in the first bit or in the last byte.
                3 => Uuid::from_u128((random & 0xff) | (random >> 127 << 127)),
                // Whatever a program may have made, from all zeros to all ones.
                _ if one_in(rng, 30) => *pick(rng, &[Uuid::nil(), Uuid::max()]),
                _ if one_in(rng, 2) => version_7(milliseconds, random),
                _ => Uuid::from_u128(random),
            };
            // Style 3 knows 512 of them.
            self.style = if self.made.len() == 300 { 0 } else { self.style };
            if self.made.insert(uuid) {
                return uuid;
            }
        }
    }
}

fn version_7(milliseconds: u64, random: u128) -> Uuid {
    let random: [u8; 16] = random.to_be_bytes();
    let tail = random[..10].try_into().expect("ten of sixteen bytes");
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &tail).into_uuid()
}

fn time(microseconds: i64) -> String {
    let base: Timestamp = "2026-09-01T10:00:00Z".parse().expect("a time");
    (base + jiff::SignedDuration::from_micros(microseconds)).to_string()
}

/// Values that are ids, look like ids or contend for being one and the same.
fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "0100018f-a-000000",
        "0100018f-b-000000",
        "0100018f-c-000000",
        "0100018f-A-000000",
        "0100018f-a-000000 ",
        " ",
        "1",
        "1.50",
        "true",
        "null",
        "{\"a\": 1}",
        "\u{e9}",
        "e\u{301}",
        "\u{1}",
        "\\u0000",
        "\u{1f4e7}",
    ]
    .map(str::to_owned)
    .into();
    for character in ["x", "\u{fc}", "\u{1f4e7}"] {
        ids.extend([character.repeat(255), character.repeat(256)]);
    }
    ids.push("y".repeat(3_000));
    ids
}

fn mails(rng: &mut Rng, uuids: &mut Uuids) -> Vec<MailRow> {
    // Few ids for many mails, so that they meet; of all ids some.
    let mut ids = ids();
    rng.shuffle(&mut ids);
    ids.truncate(rng.usize(3..10));
    let mut held = HashSet::new();
    let count = *pick(rng, &[0, 1, 2, 5, 10, 20, 30]);
    (0..count)
        .map(|place| {
            let aws_message_id = one_in(rng, 4)
                .then(|| pick(rng, &ids).clone())
                .filter(|id| id.chars().count() <= 255 && held.insert(id.clone()));
            let mut optional = |text: &str| one_in(rng, 3).then(|| text.to_owned());
            let (subject, template_name) = (optional("Your order"), optional("order"));
            let (opened_at, body_full) = (optional("2026-09-01T11:00:00Z"), optional("Dear Ann"));
            MailRow {
                uuid: uuids.next(rng),
                message_id: format!("pk_{place}"),
                aws_message_id,
                headers: headers(rng, &ids),
                subject,
                template_name,
                opened_at,
                body_full,
            }
        })
        .collect()
}

fn headers(rng: &mut Rng, ids: &[String]) -> Option<String> {
    if one_in(rng, 8) {
        let none = [
            "null",
            "[]",
            "[\"aws_message_id\"]",
            "[{\"MessageId\": \"1\"}]",
            "\"aws_message_id\"",
            "7",
            "{}",
        ];
        return (!one_in(rng, 3)).then(|| (*pick(rng, &none)).to_owned());
    }
    // The first three are looked at, in this order; the rest are only like them.
    let names = [
        ("aws_message_id", 2),
        ("X-AWS-Message-Id", 2),
        ("MessageId", 2),
        ("x-aws-message-id", 8),
        ("aws_message_id ", 8),
        ("Message-Id", 8),
    ];
    let mut headers = Vec::new();
    for (name, odds) in names {
        if one_in(rng, odds) {
            let value = header(rng, ids);
            headers.push(format!("{}: {value}", serde_json::Value::from(name)));
        }
    }
    rng.shuffle(&mut headers);
    Some(format!("{{{}}}", headers.join(", ")))
}

fn header(rng: &mut Rng, ids: &[String]) -> String {
    match rng.u8(..10) {
        0 => "\"\"".to_owned(),
        1 => "null".to_owned(),
        2 => (*pick(rng, &["1", "1.50", "1e2", "true", "false", "{\"a\":1}", "{}", "[]", "[1, \"x\"]"]))
            .to_owned(),
        _ => serde_json::Value::from(pick(rng, ids).as_str()).to_string(),
    }
}

const TYPES: [&str; 24] = [
    "queued",
    "send",
    "delivery",
    "bounce",
    "complaint",
    "open",
    "click",
    "reject",
    "delivery_delay",
    "subscription",
    "rendering_failure",
    "failed",
    "open",
    "click",
    "Open",
    "CLICK",
    "open ",
    " click",
    "opened",
    "Rendering Failure",
    "unheard_of",
    "",
    "o\u{440}en",
    "\u{1f4e7}",
];

fn events(rng: &mut Rng, uuids: &mut Uuids, mails: &[MailRow]) -> Vec<EventRow> {
    let mut events = Vec::new();
    let large = if mails.is_empty() || !one_in(rng, 3) { usize::MAX } else { rng.usize(..mails.len()) };
    // Two types for all mails, so that what one mail has twice others have too.
    let common = [*pick(rng, &TYPES), *pick(rng, &["open", "click", "delivery"])];
    for (place, mail) in mails.iter().enumerate() {
        let types = [common[0], common[1], *pick(rng, &TYPES), *pick(rng, &TYPES)];
        let count = *pick(rng, &[0, 1, 2, 3, 6, 12]);
        for _ in 0..count {
            let event_type = *pick(rng, &types);
            let occurred_at = occurred_at(rng);
            events.push(event(rng, uuids, mail, event_type, occurred_at));
        }
        if place == large {
            let occurred_at = occurred_at(rng);
            for _ in 0..rng.usize(150..=GROUP_ROWS_MAX) {
                events.push(event(rng, uuids, mail, common[1], occurred_at.clone()));
            }
        }
    }
    // Neither mail by mail, nor by time, nor by uuid.
    rng.shuffle(&mut events);
    events
}

/// Few times, so that they meet: the same microsecond, one beside it, another second and those without end.
fn occurred_at(rng: &mut Rng) -> String {
    match rng.u8(..24) {
        0 => "infinity".to_owned(),
        1 => "-infinity".to_owned(),
        _ => time(*pick(rng, &[0, 0, 0, 1, 999_999, 1_000_000])),
    }
}

fn event(
    rng: &mut Rng,
    uuids: &mut Uuids,
    mail: &MailRow,
    event_type: &str,
    occurred_at: String,
) -> EventRow {
    let data = [
        "{}",
        "null",
        "[1.50, 1e2]",
        "\"\\\\u0000 \\u0001 \u{1f4e7}\"",
        "{\"a\": {\"b\": [null, 12345678901234567890.10]}}",
    ];
    EventRow {
        uuid: uuids.next(rng),
        mail: mail.uuid,
        event_type: event_type.to_owned(),
        occurred_at,
        event_data: (!one_in(rng, 5)).then(|| (*pick(rng, &data)).to_owned()),
        link_url: one_in(rng, 3).then(|| format!("https://example.com/{}?q='\"\\\u{fc}", rng.u8(..))),
        inserted_at: time(rng.i64(0..1_000_000_000)),
    }
}
