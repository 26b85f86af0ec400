//! How PostgreSQL goes about our statements: by index, or they are of no use on ten million mails.

use serde_json::Value;

use crate::{sql::Statement, testing::Fixture};

/// Mails in the tables. Enough that reading a table from end to end is dearer than what a batch of
/// [`BATCH_ROWS`] takes by index.
const MAILS: usize = 6_000;
const BATCH_ROWS: usize = 5;

pub(crate) async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    fixture
        .run(&format!(
            r#"
            INSERT INTO "prefix".phoenix_kit_email_logs
                (uuid, message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
            SELECT md5('mail' || n)::uuid, 'm' || n, 'm' || n, 'to' || n || '@example.com', 'x@example.com',
                   now() - n * interval '1 s', now(), now()
            FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".phoenix_kit_email_events
                (uuid, email_log_uuid, event_type, occurred_at, aftersend_fingerprint, inserted_at, updated_at)
            SELECT md5(type || n)::uuid, md5('mail' || n)::uuid, type, now(), md5(type || n)::uuid, now(), now()
            FROM generate_series(1, {MAILS}) AS n, unnest(ARRAY['send', 'delivery', 'open', 'click']) AS type;
            INSERT INTO "prefix".aftersend_folded_events
                (email_log_uuid, fingerprint, uuid, event_type, event_data, occurred_at)
            SELECT md5('mail' || n)::uuid, md5('folded' || n)::uuid, md5('folded' || n)::uuid, 'delivery', '{{}}', now()
            FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".aftersend_recipients (email_log_uuid, address, listed, delivered_at)
            SELECT md5('mail' || n)::uuid, 'to' || n || '@example.com', true, now() FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".aftersend_ids
            SELECT 'alias' || n, md5('mail' || n)::uuid, 'alias' FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".aftersend_ids
            SELECT 'made' || n, md5('mail' || n)::uuid, 'created' FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                (uuid, aws_message_id, event_type, received_at, inserted_at, updated_at, aftersend_fingerprint)
            SELECT md5('parked' || n)::uuid, 'parked' || n / 3, 'send', now() - n * interval '1 s', now(), now(),
                   md5('parked' || n)::uuid
            FROM generate_series(1, {MAILS}) AS n;
            INSERT INTO "prefix".phoenix_kit_email_blocklist (email, reason)
            SELECT 'to' || n || '@example.com', 'hard_bounce' FROM generate_series(1, {MAILS}) AS n;
            ANALYZE "prefix".phoenix_kit_email_logs, "prefix".phoenix_kit_email_events,
                "prefix".aftersend_folded_events, "prefix".aftersend_recipients, "prefix".aftersend_ids,
                "prefix".phoenix_kit_email_blocklist, "prefix".phoenix_kit_email_orphaned_events
            "#
        ))
        .await;
    // What a trigram index has not sorted in yet is dear to read, and PostgreSQL knows: right after many inserts it
    // rather reads the table. On a running database autovacuum sees to that.
    fixture.run(r#"VACUUM ANALYZE "prefix".phoenix_kit_email_logs"#).await;
    fixture
}

/// An array of a parameter's type, from an expression over `n`.
fn array(expression: &str, kind: &str) -> String {
    let elements = (1..=BATCH_ROWS).map(|n| expression.replace("{n}", &(n * 7).to_string()));
    let elements: Vec<String> = elements.collect();
    format!("ARRAY[{}]::{kind}[]", elements.join(", "))
}

fn mail_uuids() -> String {
    array("md5('mail{n}')::uuid", "uuid")
}

/// The nodes of a plan, each with the table or index it reads.
fn nodes(plan: &Value, found: &mut Vec<(String, String)>) {
    let name = |key: &str| plan[key].as_str().unwrap_or_default().to_owned();
    let what = [name("Index Name"), name("Relation Name")].into_iter().find(|name| !name.is_empty());
    found.push((name("Node Type"), what.unwrap_or_default()));
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        nodes(inner, found);
    }
}

async fn check(fixture: &Fixture, statement: Statement, arguments: &[String], indexes: &[&str]) {
    check_planned(fixture, &["force_custom_plan", "force_generic_plan"], statement, arguments, indexes).await;
}

