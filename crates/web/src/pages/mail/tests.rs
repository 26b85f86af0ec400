use super::*;
use crate::sample::{bounce, clock, concerning, occurrence, recipient, story};

fn rendered(story: &Story) -> String {
    MailPage::new(
        story,
        BodyState::None,
        BodyChoice::default(),
        &RelatedMails::default(),
        &["jane@example.com".to_owned()],
        Back::all_mails(),
        &clock(),
    )
    .render()
    .unwrap()
}

fn click(url: &str) -> Occurrence {
    Occurrence { link_url: Some(url.to_owned()), ..occurrence("click", "2016-10-19T23:30:00Z") }
}

#[test]
fn the_timeline_has_days_steps_and_pauses() {
    let html = rendered(&story(
        "opened",
        vec![
            concerning("send", "2016-10-19T23:20:52.240Z", &["jane@example.com"]),
            concerning("delivery", "2016-10-19T23:21:04.133Z", &["jane@example.com"]),
            occurrence("open", "2016-10-22T08:00:00Z"),
        ],
    ));
    for expected in [
        "<h3 class=\"day\">Wednesday, 19 October 2016</h3>",
        "<h3 class=\"day\">Saturday, 22 October 2016 <span class=\"pause\">2 days later</span></h3>",
        "<span class=\"step\">+11.9\u{a0}s</span>",
        "datetime=\"2016-10-19T23:21:04.133Z\" title=\"19 October 2016, 23:21:04.133 UTC\">23:21:04.133</time>",
        "<p class=\"sentence tone-opened\">Delivered to jane@example.com on ",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert_eq!(html.matches("<ol ").count(), 2);
    assert_eq!(html.matches("<li class=\"moment").count(), 3);
}

#[test]
fn moments_stand_apart_as_their_times_do() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let start = at("2026-03-10T12:00:00Z");
    let mut before = 0;
    for end in ["12:00:00.5Z", "12:00:05Z", "12:00:30Z", "12:05:00Z", "12:30:00Z", "13:30:00Z", "20:00:00Z"] {
        let apart = distance(start, at(&format!("2026-03-10T{end}")));
        assert!(apart == 0 || apart == before + 1, "{end}: {apart}");
        before = apart;
    }
    assert_eq!(before, DISTANCE_MAX);
    let css = include_str!("../../../assets/site.css");
    assert!((0..=DISTANCE_MAX).all(|apart| css.contains(&format!(".distance-{apart} {{"))));

    let mut hard = bounce("hard", "General", "2016-10-19T23:30:00Z", &["jane@example.com"]);
    hard.diagnostics = vec!["smtp; 550 5.2.1 no".into()];
    let html = rendered(&story("hard_bounced", vec![occurrence("send", "2016-10-19T23:20:52Z"), hard]));
    assert!(html.contains("<li class=\"moment distance-3 tone-neutral"), "{html}");
    let meaning = "<code>5.2.1</code> means that the mailbox is switched off and takes no mail.";
    assert!(html.contains(meaning), "{html}");
}

#[test]
fn folded_and_automated_occurrences_are_marked_and_explained() {
    let plain = rendered(&story("opened", vec![occurrence("open", "2016-10-19T23:30:00Z")]));
    assert!(!plain.contains(">folded<") && !plain.contains(">automated<"), "{plain}");

    let mut hard = bounce("hard", "NoEmail", "2016-10-19T23:30:00Z", &["jane@example.com"]);
    hard.folded = true;
    let mut open = occurrence("open", "2016-10-19T23:31:00Z");
    open.bot_verdict = Some("Likely".into());
    let html = rendered(&story("hard_bounced", vec![hard, open]));
    assert!(html.contains("<abbr class=\"mark mark-folded\" title=\"Another event of this mail"), "{html}");
    assert!(html.contains("moment distance-0 tone-opened automated"), "{html}");
    assert_eq!(html.matches("class=\"footnote\"").count(), 2);
    assert!(html.contains("The mailbox does not exist") && html.contains("<bdi>NoEmail</bdi>"), "{html}");
}

