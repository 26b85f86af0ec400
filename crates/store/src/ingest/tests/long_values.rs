//! Values that are longer than `varchar(255)`, than a b-tree's entry, and than anything real.

use serde_json::{Value, json};

use crate::{
    ingest::facts::{HEADER_TEXT_BYTES_MAX, INDEXED_TEXT_BYTES_MAX, TEXT_BYTES_MAX},
    testing::{Fixture, bounce, click, delivery, report},
};

/// Text that can't be compressed, of characters with three bytes each: the same for the same seed.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(bytes);
    while text.len() + 3 <= bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let code = 0x4E00 + u32::try_from(state >> 40).unwrap() % 0x5000;
        text.push(char::from_u32(code).unwrap());
    }
    text + &"x".repeat(bytes % 3)
}

async fn mail(fixture: &Fixture) -> Value {
    fixture
        .row(r#"SELECT "to", "from", subject, campaign_id, template_name, configuration_set FROM "prefix".phoenix_kit_email_logs"#)
        .await
}

#[tokio::test]
async fn values_are_stored_whole_where_columns_are_text_and_else_cut() {
    let fixture = Fixture::new().await;
    let long = "ü".repeat(300);
    let to = format!("{}@example.com", "y".repeat(400));
    let from = format!("{long}@example.com");
    let link = format!("https://example.com/{}", "x".repeat(3_000));
    let mut event = click("m1", "01:00", &link);
    event["mail"]["commonHeaders"]["subject"] = long.clone().into();
    event["mail"]["commonHeaders"]["to"] = json!([to]);
    event["mail"]["source"] = from.clone().into();
    event["mail"]["tags"] =
        json!({ "campaign": [long], "template": [long], "ses:configuration-set": [long], "other": [long] });
    event["click"]["userAgent"] = long.clone().into();
    event["click"]["ipAddress"] = long.clone().into();
    assert_eq!(fixture.ingest(&[event.clone()]).await, report(1, 0, 0));
    let cut = "ü".repeat(255);
    let expected = json!({
        "to": to, "from": from, "subject": long, "campaign_id": long, "template_name": cut, "configuration_set": cut,
    });
    assert_eq!(mail(&fixture).await, expected);
    let row = fixture
        .row(r#"SELECT link_url, user_agent, ip_address, event_data FROM "prefix".phoenix_kit_email_events"#)
        .await;
    assert_eq!(row, json!({ "link_url": link, "user_agent": long, "ip_address": cut, "event_data": event }));

    // Two links that differ at their end are two clicks, in their rows too.
    let other = click("m1", "01:00", &format!("{link}z"));
    assert_eq!(fixture.ingest(&[other]).await, report(0, 0, 1));
    let row = fixture.row(r#"SELECT link_url FROM "prefix".aftersend_folded_events"#).await;
    assert_eq!(row["link_url"], format!("{link}z"));
}

#[tokio::test]
async fn a_text_in_an_index_is_cut_to_what_an_entry_holds() {
    let fixture = Fixture::new().await;
    let (to, campaign) = (noise(1, 4_000), noise(2, 4_000));
    let mut event = delivery("m1", "01:00");
    event["mail"]["commonHeaders"]["to"] = json!([format!("{to}@example.com")]);
    event["mail"]["tags"] = json!({ "campaign": [campaign] });
    assert_eq!(fixture.ingest(&[event]).await, report(1, 0, 0));
    let row = mail(&fixture).await;
    for (column, whole) in [("to", &to), ("campaign_id", &campaign)] {
        let stored = row[column].as_str().unwrap();
        // The limit falls between two characters of three bytes.
        assert_eq!(stored.len(), INDEXED_TEXT_BYTES_MAX - INDEXED_TEXT_BYTES_MAX % 3);
        assert!(whole.starts_with(stored));
    }
    // It is the limit's doing: the indexes refuse what is hardly longer.
    for (column, value) in [("to", &to), ("campaign_id", &campaign), ("message_id", &to)] {
        let update = fixture.sql(&format!(r#"UPDATE "prefix".phoenix_kit_email_logs SET "{column}" = $1"#));
        let error = fixture.client.execute(&update, &[&&value[..2_715]]).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "54000", "{error:?}");
        let fits = &value[..INDEXED_TEXT_BYTES_MAX - INDEXED_TEXT_BYTES_MAX % 3];
        fixture.client.execute(&update, &[&fits]).await.unwrap();
    }
    // An SES id of its greatest length stands in one entry with the same as the mail's own id.
    let id: String = noise(3, 255 * 3);
    assert_eq!(id.chars().count(), 255);
    assert_eq!(fixture.ingest(&[delivery(&id, "01:00")]).await, report(1, 0, 0));
}

#[tokio::test]
async fn no_value_is_without_a_limit() {
    let fixture = Fixture::new().await;
    let endless = noise(1, 100_000);
    let mut event = click("m1", "01:00", &format!("https://example.com/{endless}"));
    event["mail"]["commonHeaders"]["subject"] = endless.clone().into();
    event["mail"]["source"] = endless.clone().into();
    event["click"]["userAgent"] = endless.clone().into();
    assert_eq!(fixture.ingest(&[event]).await, report(1, 0, 0));
    let row = fixture
        .row(
            r#"SELECT octet_length(subject) AS subject, octet_length("from") AS "from", octet_length(link_url) AS link,
                      octet_length(user_agent) AS agent, event_data->'click'->>'userAgent' AS whole
               FROM "prefix".phoenix_kit_email_logs AS mail
               JOIN "prefix".phoenix_kit_email_events AS event ON event.email_log_uuid = mail.uuid"#,
        )
        .await;
    // Characters of three bytes; the link begins with 20 of one.
    let kept = |bytes_max: usize| bytes_max - bytes_max % 3;
    let (header, other) = (kept(HEADER_TEXT_BYTES_MAX), kept(TEXT_BYTES_MAX));
    let link = 20 + kept(TEXT_BYTES_MAX - 20);
    let expected =
        json!({ "subject": header, "from": header, "link": link, "agent": other, "whole": endless });
    assert_eq!(row, expected);
}

/// What is cut is cut before it is compared, so that no order shows in what is left.
#[tokio::test]
async fn cut_values_are_merged_alike_in_any_order() {
    let told = |time: &str, seed: u64, bytes: usize| {
        let mut event = bounce("m1", time, "Transient", "f1");
        event["mail"]["commonHeaders"]["subject"] =
            format!("{}{}", "s".repeat(HEADER_TEXT_BYTES_MAX - 3), noise(seed, bytes)).into();
        event["mail"]["commonHeaders"]["to"] =
            json!([format!("{}{}@example.com", "t".repeat(2_599), noise(seed, bytes))]);
        event["mail"]["tags"] = json!({ "campaign": [noise(seed, 2_000 + bytes)] });
        event
    };
    // Equal up to the cut and beyond; longer before the cut and shorter after it, where a character does not fit.
    let events = [told("01:00", 1, 3), told("02:00", 2, 900), told("03:00", 3, 601), told("04:00", 4, 0)];
    let fixture = Fixture::new().await;
    let mut seen: Vec<Value> = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        for batch in [1, 2, 4] {
            fixture.run(r#"TRUNCATE "prefix".phoenix_kit_email_logs CASCADE"#).await;
            let ordered: Vec<Value> = order.iter().map(|place| events[*place].clone()).collect();
            for events in ordered.chunks(batch).chain([&ordered[..]]) {
                fixture.ingest(events).await;
            }
            seen.push(mail(&fixture).await);
        }
    }
    assert!(
        seen.iter().all(|row| *row == seen[0]),
        "{:?}",
        seen.iter().map(|row| &row["campaign_id"]).collect::<Vec<_>>()
    );
    assert_eq!(seen[0]["subject"].as_str().unwrap().len(), HEADER_TEXT_BYTES_MAX);
    assert_eq!(seen[0]["to"].as_str().unwrap().len(), INDEXED_TEXT_BYTES_MAX);
}
