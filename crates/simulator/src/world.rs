//! What a run of the simulator draws from: chance, ids and time.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::Plan;

const SPAN_MIN: SignedDuration = SignedDuration::from_hours(1);

/// Chance, ids and time of one run.
pub(crate) struct World {
    pub(crate) rng: Rng,
    seed: u64,
    ids_drawn: u64,
    start: Timestamp,
    /// No event lies beyond.
    end: Timestamp,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let span = plan.span.max(SPAN_MIN);
        Self {
            rng: Rng::with_seed(plan.seed),
            seed: plan.seed,
            ids_drawn: 0,
            start: plan.start,
            // A plan that ends after the year 9999 ends there.
            end: plan.start.saturating_add(span).unwrap_or(Timestamp::MAX),
        }
    }

    /// When a mail is sent: anywhere in the span but its last minutes, which its events need.
    pub(crate) fn sent_at(&mut self) -> Timestamp {
        let span_ms = self.end.as_millisecond() - self.start.as_millisecond();
        let reserve_ms = (span_ms / 50).min(10 * 60 * 1_000);
        let into_ms = self.rng.i64(0..(span_ms - reserve_ms).max(1));
        millisecond(self.start.as_millisecond() + into_ms)
    }

    /// A moment after `earlier`, from `least` to `most` later, short delays likelier than long ones. Where
    /// that lies beyond the end of the run, a moment closer to `earlier`; always later than that.
    pub(crate) fn after(
        &mut self,
        earlier: Timestamp,
        least: SignedDuration,
        most: SignedDuration,
    ) -> Timestamp {
        let least_ms = duration_ms(least).max(1);
        let most_ms = duration_ms(most).max(least_ms);
        // First an octave, then a moment in it: an hour is as likely as a minute.
        let octave_ms = least_ms << self.rng.u32(0..=(most_ms / least_ms).ilog2());
        let delay_ms = octave_ms.saturating_add(self.rng.i64(0..octave_ms)).min(most_ms);
        let left_ms = self.end.as_millisecond() - earlier.as_millisecond();
        let delay_ms = if delay_ms < left_ms {
            delay_ms
        } else {
            (left_ms / 4 + self.rng.i64(0..=left_ms.max(0) / 4)).max(1)
        };
        millisecond(earlier.as_millisecond() + delay_ms)
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.rng.usize(0..among.len())]
    }

    /// An id in the form of SES's own: never drawn twice, neither in this run nor in one of another seed.
    pub(crate) fn ses_id(&mut self, at: Timestamp) -> String {
        self.ids_drawn += 1;
        // `scramble` never maps two numbers to one. So `nth` differs between any two draws of this run, and
        // where two runs have the same `nth`, `first` still tells their seeds apart.
        let nth = scramble(scramble(self.seed).wrapping_add(self.ids_drawn));
        let first = scramble(self.seed) ^ scramble(nth);
        format!(
            "0100{:012x}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}-000000",
            at.as_millisecond().max(0),
            first >> 32,
            first >> 16 & 0xffff,
            first & 0xffff,
            nth >> 48,
            nth & 0xffff_ffff_ffff,
        )
    }

    /// An address from the blocks that are set aside for documentation (RFC 5737).
    pub(crate) fn ip_address(&mut self) -> String {
        let block = *self.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{block}.{}", self.rng.u8(1..255))
    }
}

/// A UUID's text, drawn from `rng`.
pub(crate) fn uuid_text(rng: &mut Rng) -> String {
    let (high, low) = (rng.u64(..), rng.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 50 | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

/// A time given in milliseconds, kept within what a timestamp can hold.
pub(crate) fn millisecond(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX)
}

fn duration_ms(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A bijection on 64 bits whose outputs look unrelated: the end of `splitmix64`.
/// <https://doi.org/10.1145/2714064.2660195>
fn scramble(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_drawn_once_over_many_seeds() {
        let mut ids = BTreeSet::new();
        for seed in 0..100 {
            let mut world = World::new(&Plan { seed, ..Plan::default() });
            for _ in 0..100 {
                let id = world.ses_id(Plan::default().start);
                assert_eq!(id.len(), "0100018f00000000-00000000-0000-0000-0000-000000000000-000000".len());
                ids.insert(id);
            }
        }
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn moments_go_on_and_stay_within_the_run() {
        for seed in 0..200 {
            let plan = Plan { seed, span: SignedDuration::from_mins(1), ..Plan::default() };
            let mut world = World::new(&plan);
            let mut now = world.sent_at();
            assert!(now >= plan.start);
            for _ in 0..12 {
                let then = world.after(now, SignedDuration::from_secs(1), SignedDuration::from_hours(90));
                assert!(then > now && then <= plan.start + SPAN_MIN, "{now} then {then}");
                now = then;
            }
        }
    }
}
