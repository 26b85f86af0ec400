use uuid::Uuid;

use super::*;
use crate::sample::clock;

fn event(id: &str, event_type: &str) -> ParkedEvent {
    ParkedEvent {
        uuid: Uuid::from_u128(7),
        aws_message_id: id.into(),
        event_type: event_type.into(),
        event_data: r#"{"a":"<script>alert(1)</script>"}"#.into(),
        received_at: "2026-10-19T23:00:00.123456Z".parse().unwrap(),
    }
}

#[test]
fn events_of_one_mail_stand_together_and_places_are_read_back() {
    let next =
        ParkedCursor { received_at: "2026-10-19T23:00:00.123456Z".parse().unwrap(), uuid: Uuid::max() };
    let page = ParkedPage {
        events: vec![event("m&1", "send"), event("m&1", "open"), event("m2", "send")],
        next: Some(next),
    };
    let html = ParkedListPage::new(&page, None, true, None, &clock()).render().unwrap();
    assert_eq!(html.matches("Drop them for good").count(), 2);
    assert!(html.contains("href=\"/parked?id=m%261\"") && !html.contains("<script>"), "{html}");
    let place = html.split("/parked?before=").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(cursor(place), Some(next));
    let html = ParkedListPage::new(&page, Some("m&1"), true, None, &clock()).render().unwrap();
    assert!(html.contains(&format!("/parked?id=m%261&#38;before={place}")), "{html}");
    for nonsense in ["", ".", "1", "1.2", "x.00000000-0000-0000-0000-000000000007", "9999999999999999999.x"] {
        assert_eq!(cursor(nonsense), None, "{nonsense}");
    }
}
