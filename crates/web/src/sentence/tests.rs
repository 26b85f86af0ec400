use super::*;
use crate::sample::{bounce, clock, concerning, occurrence, recipient, story};

const JANE: [&str; 1] = ["jane@example.com"];

/// The sentence, its unbreakable spaces made plain.
fn told(status: &str, occurrences: Vec<Occurrence>) -> String {
    sentence(&story(status, occurrences), &clock()).replace('\u{a0}', " ")
}

/// The same, as somebody reads it at that time.
fn told_at(now: &str, status: &str, occurrences: Vec<Occurrence>) -> String {
    let clock = Clock::utc(now.parse().unwrap());
    sentence(&story(status, occurrences), &clock).replace('\u{a0}', " ")
}

/// The same of a mail to these.
fn told_of(status: &str, occurrences: Vec<Occurrence>, recipients: Vec<Recipient>) -> String {
    let story = Story { recipients, ..story(status, occurrences) };
    sentence(&story, &clock()).replace('\u{a0}', " ")
}

fn opened(verdict: Option<&str>, occurred_at: &str) -> Occurrence {
    Occurrence { bot_verdict: verdict.map(str::to_owned), ..occurrence("open", occurred_at) }
}

#[test]
fn a_delivery_and_what_followed() {
    let delivery = concerning("delivery", "2016-10-19T23:21:04.133Z", &JANE);
    assert_eq!(
        told("delivered", vec![delivery.clone()]),
        "Delivered to jane@example.com on 19 October 2016 at 23:21:04 UTC, 11.9 s after it was sent."
    );
    let opens = [opened(None, "2016-10-20T00:00:55Z"), opened(Some("Unlikely"), "2016-10-21T08:00:00Z")];
    assert_eq!(
        told("opened", [vec![delivery.clone()], opens.to_vec()].concat()),
        "Delivered to jane@example.com on 19 October 2016 at 23:21:04 UTC, 11.9 s after it was sent; \
         opened twice, first after 40 minutes."
    );
    let click = occurrence("click", "2016-10-20T00:01:52.240Z");
    let delay = concerning("delivery_delay", "2016-10-19T23:20:55Z", &JANE);
    assert_eq!(
        told("clicked", [vec![delay, delivery], opens[..1].to_vec(), vec![click]].concat()),
        "Delivered to jane@example.com on 19 October 2016 at 23:21:04 UTC, 11.9 s after it was sent; \
         put off once on the way; opened once, after 40 minutes; its links followed once, after 41 minutes."
    );
}

#[test]
fn a_provider_that_is_known_is_named() {
    let delivery = concerning("delivery", "2016-10-19T23:21:04.133Z", &["jane@gmail.com"]);
    assert_eq!(
        told("delivered", vec![delivery.clone()]),
        "Gmail took the mail for jane@gmail.com on 19 October 2016 at 23:21:04 UTC, 11.9 s after it was sent."
    );
    let other = concerning("delivery", "2016-10-19T23:21:05Z", &JANE);
    assert!(told("delivered", vec![delivery, other]).starts_with("Delivered to jane@gmail.com and jane@"));
}

#[test]
fn machines_are_never_counted_among_people() {
    let delivery = concerning("delivery", "2016-10-19T23:21:04.133Z", &JANE);
    let by_machine = opened(Some("Likely"), "2016-10-19T23:21:35Z");
    assert!(
        told("opened", vec![delivery.clone(), by_machine.clone()])
            .ends_with("after it was sent; 1 automated open.")
    );
    let by_person = opened(None, "2016-10-20T00:00:55Z");
    assert!(
        told("opened", vec![delivery, by_machine, by_person])
            .ends_with("after it was sent; opened once, after 40 minutes; besides, 1 automated open.")
    );
}

