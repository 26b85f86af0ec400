//! Everything about one address.

use aftersend_store::{AddressMailPage, AddressReport, Block, BlockCause};
use askama::Template;

use super::{Frame, Notice, list::Row};
use crate::{
    clock::Clock,
    numbers::grouped,
    text,
    words::{Label, recipient_label},
};

/// Mails on one page.
pub(crate) const PAGE_MAILS: usize = 50;

/// The path of an address's page.
pub(crate) fn recipient_path(address: &str) -> String {
    format!("/recipients/{}", text::url_encoded(address))
}

/// The page.
#[derive(Template)]
#[template(path = "recipient.html")]
pub(crate) struct RecipientPage {
    frame: Frame,
    notice: Option<Notice>,
    address: String,
    /// As forms send it back.
    raw: String,
    is_blocked: bool,
    /// What is known of the block, in a sentence.
    blocked: Option<BlockTold>,
    totals: Vec<(Label, String)>,
    rows: Vec<AddressRow>,
    older: Option<String>,
    /// The page of the newest mails.
    first: String,
    is_first: bool,
}

/// A block, told.
struct BlockTold {
    sentence: String,
    /// The mail whose event was the cause.
    cause: Option<(String, String)>,
}

struct AddressRow {
    mail: Row,
    /// What became of the mail for this very address.
    state: Label,
}

impl RecipientPage {
    pub(crate) fn new(
        report: &AddressReport,
        page: &AddressMailPage,
        is_first: bool,
        notice: Option<Notice>,
        clock: &Clock,
    ) -> Self {
        let totals = &report.totals;
        Self {
            frame: Frame::below("/blocklist", clock),
            notice,
            address: text::value(&report.address),
            // As the list has it: an application may have spelled it in another way.
            raw: report.block.as_ref().map_or(&report.address, |block| &block.address).clone(),
            is_blocked: report.block.as_ref().is_some_and(|block| block.holds),
            blocked: report.block.as_ref().map(|block| BlockTold::new(block, report.cause.as_ref(), clock)),
            totals: totals
                .by_state
                .iter()
                .map(|(state, mails)| (recipient_label(*state), grouped(*mails)))
                .collect(),
            rows: page
                .mails
                .iter()
                .map(|mail| {
                    let row = Row::new(&mail.mail, clock);
                    let state = mail.recipient.as_ref().map(|recipient| recipient_label(recipient.state()));
                    AddressRow { state: state.unwrap_or_else(|| row.status.clone()), mail: row }
                })
                .collect(),
            first: recipient_path(&report.address),
            older: page.older.map(|cursor| format!("{}?older={cursor}", recipient_path(&report.address))),
            is_first,
        }
    }
}

impl BlockTold {
    fn new(block: &Block, cause: Option<&BlockCause>, clock: &Clock) -> Self {
        let until = match (block.holds, block.expires_at) {
            (true, Some(at)) => format!(" until {}", clock.to_the_second(at)),
            (true, None) => String::new(),
            (false, Some(at)) => format!("; that has run out on {}", clock.to_the_second(at)),
            (false, None) => "; that holds no longer".to_owned(),
        };
        let verb = if block.holds { "Blocked" } else { "Was blocked" };
        Self {
            sentence: format!(
                "{verb} since {}: {}{until}.",
                clock.to_the_second(block.updated_at),
                block_reason(&block.reason)
            ),
            cause: cause
                .map(|cause| (format!("/mails/{}", cause.mail), clock.to_the_second(cause.occurred_at))),
        }
    }
}

/// Why an address is blocked, in words; a person's own words as they are.
pub(super) fn block_reason(reason: &str) -> String {
    match reason {
        "hard_bounce" => "a mail to it bounced for good".to_owned(),
        "complaint" => "its owner reported a mail as spam".to_owned(),
        other => text::value(other),
    }
}

#[cfg(test)]
mod tests;
