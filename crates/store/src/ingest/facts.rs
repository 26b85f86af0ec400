//! What events say of their mail, and how what several say is merged.
//!
//! Every merge commutes and may be repeated: earliest time, highest status, longer text, united sets. So the
//! order in which events arrive, and how often, leaves no trace.

use aftersend_event::{Event, Status};
use jiff::Timestamp;

use super::TagNames;
use crate::tags::Tags;

/// Characters that a `varchar(255)` holds: a column that step a2 leaves as it is.
pub(crate) const COLUMN_CHARS_MAX: usize = 255;

/// Bytes of a text that a b-tree holds. An entry of one has room for 2,704, and text that can't be compressed stands in
/// it whole, with 12 bytes of header and behind it what else the index is on: a time, 8 bytes.
/// <https://www.postgresql.org/docs/current/btree.html>
pub(crate) const INDEXED_TEXT_BYTES_MAX: usize = 2_600;

/// Bytes of a text from a mail's headers that no b-tree holds. SES gives 10 KB of all headers together at most, so this
/// cuts nothing but what was made up: a page of mails is read with all their subjects, and a subject costs its index of
/// trigrams time (64 KiB cost 0.1 s).
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>
pub(crate) const HEADER_TEXT_BYTES_MAX: usize = 10 * 1024;

/// Bytes of any other text of an event, which no index of ours holds. A link and a browser's description of itself come
/// over HTTP, whose servers take 8 to 64 KiB of them.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A mail as its events describe it, or as its row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) described: Described,
    /// Nothing where no event gives a state.
    pub(super) status: Option<Status>,
    pub(super) times: Times,
}

/// A column that describes a mail, by its application's word or its events'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    To,
    From,
    Subject,
    TemplateName,
    CampaignId,
    ConfigurationSet,
    MessageTags,
    SentAt,
}

impl Column {
    pub(crate) const ALL: [Self; 8] = [
        Self::To,
        Self::From,
        Self::Subject,
        Self::TemplateName,
        Self::CampaignId,
        Self::ConfigurationSet,
        Self::MessageTags,
        Self::SentAt,
    ];

    /// Its name in the table, which is its name in `aftersend_logged`, too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::From => "from",
            Self::Subject => "subject",
            Self::TemplateName => "template_name",
            Self::CampaignId => "campaign_id",
            Self::ConfigurationSet => "configuration_set",
            Self::MessageTags => "message_tags",
            Self::SentAt => "sent_at",
        }
    }
}

/// The columns of a mail that are its application's word. The others are described by its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said(u8);

impl Said {
    /// A mail known from its events alone.
    pub(crate) const NOTHING: Self = Self(0);
    /// A mail whose row an application wrote itself.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// As a row has it: who made it, and what was logged of it.
    pub(crate) fn of_row(derived: bool, logged: Option<&[&str]>) -> Self {
        match logged {
            Some(names) => {
                let mut said = Self::NOTHING;
                Column::ALL
                    .into_iter()
                    .filter(|column| names.contains(&column.name()))
                    .for_each(|column| said.add(column));
                said
            }
            None if derived => Self::NOTHING,
            None => Self::ALL,
        }
    }

    pub(crate) fn add(&mut self, column: Column) {
        self.0 |= 1 << column as u8;
    }

    pub(crate) fn has(self, column: Column) -> bool {
        self.0 & (1 << column as u8) != 0
    }

    /// As the column `aftersend_logged` has it.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Column::ALL.into_iter().filter(|column| self.has(*column)).map(Column::name).collect()
    }
}

/// The columns that an application fills in for its own mails, and events for mails known from them alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) to: String,
    pub(super) from: String,
    pub(super) subject: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) campaign_id: Option<String>,
    pub(super) configuration_set: Option<String>,
    pub(super) tags: Tags,
    pub(super) sent_at: Timestamp,
}

/// The earliest time of each state that has a column.
#[expect(clippy::struct_field_names, reason = "the columns' names")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) delayed_at: Option<Timestamp>,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) opened_at: Option<Timestamp>,
    pub(super) clicked_at: Option<Timestamp>,
    pub(super) bounced_at: Option<Timestamp>,
    pub(super) failed_at: Option<Timestamp>,
    pub(super) rejected_at: Option<Timestamp>,
    pub(super) complained_at: Option<Timestamp>,
}

