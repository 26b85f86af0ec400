//! Who is answered, with which headers, and who may change something.

use super::*;

#[tokio::test]
async fn every_answer_carries_the_headers_that_guard_it() {
    let site = TestSite::new().await;
    for path in [
        "/",
        "/mails",
        "/mails/no-uuid",
        "/nowhere",
        "/healthz",
        "/mails?older=x",
        "/feeds",
        "/readyz",
        "/metrics",
        "/templates",
        "/blocklist",
        "/blocklist/export",
        "/schema",
        "/mails/export/csv",
        "/recipients/jane%40example.com",
    ] {
        for host in ["127.0.0.1:4100", "evil.example"] {
            let headers = site.ask(request(Method::GET, path, host)).await.headers;
            assert_eq!(
                headers[header::CONTENT_SECURITY_POLICY],
                "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                 frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "{path}"
            );
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            assert_eq!(headers[header::REFERRER_POLICY], "same-origin", "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        }
    }
    let page = site.get("/mails").await.body;
    // Scripts are files of this site's own, never text in a page.
    assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/assets/").count());
    assert_eq!(page.matches("</script>").count(), page.matches("defer></script>").count());
    for forbidden in [" style=", "<style", " onclick", "http://", "href=\"//"] {
        assert!(!page.contains(forbidden), "the page holds {forbidden}");
    }
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let site = TestSite::new().await;
    site.ingest(&[sent("ses-id-1", "jane@example.com", "Your order", 1)]).await;
    for host in ["evil.example", "evil.example:4100", "127.0.0.1.evil.example"] {
        let answer = site.ask(request(Method::GET, "/mails", host)).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(!answer.body.contains("jane"), "{}", answer.body);
    }
    let nameless = Request::builder().uri("/mails").body(Body::empty()).unwrap();
    assert_eq!(site.ask(nameless).await.status, StatusCode::MISDIRECTED_REQUEST);
    let two_names = request(Method::GET, "http://evil.example/mails", "localhost");
    assert_eq!(site.ask(two_names).await.status, StatusCode::MISDIRECTED_REQUEST);
    for host in ["localhost:4100", "[::1]:4100", "127.0.0.1"] {
        assert_eq!(site.ask(request(Method::GET, "/mails", host)).await.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn nothing_is_changed_for_a_page_elsewhere() {
    let site = TestSite::without_tables().await;
    let forged: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://example.com")],
        &[("origin", "http://127.0.0.1:4101")],
        &[("origin", "http://127.0.0.1:4100.example.com")],
        &[("origin", "http://user@127.0.0.1:4100")],
        &[("origin", "127.0.0.1:4100")],
        &[("origin", "http://127.0.0.1:4100"), ("origin", "https://example.com")],
        &[("origin", "http://127.0.0.1:4100"), ("sec-fetch-site", "cross-site")],
    ];
    for headers in forged {
        let answer = site.ask(chosen_zone("Europe/Berlin", headers)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE), "{headers:?}");
    }
    let own: [&[(&str, &str)]; 2] = [
        &[("origin", "http://127.0.0.1:4100")],
        &[("origin", "http://127.0.0.1:4100"), ("sec-fetch-site", "same-origin")],
    ];
    for headers in own {
        let answer = site.ask(chosen_zone("Europe/Berlin", headers)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{headers:?}");
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("aftersend_zone=Europe/Berlin; Path=/; "), "{cookie}");
    }
}

#[tokio::test]
async fn a_page_elsewhere_may_link_here_and_load_nothing() {
    let site = TestSite::new().await;
    let asked = |mode: &str, dest: &str, from: &str| {
        let mut request = request(Method::GET, "/mails/export/csv", "127.0.0.1:4100");
        for (name, value) in [("sec-fetch-mode", mode), ("sec-fetch-dest", dest), ("sec-fetch-site", from)] {
            request
                .headers_mut()
                .insert(axum::http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        request
    };
    for (mode, dest, from, status) in [
        ("no-cors", "image", "cross-site", StatusCode::FORBIDDEN),
        ("navigate", "iframe", "cross-site", StatusCode::FORBIDDEN),
        ("cors", "empty", "same-site", StatusCode::FORBIDDEN),
        ("navigate", "document", "cross-site", StatusCode::OK),
        ("navigate", "document", "none", StatusCode::OK),
        ("cors", "empty", "same-origin", StatusCode::OK),
    ] {
        assert_eq!(site.ask(asked(mode, dest, from)).await.status, status, "{mode} {dest} {from}");
    }
}