pub(crate) async fn check_planned(
    fixture: &Fixture,
    modes: &[&str],
    statement: Statement,
    arguments: &[String],
    indexes: &[&str],
) {
    for mode in modes {
        let found = planned(fixture, mode, statement, arguments).await;
        assert!(found.iter().all(|(node, _)| node != "Seq Scan"), "{statement:?}, {mode}: {found:?}");
        for index in indexes {
            let used = found.iter().any(|(_, name)| name.starts_with(index));
            assert!(used, "{statement:?}, {mode}: no {index} in {found:?}");
        }
    }
}

/// The nodes of a statement's plan, each with the table or index it reads.
pub(crate) async fn planned(
    fixture: &Fixture,
    mode: &str,
    statement: Statement,
    arguments: &[String],
) -> Vec<(String, String)> {
    let sql = format!(
        "SET plan_cache_mode = {mode}; DEALLOCATE ALL; PREPARE question AS {}",
        fixture.store.sql(statement)
    );
    fixture.client.batch_execute(&sql).await.unwrap();
    let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE question{arguments}");
    let rows = fixture.client.simple_query(&explain).await.unwrap_or_else(|e| panic!("{e:?}\n{explain}"));
    let text: String = rows
        .iter()
        .filter_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    nodes(&plan[0]["Plan"], &mut found);
    found
}

#[tokio::test]
async fn every_look_up_goes_by_index() {
    let fixture = filled().await;
    let ids = array("'m{n}'", "text");
    let own_ids = [array("'alias{n}'", "text")];
    let by_column = ["phoenix_kit_email_logs_aws_message_id_", "aftersend_ids_pkey"];
    check(&fixture, Statement::FindMails, &own_ids, &by_column).await;
    let by_own_id = ["phoenix_kit_email_logs_message_id"];
    check(&fixture, Statement::FindTakenMessageIds, std::slice::from_ref(&ids), &by_own_id).await;
    check(&fixture, Statement::AdoptMails, std::slice::from_ref(&ids), &by_own_id).await;
    check(&fixture, Statement::LockMails, &[ids, mail_uuids()], &by_column[..1]).await;

    let single = "phoenix_kit_email_events_log_uuid_event_type_index";
    let repeatable = "phoenix_kit_email_events_log_uuid_type_occurred_index";
    let folded = "aftersend_folded_events_pkey";
    let texts = array("NULL", "text");
    let mut columns = vec![
        array("md5('new{n}')::uuid", "uuid"),
        mail_uuids(),
        array("'delivery'", "text"),
        array("'{}'", "text"),
        array("now()", "timestamptz"),
    ];
    columns.extend(std::iter::repeat_n(texts, 11));
    columns.push(array("md5('new{n}')::uuid", "uuid"));
    check(&fixture, Statement::FoldEvents, &columns, &[]).await;
    let places = [
        array("{n}", "int"),
        mail_uuids(),
        array("'delivery'", "text"),
        array("now()", "timestamptz"),
        array("md5('new{n}')::uuid", "uuid"),
    ];
    check(&fixture, Statement::ReadOccurrences, &places, &[single, repeatable, folded]).await;
    let mut merged = vec![
        array("md5('delivery{n}')::uuid", "uuid"),
        mail_uuids(),
        array("md5('folded{n}')::uuid", "uuid"),
    ];
    merged.push(array("now()", "timestamptz"));
    merged.extend(std::iter::repeat_n(array("NULL", "text"), 11));
    check(&fixture, Statement::UpdateEvents, &merged, &["phoenix_kit_email_events_"]).await;
    check(&fixture, Statement::UpdateFoldedEvents, &merged, &[folded]).await;

    let blocks = [
        array("md5('block{n}')::uuid", "uuid"),
        array("'to{n}@example.com'", "text"),
        array("'complaint'", "text"),
        array("2", "int"),
    ];
    check(&fixture, Statement::BlockAddresses, &blocks, &["phoenix_kit_email_blocklist_email"]).await;

    let mut recipients = vec![mail_uuids(), array("'to{n}@example.com'", "text"), array("true", "boolean")];
    recipients.extend(std::iter::repeat_n(array("now()", "timestamptz"), 10));
    // Both of its indexes know a mail's recipient; whichever is smaller.
    check(&fixture, Statement::MergeRecipients, &recipients, &["aftersend_recipients_"]).await;

    // And those of a story.
    let one = |text: &str| [text.to_owned()];
    check(&fixture, Statement::FindMailByUuid, &one("md5('mail7')::uuid"), &[]).await;
    let indexes =
        ["phoenix_kit_email_logs_message_id", "phoenix_kit_email_logs_aws_message_id", "aftersend_ids_pkey"];
    check(&fixture, Statement::FindMailById, &one("'m7'"), &indexes).await;
    let story = ["md5('mail7')::uuid".to_owned(), "1001".to_owned()];
    check(&fixture, Statement::Timeline, &story, &["aftersend_folded_events_pkey"]).await;
    check(&fixture, Statement::Recipients, &story, &["aftersend_recipients_pkey"]).await;

    // What a search looks up beforehand.
    let uuids = array("md5('mail{n}')::uuid", "uuid");
    check(&fixture, Statement::FindIds, &[array("'m{n}'", "text"), uuids], &indexes).await;
    let addresses = [array("'to{n}@example.com'", "text"), "100".to_owned()];
    check(&fixture, Statement::FindAddressed, &addresses, &["aftersend_recipients_address_idx"]).await;
}

