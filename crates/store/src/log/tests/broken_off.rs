//! What is known of mails when the database stands in the way of some.

use serde_json::json;

use super::{super::*, cases::mail};
use crate::testing::Fixture;

/// Mails without an id, one of which has a subject of its own.
fn nameless(count: usize, odd: usize) -> Vec<LoggedMail> {
    let line = |n| json!({ "to": "a@example.com", "from": "b@example.com", "subject": if n == odd { "odd" } else { "" } });
    (0..count).map(|n| mail(&line(n))).collect()
}

async fn rows(fixture: &Fixture) -> i64 {
    fixture.count(r#""prefix".phoenix_kit_email_logs"#).await
}

/// Makes the database read-only for the rest of the transaction that logs the odd mail, so that it can't be ended.
async fn refuse_the_odd(fixture: &Fixture) {
    fixture
        .run(
            r#"CREATE FUNCTION "prefix".refuse() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN
                   IF NEW.subject = 'odd' THEN PERFORM set_config('transaction_read_only', 'on', true); END IF;
                   RETURN NEW;
               END $$;
               CREATE TRIGGER refuse BEFORE INSERT ON "prefix".phoenix_kit_email_logs
               FOR EACH ROW EXECUTE FUNCTION "prefix".refuse()"#,
        )
        .await;
}

#[tokio::test]
async fn what_is_committed_is_told_beside_the_error_and_the_rest_is_logged_later() {
    let fixture = Fixture::new().await;
    refuse_the_odd(&fixture).await;
    let mails = nameless(450, 420);
    let LogBrokenOff { outcomes, error } = fixture.store.log_mails(&mails).await.unwrap_err();
    assert!(matches!(error, IngestError::Blocked(_)), "{error:?}");
    assert_eq!((outcomes.len(), rows(&fixture).await), (400, 400));
    for outcome in outcomes {
        let logged = outcome.unwrap();
        let row = format!(
            r#""prefix".phoenix_kit_email_logs WHERE uuid = '{}' AND message_id = '{}'"#,
            logged.uuid, logged.message_id
        );
        assert_eq!((fixture.count(&row).await, logged.outcome), (1, LogOutcome::Created));
    }
    fixture.run(r#"DROP TRIGGER refuse ON "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(fixture.store.log_mails(&mails[400..]).await.unwrap().len(), 50);
    assert_eq!(rows(&fixture).await, 450);
}

/// Nobody who loses the answer to a commit can know that it was one.
#[tokio::test]
async fn mails_without_an_id_are_made_once_however_often_they_are_tried() {
    let fixture = Fixture::new().await;
    let mails = nameless(3, 0);
    let first = fixture.store.log_mails(&mails).await.unwrap();
    assert!(first.iter().all(|outcome| outcome.as_ref().unwrap().outcome == LogOutcome::Created));
    assert_eq!(fixture.store.log_mails(&mails).await.unwrap(), first);
    assert_eq!(rows(&fixture).await, 3);
    // A mail of which the same is said is another one.
    fixture.store.log_mails(&nameless(1, 0)).await.unwrap();
    assert_eq!(rows(&fixture).await, 4);
}

/// That its events can't be joined makes no mail unlogged.
#[tokio::test]
async fn a_mail_is_told_even_where_its_events_can_not_be_looked_for() {
    let fixture = Fixture::new().await;
    fixture
        .run(r#"ALTER TABLE "prefix".phoenix_kit_email_orphaned_events RENAME TO phoenix_kit_elsewhere"#)
        .await;
    let line = json!({ "aws_message_id": "m1", "to": "a@example.com", "from": "b@example.com" });
    let logged = fixture.store.log_mails(&[mail(&line)]).await.unwrap().remove(0).unwrap();
    assert_eq!((logged.outcome, rows(&fixture).await), (LogOutcome::Created, 1));
}
