use super::*;
use crate::sample::clock;

fn block(address: &str) -> Block {
    let at = "2016-10-19T23:25:00Z".parse().unwrap();
    Block {
        address: address.to_owned(),
        reason: "hard_bounce".to_owned(),
        expires_at: None,
        holds: true,
        user: None,
        inserted_at: at,
        updated_at: at,
    }
}

#[test]
fn the_list_leads_on_with_its_search() {
    let page = BlocklistPage {
        blocks: vec![block("a&b@example.com"), block("<script>@example.com")],
        after: Some("a&b@example.com".to_owned()),
    };
    let query = BlocklistQuery {
        text: Some("a&b".to_owned()),
        reason: Some("complaint".to_owned()),
        ..BlocklistQuery::default()
    };
    let html = BlocklistListPage::new(&page, &query, Some(1_234), None, &clock()).render().unwrap();
    assert!(html.contains("<option value=\"complaint\" selected>Complained</option>"), "{html}");
    assert!(
        html.contains("href=\"/blocklist?q=a%26b&#38;reason=complaint&#38;after=a%26b%40example.com\""),
        "{html}"
    );
    assert!(
        html.contains("href=\"/recipients/a%26b%40example.com\"") && !html.contains("<script>"),
        "{html}"
    );
    assert!(html.contains("for good"), "{html}");
    assert!(html.contains("1,234 addresses, by address"), "{html}");
    assert!(html.contains("href=\"/blocklist/cause?address=a%26b%40example.com\""), "{html}");
}

#[test]
fn an_import_tells_its_first_faults_and_counts_the_rest() {
    let mut imported = Imported { added: 3, ..Imported::default() };
    for line in 1..=25 {
        imported.fault(format!("line {line}: this is no address"), &format!("<no> {line}\r"));
    }
    let page = BlocklistPage::default();
    let html = BlocklistListPage::new(
        &page,
        &BlocklistQuery::default(),
        None,
        Some(Note::Imported(imported)),
        &clock(),
    )
    .render()
    .unwrap();
    assert!(html.contains("3 added, 0 on the list already and now blocked for longer"), "{html}");
    assert_eq!(html.matches("this is no address</bdi> <code><bdi>&#60;no&#62; ").count(), 20);
    let field = html.split("<textarea").nth(1).unwrap().split("</textarea>").next().unwrap();
    assert_eq!(field.matches("&#60;no&#62; ").count(), 25, "every line is there to be mended: {field}");
    assert!(html.contains("And 5 more lines"), "{html}");
}