#[test]
fn several_recipients_by_name() {
    let deliveries = vec![
        concerning("delivery", "2016-10-19T23:20:53Z", &["ann@example.net", "bob@example.net"]),
        concerning("delivery", "2016-10-19T23:21:04.133Z", &["jane@example.com"]),
    ];
    assert_eq!(
        told("delivered", deliveries.clone()),
        "Delivered to ann@example.net, bob@example.net and jane@example.com, the last of them on \
         19 October 2016 at 23:21:04 UTC, 11.9 s after it was sent."
    );
    let soft = bounce("soft", "MailboxFull", "2016-10-19T23:22:52.240Z", &["carl@example.net"]);
    assert!(told("delivered", [deliveries, vec![soft]].concat()).ends_with(
        " Returned as undeliverable for now for carl@example.net on 19 October 2016 at 23:22:52 UTC, \
         2 minutes after it was sent: the mailbox is full."
    ));
}

#[test]
fn the_gravest_bounce_is_told_with_what_the_server_said() {
    let soft = bounce("soft", "General", "2016-10-19T23:20:54Z", &JANE);
    let mut hard = bounce("hard", "NoEmail", "2016-10-19T23:20:55.440Z", &JANE);
    hard.diagnostics = vec!["smtp; 550 5.1.1 user unknown".into()];
    assert_eq!(
        told("hard_bounced", vec![soft, hard]),
        "Returned as undeliverable for jane@example.com on 19 October 2016 at 23:20:55 UTC, 3.2 s after it was \
         sent: the mailbox does not exist (“smtp; 550 5.1.1 user unknown”)."
    );
    let delivery = concerning("delivery", "2016-10-19T23:21:04.133Z", &JANE);
    let late = bounce("hard", "General", "2016-10-20T23:21:04Z", &JANE);
    assert_eq!(
        told("hard_bounced", vec![delivery, late]),
        "Returned as undeliverable for jane@example.com on 20 October 2016 at 23:21:04 UTC, 24 hours after it \
         was sent: the recipient’s server refused it for good. Delivered to jane@example.com on 19 October 2016 \
         at 23:21:04 UTC, 11.9 s after it was sent."
    );
}

#[test]
fn what_was_never_tried_is_no_return() {
    let suppressed = bounce("hard", "OnAccountSuppressionList", "2016-10-19T23:20:53Z", &JANE);
    let tried = bounce("hard", "NoEmail", "2016-10-19T23:20:55.440Z", &["tom@example.org"]);
    assert!(told("hard_bounced", vec![suppressed.clone(), tried]).starts_with(
        "Returned as undeliverable for tom@example.org on 19 October 2016 at 23:20:55 UTC, 3.2 s after it was \
         sent: the mailbox does not exist. Not sent to jane@example.com, by SES’s decision on "
    ));
    assert_eq!(
        told("hard_bounced", vec![suppressed]),
        "Not sent to jane@example.com, by SES’s decision on 19 October 2016 at 23:20:53 UTC: the address is on \
         the account’s suppression list."
    );
}

#[test]
fn a_complaint_that_lists_several_accuses_none_of_them() {
    let mut complaint = concerning("complaint", "2016-10-21T23:20:52.240Z", &JANE);
    complaint.complaint_type = Some("abuse".into());
    assert_eq!(
        told("complaint", vec![complaint.clone()]),
        "Reported as spam by jane@example.com on 21 October 2016 at 23:20:52 UTC, 2 days after it was sent."
    );
    complaint.complaint_type = Some("fraud".into());
    assert!(told("complaint", vec![complaint.clone()]).ends_with("after it was sent: fraud or phishing."));
    complaint.recipients.push("joe@example.com".into());
    assert!(
        told("complaint", vec![complaint])
            .starts_with("Reported as spam by one of jane@example.com and joe@example.com on ")
    );
}

