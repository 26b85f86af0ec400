//! Events as an application writes them into a schema at 136, and what becomes of them.

use serde_json::{Value, json};

use crate::{
    schema::Step,
    testing::{Fixture, at, event, event_to},
};

/// An event's row as an application writes it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) mail: String,
    pub(super) event_type: &'static str,
    /// Minutes and seconds.
    pub(super) time: &'static str,
    pub(super) event_data: Value,
}

/// How an application keeps an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// The type's own object with a key of the application's.
    Part,
    Whole,
}

/// The row of an SES event: its time cut to the second.
pub(super) fn row(kept: Kept, event: &Value) -> Row {
    let (event_type, key) = match event["eventType"].as_str().unwrap() {
        "Send" => ("send", "send"),
        "Delivery" => ("delivery", "delivery"),
        "Bounce" => ("bounce", "bounce"),
        "Complaint" => ("complaint", "complaint"),
        "Open" => ("open", "open"),
        "Click" => ("click", "click"),
        "DeliveryDelay" => ("delivery_delay", "deliveryDelay"),
        "Subscription" => ("subscription", "subscription"),
        other => panic!("{other}"),
    };
    let time = event[key]["timestamp"].as_str().unwrap_or("2026-09-01T10:00:07Z");
    let time: &'static str = time[14..19].to_owned().leak();
    let mut part = event[key].clone();
    part["_source"] = "sqs".into();
    let event_data = if matches!(kept, Kept::Part) { part } else { event.clone() };
    Row { mail: event["mail"]["messageId"].as_str().unwrap().to_owned(), event_type, time, event_data }
}

pub(super) fn unreadable(mail: &str, event_type: &'static str, time: &'static str) -> Row {
    Row { mail: mail.to_owned(), event_type, time, event_data: json!({ "note": "by hand" }) }
}

/// A schema at 136 with these rows, the first of each place with the smallest key, and their mails as an application
/// logs them: to `ann@example.com`, whoever else got them.
pub(super) async fn written(rows: &[Row]) -> Fixture {
    let fixture = Fixture::empty().await;
    fixture.migrator().await.up(Step::V136).await.unwrap();
    write(&fixture, rows).await;
    fixture
}

pub(super) async fn write(fixture: &Fixture, rows: &[Row]) {
    let rows: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(number, row)| {
            json!({
                "uuid": format!("01990000-0000-7000-8000-{number:012}"), "mail": row.mail,
                "event_type": row.event_type, "occurred_at": at(row.time), "event_data": row.event_data,
            })
        })
        .collect();
    let rows = Value::from(rows).to_string().replace('\'', "''");
    fixture
        .run(&format!(
            r#"
            CREATE TEMPORARY TABLE written ON COMMIT PRESERVE ROWS AS
            SELECT * FROM jsonb_to_recordset('{rows}') AS written
                (uuid uuid, mail text, event_type text, occurred_at timestamptz, event_data jsonb);
            INSERT INTO "prefix".phoenix_kit_email_logs
                (message_id, aws_message_id, "to", "from", inserted_at, updated_at)
            SELECT DISTINCT 'pk_' || mail, mail, 'ann@example.com', 'shop@example.com', now(), now() FROM written;
            INSERT INTO "prefix".phoenix_kit_email_events
                (uuid, email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
            SELECT written.uuid, mail.uuid, event_type, occurred_at, event_data, now(), now()
            FROM written JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.aws_message_id = written.mail;
            DROP TABLE written
            "#
        ))
        .await;
}

/// How many events the report of step a1 says were folded.
pub(super) async fn up(fixture: &Fixture) -> u64 {
    let reports = fixture.migrator().await.up(Step::LATEST).await.unwrap();
    let report = reports.iter().find(|report| report.step == Step::A1).expect("a1 was taken");
    let note = report.notes.iter().find(|note| note.contains("folded into aftersend_folded_events"));
    note.map_or(0, |note| note.split(' ').next().unwrap().parse().unwrap())
}

/// What is folded, without what chance decides.
pub(super) async fn folded(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT aws_message_id AS mail, fingerprint, folded.uuid, event_type, occurred_at, subtype, bot_verdict,
                      event_data
               FROM "prefix".aftersend_folded_events AS folded
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = email_log_uuid
               ORDER BY aws_message_id, fingerprint"#,
        )
        .await
}

pub(super) async fn removed(fixture: &Fixture) -> i64 {
    fixture.count(r#""prefix".aftersend_removed_events"#).await
}

/// As after a crash before the step was recorded.
pub(super) async fn forget_a1(fixture: &Fixture) {
    fixture.run(r#"DELETE FROM "prefix".aftersend_steps"#).await;
}

pub(super) fn delivery_to(mail: &str, time: &str, recipients: &[&str]) -> Value {
    let object = json!({ "timestamp": at(time), "recipients": recipients });
    event_to(&["ann@example.com", "bob@example.com"], mail, "Delivery", "delivery", object)
}

pub(super) fn to_both(mut event: Value) -> Value {
    event["mail"]["destination"] = json!(["Ann <ann@example.com>", "bob@example.com"]);
    event
}

pub(super) fn delay(mail: &str, time: &str) -> Value {
    let object = json!({ "timestamp": at(time), "delayType": "MailboxFull", "delayedRecipients": [] });
    event(mail, "DeliveryDelay", "deliveryDelay", object)
}

pub(super) fn subscription(mail: &str, time: &str) -> Value {
    event(
        mail,
        "Subscription",
        "subscription",
        json!({ "timestamp": at(time), "source": "UnsubscribeHeader" }),
    )
}
