use super::*;
use crate::sample::summary;

const NOW: &str = "2016-10-19T23:30:00Z";

fn params(q: &str, status: &str, older: &str, newer: &str) -> Params {
    let given = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
    Params { q: given(q), status: given(status), older: given(older), newer: given(newer) }
}

fn parsed(q: &str, status: &str) -> ListRequest {
    ListRequest::parse(params(q, status, "-", "-")).unwrap()
}

fn rendered(request: &ListRequest, page: &MailPage) -> String {
    ListPage::new(request, page, &Clock::utc(NOW.parse().unwrap())).render().unwrap()
}

#[test]
fn empty_fields_ask_for_nothing() {
    let request = ListRequest::parse(params("  ", "", "", "")).unwrap();
    assert_eq!((request.text.as_deref(), request.status, request.page), (None, None, PageStart::First));
    assert!(!request.is_filtered());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |q: &str, status: &str, older: &str, newer: &str| {
        ListRequest::parse(params(q, status, older, newer)).unwrap_err()
    };
    let cursor = summary("sent", NOW).cursor().to_string();
    assert!(refused("form:jane", "-", "-", "-").to_string().contains("`from:`"));
    assert!(refused(&"x ".repeat(QUERY_CHARS_MAX), "-", "-", "-").to_string().contains("too long"));
    assert_eq!(refused("-", "arrived", "-", "-"), BadRequest::Status);
    assert_eq!(refused("-", "-", "1.2", "-"), BadRequest::Cursor);
    assert_eq!(refused("-", "-", "-", "9".repeat(10_000).as_str()), BadRequest::Cursor);
    assert_eq!(refused("-", "-", &cursor, &cursor), BadRequest::TwoCursors);
    assert!(ListRequest::parse(params(&"ä".repeat(VALUE_CHARS_MAX), "-", &cursor, "-")).is_ok());
}

#[test]
fn only_a_text_in_one_piece_is_looked_up_as_an_id() {
    assert_eq!(parsed("01000157de5cea6c-a4cf3d59", "-").possible_id(), Some("01000157de5cea6c-a4cf3d59"));
    assert_eq!(parsed("jane", "-").possible_id(), None);
    assert_eq!(parsed("jane doe at example", "-").possible_id(), None);
    assert_eq!(parsed("12345678\u{0}90", "-").possible_id(), None);
    assert_eq!(parsed("01000157de5cea6c-a4cf3d59", "opened").possible_id(), None);
}

#[test]
fn links_to_other_pages_keep_the_filters() {
    let mail = summary("opened", "2016-10-19T23:20:52.240Z");
    let cursor = mail.cursor();
    let page = MailPage { mails: vec![mail], older: Some(cursor), newer: Some(cursor), looked_until: None };
    let html = rendered(&parsed("a&b=\"c\"", "opened"), &page);
    let filters = "/mails?q=a%26b%3D%22c%22&#38;status=opened";
    assert!(html.contains(&format!("href=\"{filters}&#38;older={cursor}\"")), "{html}");
    assert!(html.contains(&format!("href=\"{filters}&#38;newer={cursor}\"")), "{html}");
    assert!(html.contains(&format!("href=\"{filters}\"")), "{html}");
    assert!(html.contains("value=\"a&#38;b=&#34;c&#34;\""), "{html}");
    assert!(html.contains("<option value=\"opened\" selected>"), "{html}");
}

#[test]
fn a_row_says_state_recipient_subject_and_time() {
    let mail = summary("hard_bounced", "2016-10-19T23:20:52.240Z");
    let path = format!("href=\"/mails/{}\"", mail.uuid);
    let html = rendered(&parsed("-", "-"), &MailPage { mails: vec![mail], ..MailPage::default() });
    for expected in [
        path.as_str(),
        "</svg>Hard bounce</span>",
        "<bdi>jane@example.com</bdi>",
        "<bdi>Your order 4711 is on its way</bdi>",
        "<bdi>order_shipped</bdi>",
        "<bdi>orders-2016</bdi>",
        "datetime=\"2016-10-19T23:20:52.24Z\" title=\"19 October 2016, 23:20:52.240 UTC\">9 min ago</time>",
        "<caption",
        "<th scope=\"col\"",
        "<th scope=\"row\"",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains("class=\"pages\""), "one page needs no links to others");
}

#[test]
fn empty_lists_say_what_to_do() {
    let nothing = MailPage::default();
    let html = rendered(&parsed("-", "-"), &nothing);
    for command in
        ["aftersend demo", "aftersend ingest file events.ndjson", "aftersend ingest sqs --queue-url https://"]
    {
        assert!(html.contains(command), "{command}");
    }
    let html = rendered(&parsed("zebra", "opened"), &nothing);
    for expected in ["Nothing found", "“Opened”", "href=\"/mails?q=zebra\"", "href=\"/mails?status=opened\""]
    {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains("aftersend demo"));
    let cursor = summary("sent", NOW).cursor().to_string();
    let beyond = ListRequest::parse(params("zebra", "-", &cursor, "-")).unwrap();
    let html = rendered(&beyond, &nothing);
    assert!(html.contains("No more mails here") && html.contains("href=\"/mails?q=zebra\""), "{html}");
}

#[test]
fn a_search_whose_time_was_up_says_how_far_it_came() {
    let mail = summary("sent", "2016-10-19T23:20:52.240Z");
    let (cursor, looked_until) = (mail.cursor(), Some("2016-05-03T10:00:00Z".parse().unwrap()));
    let nothing = MailPage { older: Some(cursor), looked_until, ..MailPage::default() };
    let html = rendered(&parsed("from:zebra", "-"), &nothing);
    let further = format!("href=\"/mails?q=from%3Azebra&#38;older={cursor}\"");
    for expected in ["Nothing found so far", "3 May 2016 at 10:00:00 UTC", &further] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    let html = rendered(&parsed("from:zebra", "-"), &MailPage { mails: vec![mail], ..nothing });
    assert!(html.contains("was ended at 3 May 2016") && html.contains(&further), "{html}");
}

#[test]
fn hostile_mails_are_shown_as_text() {
    let script = "\"><script>alert('x')</script>";
    let mut mail = summary(script, "2016-10-19T23:20:52.240Z");
    mail.to = format!("{script}@example.com");
    mail.subject = Some(format!("\u{202E}{}{script}", "x".repeat(300)));
    mail.campaign_id = Some(format!("a\u{0007}b{script}"));
    mail.template_name = Some("\u{200F}שלום".into());
    let html =
        rendered(&parsed(&format!("x{script}"), "-"), &MailPage { mails: vec![mail], ..MailPage::default() });
    assert!(!html.contains("<script>") && !html.contains('\u{202E}') && !html.contains('\u{7}'), "{html}");
    assert!(html.contains("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;"), "{html}");
    assert!(html.contains("⟨U+202E⟩") && html.contains("a⟨U+0007⟩b"), "{html}");
}

#[test]
fn every_status_can_be_chosen_once() {
    let html = rendered(&parsed("-", "-"), &MailPage::default());
    for status in Status::ALL {
        assert_eq!(html.matches(&format!("<option value=\"{}\">", status.name())).count(), 1, "{status}");
    }
}
