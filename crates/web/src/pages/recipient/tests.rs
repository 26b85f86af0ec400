use std::collections::BTreeMap;

use aftersend_event::RecipientState;
use aftersend_store::{AddressMail, AddressTotals, Recipient};
use uuid::Uuid;

use super::*;
use crate::sample::{clock, recipient, summary};

fn block(reason: &str, holds: bool, expires_at: Option<&str>) -> Block {
    Block {
        address: "jane@example.com".to_owned(),
        reason: reason.to_owned(),
        expires_at: expires_at.map(|at| at.parse().unwrap()),
        holds,
        user: None,
        inserted_at: "2016-10-19T23:25:00Z".parse().unwrap(),
        updated_at: "2016-10-19T23:25:00Z".parse().unwrap(),
    }
}

fn rendered(block: Option<Block>, cause: Option<BlockCause>) -> String {
    page(block, cause, true)
}

fn page(block: Option<Block>, cause: Option<BlockCause>, is_first: bool) -> String {
    let report = AddressReport {
        address: "jane+a/b@example.com".to_owned(),
        totals: AddressTotals {
            mails: 2,
            by_state: BTreeMap::from([(RecipientState::Delivered, 1_500)]),
            truncated: false,
        },
        block,
        cause,
    };
    let mail = AddressMail {
        mail: summary("hard_bounced", "2016-10-19T23:20:52.240Z"),
        recipient: Some(recipient("jane@example.com", RecipientState::Delivered, "2016-10-19T23:21:00Z")),
    };
    let older = Some(mail.mail.cursor());
    let page = AddressMailPage { mails: vec![mail], older };
    RecipientPage::new(&report, &page, is_first, None, &clock()).render().unwrap()
}

#[test]
fn a_block_says_why_since_when_and_by_which_mail() {
    let cause = BlockCause {
        mail: Uuid::from_u128(9),
        event: Uuid::from_u128(8),
        occurred_at: "2016-10-19T23:24:00Z".parse().unwrap(),
    };
    let html = rendered(Some(block("hard_bounce", true, None)), Some(cause));
    for expected in [
        "This address gets no mail",
        "Blocked since 19 October 2016, 23:25:00 UTC: a mail to it bounced for good.",
        "href=\"/mails/00000000-0000-0000-0000-000000000009\"",
        "action=\"/blocklist/remove\"",
        "1,500",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    let html = rendered(Some(block("<i>asked</i>", true, Some("2027-01-01T00:00:00Z"))), None);
    assert!(html.contains("&#60;i&#62;asked&#60;/i&#62; until the end of 31 December 2026."), "{html}");
    let html = rendered(Some(block("complaint", false, Some("2017-01-01T00:00:00Z"))), None);
    assert!(html.contains("Not blocked") && html.contains("Was blocked since"), "{html}");
    assert!(html.contains("has run out on 1 January 2017") && html.contains("/blocklist/add"), "{html}");
}

#[test]
fn a_mail_shows_what_became_of_it_for_this_very_address() {
    let html = rendered(None, None);
    assert!(html.contains("</svg>Delivered</span>") && !html.contains("Hard bounce"), "{html}");
    assert!(html.contains("href=\"/recipients/jane%2Ba%2Fb%40example.com?older="), "{html}");
}

#[test]
fn a_later_page_leads_to_the_newest() {
    let first = "<a href=\"/recipients/jane%2Ba%2Fb%40example.com\">Newest</a>";
    assert!(page(None, None, false).contains(first), "{}", page(None, None, false));
    assert!(!page(None, None, true).contains(first));
}

#[test]
fn totals_say_of_how_many_mails_they_are() {
    assert!(rendered(None, None).contains("What became of 2 mails;"), "{}", rendered(None, None));
}

#[test]
fn an_address_that_ses_holds_back_and_a_forward_say_so() {
    assert!(!rendered(None, None).contains("SES has not tried"));
    let totals = AddressTotals {
        mails: 1,
        by_state: BTreeMap::from([(RecipientState::NotTried, 1)]),
        truncated: false,
    };
    let report = AddressReport { address: "jane@example.com".to_owned(), totals, block: None, cause: None };
    let not_tried = recipient("jane@example.com", RecipientState::NotTried, "2016-10-19T23:21:00Z");
    let forward = Recipient {
        listed: false,
        ..recipient("jane@example.com", RecipientState::HardBounced, "2016-10-19T23:21:00Z")
    };
    let mails = [not_tried, forward].map(|recipient| AddressMail {
        mail: summary("hard_bounced", "2016-10-19T23:20:52.240Z"),
        recipient: Some(recipient),
    });
    let page = AddressMailPage { mails: mails.into(), older: None };
    let html = RecipientPage::new(&report, &page, true, None, &clock()).render().unwrap();
    for expected in [
        ">Not blocked here</h2>",
        "SES has not tried 1 mail to this address, last on 19 October 2016 at 23:21:00 UTC: it holds it back",
        "</svg>Hard bounce</span> <span class=\"mark\">forward</span></td>",
        "most likely since its recipient forwards here",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
}
