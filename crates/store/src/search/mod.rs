//! Finding mails: the language of the search, pages, counts and exports.
//!
//! `query` is what somebody looks for, `filter` the same as SQL, `find` how the mails are found.

mod count;
mod export;
mod filter;
mod find;
mod page;
pub mod query;
#[cfg(test)]
mod tests;

pub use count::{COUNT_MAILS_MAX, MailCount, NEW_MAILS_MAX, NewMails};
pub use export::{CSV_HEADER, EXPORT_BATCH_MAILS, Export, ExportFormat, ExportedMail};
pub use filter::SEARCH_TEXT_CHARS_MAX;
pub(crate) use filter::like_pattern;
pub use page::{
    BadCursor, Cursor, MailPage, MailSummary, Order, PAGE_BUDGET_MS, PAGE_MAILS_MAX, PageStart, Search,
};
pub(crate) use page::{TIMESTAMPTZ_MIN_MICROS, rows_max};
