use std::time::Duration;

use aftersend_event::Message;
use aftersend_store::{
    Arrival, Batch, DatabaseAddress, FigureKeeper, Prefix, Store, TagNames, UnknownMails,
    schema::{Migrator, Step},
};
use aftersend_testkit::database::{Database, TestSchema};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use tower::ServiceExt as _;

use jiff::Timestamp;

use super::router;
use crate::{FeedCondition, FeedCounts, FeedStatus, Operation, Readings, Site};

/// Bytes of an answer at most.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The site over a schema of the test's own.
struct TestSite {
    router: axum::Router,
    store: Store,
    // Dropped last: it takes the schema with it.
    schema: TestSchema,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl TestSite {
    async fn new() -> Self {
        let site = Self::without_tables().await;
        let address: DatabaseAddress = site.schema.url().parse().unwrap();
        let prefix: Prefix = site.schema.prefix().parse().unwrap();
        let mut migrator = Migrator::open(&address, prefix).await.unwrap();
        migrator.up(Step::LATEST).await.unwrap();
        site
    }

    async fn without_tables() -> Self {
        let schema = Database::get().await.fresh_schema();
        let address: DatabaseAddress = schema.url().parse().unwrap();
        let prefix: Prefix = schema.prefix().parse().unwrap();
        let store = Store::open(&address, prefix, TagNames::default()).await.unwrap();
        Self { router: router(store.clone()), store, schema }
    }

    async fn ingest(&self, records: &[String]) {
        let messages: Vec<_> =
            records.iter().map(|json| aftersend_event::read(json.as_bytes()).unwrap()).collect();
        let documents = messages.iter().map(|message| match message {
            Message::Event(document) => document,
            Message::Control(control) => panic!("{control:?} is no event"),
        });
        let documents: Vec<_> = documents.collect();
        let events: Vec<_> = documents.iter().map(|document| document.event().unwrap()).collect();
        let arrivals = events
            .iter()
            .zip(&documents)
            .map(|(event, document)| Arrival { event, json: document.json() })
            .collect();
        self.store.ingest(&Batch { arrivals, poisons: Vec::new() }).await.unwrap();
        let mut keeper = FigureKeeper::new(&self.store).at_once();
        while !keeper.round().await.unwrap().is_through {}
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(request(Method::GET, path, "127.0.0.1:4100")).await
    }

    /// The page that this path leads to, if need be by another.
    async fn followed(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        match answer.headers.get(header::LOCATION) {
            Some(location) => self.get(location.to_str().unwrap()).await,
            None => answer,
        }
    }

    /// The path that this one redirects to.
    async fn redirected(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert!(answer.status.is_redirection(), "{path}: {}", answer.status);
        answer.headers[header::LOCATION].to_str().unwrap().to_owned()
    }
}

fn request(method: Method, path: &str, host: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).header(header::HOST, host).body(Body::empty()).unwrap()
}

/// The `mail` object of a record.
fn mail(id: &str, to: &str, subject: &str, minute: u32) -> String {
    format!(
        r#""mail":{{"timestamp":"2026-03-10T12:{minute:02}:00.000Z","messageId":"{id}","source":"shop@example.org",
        "destination":["{to}"],"headersTruncated":false,"headers":[],
        "commonHeaders":{{"from":["shop@example.org"],"to":["{to}"],"subject":"{subject}"}},
        "tags":{{"campaign":["spring"],"ses:configuration-set":["main"]}}}}"#
    )
}

fn sent(id: &str, to: &str, subject: &str, minute: u32) -> String {
    format!(r#"{{"eventType":"Send",{},"send":{{}}}}"#, mail(id, to, subject, minute))
}

fn delivered(id: &str, to: &str, subject: &str, minute: u32) -> String {
    format!(
        r#"{{"eventType":"Delivery",{},"delivery":{{"timestamp":"2026-03-10T12:{minute:02}:11.893Z",
        "processingTimeMillis":11893,"recipients":["{to}"],"smtpResponse":"250 2.6.0 Message received"}}}}"#,
        mail(id, to, subject, minute)
    )
}

fn clicked(id: &str, to: &str, link: &str) -> String {
    format!(
        r#"{{"eventType":"Click",{},"click":{{"timestamp":"2026-03-10T13:00:00.500Z","ipAddress":"192.0.2.1",
        "userAgent":"Mozilla/5.0","link":"{link}","linkTags":null}}}}"#,
        mail(id, to, "Hello", 1)
    )
}

