//! One address, and the blocklist.

use super::*;

#[tokio::test]
async fn addresses_are_blocked_and_freed_by_hand() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    let page = async || site.get("/recipients/Jane%40Example.com").await.body;
    assert!(page().await.contains("Not blocked") && page().await.contains(">Hello<"), "{}", page().await);

    let wanted = "address=Jane%40Example.com&reason=asked+for+it&until=2999-12-31";
    let answer = site.ask(posted("/blocklist/add", wanted)).await;
    assert_eq!(answer.headers[header::LOCATION], "/recipients/jane%40example.com?done=blocked");
    assert!(page().await.contains("asked for it until 1 January 3000"), "{}", page().await);
    let again =
        site.ask(posted("/blocklist/add", "address=jane%40example.com&reason=x&until=2998-01-01")).await;
    assert!(again.headers[header::LOCATION].to_str().unwrap().ends_with("done=held"));
    for nonsense in
        ["address=jane&reason=x", "address=a%40b&reason=", "address=a%40b&reason=x&until=x", "reason=x"]
    {
        let answer = site.ask(posted("/blocklist/add", nonsense)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }

    let lines = "lines=email,reason,expires_at%0Ajoe%40example.com,%3Dformula,%0Anobody%0A";
    let answer = site.ask(posted("/blocklist/import", lines)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("1 added") && answer.body.contains("line 3: "), "{}", answer.body);
    let export = site.get("/blocklist/export").await;
    assert_eq!(export.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let expected = "email,reason,expires_at\r\n\
                    jane@example.com,asked for it,3000-01-01T00:00:00Z\r\n\
                    joe@example.com,'=formula,\r\n";
    assert_eq!(export.body, expected);

    let answer = site.ask(posted("/blocklist/remove", "address=jane%40example.com")).await;
    assert_eq!(answer.headers[header::LOCATION], "/recipients/jane%40example.com?done=unblocked");
    let list = site.get("/blocklist").await.body;
    assert!(list.contains("joe@example.com") && !list.contains("jane@example.com"), "{list}");
    assert!(site.get("/blocklist?q=zebra").await.body.contains("No such address is blocked"));
}