#[test]
fn mails_that_are_under_way_or_never_left() {
    assert_eq!(
        told("sent", vec![concerning("send", "2016-10-19T23:20:52.240Z", &JANE)]),
        "Accepted by SES for jane@example.com on 19 October 2016 at 23:20:52 UTC; no delivery has been reported yet."
    );
    assert_eq!(
        told("queued", vec![]),
        "Queued for jane@example.com on 19 October 2016 at 23:20:52 UTC and not handed to SES yet."
    );
    let mut delay = concerning("delivery_delay", "2016-10-19T23:30:00Z", &JANE);
    delay.delay_type = Some("MailboxFull".into());
    assert_eq!(
        told_at("2016-10-20T13:20:52Z", "delayed", vec![delay.clone(), delay.clone()]),
        "Not delivered to jane@example.com yet: put off twice, last on 19 October 2016 at 23:30:00 UTC: the \
         mailbox is full. SES goes on trying.",
        "nothing is to be given up yet"
    );
    assert_eq!(
        told_at("2016-10-21T00:00:00Z", "delayed", vec![delay]),
        "Not delivered to jane@example.com: put off on 19 October 2016 at 23:30:00 UTC: the mailbox is full. Nothing \
         more has been reported since; it most likely did not arrive."
    );
    let mut reject = concerning("reject", "2016-10-19T23:20:52.240Z", &JANE);
    reject.reject_reason = Some("Bad content".into());
    assert_eq!(
        told("rejected", vec![reject]),
        "Refused by SES and never sent to jane@example.com, on 19 October 2016 at 23:20:52 UTC: Bad content."
    );
    let mut failure = concerning("rendering_failure", "2016-10-19T23:20:52.240Z", &JANE);
    failure.failure_reason = Some("Attribute 'name' is not present in the rendering data.".into());
    assert_eq!(
        told("failed", vec![failure]),
        "Could not be made, and so never sent to jane@example.com, on 19 October 2016 at 23:20:52 UTC: Attribute \
         'name' is not present in the rendering data."
    );
}

#[test]
fn a_state_without_its_event_is_told_from_the_mails_row() {
    let mut known = story("hard_bounced", vec![]);
    known.mail.times.push((Status::Bounced, "2016-10-19T23:25:00Z".parse().unwrap()));
    known.mail.error_message = Some("550 no such user".into());
    assert_eq!(
        sentence(&known, &clock()),
        "Returned to sender: the mail to jane@example.com on 19 October 2016 at 23:25:00 UTC: 550 no such user."
    );
    known.mail.summary.status = "failed".into();
    assert!(
        sentence(&known, &clock()).starts_with("Failed: the mail to jane@example.com on 19 October 2016")
    );
    let mut known = story("opened", vec![]);
    known.mail.times.push((Status::Opened, "2016-10-20T00:00:55Z".parse().unwrap()));
    assert_eq!(
        sentence(&known, &clock()),
        "Sent to jane@example.com on 19 October 2016 at 23:20:52 UTC; no delivery was reported, yet it arrived; \
         opened after 40 minutes."
    );
    assert_eq!(told("held_back", vec![]), "An application has set its status to “held_back”.");
}

#[test]
fn an_open_before_the_sending_says_no_duration() {
    let early = opened(None, "2016-10-19T23:00:00Z");
    assert!(told("opened", vec![early]).ends_with("yet it arrived; opened once."));
}

#[test]
fn every_state_is_told_with_and_without_events() {
    for status in Status::ALL {
        for occurrences in [vec![], vec![occurrence("subscription", "2016-10-19T23:30:00Z")]] {
            let told = told(status.name(), occurrences);
            assert!(told.contains("jane@example.com") && told.ends_with('.'), "{status}: {told}");
            assert!(!told.contains("..") && !told.contains("  "), "{status}: {told}");
        }
    }
}

