//! The list of mails, and one of them.

use super::*;

#[tokio::test]
async fn a_mail_is_listed_found_and_told() {
    let site = TestSite::new().await;
    site.ingest(&[
        sent("ses-id-1", "jane@example.com", "Your order", 1),
        delivered("ses-id-1", "jane@example.com", "Your order", 1),
        sent("ses-id-2", "tom@example.org", "Your invoice", 2),
    ])
    .await;

    let all = site.get("/mails").await.body;
    assert_eq!(rows(&all).len(), 2);
    assert!(all.find("Your invoice").unwrap() < all.find("Your order").unwrap(), "newest first: {all}");
    for query in ["q=JANE@exam", "q=r+order", "status=delivered", "q=order&status=delivered&older="] {
        let found = site.followed(&format!("/mails?{query}")).await.body;
        assert_eq!(rows(&found), [rows(&all)[1]], "{query}");
    }
    assert_eq!(rows(&site.get("/mails?q=spring").await.body).len(), 2, "by campaign");
    assert!(site.get("/mails?q=100%25").await.body.contains("Nothing found"), "a wildcard stands for itself");

    let path = rows(&all)[1];
    let story = site.get(path).await;
    assert_eq!(story.status, StatusCode::OK);
    let told =
        "Delivered to jane@example.com on 10 March 2026 at 12:01:11 UTC, 11.9\u{a0}s after it was sent.";
    for expected in [told, "250 2.6.0 Message received", "<code>ses-id-1</code>", ">spring<", ">main<"] {
        assert!(story.body.contains(expected), "{expected} is not in {}", story.body);
    }
    assert_eq!(site.redirected("/mails/by-id/ses-id-1").await, path);
    assert_eq!(site.redirected("/mails?q=ses-id-1").await, path);
    assert_eq!(site.redirected(&format!("/mails?q={}", path.strip_prefix("/mails/").unwrap())).await, path);
}

#[tokio::test]
async fn two_clicks_in_one_millisecond_are_both_told() {
    let site = TestSite::new().await;
    let to = "jane@example.com";
    site.ingest(&[
        clicked("ses-id-1", to, "https://example.com/a"),
        clicked("ses-id-1", to, "javascript:alert(document.domain)"),
    ])
    .await;
    let path = site.redirected("/mails/by-id/ses-id-1").await;
    let body = site.get(&path).await.body;
    assert!(body.contains("its links followed twice, first after"), "{body}");
    assert_eq!(body.matches("<abbr class=\"mark mark-folded\"").count(), 1);
    assert!(body.contains("<a href=\"https://example.com/a\" rel="), "{body}");
    assert!(body.contains("<bdi>javascript:alert(document.domain)</bdi>"), "{body}");
    assert!(!body.contains("href=\"javascript"), "{body}");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let site = TestSite::new().await;
    // Several mails share a time, so that the time alone would not tell them apart.
    let records: Vec<_> =
        (0..120).map(|n| sent(&format!("ses-{n}"), "jane@example.com", "Hello", n / 7)).collect();
    site.ingest(&records).await;

    let mut pages = vec![site.followed("/mails?q=jane&status=sent").await.body];
    while let Some(older) = link(pages.last().unwrap(), "next") {
        assert!(older.starts_with("/mails?q=jane%20status%3Asent&older="), "{older}");
        pages.push(site.get(&older).await.body);
    }
    let sizes: Vec<_> = pages.iter().map(|page| rows(page).len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    let mut seen: Vec<_> = pages.iter().flat_map(|page| rows(page)).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 120);

    assert_eq!(link(&pages[0], "prev"), None);
    for (newer, older) in pages.iter().zip(&pages[1..]) {
        let back = site.get(&link(older, "prev").unwrap()).await.body;
        assert_eq!(rows(&back), rows(newer));
    }
}

