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
    let told = site.told_after(&answer, "/recipients/jane%40example.com").await;
    assert!(told.contains("The address is blocked."), "{told}");
    assert!(page().await.contains("asked for it until the end of 31 December 2999"), "{}", page().await);
    let again =
        site.ask(posted("/blocklist/add", "address=jane%40example.com&reason=x&until=2998-01-01")).await;
    let told = site.told_after(&again, "/recipients/jane%40example.com").await;
    assert!(told.contains("The address was blocked already"), "{told}");
    for nonsense in [
        "address=jane&reason=x",
        "address=eve%40semi.org%3E&reason=x",
        "address=a%40b&reason=",
        "address=a%40b&reason=x&until=x",
        "reason=x",
    ] {
        let answer = site.ask(posted("/blocklist/add", nonsense)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }

    let lines = "lines=email,reason,expires_at%0Ajoe%40example.com,%3Dformula,%0Anobody%0A";
    let answer = site.ask(posted("/blocklist/import", lines)).await;
    let told = site.told_after(&answer, "/blocklist").await;
    assert!(told.contains("1 added") && told.contains("line 3: "), "{told}");
    // What could not be read is quoted, and stands there to be mended.
    assert!(told.contains("<code><bdi>nobody</bdi></code>"), "{told}");
    assert!(told.contains("spellcheck=\"false\">nobody\n</textarea>"), "{told}");
    // As a spreadsheet writes it; what is separated in another way blocks nobody, and is told.
    let lines = "lines=ann%40semi.org%3Bbounce%3B%0D%0Aeve%40semi.org,bounce%0D%0A";
    let answer = site.ask(posted("/blocklist/import", lines)).await;
    let told = site.told_after(&answer, "/blocklist").await;
    assert!(
        told.contains("1 added") && told.contains("line 2: its values are separated by commas"),
        "{told}"
    );
    assert!(site.get("/recipients/ann%40semi.org").await.body.contains("bounce"));
    site.ask(posted("/blocklist/remove", "address=ann%40semi.org")).await;
    let export = site.get("/blocklist/export").await;
    assert_eq!(export.headers[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let expected = "email,reason,expires_at\r\n\
                    jane@example.com,asked for it,3000-01-01T00:00:00Z\r\n\
                    joe@example.com,'=formula,\r\n";
    assert_eq!(export.body, expected);

    let answer = site.ask(posted("/blocklist/remove", "address=jane%40example.com")).await;
    let told = site.told_after(&answer, "/recipients/jane%40example.com").await;
    assert!(told.contains("The address is off the blocklist."), "{told}");
    let list = site.get("/blocklist").await.body;
    assert!(list.contains("joe@example.com") && !list.contains("jane@example.com"), "{list}");
    assert!(site.get("/blocklist?q=zebra").await.body.contains("No such address is blocked"));
    assert!(site.get("/blocklist?reason=complaint").await.body.contains("No such address is blocked"));

    let mail = site.followed("/mails/by-id/m1").await.body;
    assert!(!mail.contains("On the blocklist now"), "{mail}");
    site.ask(posted("/blocklist/add", "address=jane%40example.com&reason=x")).await;
    let mail = site.followed("/mails/by-id/m1").await.body;
    assert!(mail.contains("On the blocklist now: <a href=\"/recipients/jane%40example.com\">"), "{mail}");
    // From the list itself it leads back there.
    let answer = site.ask(posted("/blocklist/remove", "address=jane%40example.com&stay=yes")).await;
    let told = site.told_after(&answer, "/blocklist").await;
    assert!(told.contains("The address is off the blocklist.") && told.contains("joe@example.com"), "{told}");
}

#[tokio::test]
async fn a_block_leads_to_the_mail_that_it_comes_from() {
    let site = TestSite::new().await;
    let bounced = format!(
        r#"{{"eventType":"Bounce",{},"bounce":{{"timestamp":"2026-03-10T12:05:00.000Z","bounceType":"Permanent",
        "bounceSubType":"NoEmail","feedbackId":"f1","bouncedRecipients":[{{"emailAddress":"jane@example.com"}}]}}}}"#,
        mail("m1", "jane@example.com", "Hello", 0)
    );
    site.ingest(&[bounced]).await;
    site.ask(posted("/blocklist/add", "address=joe%40example.com&reason=asked")).await;
    let list = site.get("/blocklist").await.body;
    assert!(list.contains("2 addresses, by address"), "{list}");
    assert!(list.contains("href=\"/blocklist/cause?address=jane%40example.com\""), "{list}");
    assert!(!list.contains("cause?address=joe"), "nobody's mail led to it: {list}");
    let narrowed = site.get("/blocklist?reason=hard_bounce").await.body;
    assert!(narrowed.contains("1 address, by address"), "{narrowed}");

    let cause = site.redirected("/blocklist/cause?address=jane%40example.com").await;
    assert!(cause.starts_with("/mails/") && site.get(&cause).await.body.contains("Hello"), "{cause}");
    let none = site.redirected("/blocklist/cause?address=joe%40example.com").await;
    assert_eq!(none, "/recipients/joe%40example.com");
    assert_eq!(site.get("/blocklist/cause").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.get("/blocklist/cause?address=%20").await.status, StatusCode::NOT_FOUND);

    // The template's page says why, too, when asked.
    let path = "/template?name=order&from=2026-03-10&to=2026-03-10";
    let page = site.get(path).await.body;
    assert!(page.contains("Look through the bounces") && page.contains("&#38;why=yes"), "{page}");
    let asked = site.get(&format!("{path}&why=yes")).await.body;
    assert!(asked.contains("Why mail came back") && asked.contains("Nothing came back"), "{asked}");
}

