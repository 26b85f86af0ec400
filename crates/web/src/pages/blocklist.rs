//! The blocklist: addresses that get no mail.

use aftersend_store::{Block, BlocklistPage};
use askama::Template;

use super::{
    Frame,
    recipient::{block_reason, recipient_path},
};
use crate::{
    clock::{Clock, Moment},
    text,
};

/// Blocks on one page.
pub(crate) const PAGE_BLOCKS: usize = 100;

/// Bytes of a list that is imported at once, at most: some thirty thousand addresses.
pub(crate) const IMPORT_BYTES_MAX: usize = 1024 * 1024;

/// Lines that could not be read, told one by one at most.
const FAULTS_SHOWN: usize = 20;

/// The page.
#[derive(Template)]
#[template(path = "blocklist.html")]
pub(crate) struct BlocklistListPage {
    frame: Frame,
    imported: Option<Imported>,
    text: String,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

/// A block in the list.
struct Row {
    address: String,
    raw: String,
    path: String,
    reason: String,
    since: Moment,
    until: Option<Until>,
    holds: bool,
}

/// When a block ends.
struct Until {
    told: String,
    moment: Moment,
}

/// What became of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) added: usize,
    pub(crate) strengthened: usize,
    pub(crate) held: usize,
    pub(crate) faults: Vec<String>,
    pub(crate) faults_more: usize,
}

impl Imported {
    /// Notes a line that could not be read.
    pub(crate) fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_SHOWN {
            self.faults.push(fault);
        } else {
            self.faults_more += 1;
        }
    }
}

impl BlocklistListPage {
    pub(crate) fn new(
        page: &BlocklistPage,
        text: Option<&str>,
        is_first: bool,
        imported: Option<Imported>,
        clock: &Clock,
    ) -> Self {
        let next = page.after.as_deref().map(|after| {
            let text = text.map(|text| format!("q={}&", text::url_encoded(text))).unwrap_or_default();
            format!("/blocklist?{text}after={}", text::url_encoded(after))
        });
        Self {
            frame: Frame::of("/blocklist", clock),
            imported,
            text: text.unwrap_or_default().to_owned(),
            rows: page.blocks.iter().map(|block| Row::new(block, clock)).collect(),
            next,
            is_first,
        }
    }
}

impl Row {
    fn new(block: &Block, clock: &Clock) -> Self {
        Self {
            address: text::value(&block.address),
            raw: block.address.clone(),
            path: recipient_path(&block.address),
            reason: block_reason(&block.reason),
            since: clock.moment(block.updated_at),
            until: block.expires_at.map(|at| Until { told: clock.until(at), moment: clock.moment(at) }),
            holds: block.holds,
        }
    }
}

#[cfg(test)]
mod tests;
