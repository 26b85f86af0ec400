//! Figures and the rates they make.

use std::{collections::BTreeMap, iter::Sum, ops::AddAssign};

use jiff::Timestamp;

use super::{FiguresError, Period, count};
use crate::{Store, sql::Statement};

/// Types of events that rates are made of and that warnings go by, as the column spells them.
pub(super) const TOLD: [&str; 8] =
    ["delivery", "bounce", "complaint", "open", "click", "delivery_delay", "reject", "rendering_failure"];

/// Types that come with so many mails that their absence says something.
const COMMON: [&str; 3] = ["delivery", "open", "click"];

/// So many mails without one event of a common type mean that nobody subscribes to it.
pub const SEEN_MAILS_MIN: u64 = 100;

/// What became of some mails. Recipients are counted for all that befalls each by itself, mails for what people do with
/// a mail, whoever of its recipients that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Mails of which SES took at least one recipient's.
    pub mails: u64,
    /// Recipients to whom mail was sent: a mail to three is three. Not those whose mail SES rejected or could not render;
    /// those that it did not try are among them.
    pub sent: u64,
    /// Recipients whose server took the mail, whatever came afterwards.
    pub delivered: u64,
    /// Recipients whose server refused the mail for good.
    pub hard_bounced: u64,
    /// Recipients for whom SES gave up after their server had put it off, and who did not bounce in a stronger way.
    pub soft_bounced: u64,
    /// Recipients whose mail came back without a reason that SES understood, and not for good.
    pub undetermined_bounced: u64,
    /// Recipients on a suppression list, whom SES did not try: no bounce.
    pub not_tried: u64,
    /// Recipients who called the mail spam.
    pub complained: u64,
    /// Recipients at a domain where one of several called the mail spam. In no rate: nobody knows which.
    pub possibly_complained: u64,
    /// Recipients whose server put the mail off at least once.
    pub delayed: u64,
    /// Recipients whose mail SES rejected.
    pub rejected: u64,
    /// Recipients whose mail could not be rendered from its template.
    pub failed: u64,
    /// Mails that at least one recipient's server took.
    pub delivered_mails: u64,
    /// Mails that a person opened: each once. What SES does not call a machine's counts as a person's.
    pub opened: u64,
    /// Mails that machines opened and no person.
    pub machine_opened: u64,
    /// Mails of which a person followed a link: each once.
    pub clicked: u64,
    /// Mails of which machines followed links and no person.
    pub machine_clicked: u64,
}

impl Figures {
    pub(super) fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            mails: count(row, "mails")?,
            sent: count(row, "sent")?,
            delivered: count(row, "delivered")?,
            hard_bounced: count(row, "hard_bounced")?,
            soft_bounced: count(row, "soft_bounced")?,
            undetermined_bounced: count(row, "undetermined_bounced")?,
            not_tried: count(row, "not_tried")?,
            complained: count(row, "complained")?,
            possibly_complained: count(row, "possibly_complained")?,
            delayed: count(row, "delayed")?,
            rejected: count(row, "rejected")?,
            failed: count(row, "failed")?,
            delivered_mails: count(row, "delivered_mails")?,
            opened: count(row, "opened")?,
            machine_opened: count(row, "machine_opened")?,
            clicked: count(row, "clicked")?,
            machine_clicked: count(row, "machine_clicked")?,
        })
    }

    /// Recipients that bounced in whichever way: each once.
    pub fn bounced(&self) -> u64 {
        self.hard_bounced + self.soft_bounced + self.undetermined_bounced
    }

    /// The rates of the mails of a period.
    pub fn rates(&self, seen: &SeenTypes, period: Period) -> Rates {
        let rate = |types: &[&str], count, of| {
            let known = types.iter().all(|event_type| seen.is_known(event_type, period, self.mails));
            if known { Rate::Of { count, of } } else { Rate::Unknown }
        };
        Rates {
            delivery: rate(&["delivery"], self.delivered, self.sent),
            bounce: rate(&["bounce"], self.bounced(), self.sent),
            hard_bounce: rate(&["bounce"], self.hard_bounced, self.sent),
            complaint: rate(&["complaint", "delivery"], self.complained, self.delivered),
            open: rate(&["open", "delivery"], self.opened, self.delivered_mails),
            machine_open: rate(&["open", "delivery"], self.machine_opened, self.delivered_mails),
            click: rate(&["click", "delivery"], self.clicked, self.delivered_mails),
            machine_click: rate(&["click", "delivery"], self.machine_clicked, self.delivered_mails),
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.mails += other.mails;
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.hard_bounced += other.hard_bounced;
        self.soft_bounced += other.soft_bounced;
        self.undetermined_bounced += other.undetermined_bounced;
        self.not_tried += other.not_tried;
        self.complained += other.complained;
        self.possibly_complained += other.possibly_complained;
        self.delayed += other.delayed;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.delivered_mails += other.delivered_mails;
        self.opened += other.opened;
        self.machine_opened += other.machine_opened;
        self.clicked += other.clicked;
        self.machine_clicked += other.machine_clicked;
    }
}

