//! How PostgreSQL goes about searches: by index, and no further than it must.

use super::{clock, query};
use crate::{
    search::{
        MailCount, Search,
        filter::{Filter, Gather},
        find::{Columns, Direction, gather, gather_all, walk},
        page::Cursor,
    },
    sql::render,
    testing::Fixture,
};

/// Enough mails that reading them all is dearer than what an index names.
const MAILS: u32 = 20_000;

async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", subject, campaign_id, template_name, status, sent_at, inserted_at,
                    updated_at)
               SELECT md5('mail' || n)::uuid, 'm' || n, 'to' || n || '@example.com', 'x@example.com', 'Order ' || md5(n::text),
                      'campaign-' || n % 50, 'template-' || n % 400,
                      CASE WHEN n % 500 = 0 THEN 'rejected' ELSE 'delivered' END,
                      timestamptz '2026-09-01 12:00Z' - n * interval '1 min', now(), now()
               FROM generate_series(1, {MAILS}) AS n;
               INSERT INTO "prefix".phoenix_kit_email_events
                   (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at, aftersend_subtype)
               SELECT gen_random_uuid(), md5('mail' || n)::uuid, type, timestamptz '2026-09-01 12:00Z' - n * interval '1 min',
                      now(), now(), 'General'
               FROM generate_series(1, {MAILS}) AS n, unnest(ARRAY['send', 'delivery', 'open', 'bounce']) AS type
               WHERE type <> 'bounce' OR n % 300 = 0;
               INSERT INTO "prefix".aftersend_recipients (email_log_uuid, address, listed)
               SELECT md5('mail' || n)::uuid, 'to' || n || '@example.com', true FROM generate_series(1, {MAILS}) AS n"#
        ))
        .await;
    // What a trigram index has not sorted in yet is dear to read, and PostgreSQL knows.
    fixture
        .run(r#"VACUUM ANALYZE "prefix".phoenix_kit_email_logs, "prefix".phoenix_kit_email_events, "prefix".aftersend_recipients"#)
        .await;
    fixture
}

/// How mails are found.
#[derive(Clone, Copy)]
enum Way {
    Walk,
    Gather,
    GatherAll,
}

/// The plan in words, made with what a search is made with.
async fn plan(fixture: &Fixture, text: &str, way: Way, place: Option<Cursor>) -> (String, Gather) {
    let client = fixture.store.reader().await.unwrap();
    let filter = Filter::of(&fixture.store, &client, &query(text), &clock()).await.unwrap();
    let (columns, direction) = (Columns::Summary, Direction::Back);
    let question = match way {
        Way::Walk => walk(&filter, columns, direction, place, 400, 51),
        Way::Gather => gather(&filter, columns, direction, place, 51),
        Way::GatherAll => gather_all(&filter, columns, direction, place, 51),
    };
    let client = client.client();
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let sql = render(&format!("EXPLAIN {}", question.sql), &fixture.prefix);
    let rows = client.query_typed(&sql, &question.parameters.typed()).await.unwrap();
    (rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect(), filter.gather)
}

fn cursor() -> Cursor {
    "1788000000000000.00000000000000000000000000000000".parse().unwrap()
}

