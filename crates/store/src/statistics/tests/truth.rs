//! The figures are those of the simulator's truth, which knows no SQL: for any events, in any order.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, TrueDomain, TrueFigures, TrueLink, Truth, simulate};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::{
    BucketWidth, DomainFigures, FigureKeeper, Figures, Period, Store, TemplateOrder, TemplateQuery,
    TimeZoneName,
    ingest::tests::{is_event, store_at_random},
    statistics::removed::{self, Way},
    testing::Fixture,
};

/// What SQL counts, in the terms of the truth. The times to open are compared by their median.
fn told(figures: &Figures) -> TrueFigures {
    TrueFigures {
        mails: figures.mails,
        sent: figures.sent,
        delivered: figures.delivered,
        hard_bounced: figures.hard_bounced,
        soft_bounced: figures.soft_bounced,
        undetermined_bounced: figures.undetermined_bounced,
        not_tried: figures.not_tried,
        complained: figures.complained,
        possibly_complained: figures.possibly_complained,
        delayed: figures.delayed,
        rejected: figures.rejected,
        failed: figures.failed,
        delivered_mails: figures.delivered_mails,
        opened: figures.opened,
        machine_opened: figures.machine_opened,
        clicked: figures.clicked,
        machine_clicked: figures.machine_clicked,
        seconds_to_open: Vec::new(),
    }
}

fn expected(truth: &Truth, from: Timestamp, to: Timestamp, template: Option<&str>) -> TrueFigures {
    TrueFigures { seconds_to_open: Vec::new(), ..truth.figures(from, to, template) }
}

pub(super) async fn compare(store: &Store, truth: &Truth, period: Period, width: BucketWidth, what: &str) {
    let (from, to) = (period.from(), period.to());
    let zone: TimeZoneName = "Europe/Tallinn".parse().unwrap();
    let overview = store.overview(period, width, &zone, None).await.unwrap();
    assert_eq!(told(&overview.figures), expected(truth, from, to, None), "{what}");
    let before = period.before();
    assert_eq!(told(&overview.before), expected(truth, before.from(), before.to(), None), "{what}, before");
    assert_eq!(overview.series.first().map(|bucket| bucket.from), Some(from), "{what}");
    assert_eq!(overview.series.last().map(|bucket| bucket.to), Some(to), "{what}");
    for bucket in &overview.series {
        let expected = expected(truth, bucket.from, bucket.to, None);
        assert_eq!(told(&bucket.figures), expected, "{what}, bucket of {}", bucket.from);
    }
    compare_templates(store, truth, period, what).await;
    compare_lists(store, truth, period, None, what).await;
}