#[test]
fn only_web_links_can_be_followed() {
    for url in ["http://example.com/a?b=c&d", "https://example.com/", "HTTPS://EXAMPLE.COM"] {
        let html = rendered(&story("clicked", vec![click(url)]));
        let target =
            format!("<a href=\"{}\" rel=\"noopener noreferrer nofollow\">", url.replace('&', "&#38;"));
        assert!(html.contains(&target), "{target} is not in {html}");
    }
    let cut = format!("https://example.com/{}", "x".repeat(text::VALUE_CHARS_MAX));
    for url in [
        "javascript:alert(1)",
        "javascript://example.com/%0aalert(1)",
        "JavaScript:alert(1)//https://",
        " https://example.com",
        "data:text/html,<script>alert(1)</script>",
        "//example.com",
        "https:example.com",
        "https://example.com/\u{202E}gpj",
        cut.as_str(),
    ] {
        let html = rendered(&story("clicked", vec![click(url)]));
        assert!(!html.contains("rel=\"noopener"), "{url:?} can be followed");
        assert!(html.contains("<p class=\"link\"><bdi>"), "{url:?} is not shown");
    }
}

#[test]
fn hostile_values_are_shown_as_text() {
    let script = "\"><script>alert('x')</script>";
    let mut hostile = bounce(script, script, "2016-10-19T23:30:00Z", &[script]);
    hostile.diagnostics = vec![script.into(), format!("\u{1b}[31m{}", "y".repeat(10_000))];
    hostile.link_url = Some(script.into());
    hostile.user_agent = Some(format!("{script}{}", "z".repeat(10_000)));
    hostile.ip_address = Some(script.into());
    hostile.bot_verdict = Some(script.into());
    hostile.complaint_type = Some(script.into());
    hostile.event_data = format!("{{\"a\u{202E}\":\"</code></pre>{}\"}}", script.replace('"', "\\\""));
    let mut other = occurrence(script, "2016-10-19T23:30:00Z");
    other.event_data = script.into();
    let mut story = story(script, vec![hostile, other]);
    story.mail.summary.to = script.into();
    story.mail.summary.from = script.into();
    story.mail.summary.subject = Some(script.into());
    story.mail.summary.message_id = script.into();
    story.mail.summary.aws_message_id = Some(format!("{script}2"));
    story.mail.summary.campaign_id = Some(script.into());
    story.mail.summary.template_name = Some(script.into());
    story.mail.configuration_set = Some(script.into());
    story.mail.tags.insert(script.into(), vec![script.into()]);
    story.mail.body_preview = Some(script.into());
    story.mail.error_message = Some(script.into());
    story.recipients = vec![recipient(script, RecipientState::Delivered, "2016-10-19T23:30:00Z")];
    let html = rendered(&story);
    assert!(!html.contains("<script>"), "{html}");
    assert!(!html.contains('\u{202E}') && !html.contains('\u{1b}'), "{html}");
    assert!(html.matches("&#60;script&#62;").count() > 15, "{html}");
    assert!(!html.contains(&"z".repeat(text::VALUE_CHARS_MAX)) && !html.contains(&"y".repeat(1_000)));
    assert_eq!(html.matches("</pre>").count(), html.matches("<pre ").count());
}

#[test]
fn raw_events_stop_where_the_page_gets_too_long() {
    let large = format!("{{\"pad\":\"{}\"}}", "x".repeat(PAGE_JSON_BYTES_MAX * 2 / 5));
    let occurrences = (0..5)
        .map(|_| Occurrence { event_data: large.clone(), ..occurrence("open", "2016-10-19T23:30:00Z") })
        .collect();
    let html = rendered(&story("opened", occurrences));
    assert_eq!(html.matches("<details").count(), 2);
    assert_eq!(html.matches("left off").count(), 3);
    assert!(html.len() < 2 * PAGE_JSON_BYTES_MAX);
}

#[test]
fn facts_name_the_ids_and_find_others_alike() {
    let mut story = story("sent", vec![]);
    let html = rendered(&story);
    assert!(html.contains("No event of this mail has been stored."), "{html}");
    assert!(html.contains("<a href=\"/recipients/jane%40example.com\""), "{html}");
    assert!(html.contains("<a href=\"/mails?q=campaign%3Aorders-2016\""), "{html}");
    assert!(!html.contains("Message id"), "the same id twice helps nobody: {html}");
    story.mail.summary.message_id = "pk_1".into();
    story.truncated = true;
    let html = rendered(&story);
    assert!(html.contains("Message id") && html.contains("<code>pk_1</code>"), "{html}");
    assert!(html.contains("these are the first 1000"), "{html}");
}

#[test]
fn sizes_read_well() {
    assert_eq!((size(1), size(812), size(1_950)), ("1 byte".into(), "812 bytes".into(), "1.9 KB".into()));
}