impl Facts {
    /// What one event says.
    pub(super) fn of(event: &Event<'_>, names: &TagNames) -> Self {
        let tags: Tags = event
            .mail
            .tags
            .iter()
            .map(|(name, values)| (storable(name), values.iter().map(|value| storable(value)).collect()))
            .collect();
        let tagged = |name: &str, cut: fn(&str) -> String| {
            let values = tags.get(name).into_iter().flatten();
            values.map(|value| cut(value)).reduce(|a, b| if prevails(&b, &a) { b } else { a })
        };
        let described = Described {
            to: cut_for_index(event.to().unwrap_or_default()),
            from: cut_for_header(event.mail.source.as_deref().unwrap_or_default()),
            subject: event.mail.subject.as_deref().map(cut_for_header),
            template_name: tagged(&names.template, cut_for_column),
            campaign_id: tagged(&names.campaign, cut_for_index),
            configuration_set: tagged("ses:configuration-set", cut_for_column),
            sent_at: event.mail.timestamp.at,
            tags,
        };
        let status = event.status();
        Self { described, status, times: Times::of(status, event.occurred_at()) }
    }

    /// Whether figures count the mail as they would count it with these.
    pub(super) fn count_as(&self, other: &Self) -> bool {
        self.times == other.times
            && self.described.sent_at == other.described.sent_at
            && self.described.template_name == other.described.template_name
    }

    /// Takes in what another event, or the row, says. What of a mail's description is its application's word stays as it
    /// is.
    pub(super) fn merge(&mut self, other: &Self, said: Said) {
        self.described.merge(&other.described, said);
        self.status = self.status.max(other.status);
        self.times.merge(&other.times);
    }
}

impl Described {
    fn merge(&mut self, other: &Self, said: Said) {
        if !said.has(Column::To) {
            merge_text(&mut self.to, &other.to);
        }
        if !said.has(Column::From) {
            merge_text(&mut self.from, &other.from);
        }
        for (column, mine, theirs) in [
            (Column::Subject, &mut self.subject, &other.subject),
            (Column::TemplateName, &mut self.template_name, &other.template_name),
            (Column::CampaignId, &mut self.campaign_id, &other.campaign_id),
            (Column::ConfigurationSet, &mut self.configuration_set, &other.configuration_set),
        ] {
            if !said.has(column) {
                merge_optional(mine, theirs.as_ref());
            }
        }
        if !said.has(Column::MessageTags) {
            for (name, values) in &other.tags {
                self.tags.entry(name.clone()).or_default().extend(values.iter().cloned());
            }
        }
        if !said.has(Column::SentAt) {
            self.sent_at = self.sent_at.min(other.sent_at);
        }
    }
}

impl Times {
    fn of(status: Option<Status>, at: Timestamp) -> Self {
        let mut times = Self::default();
        let column = match status {
            Some(Status::Delayed) => &mut times.delayed_at,
            Some(Status::Delivered) => &mut times.delivered_at,
            Some(Status::Opened) => &mut times.opened_at,
            Some(Status::Clicked) => &mut times.clicked_at,
            Some(Status::SoftBounced | Status::Bounced | Status::HardBounced) => &mut times.bounced_at,
            Some(Status::Failed) => &mut times.failed_at,
            Some(Status::Rejected) => &mut times.rejected_at,
            Some(Status::Complaint) => &mut times.complained_at,
            Some(Status::Queued | Status::Sent) | None => return times,
        };
        *column = Some(at);
        times
    }

    fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.delayed_at, other.delayed_at),
            (&mut self.delivered_at, other.delivered_at),
            (&mut self.opened_at, other.opened_at),
            (&mut self.clicked_at, other.clicked_at),
            (&mut self.bounced_at, other.bounced_at),
            (&mut self.failed_at, other.failed_at),
            (&mut self.rejected_at, other.rejected_at),
            (&mut self.complained_at, other.complained_at),
        ];
        for (mine, theirs) in pairs {
            *mine = match (*mine, theirs) {
                (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
                (mine, theirs) => mine.or(theirs),
            };
        }
    }
}

/// Whether a text wins over another: the longer one, and of two as long the one with the smaller bytes.
pub(super) fn prevails(text: &str, over: &str) -> bool {
    (text.len(), over) > (over.len(), text)
}