async fn compare_templates(store: &Store, truth: &Truth, period: Period, what: &str) {
    let (from, to) = (period.from(), period.to());
    let mut names: Vec<Option<String>> =
        truth.mails_sent(from, to, None).map(|mail| mail.template_name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let query = TemplateQuery { period, order: TemplateOrder::Name, skip: 0, templates_max: 100 };
    let page = store.list_templates(&query).await.unwrap();
    assert_eq!((page.all, page.truncated), (names.len(), false), "{what}");
    let found: Vec<Option<String>> = page.templates.iter().map(|template| template.name.clone()).collect();
    assert_eq!(found, names, "{what}");

    let named: Vec<&str> = names.iter().flatten().map(String::as_str).collect();
    let utc = TimeZoneName::utc();
    let trends = store.template_trends(&named, period, BucketWidth::Day, &utc).await.unwrap();
    for (template, trend) in page.templates.iter().filter(|template| template.name.is_some()).zip(&trends) {
        let name = template.name.as_deref().unwrap();
        let of_template = truth.figures(from, to, Some(name));
        assert_eq!(told(&template.figures), expected(truth, from, to, Some(name)), "{what}, {name}");
        let medians = (template.median_to_open_s, of_template.median_to_open_s());
        let close = match medians {
            // Within a doubling of a second; times below one second are all alike.
            (Some(found), Some(expected)) => {
                found <= (expected * 2.0).max(1.0) + 1e-3 && expected <= (found * 2.0).max(1.0) + 1e-3
            }
            (found, expected) => found == expected,
        };
        assert!(close, "{what}, {name}: {medians:?}");
        let last = |time: fn(&aftersend_simulator::TrueMail) -> Option<Timestamp>| {
            truth
                .mails
                .values()
                .filter(|mail| mail.template_name.as_deref() == Some(name))
                .filter_map(time)
                .max()
        };
        assert_eq!(template.last_opened_at, last(|mail| mail.opened_at), "{what}, {name}");
        assert_eq!(template.last_clicked_at, last(|mail| mail.clicked_at), "{what}, {name}");

        let alone = store.find_template(name, period).await.unwrap();
        assert_eq!(&alone, template, "{what}");
        assert_eq!(trend.name, name);
        for bucket in &trend.series {
            let expected = expected(truth, bucket.from, bucket.to, Some(name));
            assert_eq!(told(&bucket.figures), expected, "{what}, {name}, bucket of {}", bucket.from);
        }
        compare_lists(store, truth, period, Some(name), what).await;
        compare_bounces_of_template(store, truth, period, name, what).await;
    }
}

fn by_name(domains: Vec<DomainFigures>) -> BTreeMap<String, TrueDomain> {
    let counts = |d: DomainFigures| {
        let counts =
            TrueDomain { sent: d.sent, delivered: d.delivered, bounced: d.bounced, complained: d.complained };
        (d.domain, counts)
    };
    domains.into_iter().map(counts).collect()
}

async fn compare_lists(store: &Store, truth: &Truth, period: Period, template: Option<&str>, what: &str) {
    let (from, to) = (period.from(), period.to());
    let what = format!("{what}, {template:?}");
    let expected = truth.domains(from, to, template);
    let worst = store.worst_domains(period, template, usize::MAX).await.unwrap();
    let ranks: Vec<_> = worst.iter().map(|d| (Reverse(d.bounced + d.complained), d.domain.clone())).collect();
    assert!(ranks.is_sorted(), "{what}: {worst:?}");
    for rows_max in [1, 2, 5] {
        let few = store.worst_domains(period, template, rows_max).await.unwrap();
        assert_eq!(few, worst[..worst.len().min(rows_max)], "{what}");
    }
    let harmed = expected.clone().into_iter().filter(|(_, d)| d.bounced + d.complained > 0).collect();
    assert_eq!(by_name(worst.clone()), harmed, "{what}");
    if let Some(template) = template {
        return compare_lists_of_template(store, truth, period, template, &worst, &what).await;
    }
    let reasons = store.bounce_reasons(period, usize::MAX).await.unwrap();
    let bounces: u64 = reasons.iter().map(|reason| reason.bounces).sum();
    let expected: usize = truth
        .mails_sent(from, to, None)
        .flat_map(|mail| &mail.occurrences)
        .filter(|occurrence| occurrence.event_type == "bounce")
        .map(|bounce| bounce.recipients.len().max(1))
        .sum();
    assert_eq!(bounces, expected as u64, "{what}: {reasons:?}");
}

/// Counted with the question, from the events that are here.
async fn compare_bounces_of_template(
    store: &Store,
    truth: &Truth,
    period: Period,
    template: &str,
    what: &str,
) {
    let (from, to) = (period.from(), period.to());
    let bounces = store.template_bounce_reasons(template, period, usize::MAX).await.unwrap();
    let expected: usize = truth
        .mails_sent(from, to, Some(template))
        .flat_map(|mail| &mail.occurrences)
        .filter(|occurrence| occurrence.event_type == "bounce")
        .map(|bounce| bounce.recipients.len().max(1))
        .sum();
    let found: u64 = bounces.reasons.iter().map(|reason| reason.bounces).sum();
    assert_eq!((found, bounces.is_cut), (expected as u64, false), "{what}: {bounces:?}");
    assert!(bounces.reasons.is_sorted_by_key(|reason| Reverse(reason.bounces)), "{what}: {bounces:?}");
}

async fn compare_lists_of_template(
    store: &Store,
    truth: &Truth,
    period: Period,
    template: &str,
    worst: &[DomainFigures],
    what: &str,
) {
    let (from, to) = (period.from(), period.to());
    let domains = store.template_domains(template, period, usize::MAX).await.unwrap();
    let (harmed, unharmed) = domains.split_at(worst.len());
    assert_eq!(harmed, worst, "{what}");
    assert!(unharmed.iter().map(|d| (Reverse(d.sent), d.domain.clone())).is_sorted(), "{what}: {domains:?}");
    let first = store.template_domains(template, period, worst.len() + 1).await.unwrap();
    assert_eq!(first, domains[..domains.len().min(worst.len() + 1)], "{what}");
    assert_eq!(by_name(domains), truth.domains(from, to, Some(template)), "{what}");

    let links = store.links(template, period, usize::MAX).await.unwrap();
    let found: BTreeMap<Option<String>, TrueLink> = links
        .into_iter()
        .map(|link| {
            let counts =
                TrueLink { mails: link.mails, clicks: link.clicks, machine_clicks: link.machine_clicks };
            (link.link, counts)
        })
        .collect();
    assert_eq!(found, truth.links(from, to, Some(template)), "{what}");
}

async fn figures_are_those_of_the_truth(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan {
        seed,
        mails: SCENARIOS_REQUIRED + rng.usize(0..60),
        malformed: 0,
        controls: 0,
        span: SignedDuration::from_hours(24 * rng.i64(1..20)),
        ..Plan::default()
    };
    let traffic = simulate(&plan);
    let messages: Vec<Arc<[u8]>> =
        traffic.messages.iter().filter(|message| is_event(message)).map(|m| m.as_slice().into()).collect();
    let fixture = Fixture::new().await;
    // Sums are kept while events come in, by two who get in each other's way.
    let (stop, _) = tokio::sync::watch::channel(false);
    let keepers: Vec<_> = (0..2)
        .map(|_| {
            let (mut keeper, stop) = (FigureKeeper::new(&fixture.store), stop.subscribe());
            tokio::spawn(async move {
                let mut rounds = 0;
                while !*stop.borrow() {
                    keeper.round().await.unwrap();
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    store_at_random(&fixture, &messages, &mut rng).await;
    stop.send_replace(true);
    for keeper in keepers {
        assert!(keeper.await.unwrap() > 0, "seed {seed}");
    }
    fixture.keep_figures().await;
    super::kept::assert_kept(&fixture).await;

    let end = plan.start + plan.span;
    let all = Period::new(plan.start, end).unwrap();
    compare(&fixture.store, &traffic.truth, all, BucketWidth::Day, &format!("seed {seed}, all")).await;
    // And any part of it, with what was sent before.
    let span_ms = i64::try_from(plan.span.as_millis()).unwrap();
    let middle = plan.start + SignedDuration::from_millis(rng.i64(span_ms / 3..span_ms / 2));
    let part = Period::new(middle, end).unwrap();
    compare(&fixture.store, &traffic.truth, part, BucketWidth::Hour, &format!("seed {seed}, part")).await;
    assert!(traffic.truth.figures(all.from(), all.to(), None).sent > 0, "seed {seed}");

    // Nor does it matter whether the mails are still here, once more than half of them are counted from what was kept apart.
    let hour = |at: Timestamp, hours: i64| {
        Timestamp::from_second((at.as_second().div_euclid(3_600) + hours) * 3_600).unwrap()
    };
    let whole = Period::new(hour(plan.start, 0), hour(end, 1)).unwrap();
    for part in ["< '8'", ">= '8'"] {
        remove(&fixture, &format!("right(uuid::text, 1) {part}")).await;
        fixture.recount_figures().await;
        compare_sums(&fixture.store, &traffic.truth, whole, &format!("seed {seed}, removed {part}")).await;
    }
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 0);
}

/// Removes mails as whoever deletes them does.
async fn remove(fixture: &Fixture, which: &str) {
    let find = format!(r#"SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE {which} ORDER BY uuid"#);
    let rows = fixture.client.query(&fixture.sql(&find), &[]).await.unwrap();
    let mails: Vec<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
    assert!(!mails.is_empty());
    for part in mails.chunks(7) {
        let mut client = fixture.store.writer().await.unwrap();
        let transaction = client.build_transaction().start().await.unwrap();
        removed::record(&fixture.store, &transaction, part, Way::Out).await.unwrap();
        let delete = fixture.sql(r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE uuid = ANY($1)"#);
        transaction.execute(&delete, &[&part]).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

/// What needs no mail's row.
async fn compare_sums(store: &Store, truth: &Truth, period: Period, what: &str) {
    let utc = TimeZoneName::utc();
    let overview = store.overview(period, BucketWidth::Hour, &utc, None).await.unwrap();
    assert_eq!(told(&overview.figures), expected(truth, period.from(), period.to(), None), "{what}");
    let names = truth.mails_sent(period.from(), period.to(), None).filter_map(|m| m.template_name.clone());
    compare_lists(store, truth, period, None, what).await;
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        compare_lists(store, truth, period, Some(&name), what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_those_of_the_truth_as_ever() {
    figures_are_those_of_the_truth(1).await;
}

/// Another seed each time: what it finds is told by the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_those_of_the_truth_at_random() {
    figures_are_those_of_the_truth(fastrand::u64(2..)).await;
}
