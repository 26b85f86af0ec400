//! What is kept by domains, reasons of bounces and links is what counting tells, and goes by index.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{day, time};
use crate::{
    Period,
    ingest::tests::{check_planned, filled},
    sql::Statement,
    statistics::quarter::day_start,
    testing::{Fixture, bounce, click, delivery, send},
};

/// Rows of a list by what they are told apart by, the time first.
type Rows = BTreeMap<(Timestamp, Vec<Option<String>>), Vec<i32>>;

/// One of the lists.
struct List {
    count: Statement,
    /// The kept rows of quarters, one by one.
    quarters: &'static str,
    /// Tables of days, with those of the columns below by which they are told apart.
    days: &'static [(&'static str, &'static [&'static str])],
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
}

const LISTS: [List; 3] = [
    List {
        count: Statement::CountDomains,
        quarters: r#"SELECT starts_at, entry.*
            FROM "prefix".aftersend_domains_by_quarter AS kept
            CROSS JOIN LATERAL unnest(
                kept.template_names, kept.domains, kept.sent, kept.delivered, kept.bounced, kept.complained
            ) AS entry (template_name, domain, sent, delivered, bounced, complained)"#,
        days: &[
            ("aftersend_domains_by_day", &["domain"]),
            ("aftersend_domains_by_template", &["template_name", "domain"]),
        ],
        texts: &["template_name", "domain"],
        numbers: &["sent", "delivered", "bounced", "complained"],
    },
    List {
        count: Statement::CountBounces,
        quarters: r#"SELECT starts_at, entry.*
            FROM "prefix".aftersend_bounces_by_quarter AS kept
            CROSS JOIN LATERAL unnest(kept.kinds, kept.subtypes, kept.codes, kept.bounces)
                AS entry (kind, subtype, code, bounces)"#,
        days: &[("aftersend_bounces_by_day", &["kind", "subtype", "code"])],
        texts: &["kind", "subtype", "code"],
        numbers: &["bounces"],
    },
    List {
        count: Statement::CountLinks,
        quarters: r#"SELECT starts_at, entry.*
            FROM "prefix".aftersend_links_by_quarter AS kept
            CROSS JOIN LATERAL unnest(
                kept.template_names, kept.links, kept.mails, kept.clicks, kept.machine_clicks
            ) AS entry (template_name, link, mails, clicks, machine_clicks)"#,
        days: &[("aftersend_links_by_template", &["template_name", "link"])],
        texts: &["template_name", "link"],
        numbers: &["mails", "clicks", "machine_clicks"],
    },
];

fn read(
    rows: &[tokio_postgres::Row],
    at: Option<Timestamp>,
    texts: &[&str],
    numbers: &[&str],
    into: &mut Rows,
) {
    for row in rows {
        let key = texts.iter().map(|text| row.get(text)).collect();
        let key = (at.unwrap_or_else(|| row.get("starts_at")), key);
        let numbers = numbers.iter().map(|number| row.get(number)).collect();
        assert_eq!(into.insert(key, numbers), None);
    }
}

