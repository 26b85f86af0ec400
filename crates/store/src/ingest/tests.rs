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
