//! The choice of a time zone.

use super::*;

#[tokio::test]
async fn a_chosen_zone_is_the_one_that_pages_tell_times_in() {
    let site = TestSite::new().await;
    site.ingest(&[sent("id-of-a-mail-0000", "jane@example.com", "Hello", 0)]).await;
    let path = site.redirected("/mails/by-id/id-of-a-mail-0000").await;
    let mut request = request(Method::GET, &path, "127.0.0.1:4100");
    request.headers_mut().insert(header::COOKIE, "aftersend_zone=Asia/Kolkata".parse().unwrap());
    let page = site.ask(request).await.body;
    assert!(page.contains("10 March 2026 at 17:30:00 IST"), "{page}");
    assert!(page.contains("Times are those of Asia/Kolkata."), "{page}");

    let own = [("origin", "http://127.0.0.1:4100")];
    for nonsense in ["", "Mars/Olympus", "../../etc/passwd", "Europe/Berlin\r\nset-cookie: a=b"] {
        let answer = site.ask(chosen_zone(nonsense, &own)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
}
