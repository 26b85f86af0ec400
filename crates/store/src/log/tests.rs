//! Logged mails against a real database.

mod any_order;
mod cases;