#[tokio::test]
async fn the_quarantine_is_read_by_index() {
    let fixture = Fixture::new().await;
    fixture
        .run(&format!(
            r#"
            INSERT INTO "prefix".aftersend_quarantine
                (body_sha256, uuid, body, reason, feed, origin, times_received)
            SELECT sha256(n::text::bytea), md5(n::text)::uuid, n::text::bytea, 'reason ' || n, 'file', 'line ' || n, 1
            FROM generate_series(1, {MAILS}) AS n;
            ANALYZE "prefix".aftersend_quarantine
            "#
        ))
        .await;
    let arguments = |terms: &str| terms.split("; ").map(str::to_owned).collect::<Vec<_>>();
    let by_uuid = &["aftersend_quarantine_uuid_key"][..];
    let custom = &["force_custom_plan"];
    for terms in [
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'; NULL; NULL; NULL; 51",
        "'80000000-0000-0000-0000-000000000000'; 'file'; NULL; NULL; 51",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'; NULL; '%reason%'; NULL; 51",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'; NULL; NULL; ARRAY[md5('7'), md5('8')]::uuid[]; 51",
    ] {
        check_planned(&fixture, custom, Statement::ListQuarantine, &arguments(terms), by_uuid).await;
        let read = arguments(&format!("{terms}; 8000000"));
        check_planned(&fixture, custom, Statement::ReadQuarantine, &read, by_uuid).await;
    }
    let prefix = arguments("'80000000-0000-0000-0000-000000000000'; '800fffff-ffff-ffff-ffff-ffffffffffff'");
    check(&fixture, Statement::FindQuarantined, &prefix, by_uuid).await;
    let uuids = array("md5('{n}')::uuid", "uuid");
    let by_both = &["aftersend_quarantine_uuid_key", "aftersend_quarantine_pkey"];
    check_planned(&fixture, custom, Statement::DropQuarantined, std::slice::from_ref(&uuids), by_both).await;
    let refused = [uuids, array("'reason'", "text")];
    check_planned(&fixture, custom, Statement::RefuseAgain, &refused, by_both).await;
}