#[test]
fn a_complaint_of_the_suppression_list_says_that_nothing_was_sent() {
    let mut suppressed = concerning("complaint", "2016-10-19T23:20:53Z", &JANE);
    suppressed.subtype = Some("OnAccountSuppressionList".into());
    let not_sent = "Not sent to jane@example.com, by SES’s decision on 19 October 2016 at 23:20:53 UTC: the address is on \
                    the account’s suppression list.";
    assert_eq!(told("sent", vec![suppressed.clone()]), not_sent);
    let joe = recipient("joe@example.com", RecipientState::Sent, "2016-10-19T23:20:53Z");
    let jane = recipient("jane@example.com", RecipientState::Sent, "2016-10-19T23:20:53Z");
    assert_eq!(
        told_of("sent", vec![suppressed], vec![jane, joe]),
        format!("{not_sent} Of the others no delivery has been reported yet.")
    );
}

#[test]
fn a_forward_is_told_with_whom_the_mail_went_to() {
    let jane = recipient("jane@example.com", RecipientState::HardBounced, "2016-10-19T23:20:55Z");
    let joe = recipient("joe@example.com", RecipientState::Delivered, "2016-10-19T23:20:55Z");
    let hard = bounce("hard", "NoEmail", "2016-10-19T23:20:55.440Z", &["old@example.net"]);
    assert!(
        told_of("hard_bounced", vec![hard.clone()], vec![jane.clone()])
            .starts_with("Returned as undeliverable for jane@example.com (forwarded to old@example.net) on ")
    );
    let forward = Recipient {
        listed: false,
        ..recipient("old@example.net", RecipientState::HardBounced, "2016-10-19T23:20:55Z")
    };
    assert!(told_of("hard_bounced", vec![hard], vec![jane, joe, forward]).starts_with(
        "Returned as undeliverable for old@example.net, where one of the recipients most likely forwards, on "
    ));
}

#[test]
fn who_bounced_after_the_delivery_is_said_where_several_got_the_mail() {
    let delivered =
        concerning("delivery", "2016-10-19T23:21:04.133Z", &["jane@example.com", "joe@example.com"]);
    let late = bounce("hard", "General", "2016-10-20T23:21:04Z", &JANE);
    let mut jane = recipient("jane@example.com", RecipientState::Delivered, "2016-10-19T23:21:04.133Z");
    jane.times.push((RecipientState::HardBounced, "2016-10-20T23:21:04Z".parse().unwrap()));
    let joe = recipient("joe@example.com", RecipientState::Delivered, "2016-10-19T23:21:04.133Z");
    let told = told_of("hard_bounced", vec![delivered, late], vec![jane, joe]);
    assert!(told.ends_with("after it was sent; 1 of them came back later."), "{told}");
}

#[test]
fn a_complaint_names_whom_a_later_event_has_settled_it_on() {
    let both = ["jane@example.com", "joe@example.com"];
    let complaint = concerning("complaint", "2016-10-21T23:20:52.240Z", &both);
    let jane = recipient("jane@example.com", RecipientState::PossiblyComplained, "2016-10-21T23:20:52Z");
    let joe = recipient("joe@example.com", RecipientState::Complained, "2016-10-21T23:20:52Z");
    let told = told_of("complaint", vec![complaint], vec![jane, joe]);
    assert!(told.starts_with("Reported as spam by joe@example.com on "), "{told}");
}

#[test]
fn the_bounces_and_delays_of_others_are_not_left_out() {
    let complaint = concerning("complaint", "2016-10-21T23:20:52.240Z", &JANE);
    let soft = bounce("soft", "MailboxFull", "2016-10-19T23:22:52.240Z", &["carl@example.net"]);
    let ann = recipient("ann@example.net", RecipientState::Delayed, "2016-10-19T23:22:52Z");
    let carl = recipient("carl@example.net", RecipientState::SoftBounced, "2016-10-19T23:22:52Z");
    let jane = recipient("jane@example.com", RecipientState::Complained, "2016-10-21T23:20:52Z");
    let told = told_of("complaint", vec![soft, complaint], vec![ann, carl, jane]);
    assert!(told.contains(" Returned as undeliverable for now for carl@example.net on "), "{told}");
    assert!(
        told.ends_with(
            " Not delivered to ann@example.net: put off, and nothing more has been reported; it most likely did not \
             arrive."
        ),
        "{told}"
    );
}
