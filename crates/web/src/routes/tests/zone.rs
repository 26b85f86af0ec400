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

#[tokio::test]
async fn a_chosen_zone_leads_back_to_where_times_were_read() {
    let site = TestSite::without_tables().await;
    let back = async |referer: &str| {
        let mut request = request(Method::GET, "/zone", "127.0.0.1:4100");
        request.headers_mut().insert(header::REFERER, referer.parse().unwrap());
        let page = site.ask(request).await.body;
        let value = page.split("name=\"back\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        value.replace("&#38;", "&")
    };
    assert_eq!(back("http://127.0.0.1:4100/mails?q=a&order=oldest").await, "/mails?q=a&order=oldest");
    assert_eq!(back("http://127.0.0.1:4100/zone").await, "/mails");
    assert_eq!(back("https://example.com/nowhere").await, "/mails");
    for (back, expected) in [
        ("%2F%3Fperiod%3D7d", "/?period=7d"),
        ("%2F%2Fexample.com", "/mails"),
        ("https%3A%2F%2Fexample.com", "/mails"),
        ("%2F%5Cexample.com", "/mails"),
        ("%2Fa%0D%0Ab%3A+c", "/mails"),
    ] {
        let answer = site.ask(posted("/zone", &format!("zone=Europe%2FBerlin&back={back}"))).await;
        assert_eq!(answer.headers[header::LOCATION], expected, "{back}");
    }
}
