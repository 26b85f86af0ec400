//! Hours and days, where clocks change.

use super::{day, period, sent, time};
use crate::{
    BucketWidth, FiguresError, TimeZoneName,
    testing::{Fixture, send},
};

async fn bounds(fixture: &Fixture, from: &str, to: &str, width: BucketWidth, zone: &str) -> Vec<String> {
    let zone: TimeZoneName = zone.parse().unwrap();
    let bounds = fixture.store.bucket_bounds(period(from, to), width, &zone).await.unwrap();
    bounds.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn days_have_23_and_25_hours_where_clocks_change() {
    let fixture = Fixture::new().await;
    let spring =
        bounds(&fixture, "2026-03-27T22:00:00Z", "2026-03-30T21:00:00Z", BucketWidth::Day, "Europe/Tallinn");
    let expected =
        ["2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z", "2026-03-30T21:00:00Z"];
    assert_eq!(spring.await, expected);
    let autumn = bounds(
        &fixture,
        "2026-10-24T12:00:00Z",
        "2026-10-26T00:00:00Z",
        BucketWidth::Day,
        "America/New_York",
    );
    // The first day is under way, and the last not over.
    let expected = ["2026-10-24T12:00:00Z", "2026-10-25T04:00:00Z", "2026-10-26T00:00:00Z"];
    assert_eq!(autumn.await, expected);
    let autumn = bounds(
        &fixture,
        "2026-10-31T04:00:00Z",
        "2026-11-02T05:00:00Z",
        BucketWidth::Day,
        "America/New_York",
    );
    let expected = ["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"];
    assert_eq!(autumn.await, expected);
}

#[tokio::test]
async fn hours_that_the_clock_shows_twice_are_two() {
    let fixture = Fixture::new().await;
    let found =
        bounds(&fixture, "2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z", BucketWidth::Hour, "Europe/Tallinn");
    let expected =
        ["2026-10-24T23:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"];
    assert_eq!(found.await, expected);
    // Where the zone is half an hour beside the others, so are its hours.
    let found =
        bounds(&fixture, "2026-10-25T00:00:00Z", "2026-10-25T01:40:00Z", BucketWidth::Hour, "Asia/Kolkata");
    let expected =
        ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:40:00Z"];
    assert_eq!(found.await, expected);
}

#[tokio::test]
async fn charts_are_bounded_and_zones_known() {
    let fixture = Fixture::new().await;
    let months = period("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z");
    let utc = TimeZoneName::utc();
    let overview = fixture.store.overview(months, BucketWidth::Hour, &utc, None).await;
    assert!(matches!(overview, Err(FiguresError::TooManyBuckets)), "{overview:?}");
    let atlantis: TimeZoneName = "Europe/Atlantis".parse().unwrap();
    let overview = fixture.store.overview(day(), BucketWidth::Hour, &atlantis, None).await;
    assert!(
        matches!(&overview, Err(FiguresError::TimeZone(name)) if name == "Europe/Atlantis"),
        "{overview:?}"
    );
}

#[tokio::test]
async fn a_mail_is_in_the_bucket_that_begins_with_it_and_not_in_the_one_that_ends_there() {
    let fixture = Fixture::new().await;
    // At 10:00.
    fixture.ingest(&[send("m1")]).await;
    fixture.keep_figures().await;
    let utc = TimeZoneName::utc();
    let overview = fixture.store.overview(day(), BucketWidth::Hour, &utc, None).await.unwrap();
    assert_eq!((overview.figures, overview.series.len()), (sent(1), 24));
    let with_mails: Vec<_> = overview.series.iter().filter(|bucket| bucket.figures.mails > 0).collect();
    assert_eq!(with_mails.len(), 1);
    assert_eq!(with_mails[0].from, time("2026-09-01T10:00:00Z"));
    for (from, to, before, within) in [
        ("2026-09-01T10:00:00Z", "2026-09-01T11:00:00Z", 0, 1),
        ("2026-09-01T09:00:00Z", "2026-09-01T10:00:00Z", 0, 0),
        ("2026-09-01T11:00:00Z", "2026-09-01T12:00:00Z", 1, 0),
    ] {
        let overview = fixture.store.overview(period(from, to), BucketWidth::Hour, &utc, None).await.unwrap();
        assert_eq!((overview.before, overview.figures), (sent(before), sent(within)), "{from}");
    }
}
