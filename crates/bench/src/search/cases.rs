//! What is asked: the pages, and the plain queries for the same.

use anyhow::ensure;
use jiff::{ToSpan as _, civil::Date};
use tokio_postgres::types::ToSql;

use crate::session::Session;

/// The last day of the generated mails.
const LAST_DAY: Date = jiff::civil::date(2025, 7, 5);

/// As many mails as a page of the site lists.
const PAGE_MAILS: usize = 50;

/// How far somebody pages on.
const PAGES: usize = 4;

const STATUSES: [&str; 8] =
    ["delivered", "hard_bounced", "opened", "soft_bounced", "clicked", "delayed", "complaint", "sent"];

/// How far back the end of the overview's period moves, in days.
const SHIFTED_DAYS: usize = 7;

const TEMPLATES: usize = 40;

/// A word that is nowhere, and all of whose trigrams are in many subjects.
const ENDED_BY_TIME: &str = "no_match_of_common_trigrams";
const ENDED_REQUESTS_MAX: usize = 20;

/// One of the report's keys.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Paths that are asked for, in turn.
    pub(super) paths: Vec<String>,
    /// How many pages of each are looked at, one after the other.
    pub(super) pages: usize,
    /// How many requests are enough, however many there should be: pages that end at their time budget take long, and
    /// are all alike.
    pub(super) requests_max: usize,
    /// What the page has, or must not have.
    pub(super) mark: Mark,
    /// The statements of a plain run, for each run in turn.
    pub(super) plain: Vec<Vec<String>>,
}

/// How a page is known to be the one that was asked for.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Has(&'static str),
    HasNot(&'static str),
}

const ROW: &str = r#"scope="row" role="rowheader""#;

impl Mark {
    pub(super) fn is_on(self, page: &str) -> bool {
        match self {
            Self::Has(text) => page.contains(text),
            Self::HasNot(text) => page.contains("Nothing found") && !page.contains(text),
        }
    }
}