#[test]
fn each_recipient_stands_with_its_state_and_all_are_counted() {
    let since = "2016-10-19T23:21:04.133Z";
    let mut several = story("hard_bounced", vec![]);
    several.recipients = vec![
        recipient("ann@example.com", RecipientState::Delivered, since),
        recipient("bob@example.com", RecipientState::HardBounced, since),
        Recipient { times: Vec::new(), ..recipient("cyd@example.com", RecipientState::Sent, since) },
        Recipient { listed: false, ..recipient("dan@example.net", RecipientState::HardBounced, since) },
    ];
    let html = rendered(&several);
    for expected in [
        "Recipients <span class=\"aside\">1 of 3 delivered, 1 bounced, 1 without news</span>",
        "<a href=\"/recipients/bob%40example.com\" title=\"All about this address\"><bdi>bob@example.com</bdi></a>",
        "<time datetime=\"2016-10-19T23:21:04.133Z\" title=\"19 October 2016, 23:21:04.133 UTC\">19 Oct 2016, 23:21:04</time>",
        ">forward</abbr></p>",
        "It enters no count and is not blocked.",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    // The gravest first, forwards last.
    let places: Vec<_> =
        ["bob@", "ann@", "cyd@", "dan@"].map(|name| html.find(&format!("<bdi>{name}")).unwrap()).into();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!html.contains("Complaint?"), "{html}");
    several.recipients[0] = recipient("ann@example.com", RecipientState::PossiblyComplained, since);
    let html = rendered(&several);
    assert!(html.contains("1 may have complained") && html.contains("nobody can tell who it was"), "{html}");
}

#[test]
fn of_a_mail_to_one_the_head_says_it_all() {
    let since = "2016-10-19T23:21:04.133Z";
    let mut one = story("delivered", vec![]);
    for (address, shown) in [("jane@example.com", false), ("hidden@example.com", true)] {
        one.recipients = vec![recipient(address, RecipientState::Delivered, since)];
        assert_eq!(rendered(&one).contains("recipients-title"), shown, "{address}");
    }
    one.recipients.clear();
    assert!(!rendered(&one).contains("recipients-title"));
}

#[test]
fn a_list_of_recipients_without_end_is_cut_and_says_so() {
    let mut many = story("delivered", vec![]);
    let since = "2016-10-19T23:21:04.133Z";
    let numbered = |n| recipient(&format!("r{n}@example.com"), RecipientState::Delivered, since);
    many.recipients = (0..RECIPIENTS_SHOWN_MAX + 5).map(numbered).collect();
    let html = rendered(&many);
    assert_eq!(html.matches("<li class=\"recipient\">").count(), RECIPIENTS_SHOWN_MAX);
    assert!(html.contains("And 5 more,") && html.contains("105 of 105 delivered"), "{html}");
}

#[test]
fn a_body_is_shown_in_a_frame_that_may_nothing() {
    let told = |state| {
        MailPage::new(
            &story("sent", vec![]),
            state,
            BodyChoice::default(),
            &RelatedMails::default(),
            &[],
            Back::all_mails(),
            &clock(),
        )
        .render()
        .unwrap()
    };
    let html = told(BodyState::Kept { bytes: 1_900 });
    let frame = html.split("<iframe").nth(1).unwrap().split('>').next().unwrap();
    assert!(frame.contains(" sandbox ") && frame.contains("/body\""), "{frame}");
    assert!(html.contains("1.9 KB") && html.contains("?pictures=yes#body-title\""), "{html}");
    for (state, expected) in [
        (BodyState::Compressed { bytes: 9_200, stored_bytes: 420 }, "9.2 KB, compressed to 420 bytes"),
        (BodyState::CompressedElsewhere { stored_bytes: 3_200 }, "compressed by the application to 3.2 KB"),
        (BodyState::MarkedCompressed { bytes: 5 }, "marked as compressed, and not readable as such"),
    ] {
        let html = told(state);
        assert!(html.contains(expected) && html.contains("<iframe"), "{html}");
    }
    for (state, expected) in [
        (BodyState::Discarded, "has discarded the body"),
        (BodyState::Kept { bytes: BODY_BYTES_MAX + 1 }, "too long"),
    ] {
        let html = told(state);
        assert!(html.contains(expected) && !html.contains("<iframe"), "{html}");
    }
    assert!(!told(BodyState::None).contains("id=\"body-title\""));
}

