//! The program under faults that come from outside: it is killed, its database is killed, its connections are cut and
//! fall silent, its queue misbehaves. Whatever happens, in the end the database says what the simulator knows to be
//! true, the quarantine holds exactly what can't be read, and the queue is empty.
//!
//! Each scenario is drawn from a seed, which it prints; `AFTERSEND_FAULT_SEED` names one to play again. Where processes
//! race, the same seed meets the same faults, if not at the same microsecond.

mod connections;
mod crashes;
mod crew;
mod kills;
mod parking;
mod poller;
mod postman;
mod queues;
mod scene;
mod serving;
mod soak;
mod storm;

use std::env;

/// The seed of this run: the one of the environment, else another one each time.
fn seed() -> u64 {
    let seed = number("AFTERSEND_FAULT_SEED").unwrap_or_else(|| fastrand::u64(1..1_000_000));
    // Shown where the test fails.
    eprintln!("AFTERSEND_FAULT_SEED={seed}");
    seed
}

/// A number of the environment.
fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}
