//! Feeds, the schema, and what machines ask.

use jiff::Timestamp;

use super::*;
use crate::{FeedCondition, FeedCounts, FeedStatus, Operation, Readings, Site};

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
async fn storage_is_told_of_a_database_in_use_and_of_one_that_has_no_tables() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    let page = site.get("/storage").await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in
        ["What takes the room", "with 1 event", "archive_after", "No job runs by itself", "Room that deletes"]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    assert!(!page.body.contains("Not all of it"), "{}", page.body);
    assert!(!page.body.contains(" style="), "{}", page.body);

    site.schema
        .client()
        .await
        .batch_execute(&format!(
            r#"INSERT INTO "{}".aftersend_archive_runs (store, ended_at, unreadable_mails, first_unreadable)
               VALUES ('file:///x', now(), 3, '0198f3a2-5c1e-7000-8000-000000000001')"#,
            site.schema.prefix()
        ))
        .await
        .unwrap();
    let page = site.get("/storage").await.body;
    let link = "/mails/0198f3a2-5c1e-7000-8000-000000000001";
    assert!(page.contains("3 mails are left out") && page.contains(link), "{page}");

    let page = TestSite::without_tables().await.get("/storage").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Not all of it") && page.body.contains("migrate status"), "{}", page.body);
}

/// A table that somebody holds must not hold the page.
#[tokio::test]
async fn storage_is_told_without_what_takes_too_long() {
    let site = TestSite::new().await;
    let mut holder = site.schema.client().await;
    let held = holder.transaction().await.unwrap();
    let prefix: Prefix = site.schema.prefix().parse().unwrap();
    held.batch_execute(&format!(
        "LOCK TABLE \"{prefix}\".aftersend_archive_objects IN ACCESS EXCLUSIVE MODE"
    ))
    .await
    .unwrap();
    let began = std::time::Instant::now();
    let page = site.get("/storage").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(began.elapsed().as_secs() < 12, "{:?}", began.elapsed());
    assert!(page.body.contains("does not answer within 5 s"), "{}", page.body);
    assert!(page.body.contains("Bodies</h2>"), "{}", page.body);
}