/// The same with some of the texts only, by day. `None` where a row has none of what it needs to be kept.
fn summed(rows: &Rows, texts: &[&str], kept: &[&str]) -> Rows {
    let mut sums = Rows::new();
    for ((at, values), numbers) in rows {
        let by_name = |name: &&str| values[texts.iter().position(|text| text == name).unwrap()].clone();
        let key: Vec<Option<String>> = kept.iter().map(by_name).collect();
        if kept[0] == "template_name" && key[0].is_none() {
            continue;
        }
        let sum = sums.entry((day_start(*at), key)).or_insert_with(|| vec![0; numbers.len()]);
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
    sums
}

/// Asserts that what is kept at all levels is what counting tells, of all mails.
pub(super) async fn assert_lists_kept(fixture: &Fixture) {
    let quarters = fixture.sql(
        r#"SELECT DISTINCT date_bin('15 min', sent_at, '2000-01-01T00:00Z')
           FROM "prefix".phoenix_kit_email_logs"#,
    );
    let quarters: Vec<Timestamp> =
        fixture.client.query(&quarters, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for List { count, quarters: kept, days, texts, numbers } in LISTS {
        let mut counted = Rows::new();
        for from in &quarters {
            let bounds = [*from, *from + SignedDuration::from_mins(15)];
            let sql = fixture.store.sql(count);
            let rows = fixture.client.query(sql, &[&bounds.as_slice(), &None::<Vec<String>>]).await.unwrap();
            read(&rows, Some(*from), texts, numbers, &mut counted);
        }
        let mut found = Rows::new();
        let rows = fixture.client.query(&fixture.sql(kept), &[]).await.unwrap();
        read(&rows, None, texts, numbers, &mut found);
        assert_eq!(found, counted, "{count:?}");
        for (table, by) in days {
            let rows = fixture.sql(&format!(r#"SELECT * FROM "prefix".{table}"#));
            let mut found = Rows::new();
            read(&fixture.client.query(&rows, &[]).await.unwrap(), None, by, numbers, &mut found);
            assert_eq!(found, summed(&counted, texts, by), "{table}");
        }
    }
}

/// When each row was last written, by table.
async fn written(fixture: &Fixture) -> Vec<serde_json::Value> {
    let tables = [
        "aftersend_domains_by_quarter",
        "aftersend_domains_by_day",
        "aftersend_domains_by_template",
        "aftersend_bounces_by_quarter",
        "aftersend_bounces_by_day",
        "aftersend_links_by_quarter",
        "aftersend_links_by_template",
    ];
    let of_table =
        |table| format!(r#"SELECT '{table}' AS name, xmin::text, ctid::text FROM "prefix".{table}"#);
    let all = tables.map(of_table).join(" UNION ALL ");
    fixture.rows(&format!("{all} ORDER BY 1, 3")).await
}

#[tokio::test]
async fn only_what_has_changed_is_written() {
    let fixture = Fixture::new().await;
    let batch = [
        send("m1"),
        delivery("m1", "01:00"),
        click("m1", "02:00", "https://example.com/a"),
        send("m2"),
        bounce("m2", "01:00", "Permanent", "f1"),
    ];
    fixture.ingest(&batch).await;
    fixture.keep_figures().await;
    super::kept::assert_kept(&fixture).await;
    let before = written(&fixture).await;
    assert_eq!(before.len(), 7, "{before:?}");
    fixture.store.recount_figures(None, None).await.unwrap();
    fixture.keep_figures().await;
    super::kept::assert_kept(&fixture).await;
    assert_eq!(written(&fixture).await, before);

    // The figures stay as they are; the link does not.
    fixture.ingest(&[click("m1", "03:00", "https://example.com/a")]).await;
    fixture.keep_figures().await;
    super::kept::assert_kept(&fixture).await;
    let links = fixture.store.links("order", day(), 10).await.unwrap();
    assert_eq!(links.iter().map(|link| (link.mails, link.clicks)).collect::<Vec<_>>(), [(1, 2)]);
    let after = written(&fixture).await;
    let others = |rows: &[serde_json::Value]| -> Vec<_> {
        let is_other = |row: &&serde_json::Value| !row["name"].as_str().unwrap().contains("links");
        rows.iter().filter(is_other).cloned().collect()
    };
    assert_eq!(others(&after), others(&before));
    assert_ne!(after, before);
}

/// Neither is in a key as it stands.
#[tokio::test]
async fn names_and_links_may_be_long() {
    let fixture = Fixture::new().await;
    let long = "ö".repeat(1_200);
    fixture
        .run(&format!(
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN template_name TYPE text;
               INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, template_name, "to", "from", sent_at, clicked_at, inserted_at, updated_at)
               SELECT 'a' || n, 'a' || n, '{long}', 'a@' || repeat('x', 900 + n), 'b@x.org', '2026-09-01T10:00:00Z',
                      '2026-09-01T10:05:00Z', now(), now()
               FROM generate_series(1, 3) AS n;
               INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, event_data, occurred_at, link_url, inserted_at, updated_at, uuid)
               SELECT uuid, 'click', '{{}}', '2026-09-01T10:05:00Z',
                      CASE WHEN message_id <> 'a3' THEN 'https://example.com/' || repeat('y', 5000) END,
                      now(), now(), gen_random_uuid()
               FROM "prefix".phoenix_kit_email_logs"#
        ))
        .await;
    fixture.recount_figures().await;
    assert_lists_kept(&fixture).await;
    let whole = day();
    let part = Period::new(time("2026-09-01T09:58:00Z"), time("2026-09-01T10:01:00Z")).unwrap();
    for period in [whole, part] {
        let domains = fixture.store.template_domains(&long, period, 10).await.unwrap();
        assert_eq!(domains.iter().map(|d| (d.domain.len(), d.sent)).collect::<Vec<_>>(), [(255, 3)]);
        let links = fixture.store.links(&long, period, 10).await.unwrap();
        let found: Vec<_> = links.iter().map(|l| (l.link.as_ref().map(String::len), l.mails)).collect();
        assert_eq!(found, [(Some(5_020), 2), (None, 1)]);
    }
}

#[tokio::test]
async fn kept_lists_are_found_by_index() {
    let fixture = filled().await;
    let day = "'2026-01-01T00:00:00Z'::timestamptz + n / 400 * interval '24 hours'";
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".aftersend_domains_by_quarter
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n * interval '15 min', ARRAY['t1'], ARRAY['x.org'], '{{1}}', '{{1}}',
                      '{{1}}', '{{1}}'
               FROM generate_series(1, 9000) AS n;
               INSERT INTO "prefix".aftersend_domains_by_day
               SELECT {day}, 'd' || n % 400, 1, 1, (n % 10 = 0)::int, 0 FROM generate_series(0, 39999) AS n;
               INSERT INTO "prefix".aftersend_domains_by_template
               SELECT {day}, 't' || n % 40, 'd' || n % 400, 1, 1, (n % 10 = 0)::int, 0 FROM generate_series(0, 39999) AS n;
               INSERT INTO "prefix".aftersend_bounces_by_quarter
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n * interval '15 min', ARRAY['hard'], '{{x}}', '{{x}}', '{{1}}'
               FROM generate_series(1, 9000) AS n;
               INSERT INTO "prefix".aftersend_bounces_by_day
               SELECT {day}, n % 400, 'hard', 'x', n % 400, 1 FROM generate_series(0, 39999) AS n;
               INSERT INTO "prefix".aftersend_links_by_quarter
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n * interval '15 min', ARRAY['t1'], '{{x}}', '{{1}}', '{{1}}', '{{1}}'
               FROM generate_series(1, 9000) AS n;
               INSERT INTO "prefix".aftersend_links_by_template
               SELECT {day}, 't' || n % 40, ('\x' || lpad(to_hex(n), 8, '0'))::bytea, 'l' || n % 400, 1, 1, 1
               FROM generate_series(0, 39999) AS n"#
        ))
        .await;
    fixture
        .run(
            r#"VACUUM ANALYZE "prefix".aftersend_domains_by_quarter, "prefix".aftersend_domains_by_day,
                   "prefix".aftersend_domains_by_template, "prefix".aftersend_bounces_by_quarter,
                   "prefix".aftersend_bounces_by_day, "prefix".aftersend_links_by_quarter,
                   "prefix".aftersend_links_by_template"#,
        )
        .await;
    let custom = &["force_custom_plan"][..];
    let terms = |terms: &[&str]| terms.iter().map(ToString::to_string).collect::<Vec<_>>();
    let bounds = [
        "ARRAY['2026-01-02T20:00Z', '2026-01-30T03:00Z']::timestamptz[]",
        "ARRAY['2026-01-03T00:00Z', '2026-01-31T00:00Z']::timestamptz[]",
        "ARRAY[1, -1]",
        "'2026-01-03T00:00Z'",
        "'2026-01-31T00:00Z'",
    ];
    let asked = |others: &[&str]| terms(&[bounds.as_slice(), others].concat());
    let check = async |statement, arguments: &[String], indexes: &[&str]| {
        check_planned(&fixture, custom, statement, arguments, indexes).await;
    };
    let parts = ["'{}'", "'{}'", "'{}'", "'{}'", "'{}'", "5"];
    let of_all = [
        "aftersend_domains_by_quarter_pkey",
        "aftersend_domains_by_day_harmed_idx",
        "aftersend_domains_by_day_pkey",
    ];
    check(Statement::WorstDomains, &asked(&parts), &of_all).await;
    let of_template = [
        "aftersend_domains_by_quarter_pkey",
        "aftersend_domains_by_template_harmed_idx",
        "aftersend_domains_by_template_pkey",
    ];
    let named = asked(&[&parts[..], &["'t7'"]].concat());
    check(Statement::WorstDomainsOfTemplate, &named, &of_template).await;
    check(Statement::DomainsOfTemplate, &named, &[of_template[0], of_template[2]]).await;
    let by_quarter = ["aftersend_bounces_by_quarter_pkey", "aftersend_bounces_by_day_pkey"];
    check(Statement::ListBounces, &asked(&["'{}'", "'{}'", "'{}'", "'{}'", "5"]), &by_quarter).await;
    let links = ["aftersend_links_by_quarter_pkey", "aftersend_links_by_template_pkey"];
    check(Statement::ListLinks, &asked(&["'{}'", "'{}'", "'{}'", "'{}'", "5", "'t7'"]), &links).await;

    let days = terms(&["ARRAY['2026-01-02T00:00Z']::timestamptz[]"]);
    check(Statement::SumDomains, &days, &[of_all[0], of_all[2], of_template[2]]).await;
    check(Statement::ForgetBounces, &days, &by_quarter[1..]).await;
    check(Statement::SumBounces, &days, &by_quarter[..1]).await;
    check(Statement::SumLinks, &days, &links).await;
    let quarter = "ARRAY['2026-01-02T00:00Z', '2026-01-02T00:15Z']::timestamptz[]";
    let (by_time, none) = ("phoenix_kit_email_logs_", "NULL");
    let keep = terms(&[quarter, none]);
    check(Statement::KeepDomains, &keep, &[by_time, of_all[0]]).await;
    check(Statement::KeepBounces, &keep, &[by_time, by_quarter[0]]).await;
    check(Statement::KeepLinks, &keep, &[by_time, links[0]]).await;
}