#[tokio::test]
async fn a_walk_goes_by_time_whatever_it_looks_for() {
    let fixture = filled().await;
    let by_time = "phoenix_kit_email_logs_sent_at_idx";
    let by_status = "phoenix_kit_email_logs_status_sent_at_idx";
    for place in [None, Some(cursor())] {
        for (text, index) in [
            ("", by_time),
            ("order", by_time),
            ("to1234@example.com", by_time),
            ("template:template-3 -subject:x", by_time),
            ("event:bounce", by_time),
            ("after:2026-08-25 before:7d", by_time),
            ("status:rejected", by_status),
            ("status:rejected,delivered order", by_status),
            ("status:sent,delivered,opened,clicked,rejected", by_time),
        ] {
            let (plan, _) = plan(&fixture, text, Way::Walk, place).await;
            assert!(plan.contains(&format!("Index Scan Backward using {index}")), "{text}: {plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("hashed"), "{text}: {plan}");
            // Of each moment's mails alone: what is sorted is never more than the walk reads.
            assert!(!plan.contains("->  Sort") || plan.contains("Merge Append"), "{text}: {plan}");
        }
    }
}

#[tokio::test]
async fn what_is_rare_is_named_by_an_index() {
    let fixture = filled().await;
    let [to, subject, campaign] =
        ["to", "subject", "campaign_id"].map(|column| format!("phoenix_kit_email_logs_{column}_trgm_index"));
    for (text, indexes) in [
        ("zebra", &[&*to, &subject, &campaign][..]),
        ("to1234@", &[&to, &subject, &campaign]),
        ("to:to1234@example.com", &[&to]),
        ("subject:zebra status:delivered after:30d", &[&subject]),
        ("jo@hp.de", &[&to, &subject, &campaign]),
        ("domain:rare.example", &[&to]),
        ("template:template-3", &["phoenix_kit_email_logs_template_name_idx"]),
        ("campaign:campaign-77", &[&campaign]),
        ("event:bounce", &["phoenix_kit_email_events_type_occurred_at_idx", "aftersend_folded_events"]),
        (
            "event:open@2026-08-20T10:00Z..2026-08-20T11:00Z",
            &["phoenix_kit_email_events_type_occurred_at_idx"],
        ),
        ("bounce:General", &["phoenix_kit_email_events_type_occurred_at_idx"]),
        ("id:m1234", &["phoenix_kit_email_logs_"]),
    ] {
        for way in [Way::Gather, Way::GatherAll] {
            let (plan, gather) = plan(&fixture, text, way, Some(cursor())).await;
            assert_ne!(gather, Gather::Impossible, "{text}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("sent_at_idx on"), "{text}: {plan}");
            for index in indexes {
                assert!(plan.contains(index), "{text}: no {index} in {plan}");
            }
        }
    }
}

#[tokio::test]
async fn what_no_index_knows_is_walked_for() {
    let fixture = filled().await;
    for text in ["", "ab", "a-b", "from:shop", "tag:list=a", "-order", "status:sent", "100%", "-event:open"] {
        let (_, way) = plan(&fixture, text, Way::Walk, None).await;
        let expected = if text == "100%" { Gather::ByIndex } else { Gather::Impossible };
        assert_eq!(way, expected, "{text}");
    }
}

#[tokio::test]
async fn mails_are_counted_on_the_way_or_about() {
    let fixture = filled().await;
    let counted = async |text: &str, mails_max: usize| {
        let search = Search { clock: clock(), mails_max, ..Search::new(query(text)) };
        let (page, count) = fixture.store.search_and_count(&search).await.unwrap();
        (page.mails.len(), count.unwrap())
    };
    for (text, found, count) in [
        ("zebra", 0, 0),
        ("to1234@", 1, 1),
        ("to:to12345@example.com", 1, 1),
        ("subject:order template:template-3", 50, 50),
        ("status:rejected order", 40, 40),
        ("to:to7 -to:to70", 50, 1000),
        ("tag:a=b", 0, 0),
    ] {
        assert_eq!(counted(text, 50).await, (found, MailCount::Exactly(count)), "{text}");
    }
    // The first fills its page with what is walked before an index is asked, the second does not, and 11,111 are too many.
    for (text, mails_max, least, most) in [("order", 50, 10_000, 25_000), ("to:to1", 200, 10_000, 25_000)] {
        let (found, count) = counted(text, mails_max).await;
        assert_eq!(found, mails_max, "{text}");
        let MailCount::About(count) = count else { panic!("{text}: {count:?}") };
        assert!((least..=most).contains(&count), "{text}: {count}");
    }
}