/// What parking asks and does, also where as much is parked as there are mails.
#[tokio::test]
async fn every_look_up_of_parking_goes_by_index() {
    let fixture = filled().await;
    let by_column = "phoenix_kit_email_logs_aws_message_id_";
    let by_own_id = "phoenix_kit_email_logs_message_id";
    let (ids, parked) = ("aftersend_ids_pkey", "phoenix_kit_email_orphaned_events_pkey");
    let unknown = array("'new{n}'", "text");
    let mails = mail_uuids();
    let gone = [array("'alias{n}'", "text"), mails.clone()];
    check(&fixture, Statement::ForgetIds, &gone, &[ids]).await;
    check(&fixture, Statement::AliasLoggedMails, std::slice::from_ref(&unknown), &[by_own_id]).await;
    check(&fixture, Statement::ClaimIds, &[unknown.clone(), mails.clone()], &[]).await;
    check(&fixture, Statement::RememberIds, &[unknown, mails.clone()], &[]).await;
    let counted = [array("md5('parked{n}')::uuid", "uuid"), array("'made{n}'", "text"), mails];
    check(&fixture, Statement::FindCounted, &counted, &[parked, "aftersend_ids_"]).await;
    let record = [
        array("md5('new{n}')::uuid", "uuid"),
        array("'new{n}'", "text"),
        array("'open'", "text"),
        array("'{}'", "text"),
    ];
    check(&fixture, Statement::ParkOccurrences, &record, &[]).await;
    let spelled = [&[array("md5('spelled{n}')::uuid", "uuid")], &record[..]].concat();
    check(&fixture, Statement::ParkSpellings, &spelled, &[parked]).await;

    let page = |after: &str| vec![format!("'{after}'"), "50".to_owned()];
    let by_id = "phoenix_kit_orphaned_events_aws_id_idx";
    let joinable = [page("parked4"), vec!["3600".to_owned()]].concat();
    check(&fixture, Statement::FindJoinable, &joinable, &[by_id, by_column, by_own_id, ids]).await;
    let taken = [array("'parked{n}'", "text"), "md5('')::uuid".to_owned(), "200".to_owned()];
    // Planned for these very ids, as in operation.
    check_planned(&fixture, &["force_custom_plan"], Statement::TakeParked, &taken, &[by_id]).await;
    check(&fixture, Statement::Unpark, &[array("md5('parked{n}')::uuid", "uuid")], &[parked]).await;
    let created = "aftersend_ids_created_idx";
    check(&fixture, Statement::FindMergeable, &page("made4"), &[created, by_column, by_own_id]).await;
    let one = ["'m7'".to_owned(), "md5('mail7')::uuid".to_owned()];
    check(&fixture, Statement::FindLoggedMail, &one, &[by_column, by_own_id]).await;
    let part = ["md5('mail7')::uuid".to_owned(), "500".to_owned()];
    let by_mail = ["phoenix_kit_email_events_"];
    check(&fixture, Statement::TakeEventsOfMail, &part, &by_mail).await;
    check(&fixture, Statement::TakeFoldedOfMail, &part, &["aftersend_folded_events_pkey"]).await;
    let mails = [part[0].clone(), "md5('mail8')::uuid".to_owned()];
    check(&fixture, Statement::PassOnRecipients, &mails, &["aftersend_recipients_pkey"]).await;
    check(
        &fixture,
        Statement::PassOnIds,
        &[part[0].clone(), one[1].clone()],
        &["aftersend_ids_email_log_uuid_idx"],
    )
    .await;
    check(&fixture, Statement::RemoveEmptiedMail, &part[..1], &["phoenix_kit_email_logs_"]).await;
    // Among as many rows of somebody's that are none of ours.
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_orphaned_events
                   (uuid, aws_message_id, event_type, event_data, inserted_at, updated_at)
               SELECT gen_random_uuid(), 'x' || n, 'send', jsonb_build_object('x', repeat(md5(n::text), 40)), now(), now()
               FROM generate_series(1, 60000) AS n"#,
        )
        .await;
    fixture.run(r#"VACUUM ANALYZE "prefix".phoenix_kit_email_orphaned_events"#).await;
    check(&fixture, Statement::CountParked, &[], &["aftersend_parked_received_at_idx"]).await;
    let page = ["now()", "md5('m')::uuid", "NULL", "51"].map(str::to_owned);
    check(&fixture, Statement::ListParked, &page, &["aftersend_parked_received_at_idx"]).await;
    let id = ["'p7'".to_owned()];
    check(&fixture, Statement::DropParked, &id, &["phoenix_kit_"]).await;
}