fn merge_text(mine: &mut String, theirs: &str) {
    if prevails(theirs, mine) {
        theirs.clone_into(mine);
    }
}

pub(super) fn merge_optional(mine: &mut Option<String>, theirs: Option<&String>) {
    match (mine.as_mut(), theirs) {
        (Some(mine), Some(theirs)) => merge_text(mine, theirs),
        (None, Some(theirs)) => *mine = Some(theirs.clone()),
        (_, None) => {}
    }
}

/// What of a text a `varchar(255)` holds. The whole of it stays in the event's JSON.
///
/// A text is cut before it is merged: then the longest of what was cut prevails, whatever came first.
pub(super) fn cut_for_column(text: &str) -> String {
    let end = text.char_indices().nth(COLUMN_CHARS_MAX).map_or(text.len(), |(end, _)| end);
    storable(&text[..end])
}

/// What of a text a column holds that a b-tree is on.
pub(super) fn cut_for_index(text: &str) -> String {
    cut_bytes(text, INDEXED_TEXT_BYTES_MAX)
}

/// What of a header's text a column holds that no b-tree is on.
pub(super) fn cut_for_header(text: &str) -> String {
    cut_bytes(text, HEADER_TEXT_BYTES_MAX)
}

/// What of a text any other column holds.
pub(super) fn cut_for_row(text: &str) -> String {
    cut_bytes(text, TEXT_BYTES_MAX)
}

/// Between characters. After the replacement, which makes the text longer.
fn cut_bytes(text: &str, bytes_max: usize) -> String {
    let mut text = storable(text);
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// The text without U+0000, which JSON allows and PostgreSQL holds in no text.
/// <https://www.postgresql.org/docs/current/datatype-character.html>
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longer_text_prevails_then_the_smaller() {
        assert!(prevails("ab", "b"));
        assert!(prevails("a", "b"));
        assert!(!prevails("b", "a"));
        assert!(!prevails("a", "a"));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut_for_column(&"ü".repeat(300)), "ü".repeat(255));
        assert_eq!(cut_for_index(&"ü".repeat(3_000)), "ü".repeat(1_300));
        assert_eq!(cut_for_index(&format!("x{}", "ü".repeat(3_000))), format!("x{}", "ü".repeat(1_299)));
        assert_eq!(cut_for_header(&"ü".repeat(6_000)), "ü".repeat(5_120));
        assert_eq!(cut_for_row(&"ü".repeat(70_000)), "ü".repeat(32_768));
        for cut in [cut_for_column, cut_for_index, cut_for_header, cut_for_row] {
            assert_eq!(cut("short"), "short");
            assert_eq!(cut("a\0b"), "a\u{FFFD}b");
        }
        // Three bytes stand in the place of one.
        assert_eq!(cut_for_index(&"\0".repeat(2_600)), "\u{FFFD}".repeat(866));
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let text = || "[ab]{0,3}";
        let optional = || proptest::option::of("[ab]{0,3}");
        let time = || proptest::option::of((0..5_i64).prop_map(|s| Timestamp::from_second(s).unwrap()));
        let described = (text(), text(), optional(), optional(), "[ab]", 0..5_i64).prop_map(
            |(to, from, subject, template_name, tag, second)| Described {
                to,
                from,
                subject,
                template_name,
                campaign_id: None,
                configuration_set: None,
                tags: Tags::from([(tag.clone(), [tag].into())]),
                sent_at: Timestamp::from_second(second).unwrap(),
            },
        );
        let status = proptest::option::of(proptest::sample::select(&Status::ALL[..]));
        (described, status, time(), time()).prop_map(|(described, status, opened_at, bounced_at)| Facts {
            described,
            status,
            times: Times { opened_at, bounced_at, ..Times::default() },
        })
    }

    fn merged(mut a: Facts, b: &Facts) -> Facts {
        a.merge(b, Said::NOTHING);
        a
    }

    proptest! {
        /// What the invariant of set semantics rests on.
        #[test]
        fn merging_commutes_associates_and_may_be_repeated(a in facts(), b in facts(), c in facts()) {
            prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
            prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a.clone(), &merged(b.clone(), &c)));
            prop_assert_eq!(merged(merged(a.clone(), &b), &b), merged(a, &b));
        }
    }
}