#[test]
fn a_long_body_is_shown_in_part_and_leads_to_the_whole() {
    let rendered = |bytes: usize, choice: BodyChoice| {
        let state = BodyState::Kept { bytes: bytes as u64 };
        MailPage::new(
            &story("sent", vec![]),
            state,
            choice,
            &RelatedMails::default(),
            &[],
            Back::all_mails(),
            &clock(),
        )
        .render()
        .unwrap()
    };
    let with_pictures = BodyChoice { with_pictures: true, is_whole: false };
    assert!(!rendered(SHOWN_BYTES_MAX, with_pictures).contains("Show the whole"));
    let html = rendered(SHOWN_BYTES_MAX + 1, with_pictures);
    assert!(html.contains("?pictures=yes&#38;body=whole#body-title\">Show the whole"), "{html}");
    assert!(html.contains("/body?remote=yes\""), "{html}");
    let html = rendered(SHOWN_BYTES_MAX + 1, BodyChoice { is_whole: true, ..with_pictures });
    assert!(!html.contains("Show the whole"), "{html}");
    assert!(html.contains("/body?remote=yes&#38;whole=yes\""), "{html}");
    assert!(html.contains("?body=whole#body-title\">Without pictures"), "{html}");
}

#[test]
fn a_long_subject_is_cut_in_the_heading_and_whole_below_it() {
    let mut long = story("sent", vec![]);
    let subject = format!("{}end", "word ".repeat(100));
    long.mail.summary.subject = Some(subject.clone());
    let html = rendered(&long);
    let heading = html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
    assert!(heading.ends_with("word…</bdi>") && heading.len() < 250, "{heading}");
    assert!(html.contains(&format!("<summary>The whole subject</summary><p><bdi>{subject}</bdi>")), "{html}");
    assert!(!rendered(&story("sent", vec![])).contains("The whole subject"));
}

#[test]
fn a_mail_to_several_says_to_how_many() {
    let to = |address| recipient(address, RecipientState::Delivered, "2016-10-19T23:21:04Z");
    let one = Story { recipients: vec![to("jane@example.com")], ..story("delivered", vec![]) };
    assert!(!rendered(&one).contains("Besides to"), "{}", rendered(&one));
    let recipients = vec![to("ann@example.com"), to("jane@example.com"), to("joe@example.com")];
    let html = rendered(&Story { recipients, ..story("delivered", vec![]) });
    assert!(html.contains("To <bdi class=\"to\">jane@example.com</bdi> and 2 others from"), "{html}");
    assert!(html.contains("<dt>Besides to</dt>\n<dd><bdi>and 2 others</bdi>"), "{html}");
}

#[test]
fn what_ses_did_not_try_is_told_so() {
    let mut suppressed = concerning("complaint", "2016-10-19T23:20:53Z", &["jane@example.com"]);
    suppressed.subtype = Some("OnAccountSuppressionList".into());
    let one = story("sent", vec![occurrence("send", "2016-10-19T23:20:52Z"), suppressed.clone()]);
    let html = rendered(&one);
    assert_eq!(html.matches("</svg>Not tried</span>").count(), 1, "{html}");
    assert!(!html.contains("</svg>Sent</span>"), "{html}");
    let sent = |address| Recipient {
        times: Vec::new(),
        ..recipient(address, RecipientState::Sent, "2016-10-19T23:20:52Z")
    };
    let recipients = vec![sent("jane@example.com"), sent("joe@example.com")];
    let html = rendered(&Story { recipients, ..one });
    // The mail's own, and the one of joe.
    assert_eq!(html.matches("</svg>Sent</span>").count(), 2, "{html}");
    assert_eq!(html.matches("</svg>Not tried</span>").count(), 1, "{html}");
}

#[test]
fn a_forward_of_a_single_recipient_is_marked() {
    let recipients = vec![recipient("jane@example.com", RecipientState::HardBounced, "2016-10-19T23:20:55Z")];
    let hard = bounce("hard", "NoEmail", "2016-10-19T23:20:55.440Z", &["old@example.net"]);
    let html = rendered(&Story { recipients, ..story("hard_bounced", vec![hard]) });
    assert!(html.contains("<bdi>old@example.net</bdi> <span class=\"mark\">forward</span>"), "{html}");
    assert!(html.contains("most likely since the recipient forwards there"), "{html}");
}