/// All of them, in the order of the report.
pub(super) async fn all(session: &Session, mails: u32, requests: u32) -> anyhow::Result<Vec<Case>> {
    let mut cases = vec![Case {
        name: "first_page",
        paths: vec!["/mails".to_owned()],
        pages: 1,
        requests_max: usize::MAX,
        mark: Mark::Has(ROW),
        plain: vec![list("true", 0)],
    }];
    cases.push(Case {
        name: "status_filter",
        paths: STATUSES.iter().map(|status| format!("/mails?q=status%3A{status}")).collect(),
        pages: PAGES,
        requests_max: usize::MAX,
        mark: Mark::Has(ROW),
        plain: (0..STATUSES.len())
            .map(|run| list(&format!("status = '{}'", STATUSES[run]), run % PAGES))
            .collect(),
    });
    for (name, word, pages, mark) in [
        ("rare_substring", "zebra", 1, Mark::Has(ROW)),
        ("common_substring", "order", PAGES, Mark::Has(ROW)),
        ("no_match", "xylophone", 1, Mark::HasNot(ROW)),
        (ENDED_BY_TIME, "ordering", 1, Mark::HasNot(ROW)),
    ] {
        let filter =
            format!(r#"(subject ILIKE '%{word}%' OR "to" ILIKE '%{word}%' OR campaign_id ILIKE '%{word}%')"#);
        let plain = (0..pages).map(|page| list(&filter, page)).collect();
        let requests_max = if name == ENDED_BY_TIME { ENDED_REQUESTS_MAX } else { usize::MAX };
        cases.push(Case { name, paths: vec![format!("/mails?q={word}")], pages, requests_max, mark, plain });
    }
    cases.push(templates());
    cases.push(overview());
    cases.push(one_mail(session, mails, requests).await?);
    Ok(cases)
}

/// A page of the list, and how many mails there are.
fn list(filter: &str, page: usize) -> Vec<String> {
    let offset = page * PAGE_MAILS;
    vec![
        format!(
            r#"SELECT uuid, "to", "from", subject, template_name, campaign_id, status, sent_at
               FROM phoenix_kit_email_logs WHERE {filter}
               ORDER BY sent_at DESC LIMIT {PAGE_MAILS} OFFSET {offset}"#
        ),
        format!("SELECT count(*) FROM phoenix_kit_email_logs WHERE {filter}"),
    ]
}

/// All templates over 30 days, and one of them, in turn.
fn templates() -> Case {
    let from = LAST_DAY.saturating_sub(29.days());
    let period = format!("from={from}&to={LAST_DAY}");
    let grouped = |what: &str, filter: &str| {
        vec![format!(
            "SELECT {what}, event_type, count(*), count(DISTINCT event.email_log_uuid)
             FROM phoenix_kit_email_events AS event
             JOIN phoenix_kit_email_logs AS mail ON mail.uuid = event.email_log_uuid
             WHERE sent_at >= '{from}' AND sent_at < date '{LAST_DAY}' + 1 {filter} GROUP BY 1, 2"
        )]
    };
    let all = [format!("/templates?{period}")].into_iter().cycle();
    let each = (0..TEMPLATES).map(|number| format!("/template?name=template_{number}&{period}"));
    let day = "date_trunc('day', sent_at)";
    Case {
        name: "template_page",
        paths: all.zip(each).flat_map(|(all, one)| [all, one]).collect(),
        pages: 1,
        requests_max: usize::MAX,
        mark: Mark::Has("<bdi>template_"),
        plain: (0..TEMPLATES)
            .flat_map(|number| {
                let filter = format!("AND template_name = 'template_{number}'");
                [grouped("template_name", ""), grouped(day, &filter)]
            })
            .collect(),
    }
}

/// 90 days that end on one of the last days, and the 90 before, which they are compared with.
fn overview() -> Case {
    let ends: Vec<Date> = (0..SHIFTED_DAYS)
        .map(|shift| LAST_DAY.saturating_sub(i64::try_from(shift).unwrap_or_default().days()))
        .collect();
    let from = |to: &Date| to.saturating_sub(89.days());
    Case {
        name: "overview_90_days",
        paths: ends.iter().map(|to| format!("/?from={}&to={to}", from(to))).collect(),
        pages: 1,
        requests_max: usize::MAX,
        mark: Mark::Has("<h1>Overview</h1>"),
        plain: ends
            .iter()
            .map(|to| {
                let from = from(to);
                let grouped = |what: &str, from: &str, after: &str| {
                    format!(
                        "SELECT {what}, event_type, count(*), count(DISTINCT email_log_uuid)
                         FROM phoenix_kit_email_events
                         WHERE occurred_at >= {from} AND occurred_at < {after} GROUP BY 1, 2"
                    )
                };
                let (start, after) = (format!("date '{from}'"), format!("date '{to}' + 1"));
                vec![
                    grouped("date_trunc('day', occurred_at)", &start, &after),
                    grouped("0", &format!("{start} - 90"), &start),
                ]
            })
            .collect(),
    }
}

/// Each time another mail, drawn from all.
async fn one_mail(session: &Session, mails: u32, requests: u32) -> anyhow::Result<Case> {
    let mut random = fastrand::Rng::with_seed(5);
    let numbers: Vec<i64> = (0..requests).map(|_| i64::from(random.u32(1..=mails))).collect();
    let parameters: [&(dyn ToSql + Sync); 1] = [&numbers];
    let rows = session
        .query(
            "SELECT mail.uuid::text FROM unnest($1::bigint[]) AS number
             JOIN phoenix_kit_email_logs AS mail ON mail.message_id = 'pk_' || md5('mail' || number)",
            &parameters,
        )
        .await?;
    ensure!(!rows.is_empty(), "the generated mails are not found by their message ids");
    let uuids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(Case {
        name: "one_mail",
        paths: uuids.iter().map(|uuid| format!("/mails/{uuid}")).collect(),
        pages: 1,
        requests_max: usize::MAX,
        mark: Mark::Has(r#"class="story""#),
        plain: uuids
            .iter()
            .map(|uuid| {
                vec![
                    format!("SELECT * FROM phoenix_kit_email_logs WHERE uuid = '{uuid}'"),
                    format!(
                        "SELECT * FROM phoenix_kit_email_events WHERE email_log_uuid = '{uuid}' ORDER BY occurred_at"
                    ),
                ]
            })
            .collect(),
    })
}
