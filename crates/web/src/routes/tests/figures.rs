//! The overview and the templates.

use super::*;

#[tokio::test]
async fn an_empty_site_explains_how_to_begin() {
    let site = TestSite::new().await;
    let page = site.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in
        ["Nothing has come in yet", "aftersend demo", "aws sns subscribe", "--queue-url https://sqs."]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    for path in ["/templates", "/templates/order", "/blocklist", "/recipients/jane%40example.com"] {
        assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
    }
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    // Sent before the period: an overview without figures, and no first start.
    let page = site.get("/?period=24h").await.body;
    assert!(page.contains("No mail was sent in this period"), "{page}");
}

#[tokio::test]
async fn figures_lead_to_the_mails_behind_them() {
    let site = TestSite::new().await;
    site.ingest(&[
        sent("m1", "jane@example.com", "Hello", 0),
        delivered("m1", "jane@example.com", "Hello", 0),
        sent("m2", "joe@example.com", "Hello", 1),
    ])
    .await;
    let page = site.get("/?from=2026-03-10&to=2026-03-10").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let of_delivered =
        page.body.split("href=\"").find(|rest| rest.starts_with("/mails?q=event%3Adelivery")).unwrap();
    let path = of_delivered.split('"').next().unwrap().replace("&#38;", "&");
    let list = site.get(&path).await.body;
    assert_eq!(rows(&list).len(), 1, "{path}: {list}");
    assert!(page.body.contains("<span class=\"tile-count\">2</span>"), "{}", page.body);
    for (path, status) in [
        ("/?period=8d", StatusCode::BAD_REQUEST),
        ("/?from=x", StatusCode::BAD_REQUEST),
        ("/?from=2026-03-10&to=2020-01-01", StatusCode::BAD_REQUEST),
        ("/templates?sort=size", StatusCode::BAD_REQUEST),
        ("/templates?skip=-1", StatusCode::BAD_REQUEST),
        ("/templates?from=2026-03-10&to=2026-03-10&sort=time", StatusCode::OK),
        ("/templates/no%2Fsuch?from=2026-03-10&to=2026-03-10", StatusCode::OK),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}