#[tokio::test]
async fn whatever_can_be_blocked_can_be_typed() {
    let site = TestSite::new().await;
    // None of these passes for an address in a browser's own field for them.
    for (typed, address) in [
        ("J%C3%BCrgen%40b%C3%BCcher.example", "jürgen@bücher.example"),
        ("Jane+Doe+%3CJane%40Example.com%3E", "jane@example.com"),
        ("o..o%40example.com", "o..o@example.com"),
    ] {
        let answer = site.ask(posted("/blocklist/add", &format!("address={typed}&reason=x"))).await;
        let path = format!("/recipients/{}", crate::text::url_encoded(address));
        assert!(site.told_after(&answer, &path).await.contains("The address is blocked."), "{typed}");
    }
    let list = site.get("/blocklist").await.body;
    assert!(
        list.contains("name=\"address\" inputmode=\"email\"") && !list.contains("type=\"email\""),
        "{list}"
    );
}

#[tokio::test]
async fn a_list_that_is_too_long_is_refused_with_the_limit() {
    let site = TestSite::new().await;
    assert!(site.get("/blocklist").await.body.contains("1 MB at a time"));
    // As text, and as a form in which every character takes three.
    for lines in ["a@example.com\n".repeat(80_000), "%40".repeat(1_100_000), "%61".repeat(1_100_000)] {
        let answer = site.ask(posted("/blocklist/import", &format!("lines={lines}"))).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.body.contains("At most 1 MB") && answer.body.contains("Nothing was changed"));
    }
    let fits = format!("lines={}", "a%40example.com%0A".repeat(70_000));
    let answer = site.ask(posted("/blocklist/import", &fits)).await;
    assert!(site.told_after(&answer, "/blocklist").await.contains("1 added"));
}

#[tokio::test]
async fn an_export_that_breaks_off_does_not_look_whole() {
    let site = TestSite::new().await;
    let lines: Vec<_> = (0..1_500).map(|number| format!("a{number}%40example.com%0A")).collect();
    site.ask(posted("/blocklist/import", &format!("lines={}", lines.concat()))).await;
    assert_eq!(site.get("/blocklist/export").await.body.lines().count(), 1_501);

    let export = request(Method::GET, "/blocklist/export", "127.0.0.1:4100");
    let response = site.router.clone().oneshot(export).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let table = format!("\"{}\".phoenix_kit_email_blocklist", site.schema.prefix());
    site.schema.client().await.execute(&format!("DROP TABLE {table}"), &[]).await.unwrap();
    assert!(to_bytes(response.into_body(), BODY_BYTES_MAX).await.is_err(), "the connection is cut");
    // Where the first part is not to be had, nothing is sent at all.
    assert_eq!(site.get("/blocklist/export").await.status, StatusCode::SERVICE_UNAVAILABLE);
}