/// The paths of the mails on a page, in its order.
fn rows(html: &str) -> Vec<&str> {
    let links = html.split("class=\"what\"><a href=\"").skip(1);
    links.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The link with this relation, as a browser reads it.
fn link(html: &str, rel: &str) -> Option<String> {
    let rest = html.split(&format!("<a rel=\"{rel}\" href=\"")).nth(1)?;
    Some(rest.split('"').next()?.replace("&#38;", "&"))
}

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
async fn what_is_not_there_has_a_page_that_helps() {
    let site = TestSite::new().await;
    for path in [
        "/mails/00000000-0000-7000-8000-000000000000",
        "/mails/no-uuid",
        "/mails/by-id/unknown",
        "/mails/by-id/%00",
        "/mails/%FF",
        &format!("/mails/by-id/{}", "x".repeat(2_000)),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            answer.body.contains("No mail has this id") && answer.body.contains("href=\"/mails\""),
            "{path}"
        );
    }
    for path in ["/nowhere", "/assets/site.css", "/assets/..%2FCargo.toml"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("There is no such page"), "{path}");
    }
    for query in [
        "older=1.2",
        "newer=%00",
        "status=nonsense",
        "q=a&q=b",
        "q=%FF%FE",
        &format!("q={}", "x".repeat(301)),
    ] {
        let answer = site.get(&format!("/mails?{query}")).await;
        let expected = if query.starts_with("q=%FF") { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(answer.status, expected, "{query}");
        assert!(answer.body.contains("href=\"/mails\""), "{query}");
    }
    assert_eq!(site.get("/mails?q=a%00b%07").await.status, StatusCode::OK);
    let mut post = request(Method::POST, "/mails", "localhost");
    post.headers_mut().insert(header::ORIGIN, "http://localhost".parse().unwrap());
    let answer = site.ask(post).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.body.contains("can’t be done here"), "{}", answer.body);
}

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
async fn pages_name_assets_that_are_there_and_may_be_kept() {
    let site = TestSite::new().await;
    let page = site.get("/mails").await.body;
    let mut paths: Vec<_> =
        page.split("=\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    paths.dedup();
    assert!(paths.len() >= 2, "{page}");
    for name in paths {
        let answer = site.get(&format!("/assets/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable", "{name}");
        let content_type = match name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(answer.headers[header::CONTENT_TYPE], content_type, "{name}");
    }
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_is_not_ready_is_a_page_with_the_way_out() {
    let site = TestSite::without_tables().await;
    for path in ["/mails", "/mails/00000000-0000-7000-8000-000000000000", "/mails/by-id/ses-id-1"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.body.contains("aftersend migrate status"), "{}", answer.body);
    }
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK, "the site itself is well");
}

/// A program with one feed, and a database that may take nothing.
struct Told {
    condition: FeedCondition,
    trouble: Option<&'static str>,
}

impl Operation for Told {
    fn feeds(&self) -> Vec<FeedStatus> {
        let at: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        vec![FeedStatus {
            name: "ses-events".to_owned(),
            condition: self.condition,
            since: at,
            last_message_at: None,
            counts: FeedCounts::default(),
            depth: None,
            last_error: Some(("there is no such queue".to_owned(), at)),
        }]
    }

    fn database_trouble(&self) -> Option<String> {
        self.trouble.map(str::to_owned)
    }

    fn metrics(&self, readings: &Readings) -> String {
        let parked = readings.parked.map(|parked| parked.events);
        let quarantined = readings.quarantined.map(|(size, age_s)| (size.messages, age_s >= 0.0));
        format!("{parked:?} {quarantined:?}")
    }
}

impl TestSite {
    fn told(mut self, condition: FeedCondition, trouble: Option<&'static str>) -> Self {
        let operation = std::sync::Arc::new(Told { condition, trouble });
        self.router = router(Site::new(self.store.clone(), operation));
        self
    }
}

#[tokio::test]
async fn readiness_says_what_keeps_events_out() {
    let site = TestSite::new().await;
    let ready = site.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (StatusCode::OK, "ready\n"));

    let site = site.told(FeedCondition::Paused, None);
    assert_eq!(site.get("/readyz").await.status, StatusCode::OK, "a queue that is tried again is no failure");
    let site = site.told(FeedCondition::Failed, None);
    let answer = site.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "the feed ses-events has failed: there is no such queue\n");
    let site = site.told(FeedCondition::Running, Some("its disk is full"));
    let answer = site.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "the database takes no events: its disk is full\n");

    let site = TestSite::without_tables().await;
    let answer = site.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("aftersend migrate up"), "{}", answer.body);
}

