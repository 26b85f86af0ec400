use std::collections::BTreeMap;

use aftersend_event::RecipientState;
use aftersend_store::{AddressMail, AddressTotals};
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
    assert!(html.contains("&#60;i&#62;asked&#60;/i&#62; until 1 January 2027"), "{html}");
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
