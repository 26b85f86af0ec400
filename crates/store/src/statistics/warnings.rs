//! What somebody should know before SES acts on it, and what should not stay as it is.

use std::time::Duration;

use jiff::Timestamp;

use super::{Figures, FiguresError, Period, Rate, SeenTypes, figures::TOLD};
use crate::{Parked, QuarantineFilter, Store, sql::Statement};

/// From here on SES looks at an account, by hard bounces.
/// <https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-bounce-rate.html>
pub const BOUNCE_WARNING_PERCENT: f64 = 5.0;

/// From here on SES looks at an account, by complaints.
/// <https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-complaint-rate.html>
pub const COMPLAINT_WARNING_PERCENT: f64 = 0.1;

/// Fewer recipients say nothing about a rate of bounces: one would be more than 1 %.
const BOUNCE_RECIPIENTS_MIN: u64 = 100;

/// Fewer recipients say nothing about a rate of complaints: one would be more than 0.1 %.
const COMPLAINT_RECIPIENTS_MIN: u64 = 1_000;

/// So long nothing may be heard while mails are sent.
pub const SILENCE_WARNING_AGE: Duration = Duration::from_hours(1);

/// So many mails must have been sent since for silence to say anything.
const SILENCE_MAILS_MIN: u64 = 10;

/// Mails that were sent in silence are counted up to here.
const SILENCE_MAILS_MAX: i64 = 1_000;

/// So long a message may be in quarantine before somebody should look at it.
pub const QUARANTINE_WARNING_AGE: Duration = Duration::from_hours(24);

/// How long nothing has been heard of what became of mails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// When the last event happened that tells more than that SES took a mail.
    pub last_event_at: Timestamp,
    /// How long ago that was by the database's clock, in seconds.
    pub age_s: f64,
    /// Mails that SES has taken since, up to a thousand, and without those of the last quarter of an hour.
    pub mails_since: u64,
}

/// What warnings are told by, beside figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals {
    /// Nothing where no event has ever told what became of a mail.
    pub silence: Option<Silence>,
    /// Events that wait for their mail.
    pub parked: Parked,
    /// How long a parked event waits until its mail is made from it. Waiting for much longer is not meant.
    pub park_for: Duration,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// When the oldest of them came.
    pub oldest_quarantined_at: Option<Timestamp>,
}

/// Something to warn of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Alarm {
    /// SES reviews accounts with so many hard bounces, and may stop them from sending.
    Bounces(Rate),
    /// SES reviews accounts with so many complaints, and may stop them from sending.
    Complaints(Rate),
    /// Mails are sent, and nothing is heard of them.
    Silence(Silence),
    /// Events wait for a mail that does not come, although their time is over: nobody joins them.
    Parked(Parked),
    /// Messages are in quarantine, and nobody has looked at them.
    Quarantine {
        /// How many.
        messages: u64,
        /// Since when the oldest is there.
        oldest_received_at: Timestamp,
    },
}

impl Signals {
    /// What is to be warned of, given a period's figures; the gravest first.
    pub fn alarms(&self, figures: &Figures, seen: &SeenTypes, period: Period, now: Timestamp) -> Vec<Alarm> {
        let rates = figures.rates(seen, period);
        let reaches = |rate: Rate, percent: f64, of_min: u64| match rate {
            Rate::Of { of, .. } if of >= of_min => rate.percent().is_some_and(|found| found >= percent),
            _ => false,
        };
        let mut alarms = Vec::new();
        if reaches(rates.complaint, COMPLAINT_WARNING_PERCENT, COMPLAINT_RECIPIENTS_MIN) {
            alarms.push(Alarm::Complaints(rates.complaint));
        }
        if reaches(rates.hard_bounce, BOUNCE_WARNING_PERCENT, BOUNCE_RECIPIENTS_MIN) {
            alarms.push(Alarm::Bounces(rates.hard_bounce));
        }
        if let Some(silence) = self.silence
            && silence.mails_since >= SILENCE_MAILS_MIN
            && silence.age_s >= SILENCE_WARNING_AGE.as_secs_f64()
        {
            alarms.push(Alarm::Silence(silence));
        }
        // Rounds that join come every few seconds; as long again leaves room for a database that was away.
        if self.parked.events > 0 && self.parked.oldest_age_s > 2.0 * self.park_for.as_secs_f64() {
            alarms.push(Alarm::Parked(self.parked));
        }
        if let Some(oldest_received_at) = self.oldest_quarantined_at
            && now.duration_since(oldest_received_at).unsigned_abs() >= QUARANTINE_WARNING_AGE
        {
            alarms.push(Alarm::Quarantine { messages: self.quarantined, oldest_received_at });
        }
        alarms
    }
}