#[tokio::test]
async fn a_program_without_a_site_answers_probes_and_scrapes_alone() {
    let mut site = TestSite::new().await.told(FeedCondition::Starting, None);
    let operation = std::sync::Arc::new(Told { condition: FeedCondition::Starting, trouble: None });
    site.router = crate::operation_router(Site::new(site.store.clone(), operation));
    assert_eq!(site.get("/healthz").await.body, "ok\n");
    assert_eq!(site.get("/readyz").await.body, "ready\n");
    assert_eq!(site.get("/metrics").await.body, "Some(0) Some((0, true))");
    for page in ["/", "/mails", "/feeds", "/assets/site.css"] {
        let answer = site.get(page).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{page}");
        assert!(answer.body.contains("/metrics"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_scrape_reads_what_waits_and_is_answered_without_it() {
    let site = TestSite::new().await.told(FeedCondition::Running, None);
    let poison = aftersend_store::Poison {
        body: b"no event",
        reason: "no JSON".to_owned(),
        feed: "file",
        origin: "line 1".into(),
    };
    site.store.ingest(&Batch { arrivals: Vec::new(), poisons: vec![poison] }).await.unwrap();
    let answer = site.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.body, "Some(0) Some((1, true))");

    let site = TestSite::without_tables().await.told(FeedCondition::Running, None);
    let answer = site.get("/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "None None"));
}

#[tokio::test]
async fn the_page_of_feeds_answers_also_without_tables() {
    let site = TestSite::new().await.told(FeedCondition::Failed, None);
    let page = site.get("/feeds").await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in ["ses-events", "there is no such queue", "No event waits", "aria-current=\"page\">Feeds"]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    let site = TestSite::without_tables().await.told(FeedCondition::Running, None);
    let page = site.get("/feeds").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("ses-events") && page.body.contains("migrate status"), "{}", page.body);
}

fn chosen_zone(zone: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/zone")
        .header(header::HOST, "127.0.0.1:4100")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(format!("zone={}", crate::text::url_encoded(zone)))).unwrap()
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

fn posted(path: &str, form: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "127.0.0.1:4100")
        .header(header::ORIGIN, "http://127.0.0.1:4100")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn a_message_in_quarantine_is_looked_at_and_dropped() {
    let site = TestSite::new().await;
    assert!(site.get("/quarantine").await.body.contains("Nothing is in quarantine"));
    let poison = aftersend_store::Poison {
        body: b"no event \x1b[31m",
        reason: "it is no JSON".to_owned(),
        feed: "file",
        origin: "line 1".into(),
    };
    site.store.ingest(&Batch { arrivals: Vec::new(), poisons: vec![poison] }).await.unwrap();
    let list = site.get("/quarantine").await.body;
    let path = list.split("href=\"/quarantine/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/quarantine/{path}");
    let page = site.get(&path).await;
    assert!(
        page.body.contains("it is no JSON") && page.body.contains("no event ⟨U+001B⟩[31m"),
        "{}",
        page.body
    );

    // This program takes nothing in, and says so.
    let answer = site.ask(posted(&format!("{path}/reread"), "")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("this program takes no events in"), "{}", answer.body);

    let drop = format!("{path}/drop");
    for (time, done) in [(1, "dropped"), (2, "gone")] {
        let answer = site.ask(posted(&drop, "")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{time}");
        assert_eq!(answer.headers[header::LOCATION], format!("/quarantine?done={done}"), "{time}");
    }
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    assert!(site.get("/quarantine?done=dropped").await.body.contains("Dropped for good."));
    for nonsense in ["/quarantine?before=x", "/quarantine?done=x", "/parked?before=1.x"] {
        assert_eq!(site.get(nonsense).await.status, StatusCode::BAD_REQUEST, "{nonsense}");
    }
    assert_eq!(site.get("/quarantine/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn parked_events_are_looked_at_and_dropped_by_mail() {
    let site = TestSite::new().await;
    let site = TestSite {
        store: site
            .store
            .clone()
            .with_unknown_mails(UnknownMails::Park { park_for: Duration::from_hours(1) }),
        ..site
    };
    assert!(site.get("/parked").await.body.contains("No event waits for its mail"));
    site.ingest(&[
        sent("m/1", "jane@example.com", "Hello", 0),
        delivered("m/1", "jane@example.com", "Hello", 0),
        sent("m2", "joe@example.com", "Hello", 0),
    ])
    .await;
    let page = site.get("/parked").await.body;
    assert!(page.contains("<code>m/1</code>") && page.contains("<code>m2</code>"), "{page}");
    let page = site.get("/parked?id=m%2F1").await.body;
    assert!(page.contains("<code>delivery</code>") && !page.contains("<code>m2</code>"), "{page}");
    let answer = site.ask(posted("/parked/drop", "id=m%2F1")).await;
    assert_eq!(answer.headers[header::LOCATION], "/parked?done=dropped");
    assert!(site.get("/parked?id=m%2F1").await.body.contains("Nothing waits for this mail"));
    assert!(site.get("/parked").await.body.contains("<code>m2</code>"));
    assert_eq!(site.ask(posted("/parked/drop", "ids=x")).await.status, StatusCode::BAD_REQUEST);
}

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
async fn the_schema_is_told_at_any_step() {
    let site = TestSite::new().await;
    let page = site.get("/schema").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("has every step, and is as they made it"), "{}", page.body);
    let site = TestSite::without_tables().await;
    let page = site.get("/schema").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("aftersend migrate up") && page.body.contains("not there yet"),
        "{}",
        page.body
    );
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
