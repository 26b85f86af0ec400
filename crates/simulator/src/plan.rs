//! What to simulate.

use jiff::{SignedDuration, Timestamp};

/// What to simulate. Equal plans give equal traffic, byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where chance begins. The ids of two seeds never meet, so several runs may go into one database.
    pub seed: u64,
    /// How many mails. The first ones play each required scenario once, in a fixed order; the others are
    /// drawn by weight. [`crate::SCENARIOS_REQUIRED`] mails have them all.
    pub mails: usize,
    /// No mail is sent before.
    pub start: Timestamp,
    /// Over which mails are sent; no event lies beyond `start + span`. Below an hour it counts as an hour,
    /// since a mail's events need some room.
    pub span: SignedDuration,
    /// How often a message may come in all: each comes at least once. Zero counts as one.
    pub copies_max: u32,
    /// Messages that nobody can read, no two of them equal.
    pub malformed: usize,
    /// Messages of SNS and SES that are no events.
    pub controls: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            mails: 400,
            // 1 September 2026, 06:00 UTC: fixed, since the default plan must give the same traffic for ever.
            start: Timestamp::constant(1_788_242_400, 0),
            span: SignedDuration::from_hours(14 * 24),
            copies_max: 3,
            malformed: 10,
            controls: 4,
        }
    }
}
