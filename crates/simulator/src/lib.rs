#![doc = include_str!("../README.md")]

mod content;
mod malformed;
mod people;
mod plan;
mod post;
mod scenario;
pub mod shape;
mod story;
#[cfg(test)]
mod tests;
mod truth;
mod world;
mod wrap;
mod write;

pub use malformed::TOPIC_VALIDATED;
pub use plan::Plan;
pub use scenario::SCENARIOS_REQUIRED;
pub use shape::SimulatedEvent;
pub use truth::{TrueDomain, TrueFigures, TrueLink, TrueMail, TrueOccurrence, TrueRecipient, Truth};
pub use wrap::{Wrapping, wrap};

use world::World;

/// What a queue would hand over, and what is true of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Messages as they arrive: shuffled, repeated, in all wrappings, some of them no events at all. Most
    /// are text; a message that can't be read may be no UTF-8, which only files can carry.
    pub messages: Vec<Vec<u8>>,
    /// What a store must say in the end.
    pub truth: Truth,
}

/// Makes up a run's traffic. The same plan gives the same traffic, byte by byte.
pub fn simulate(plan: &Plan) -> Traffic {
    let mut world = World::new(plan);
    let events = scenario::play(&mut world, plan.mails);
    let posted = post::post(plan, &events, &mut world);
    let truth = Truth::of(&events, posted.len(), plan.controls, plan.malformed);
    Traffic { messages: posted.into_iter().map(|posted| posted.bytes).collect(), truth }
}

/// The events of a run before they are wrapped, repeated and shuffled: material for tests that want one
/// event in many shapes.
pub fn events(plan: &Plan) -> Vec<SimulatedEvent> {
    scenario::play(&mut World::new(plan), plan.mails)
}
