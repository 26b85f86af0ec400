//! Quarantine and parked events.

use std::time::Duration;

use aftersend_store::UnknownMails;

use super::*;

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
    for (time, done) in [(1, "Dropped for good."), (2, "That message is not in quarantine any more.")] {
        let answer = site.ask(posted(&drop, "")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{time}");
        let told = site.told_after(&answer, "/quarantine").await;
        assert!(told.contains(done), "{time}: {told}");
    }
    assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    // An address alone does not make the page claim anything.
    for spoofed in ["/quarantine?done=dropped", "/quarantine?note=00000000-0000-7000-8000-000000000000"] {
        assert!(!site.get(spoofed).await.body.contains("role=\"status\""), "{spoofed}");
    }
    for nonsense in ["/quarantine?before=x", "/parked?before=1.x"] {
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
    assert!(
        page.contains("<code><bdi>m/1</bdi></code>") && page.contains("<code><bdi>m2</bdi></code>"),
        "{page}"
    );
    let page = site.get("/parked?id=m%2F1").await.body;
    assert!(page.contains("<code>delivery</code>") && !page.contains("<code><bdi>m2</bdi></code>"), "{page}");
    let answer = site.ask(posted("/parked/drop", "id=m%2F1")).await;
    assert!(site.told_after(&answer, "/parked").await.contains("Dropped for good."));
    assert!(site.get("/parked?id=m%2F1").await.body.contains("Nothing waits for this mail"));
    assert!(site.get("/parked").await.body.contains("<code><bdi>m2</bdi></code>"));
    assert_eq!(site.ask(posted("/parked/drop", "ids=x")).await.status, StatusCode::BAD_REQUEST);
}
