//! Batches against a real database.

mod cases;
mod claims;
mod long_values;
mod mails;
mod phoenix_kit;
mod plans;
mod recipients;
mod set_semantics;
mod trouble;
