use super::*;
use crate::sample::clock;

fn message(body: &[u8]) -> QuarantinedMessage {
    QuarantinedMessage {
        about: Quarantined {
            uuid: Uuid::from_u128(7),
            body_bytes: body.len() as u64,
            reason: "<script>alert(1)</script>".into(),
            feed: "sqs".into(),
            origin: "message \u{202E}1".into(),
            times_received: 3,
            first_received_at: "2026-10-19T23:00:00Z".parse().unwrap(),
            last_received_at: "2026-10-19T23:20:00Z".parse().unwrap(),
        },
        body: body.to_vec(),
    }
}

#[test]
fn bodies_are_text_in_which_everything_is_visible() {
    assert_eq!(escaped(b"{\n\t\"a\": \"\xff\x00\"}"), "{\n\t\"a\": \"\\xff⟨U+0000⟩\"}");
    assert_eq!(escaped("a\u{202E}b\u{1b}[31m".as_bytes()), "a⟨U+202E⟩b⟨U+001B⟩[31m");
    let html = QuarantinedPage::new(&message(b"</code></pre><script>alert(2)</script>"), None, &clock());
    let html = html.render().unwrap();
    assert!(!html.contains("<script>") && !html.contains('\u{202E}'), "{html}");
    assert!(html.contains("&#60;/code&#62;&#60;/pre&#62;&#60;script&#62;alert(2)"), "{html}");
}

#[test]
fn a_long_body_is_shown_in_part_and_says_so() {
    // The cut falls into a character, which is shown as bytes.
    let html =
        QuarantinedPage::new(&message("ä".repeat(40_000).as_bytes()), None, &clock()).render().unwrap();
    assert!(html.contains("14464 bytes more"), "{html}");
    let html = QuarantinedPage::new(&message(b"short"), None, &clock()).render().unwrap();
    assert!(!html.contains("more;"), "{html}");
    assert!(html.contains("3 times, last"), "{html}");
}

#[test]
fn the_list_leads_on_only_where_there_is_more() {
    let page = |more| QuarantinePage { messages: vec![message(b"x").about], more };
    let html = QuarantineListPage::new(&page(true), None, None, &clock()).render().unwrap();
    assert!(html.contains("href=\"/quarantine?before=00000000-0000-0000-0000-000000000007\""), "{html}");
    let html = QuarantineListPage::new(&page(false), None, None, &clock()).render().unwrap();
    assert!(!html.contains("before="), "{html}");
}