impl Store {
    /// What warnings are told by, beside figures. Quick on any size of tables.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn signals(&self) -> Result<Signals, FiguresError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::Silence)).await?;
        let row = client.query_one(&statement, &[&TOLD.as_slice(), &SILENCE_MAILS_MAX]).await?;
        let last_event_at: Option<Timestamp> = row.try_get("last_event_at")?;
        let silence = match last_event_at {
            None => None,
            Some(last_event_at) => Some(Silence {
                last_event_at,
                age_s: row.try_get("age_s")?,
                mails_since: super::count(&row, "mails_since")?,
            }),
        };
        drop(client);
        let quarantine = self.count_quarantined(&QuarantineFilter::default(), None).await?;
        Ok(Signals {
            silence,
            parked: self.parked().await?,
            park_for: self.unknown_mails.park_for(),
            quarantined: quarantine.messages,
            oldest_quarantined_at: quarantine.oldest_received_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;

    const NOW_S: i64 = 1_000_000;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn quiet() -> Signals {
        Signals {
            silence: None,
            parked: Parked { events: 0, oldest_received_at: None, oldest_age_s: 0.0 },
            park_for: Duration::from_hours(1),
            quarantined: 0,
            oldest_quarantined_at: None,
        }
    }

    fn alarms(signals: &Signals, figures: &Figures) -> Vec<Alarm> {
        let all = Seen { first_at: second(0), last_at: second(NOW_S) };
        let seen = TOLD.iter().map(|event_type| ((*event_type).to_owned(), all)).collect();
        let period = Period::new(second(1_000), second(NOW_S)).unwrap();
        signals.alarms(figures, &seen, period, second(NOW_S))
    }

    #[test]
    fn rates_are_warned_of_where_there_are_enough_recipients() {
        for (sent, hard_bounced, warns) in
            [(100, 5, true), (100, 4, false), (99, 99, false), (1_000, 50, true)]
        {
            let figures =
                Figures { sent, hard_bounced, soft_bounced: sent - hard_bounced, ..Figures::default() };
            let found = alarms(&quiet(), &figures);
            let told = [Alarm::Bounces(Rate::Of { count: hard_bounced, of: sent })];
            assert_eq!(found, if warns { &told[..] } else { &[] }, "{sent}, {hard_bounced}");
        }
        for (delivered, complained, warns) in [(1_000, 1, true), (1_001, 1, false), (999, 999, false)] {
            let figures = Figures { delivered, complained, ..Figures::default() };
            let found = alarms(&quiet(), &figures);
            let told = [Alarm::Complaints(Rate::Of { count: complained, of: delivered })];
            assert_eq!(found, if warns { &told[..] } else { &[] }, "{delivered}, {complained}");
        }
    }

    #[test]
    fn silence_is_warned_of_where_mails_are_sent() {
        for (age_s, mails_since, warns) in [(3_600.0, 10, true), (3_599.0, 10, false), (9e9, 9, false)] {
            let silence = Silence { last_event_at: second(0), age_s, mails_since };
            let found = alarms(&Signals { silence: Some(silence), ..quiet() }, &Figures::default());
            assert_eq!(found, if warns { vec![Alarm::Silence(silence)] } else { vec![] }, "{silence:?}");
        }
    }

    #[test]
    fn what_waits_for_too_long_is_warned_of() {
        for (oldest_age_s, warns) in [(7_201.0, true), (7_200.0, false)] {
            let parked = Parked { events: 1, oldest_received_at: Some(second(0)), oldest_age_s };
            let found = alarms(&Signals { parked, ..quiet() }, &Figures::default());
            assert_eq!(found, if warns { vec![Alarm::Parked(parked)] } else { vec![] }, "{oldest_age_s}");
        }
        for (hours, warns) in [(24, true), (23, false)] {
            let oldest_received_at = second(NOW_S - hours * 3_600);
            let signals =
                Signals { quarantined: 3, oldest_quarantined_at: Some(oldest_received_at), ..quiet() };
            let told = vec![Alarm::Quarantine { messages: 3, oldest_received_at }];
            assert_eq!(alarms(&signals, &Figures::default()), if warns { told } else { vec![] }, "{hours}");
        }
    }
}
