use super::*;
use aftersend_event::RecipientState;
use aftersend_store::Recipient;

use crate::sample::{recipient, summary};

const NOW: &str = "2016-10-19T23:30:00Z";

/// `-` stands for a parameter that is not there.
fn params(q: &str, status: &str, older: &str, newer: &str) -> Params {
    let given = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
    Params {
        q: given(q),
        status: given(status),
        older: given(older),
        newer: given(newer),
        ..Params::default()
    }
}

fn parsed(q: &str, status: &str) -> ListRequest {
    ListRequest::parse(params(q, status, "-", "-")).unwrap()
}

fn rendered(request: &ListRequest, page: &MailPage) -> String {
    let count = Some(MailCount::Exactly(1_204));
    ListPage::new(request, page, count, &BTreeMap::new(), &Clock::utc(NOW.parse().unwrap())).render().unwrap()
}

#[test]
fn empty_fields_ask_for_nothing() {
    let request = ListRequest::parse(params("  ", "", "", "")).unwrap();
    assert!(request.query.is_empty());
    assert_eq!(request.page, PageStart::First);
    assert_eq!(request.canonical().as_deref(), Some("/mails"));
    assert_eq!(parsed("-", "-").canonical(), None);
}

#[test]
fn a_chosen_status_becomes_a_word_of_the_search() {
    let chosen = |q: &str, status: &str, was: &str| {
        let params = Params { was: Some(was.to_owned()), ..params(q, status, "-", "-") };
        ListRequest::parse(params).unwrap().query.to_string()
    };
    assert_eq!(chosen("jane", "opened", ""), "jane status:opened");
    assert_eq!(chosen("status:opened jane", "hard_bounced", "opened"), "jane status:hard_bounced");
    // "Any status" takes the one away that was chosen, and no other.
    assert_eq!(chosen("status:opened jane", "", "opened"), "jane");
    assert_eq!(chosen("status:clicked,opened jane", "", ""), "status:opened,clicked jane");
    assert_eq!(chosen("-status:opened jane", "sent", ""), "-status:opened jane status:sent");
    assert_eq!(parsed("jane", "opened").canonical().as_deref(), Some("/mails?q=jane%20status%3Aopened"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |q: &str, status: &str, older: &str, newer: &str| {
        ListRequest::parse(params(q, status, older, newer)).unwrap_err()
    };
    let cursor = summary("sent", NOW).cursor().to_string();
    assert!(refused("form:jane", "-", "-", "-").to_string().contains("“from:”"));
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
    assert_eq!(parsed("-01000157de5cea6c-a4cf3d59", "-").possible_id(), None);
    assert_eq!(parsed("to:01000157de5cea6c-a4cf3d59", "-").possible_id(), None);
    assert_eq!(parsed("01000157de5cea6c-a4cf3d59", "opened").possible_id(), None);
}

#[test]
fn links_to_other_pages_keep_the_search() {
    let mail = summary("opened", "2016-10-19T23:20:52.240Z");
    let cursor = mail.cursor();
    let page = MailPage { mails: vec![mail], older: Some(cursor), newer: Some(cursor), looked_until: None };
    let request =
        ListRequest::parse(params(r#""a&b=c" status:opened"#, "-", &cursor.to_string(), "-")).unwrap();
    let html = rendered(&request, &page);
    let search = "q=a%26b%3Dc%20status%3Aopened";
    for path in [
        format!("/mails?{search}&#38;older={cursor}"),
        format!("/mails?{search}&#38;newer={cursor}"),
        format!("/mails?{search}"),
        format!("/mails?{search}&#38;order=oldest"),
        format!("/mails/export/csv?{search}"),
        format!("/mails/export/ndjson?{search}"),
        // Without the one word and without the other.
        "/mails?q=status%3Aopened".to_owned(),
        "/mails?q=a%26b%3Dc".to_owned(),
    ] {
        assert!(html.contains(&format!("href=\"{path}\"")), "{path} is not in {html}");
    }
    assert!(html.contains("value=\"a&#38;b=c status:opened\""), "{html}");
    assert!(html.contains("<option value=\"opened\" selected>"), "{html}");
    assert!(html.contains("name=\"was\" value=\"opened\""), "{html}");
    assert!(html.contains("1,204 mails, newest first"), "{html}");
    assert!(!html.contains("hx-get"), "new mails appear on the first page alone: {html}");
}

#[test]
fn the_oldest_first_is_another_list_and_says_so() {
    let mail = summary("opened", "2016-10-19T23:20:52.240Z");
    let cursor = mail.cursor();
    let page = MailPage { mails: vec![mail], newer: Some(cursor), ..MailPage::default() };
    let params = Params { order: Some("oldest".to_owned()), ..params("jane", "-", "-", "-") };
    let html = rendered(&ListRequest::parse(params).unwrap(), &page);
    assert!(html.contains("oldest first; <a href=\"/mails?q=jane\">newest first</a>"), "{html}");
    let next = format!("rel=\"next\" href=\"/mails?q=jane&#38;order=oldest&#38;newer={cursor}\"");
    assert!(html.contains(&next), "{html}");
    assert!(!html.contains("hx-get"), "{html}");
}

#[test]
fn new_mails_are_asked_for_from_the_first_one_on() {
    let mail = summary("opened", "2016-10-19T23:20:52.240Z");
    let cursor = mail.cursor();
    let html = rendered(&parsed("jane", "-"), &MailPage { mails: vec![mail], ..MailPage::default() });
    assert!(html.contains(&format!("hx-get=\"/mails/new?q=jane&#38;newer={cursor}\"")), "{html}");
    let request = ListRequest::parse(params("jane", "-", "-", &cursor.to_string())).unwrap();
    let told = |count, or_more, already| {
        News::new(&request, NewMails { count, or_more }, already).map(|news| news.render().unwrap())
    };
    assert_eq!(told(0, false, None), None);
    let one = told(1, false, None).unwrap();
    assert!(one.contains("<a class=\"button\" id=\"news\" href=\"/mails?q=jane\">1 new mail</a>"), "{one}");
    assert!(one.contains("name=\"told\" value=\"1 new mail\""), "{one}");
    assert!(told(100, true, None).unwrap().contains("More than 100 new mails"));
    // What is on the page is not said again.
    assert_eq!(told(1, false, Some("1 new mail")), None);
    assert_eq!(told(100, true, Some("More than 100 new mails")), None);
    assert!(told(2, false, Some("1 new mail")).is_some());
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
    assert!(
        html.contains("No mails yet") && html.contains("<a href=\"/\">How to get events in</a>"),
        "{html}"
    );
    let html = rendered(&parsed("zebra status:opened", "-"), &nothing);
    for expected in
        ["Nothing found", "<bdi>zebra status:opened</bdi>", "/mails?q=zebra\"", "/mails?q=status%3Aopened\""]
    {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
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
    assert!(html.contains("as far as 3 May 2016") && html.contains(&further), "{html}");
}

#[test]
fn hostile_mails_are_shown_as_text() {
    let script = "\"><script>alert('x')</script>";
    let mut mail = summary(script, "2016-10-19T23:20:52.240Z");
    mail.to = format!("{script}@example.com");
    mail.subject = Some(format!("\u{202E}{}{script}", "x".repeat(300)));
    mail.campaign_id = Some(format!("a\u{0007}b{script}"));
    mail.template_name = Some("\u{200F}שלום".into());
    let html = rendered(
        &parsed("<script>alert(1)</script>", "-"),
        &MailPage { mails: vec![mail], ..MailPage::default() },
    );
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

#[test]
fn a_fault_is_told_beside_what_was_typed_and_offers_what_was_meant() {
    let page = |q: &str, status: &str| {
        let params = params(q, status, "-", "-");
        let why = ListRequest::parse(params.clone()).unwrap_err();
        ListPage::refused(&params, &why, &Clock::utc(NOW.parse().unwrap())).render().unwrap()
    };
    for (typed, told, meant) in [
        ("form:jane", "There is no “form:”, but “from:”", Some("from:jane")),
        ("ann -form:jane", "At character 5: there is no “form:”", Some("ann -from:jane")),
        ("status:s", "There is no status “s”", Some("status:sent")),
        ("status:deliverd,opened", "the nearest is “delivered”", Some("status:delivered,opened")),
        ("event:openned@7d", "there is no event “openned”", Some("event:open@7d")),
        ("after:2026-02-30", "“2026-02-30” is no time; write 2026-05-03", None),
        ("\"ann", "The quotation mark has no counterpart", None),
        // Two faults: what is offered would only lead to the second.
        ("form:jane status:x,", "There is no “form:”", None),
    ] {
        let html = page(typed, "delivered");
        let value = text::escaped(typed).replace("&quot;", "&#34;");
        assert!(html.contains(&format!("type=\"search\" value=\"{value}\"")), "{typed}: {html}");
        assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"fault words\""), "{typed}: {html}");
        assert!(html.to_lowercase().contains(&told.to_lowercase()), "{typed}: {told} is not in {html}");
        assert!(html.contains("<option value=\"delivered\" selected>"), "{typed}: {html}");
        let offered = html.split("Search for <bdi>").nth(1).and_then(|rest| rest.split('<').next());
        let offered = offered.map(|offered| offered.split(" status:delivered").next().unwrap());
        assert_eq!(offered, meant, "{typed}");
    }
    let html = page("form:jane", "delivered");
    assert!(html.contains("href=\"/mails?q=from%3Ajane%20status%3Adelivered\""), "{html}");
    let html = page("after:\u{202E}", "");
    assert!(html.contains("“⟨U+202E⟩” is no time"), "{html}");
    assert!(page("-", "nonsense").contains("No mail can have the status"));
}

#[test]
fn a_row_tells_the_state_of_the_address_that_is_looked_for() {
    let mail = summary("complaint", "2016-10-19T23:20:52.240Z");
    let page = MailPage { mails: vec![mail.clone()], ..MailPage::default() };
    let row = |q: &str, listed_count, one: Option<Recipient>| {
        let recipients = [(mail.uuid, MailRecipients { listed_count, one })].into();
        let clock = Clock::utc(NOW.parse().unwrap());
        let html = ListPage::new(&parsed(q, "-"), &page, None, &recipients, &clock).render().unwrap();
        html.split("<tbody").nth(1).unwrap().to_owned()
    };
    let leila = recipient("leila@example.com", RecipientState::Delivered, "2016-10-19T23:21:04Z");
    let html = row("to:leila@example.com", 23, Some(leila.clone()));
    assert!(html.contains("</svg>Delivered</span>") && !html.contains("Complaint"), "{html}");
    assert!(
        html.contains("<bdi>leila@example.com</bdi> <span class=\"quiet\">and 22 others</span>"),
        "{html}"
    );
    let forward = Recipient { listed: false, ..leila };
    let html = row("to:leila@example.com", 2, Some(forward));
    assert!(html.contains(">forward</abbr> <span class=\"quiet\">and 2 others</span>"), "{html}");
    // Not a recipient: it stands in the subject.
    let html = row("leila@example.com", 3, None);
    assert!(
        html.contains("</svg>Complaint</span>") && html.contains("jane@example.com</bdi> <span"),
        "{html}"
    );
    let html = row("leila", 1, Some(recipient("jane@example.com", RecipientState::NotTried, NOW)));
    assert!(html.contains("</svg>Not tried</span>") && !html.contains("other"), "{html}");
}

#[test]
fn any_bounce_and_times_can_be_chosen() {
    let chosen = |q: &str, status: &str, sent: &str, was_sent: &str| {
        let given = |text: &str| Some(text.to_owned());
        let params = Params {
            sent: given(sent),
            was_sent: given(was_sent),
            was: chosen_status(&q.parse().unwrap()).map(|chosen| chosen.name().to_owned()),
            ..params(q, status, "-", "-")
        };
        ListRequest::parse(params).map(|request| request.query.to_string())
    };
    assert_eq!(
        chosen("jane status:bounced", "any_bounce", "7d", ""),
        Ok("jane event:bounce after:7d".into())
    );
    assert_eq!(
        chosen("event:bounce x", "opened", "yesterday", ""),
        Ok("x status:opened after:yesterday before:today".into())
    );
    // Nothing chosen leaves what was written, and nothing in place of a choice takes it away.
    assert_eq!(chosen("after:2016-10-01", "", "", ""), Ok("after:2016-10-01".into()));
    assert_eq!(chosen("x after:7d", "", "", "7d"), Ok("x".into()));
    assert_eq!(chosen("", "", "soon", ""), Err(BadRequest::Sent));
    let html = rendered(&parsed("event:bounce after:yesterday before:today", "-"), &MailPage::default());
    for expected in [
        "<option value=\"any_bounce\" selected>Any bounce</option>",
        "<option value=\"yesterday\" selected>Yesterday</option>",
        "name=\"was_sent\" value=\"yesterday\"",
        ">Bounced (kind unknown)</option>",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    let html = rendered(&parsed("status:bounced after:7d", "-"), &MailPage::default());
    assert!(html.contains("<a href=\"/mails?q=after%3A7d%20event%3Abounce\">All that bounced"), "{html}");
}

#[test]
fn a_day_in_another_spelling_leads_to_the_search_that_was_meant() {
    let error = "x after:16.11.2026".parse::<Query>().unwrap_err();
    assert_eq!(mended("x after:16.11.2026", &error).as_deref(), Some("x after:2026-11-16"));
    assert!(told(&error).contains("“2026-11-16”, not “16.11.2026”"), "{}", told(&error));
}
