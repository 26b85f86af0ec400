//! Batches against a real database.

mod cases;
mod claims;
mod long_values;
mod mails;
mod plans;
mod set_semantics;
mod trouble;
