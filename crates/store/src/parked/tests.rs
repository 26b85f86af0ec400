use std::time::Duration;

use super::*;
use crate::testing::{Fixture, click, delivery, open, send};

const HOUR: Duration = Duration::from_hours(1);

async fn keys(fixture: &Fixture, filter: &ParkedFilter, events_max: usize) -> Vec<(String, String)> {
    let mut filter = filter.clone();
    let mut keys = Vec::new();
    loop {
        let page = fixture.store.list_parked(&filter, events_max).await.unwrap();
        assert!(page.events.len() <= events_max);
        keys.extend(page.events.into_iter().map(|event| (event.aws_message_id, event.event_type)));
        let Some(next) = page.next else { return keys };
        filter.before = Some(next);
    }
}

#[tokio::test]
async fn pages_show_each_parked_event_once() {
    let fixture = Fixture::adopted(HOUR).await;
    assert_eq!(keys(&fixture, &ParkedFilter::default(), 3).await, []);
    // Of one transaction, and so of one time: the keys alone order them.
    fixture.ingest(&[send("m1"), delivery("m1", "01:00"), open("m1", "02:00", None), send("m2")]).await;
    fixture.ingest(&[click("m3", "03:00", "https://example.com")]).await;
    let all = keys(&fixture, &ParkedFilter::default(), 100).await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[0], ("m3".to_owned(), "click".to_owned()));
    for events_max in [1, 2, 4] {
        assert_eq!(keys(&fixture, &ParkedFilter::default(), events_max).await, all, "{events_max}");
    }
    let of_one = ParkedFilter { aws_message_id: Some("m1".to_owned()), before: None };
    assert_eq!(keys(&fixture, &of_one, 2).await.len(), 3);
}

#[tokio::test]
async fn what_waits_for_one_mail_is_dropped_and_nothing_else() {
    let fixture = Fixture::adopted(HOUR).await;
    // Two records of one occurrence, an event of the same mail, and another mail's.
    let records = [open("m1", "02:00", None), open("m1", "02:00", Some("Likely"))];
    fixture.ingest(&[records[0].clone(), records[1].clone(), send("m1"), send("m2")]).await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                   (uuid, aws_message_id, event_type, inserted_at, updated_at)
               VALUES (gen_random_uuid(), 'm1', 'somebody else''s', now(), now())"#,
        )
        .await;
    assert_eq!(fixture.store.drop_parked("m1").await.unwrap(), 3);
    assert_eq!(fixture.store.drop_parked("m1").await.unwrap(), 0);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 2);
    let left = keys(&fixture, &ParkedFilter::default(), 100).await;
    assert_eq!(left, [("m2".to_owned(), "send".to_owned())]);
    assert_eq!(fixture.ingest(&records).await.parked, 1, "a later record is parked anew");
}
