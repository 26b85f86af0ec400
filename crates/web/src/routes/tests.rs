mod figures;
mod guards;
mod mails;
mod operation;
mod recipients;
mod waiting;
mod zone;

use aftersend_event::Message;
use aftersend_store::{
    Arrival, Batch, DatabaseAddress, FigureKeeper, Prefix, Store, TagNames,
    schema::{Migrator, Step},
};
use aftersend_testkit::database::{Database, TestSchema};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::Response,
};
use tower::ServiceExt as _;

use super::router;

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

    async fn run(&self, sql: &str) {
        let prefix: Prefix = self.schema.prefix().parse().unwrap();
        let sql = sql.replace("\"prefix\"", &format!("\"{prefix}\""));
        self.schema.client().await.batch_execute(&sql).await.unwrap();
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        answer(self.router.clone().oneshot(request).await.unwrap()).await
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

    /// The page that a change leads to, which is to be the one at this path.
    async fn told_after(&self, answer: &Answer, path: &str) -> String {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let location = answer.headers[header::LOCATION].to_str().unwrap();
        assert_eq!(location.split_once("?note=").map(|(before, _)| before), Some(path));
        let told = self.get(location).await.body;
        assert!(!self.get(location).await.body.contains("role=\"status\""), "a note is shown once");
        told
    }

    /// The path that this one redirects to.
    async fn redirected(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert!(answer.status.is_redirection(), "{path}: {}", answer.status);
        answer.headers[header::LOCATION].to_str().unwrap().to_owned()
    }
}

/// An answer with the whole of its body.
async fn answer(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
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
    site.run(
        r#"INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state) VALUES
               ('ses-away', '00000000-0000-7000-8000-00000000000a', 'archived'), ('ses-erased', NULL, 'erased');
           INSERT INTO "prefix".aftersend_archive_objects (run_number, name, kind, state)
           VALUES (1, '2026-09-01/x-mails', 'mails', 'verified');
           INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, events, archived_at, removed_at)
           SELECT '00000000-0000-7000-8000-00000000000a', number, '', 0, '2026-09-01T12:00:00Z', now()
           FROM "prefix".aftersend_archive_objects"#,
    )
    .await;
    for path in ["/mails/00000000-0000-7000-8000-00000000000a", "/mails/by-id/ses-away", "/mails?q=ses-away"]
    {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        for part in [
            "in the archive",
            "on 1 September 2026",
            "2026-09-01/x-mails",
            "aftersend archive restore --mail",
        ] {
            assert!(answer.body.contains(part), "{path}: {part}");
        }
    }
    // One that SES never knew is found by the application's own id.
    site.run(
        r#"INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state)
           VALUES ('erased:00000000-0000-7000-8000-00000000000b', '00000000-0000-7000-8000-00000000000b', 'erased');
           INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, events, removed_at, message_id)
           SELECT '00000000-0000-7000-8000-00000000000b', number, '', 0, now(), 'own-erased'
           FROM "prefix".aftersend_archive_objects"#,
    )
    .await;
    let by_uuid = "/mails/00000000-0000-7000-8000-00000000000b";
    for path in ["/mails/by-id/ses-erased", "/mails/by-id/own-erased", by_uuid, "/mails?q=own-erased"] {
        let body = site.get(path).await.body;
        assert!(body.contains("This mail was erased") && !body.contains("restore --mail"), "{path}: {body}");
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

#[tokio::test]
async fn mails_can_be_searched_from_every_page() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    for path in ["/", "/templates", "/blocklist", "/feeds", "/nowhere", "/recipients/jane%40example.com"] {
        let page = site.get(path).await.body;
        assert_eq!(
            page.matches("<input id=\"find\" name=\"q\" type=\"search\"").count(),
            1,
            "{path}: {page}"
        );
    }
    let list = site.get("/mails").await.body;
    assert!(!list.contains("id=\"find\"") && list.contains("id=\"q\""), "{list}");
    assert!(list.contains("href=\"#results\"") && list.contains("id=\"results\""), "{list}");
    assert!(!site.get("/mails?q=nobody").await.body.contains("#results"));
}
