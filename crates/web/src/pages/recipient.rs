//! Everything about one address.

use aftersend_event::RecipientState;
use aftersend_store::{ADDRESS_MAILS_MAX, AddressMail, AddressMailPage, AddressReport, Block, BlockCause};
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
    /// Of how many mails these are.
    totals_of: String,
    /// What is to be said of an address that SES does not try.
    suppressed: Option<String>,
    forwards: Forwards,
    rows: Vec<AddressRow>,
    older: Option<String>,
    /// The page of the newest mails.
    first: String,
    is_first: bool,
}

/// Whether mails of the page did not go to the address, but were forwarded there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forwards {
    None,
    Some,
    /// And nothing ever went to the address itself.
    Only,
}

impl Forwards {
    fn of(report: &AddressReport, page: &AddressMailPage) -> Self {
        let is_forward = |mail: &AddressMail| mail.recipient.as_ref().is_some_and(|one| !one.listed);
        if !page.mails.iter().any(is_forward) {
            Self::None
        } else if report.totals.mails == 0 && page.mails.iter().all(is_forward) {
            Self::Only
        } else {
            Self::Some
        }
    }
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
    /// Whether the mail did not go to this address, but was forwarded there.
    forward: bool,
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
            totals_of: match (totals.truncated, totals.mails) {
                (true, _) => format!("the newest {ADDRESS_MAILS_MAX} mails"),
                (false, 1) => "1 mail".to_owned(),
                (false, mails) => format!("{} mails", grouped(mails)),
            },
            suppressed: suppressed(report, page, clock),
            forwards: Forwards::of(report, page),
            rows: page
                .mails
                .iter()
                .map(|mail| {
                    let row = Row::new(&mail.mail, clock);
                    let state = mail.recipient.as_ref().map(|recipient| recipient_label(recipient.state()));
                    let forward = mail.recipient.as_ref().is_some_and(|recipient| !recipient.listed);
                    AddressRow { state: state.unwrap_or_else(|| row.status.clone()), forward, mail: row }
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
            (true, Some(at)) => format!(" until {}", clock.until(at)),
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

/// That SES did not try the address, and since when at least, as far as the mails of the page tell.
fn suppressed(report: &AddressReport, page: &AddressMailPage, clock: &Clock) -> Option<String> {
    let count = *report.totals.by_state.get(&RecipientState::NotTried)?;
    let times = page.mails.iter().filter_map(|mail| mail.recipient.as_ref()).flat_map(|one| &one.times);
    let last = times.filter(|(state, _)| *state == RecipientState::NotTried).map(|(_, at)| *at).max();
    let last = last.map_or_else(String::new, |at| format!(", last on {}", clock.spoken(at)));
    Some(format!(
        "SES has not tried {} to this address{last}: it holds it back, most likely by a suppression list of its own.",
        if count == 1 { "1 mail".to_owned() } else { format!("{} mails", grouped(count)) }
    ))
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
