//! The blocklist: addresses that get no mail.

use aftersend_store::{BLOCKS_COUNTED_MAX, Block, BlocklistPage, BlocklistQuery};
use askama::Template;

use super::{
    Frame, Notice,
    recipient::{block_reason, recipient_path},
};
use crate::{
    clock::{Clock, Moment},
    notes::Note,
    numbers::grouped,
    text,
};

/// Blocks on one page.
pub(crate) const PAGE_BLOCKS: usize = 100;

/// Bytes of a list that is imported at once, at most: some thirty thousand addresses.
pub(crate) const IMPORT_BYTES_MAX: usize = 1024 * 1024;

/// Lines that could not be read, told one by one at most.
const FAULTS_SHOWN: usize = 20;

/// Characters of such a line that are quoted at most.
const QUOTED_CHARS_MAX: usize = 100;

/// Bytes of such lines that are given back to be mended, at most. They wait in memory for the page that shows them.
const LEFT_BYTES_MAX: usize = 64 * 1024;

/// Reasons that the list can be narrowed to. A person's own are found by their addresses.
const REASONS: [(&str, &str); 2] = [("hard_bounce", "Bounced for good"), ("complaint", "Complained")];

/// The page.
#[derive(Template)]
#[template(path = "blocklist.html")]
pub(crate) struct BlocklistListPage {
    frame: Frame,
    notice: Option<Notice>,
    imported: Option<Imported>,
    text: String,
    /// Reasons to choose from: value, word, whether it is chosen.
    reasons: Vec<(&'static str, &'static str, bool)>,
    is_searched: bool,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    /// How many there are.
    count: Option<String>,
}

/// A block in the list.
struct Row {
    address: String,
    raw: String,
    path: String,
    reason: String,
    /// Where the mail is that led to it, if a mail did.
    cause: Option<String>,
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
    pub(crate) faults: Vec<ImportFault>,
    pub(crate) faults_more: usize,
    /// The lines that could not be read, to be mended and imported again.
    pub(crate) left: String,
    /// Whether there are more of them.
    pub(crate) is_left_cut: bool,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportFault {
    /// Which one, and what is wrong with it.
    why: String,
    /// The line itself, as far as it is shown.
    quoted: String,
}

impl Imported {
    /// Notes a line that could not be read.
    pub(crate) fn fault(&mut self, why: String, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        if self.left.len() + line.len() < LEFT_BYTES_MAX {
            self.left.push_str(line);
            self.left.push('\n');
        } else {
            self.is_left_cut = true;
        }
        if self.faults.len() < FAULTS_SHOWN {
            self.faults.push(ImportFault { why, quoted: text::clipped(line, QUOTED_CHARS_MAX) });
        } else {
            self.faults_more += 1;
        }
    }
}

impl BlocklistListPage {
    pub(crate) fn new(
        page: &BlocklistPage,
        query: &BlocklistQuery,
        count: Option<u64>,
        told: Option<Note>,
        clock: &Clock,
    ) -> Self {
        let (notice, imported) = match told {
            Some(Note::Said(notice)) => (Some(notice), None),
            Some(Note::Imported(imported)) => (None, Some(imported)),
            None => (None, None),
        };
        let next = page.after.as_deref().map(|after| {
            let part = |name: &str, value: &Option<String>| {
                value
                    .as_deref()
                    .map(|value| format!("{name}={}&", text::url_encoded(value)))
                    .unwrap_or_default()
            };
            let (text, reason) = (part("q", &query.text), part("reason", &query.reason));
            format!("/blocklist?{text}{reason}after={}", text::url_encoded(after))
        });
        Self {
            frame: Frame::of("/blocklist", clock),
            notice,
            imported,
            text: query.text.clone().unwrap_or_default(),
            reasons: REASONS
                .map(|(value, word)| (value, word, query.reason.as_deref() == Some(value)))
                .into(),
            is_searched: query.text.is_some() || query.reason.is_some(),
            rows: page.blocks.iter().map(|block| Row::new(block, clock)).collect(),
            next,
            is_first: query.after.is_none(),
            count: count.map(told_count),
        }
    }
}

/// `1 address`, `1,234 addresses`, `more than 100,000 addresses`
fn told_count(count: u64) -> String {
    match count {
        1 => "1 address".to_owned(),
        ..=BLOCKS_COUNTED_MAX => format!("{} addresses", grouped(count)),
        _ => format!("more than {} addresses", grouped(BLOCKS_COUNTED_MAX)),
    }
}

impl Row {
    fn new(block: &Block, clock: &Clock) -> Self {
        Self {
            address: text::value(&block.address),
            raw: block.address.clone(),
            path: recipient_path(&block.address),
            reason: block_reason(&block.reason),
            cause: ["hard_bounce", "complaint"]
                .contains(&&*block.reason)
                .then(|| format!("/blocklist/cause?address={}", text::url_encoded(&block.address))),
            since: clock.moment(block.updated_at),
            until: block.expires_at.map(|at| Until { told: clock.until(at), moment: clock.moment(at) }),
            holds: block.holds,
        }
    }
}

#[cfg(test)]
mod tests;