#[tokio::test]
async fn new_mails_are_announced_and_all_are_exported() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "=1+1", 0)]).await;
    let list = site.get("/mails?q=jane").await.body;
    let news = list.split("hx-get=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert_eq!(site.get(&news).await.status, StatusCode::NO_CONTENT);
    site.ingest(&[sent("m2", "jane@example.com", "Hello", 1), sent("m3", "joe@example.com", "Hello", 1)])
        .await;
    let told = site.get(&news).await.body;
    assert!(told.contains("href=\"/mails?q=jane\">1 new mail</a>"), "{told}");
    let again = site.get(&format!("{news}&told=1%20new%20mail")).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "nothing new since");
    assert_eq!(site.get("/mails/new").await.status, StatusCode::BAD_REQUEST);

    let csv = site.get("/mails/export/csv?q=jane").await;
    assert_eq!(csv.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8; header=present");
    let disposition = csv.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename=\"mails-"), "{disposition}");
    assert_eq!(csv.body.lines().count(), 3, "{}", csv.body);
    assert!(csv.body.contains(",\"'=1+1\","), "{}", csv.body);
    let ndjson = site.get("/mails/export/ndjson?order=oldest").await.body;
    assert_eq!(ndjson.lines().count(), 3, "{ndjson}");
    assert!(ndjson.lines().next().unwrap().contains("\"=1+1\""), "{ndjson}");
    assert_eq!(site.get("/mails/export/xlsx").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_comes_with_a_policy_under_which_nothing_of_it_runs() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    let path = site.redirected("/mails/by-id/m1").await;
    assert!(!site.get(&path).await.body.contains("<iframe"));
    let logs = format!("\"{}\".phoenix_kit_email_logs", site.schema.prefix());
    for (body, content_type) in [
        ("<p>Hi</p><script>alert(1)</script>", "text/html; charset=utf-8"),
        ("1 < 2", "text/plain; charset=utf-8"),
    ] {
        site.schema
            .client()
            .await
            .execute(&format!("UPDATE {logs} SET body_full = $1"), &[&body])
            .await
            .unwrap();
        assert!(site.get(&path).await.body.contains("<iframe"));
        let framed = |query: &str, from: &str| {
            let mut request = request(Method::GET, &format!("{path}/body{query}"), "127.0.0.1:4100");
            request.headers_mut().insert("sec-fetch-dest", "iframe".parse().unwrap());
            request.headers_mut().insert("sec-fetch-site", from.parse().unwrap());
            request.headers_mut().insert("sec-fetch-mode", "navigate".parse().unwrap());
            request
        };
        assert_eq!(site.get(&format!("{path}/body")).await.status, StatusCode::FORBIDDEN, "alone");
        // What is in the frame can't ask for its own pictures: it is not this site.
        let asked = site.ask(framed("?remote=yes", "cross-site")).await;
        assert_eq!(asked.status, StatusCode::FORBIDDEN);
        for (query, pictures) in [("", "img-src data:;"), ("?remote=yes", "img-src data: https:;")] {
            let answer = site.ask(framed(query, "same-origin")).await;
            let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.starts_with("sandbox; default-src 'none';") && policy.contains(pictures),
                "{policy}"
            );
            assert!(!policy.contains("script"), "{policy}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], content_type);
            assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(answer.body, body);
        }
    }
    let long = "ä".repeat(crate::bodies::SHOWN_BYTES_MAX / 2 + 1);
    site.schema.client().await.execute(&format!("UPDATE {logs} SET body_full = $1"), &[&long]).await.unwrap();
    for (query, bytes) in [("", long.len() - 2), ("?whole=yes", long.len())] {
        let mut request = request(Method::GET, &format!("{path}/body{query}"), "127.0.0.1:4100");
        request.headers_mut().insert("sec-fetch-dest", "iframe".parse().unwrap());
        assert_eq!(site.ask(request).await.body.len(), bytes, "{query}");
    }
}

#[tokio::test]
async fn the_way_back_from_a_mail_is_the_list_that_led_there() {
    let site = TestSite::new().await;
    site.ingest(&[sent("ses-id-1", "jane@example.com", "Your order", 1)]).await;
    let path = site.redirected("/mails/by-id/ses-id-1").await;
    for (referer, expected) in [
        (
            "http://127.0.0.1:4100/mails?q=jane&order=oldest",
            "href=\"/mails?q=jane&#38;order=oldest\"><span aria-hidden=\"true\">←</span> Back to the search",
        ),
        ("http://127.0.0.1:4100/mails", "href=\"/mails\"><span aria-hidden=\"true\">←</span> All mails"),
        (
            "http://127.0.0.1:4100/mails?q=form:jane",
            "href=\"/mails\"><span aria-hidden=\"true\">←</span> All mails",
        ),
        (
            "http://127.0.0.1:4100/recipients/jane%40example.com?older=1.a",
            "href=\"/recipients/jane%40example.com?older=1.a\"><span aria-hidden=\"true\">←</span> Back to the recipient",
        ),
        ("https://example.com/mails?q=jane", "href=\"/mails\"><span aria-hidden=\"true\">←</span> All mails"),
    ] {
        let mut request = request(Method::GET, &path, "127.0.0.1:4100");
        request.headers_mut().insert(header::REFERER, referer.parse().unwrap());
        let page = site.ask(request).await.body;
        assert!(page.contains(expected), "{referer}: {page}");
    }
}

#[tokio::test]
async fn a_search_with_a_fault_stays_on_the_list() {
    let site = TestSite::new().await;
    let page = site.get("/mails?q=form%3Ajane&status=opened&was=").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for expected in ["value=\"form:jane\"", "href=\"/mails?q=from%3Ajane%20status%3Aopened\"", "aria-invalid"]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
}
