//! Logged mails against a real database.

mod any_order;
mod broken_off;
mod cases;