impl Sum for Figures {
    fn sum<I: Iterator<Item = Self>>(figures: I) -> Self {
        figures.fold(Self::default(), |mut sum, figures| {
            sum += figures;
            sum
        })
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// No event tells: nobody subscribes to its type, as far as can be seen. Not 0 %.
    Unknown,
    /// So many of so many.
    Of {
        /// The part.
        count: u64,
        /// The whole.
        of: u64,
    },
}

impl Rate {
    /// In percent; nothing where it is unknown or the whole is nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
    pub fn percent(self) -> Option<f64> {
        match self {
            Self::Unknown | Self::Of { of: 0, .. } => None,
            Self::Of { count, of } => Some(count as f64 * 100.0 / of as f64),
        }
    }
}

/// The rates of some mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Delivered of sent recipients.
    pub delivery: Rate,
    /// Bounced of sent recipients.
    pub bounce: Rate,
    /// Bounced for good of sent recipients: the rate that SES itself goes by.
    /// <https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html>
    pub hard_bounce: Rate,
    /// Recipients who complained of those that the mail was delivered to.
    pub complaint: Rate,
    /// Mails that people opened of delivered mails.
    pub open: Rate,
    /// Mails that only machines opened of delivered mails.
    pub machine_open: Rate,
    /// Mails of which people followed links of delivered mails.
    pub click: Rate,
    /// Mails of which only machines followed links of delivered mails.
    pub machine_click: Rate,
}

/// When events of a type happened first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first.
    pub first_at: Timestamp,
    /// The last.
    pub last_at: Timestamp,
}

/// Which types of events have ever arrived.
///
/// What is subscribed stands in SES, not in the database; all that can be told here is what came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenTypes(BTreeMap<String, Seen>);

impl SeenTypes {
    /// When events of a type happened, as the column spells it; nothing where none has ever arrived.
    pub fn get(&self, event_type: &str) -> Option<Seen> {
        self.0.get(event_type).copied()
    }

    /// Whether the absence of events of a type says anything of a period in which so many mails were sent.
    ///
    /// It does not where none has ever arrived. Of deliveries, opens and clicks it does not either where the first
    /// happened after the period, or none since the period began although [`SEEN_MAILS_MIN`] mails were sent. Bounces,
    /// complaints and the like are rare: one ever is enough to tell that they would arrive.
    pub fn is_known(&self, event_type: &str, period: Period, mails: u64) -> bool {
        let Some(seen) = self.get(event_type) else { return false };
        if !COMMON.contains(&event_type) {
            return true;
        }
        seen.first_at < period.to() && (seen.last_at >= period.from() || mails < SEEN_MAILS_MIN)
    }
}

impl FromIterator<(String, Seen)> for SeenTypes {
    fn from_iter<I: IntoIterator<Item = (String, Seen)>>(types: I) -> Self {
        Self(types.into_iter().collect())
    }
}

impl Store {
    /// Which types of events have ever arrived.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn seen_types(&self) -> Result<SeenTypes, FiguresError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::SeenTypes)).await?;
        let mut seen = BTreeMap::new();
        for row in client.query(&statement, &[&TOLD.as_slice()]).await? {
            let times: (Option<Timestamp>, Option<Timestamp>) =
                (row.try_get("first_at")?, row.try_get("last_at")?);
            if let (Some(first_at), Some(last_at)) = times {
                seen.insert(row.try_get("event_type")?, Seen { first_at, last_at });
            }
        }
        Ok(SeenTypes(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn period() -> Period {
        Period::new(second(1_000), second(2_000)).unwrap()
    }

    fn seen(event_type: &str, first: i64, last: i64) -> SeenTypes {
        let seen = Seen { first_at: second(first), last_at: second(last) };
        [(event_type.to_owned(), seen)].into_iter().collect()
    }

    #[test]
    fn a_type_that_never_came_is_unknown_and_no_0_percent() {
        let figures =
            Figures { mails: 10, sent: 10, delivered: 10, delivered_mails: 10, ..Figures::default() };
        let rates = figures.rates(&seen("delivery", 0, 1_500), period());
        assert_eq!(rates.delivery.percent(), Some(100.0));
        assert_eq!(
            (rates.bounce, rates.complaint, rates.open),
            (Rate::Unknown, Rate::Unknown, Rate::Unknown)
        );
        assert_eq!(rates.open.percent(), None);
    }

    #[test]
    fn rates_over_delivered_are_unknown_without_deliveries() {
        let figures = Figures { mails: 10, sent: 10, opened: 5, ..Figures::default() };
        assert_eq!(figures.rates(&seen("open", 0, 1_500), period()).open, Rate::Unknown);
    }

    #[test]
    fn what_is_common_must_have_come_in_the_period() {
        for (first, last, mails, known) in [
            (0, 1_000, 100, true),
            (0, 999, 100, false),
            // Too few mails to expect any.
            (0, 999, 99, true),
            (1_999, 5_000, 100, true),
            // Subscribed afterwards.
            (2_000, 5_000, 1, false),
        ] {
            let told = (first, last, mails);
            assert_eq!(seen("open", first, last).is_known("open", period(), mails), known, "{told:?}");
        }
        assert!(seen("bounce", 0, 1).is_known("bounce", period(), 1_000_000));
        assert!(seen("complaint", 5_000, 5_000).is_known("complaint", period(), 1_000_000));
    }

    #[test]
    fn a_part_of_nothing_is_no_percentage() {
        assert_eq!(Rate::Of { count: 0, of: 0 }.percent(), None);
        assert_eq!(Rate::Of { count: 1, of: 8 }.percent(), Some(12.5));
    }
}
