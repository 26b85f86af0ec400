//! Batches against a real database.

mod application;
mod cases;
mod claims;
mod joining;
mod long_values;
mod mails;
mod merging;
mod parking;
mod phoenix_kit;
mod plans;
mod recipients;
mod set_semantics;
mod trouble;

// Figures are tried on the same data.
pub(crate) use plans::{check_planned, filled, planned};
pub(crate) use set_semantics::{is_event, store_at_random};
