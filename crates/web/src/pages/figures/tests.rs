use aftersend_store::{Bucket, Freshness, Period, Seen, SeenTypes};
use jiff::Timestamp;

use super::*;
use crate::period::PeriodParams;

pub(in crate::pages) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(in crate::pages) fn clock() -> Clock {
    Clock::utc(at("2026-05-08T12:00:00Z"))
}

pub(in crate::pages) fn week() -> PeriodChoice {
    let params = PeriodParams { period: Some("7d".to_owned()), ..PeriodParams::default() };
    PeriodChoice::parse(&params, &clock()).unwrap()
}

/// A week in which 1,000 recipients were sent to on one day, and half as many the week before.
pub(in crate::pages) fn overview() -> Overview {
    let figures = Figures {
        mails: 900,
        sent: 1_000,
        delivered: 940,
        hard_bounced: 50,
        soft_bounced: 8,
        complained: 2,
        not_tried: 1,
        delivered_mails: 850,
        opened: 425,
        machine_opened: 85,
        ..Figures::default()
    };
    let before = Figures { mails: 450, sent: 500, delivered: 495, hard_bounced: 5, ..Figures::default() };
    let seen = ["delivery", "bounce", "complaint", "open"].map(|name| {
        (name.to_owned(), Seen { first_at: at("2026-01-01T00:00:00Z"), last_at: at("2026-05-08T00:00:00Z") })
    });
    let day = |day: i8, figures| Bucket {
        from: at(&format!("2026-05-0{day}T00:00:00Z")),
        to: at(&format!("2026-05-0{}T00:00:00Z", day + 1)),
        figures,
    };
    Overview {
        period: Period::new(at("2026-05-02T00:00:00Z"), at("2026-05-08T12:01:00Z")).unwrap(),
        figures,
        before,
        series: vec![day(2, Figures::default()), day(3, figures)],
        seen: SeenTypes::from_iter(seen),
        freshness: Freshness { counted_at: at("2026-05-08T12:00:00Z"), is_counting: false },
    }
}

#[test]
fn each_figure_has_its_rate_its_change_and_the_mails_behind_it() {
    let tiles = tiles(&overview(), &week(), None);
    let told: Vec<(&str, &str, Option<String>, Option<&str>)> = tiles
        .iter()
        .map(|tile| {
            let rate = tile.rate.as_ref().map(|rate| rate.replace('\u{a0}', " "));
            (tile.name, tile.count.as_str(), rate, tile.change.as_deref())
        })
        .collect();
    let rate = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("Sent", "1,000", None, Some("+100\u{a0}%")),
            ("Delivered", "940", rate("94.0 %"), Some("−5.0 points")),
            ("Bounced", "58", rate("5.8 %"), Some("+4.8 points")),
            ("Complained", "2", rate("0.21 %"), Some("+0.21 points")),
            ("Opened", "425", rate("50.0 %"), None),
            // No click has ever arrived: nobody subscribes to them. Not 0 %.
            ("Clicked", "–", rate("unknown"), None),
        ]
    );
    assert_eq!(
        tiles[0].path.as_deref(),
        Some("/mails?q=-event%3Areject%20-event%3Arendering_failure%20after%3A2026-05-02T00%3A00%3A00Z")
    );
    let bounced = "/mails?q=event%3Abounce%20after%3A2026-05-02T00%3A00%3A00Z";
    assert_eq!(tiles[2].path.as_deref(), Some(bounced));
    assert_eq!(tiles[2].besides.as_deref(), Some("50 of them for good"));
    assert_eq!(tiles[4].besides.as_deref(), Some("and 85 opened by machines alone"));
    let of_one = self::tiles(&overview(), &week(), Some("Good day"));
    let path = of_one[1].path.as_deref().unwrap();
    assert!(path.starts_with("/mails?q=template%3A%22Good%20day%22%20event%3Adelivery"), "{path}");
}

#[test]
fn what_else_happened_is_said_in_the_right_number() {
    assert_eq!(notes(&overview()), ["1 was not tried by SES, being on a suppression list"]);
    let mut several = overview();
    several.figures.not_tried = 2;
    assert_eq!(notes(&several), ["2 were not tried by SES, being on a suppression list"]);
    let mut both = overview();
    both.figures.delivered = both.figures.sent;
    let bounced = both.figures.bounced();
    assert_eq!(
        notes(&both)[0],
        format!("{bounced} or more bounced after they were delivered, and count as both")
    );
    let mut counting = overview();
    counting.freshness.is_counting = true;
    assert_eq!(notes(&counting)[1], STILL_COUNTING);
}

#[test]
fn a_chart_has_a_row_for_each_day_in_its_table() {
    let chart = ShownChart::new(&overview(), &week(), &clock());
    assert!(!chart.is_empty);
    assert_eq!(chart.rows[1].0, "3 May");
    assert_eq!(chart.rows[1].1, ["1,000", "940", "425", "0", "58"]);
    assert!(chart.json.contains(r#""times":[1777680000,1777766400]"#), "{}", chart.json);
}

#[test]
fn figures_say_how_fresh_they_are_and_when_they_lag() {
    let counted = |counted_at: &str, clock: &Clock| {
        Counted::new(&Freshness { counted_at: at(counted_at), is_counting: false }, clock)
    };
    assert_eq!(counted("2026-05-08T11:55:00Z", &clock()).at.ago, "5 min ago");
    assert!(counted("2026-05-08T11:50:00Z", &clock()).troubles.is_empty());
    let lag = &counted("2026-05-08T11:49:00Z", &clock()).troubles;
    assert_eq!(
        lag.as_slice(),
        [
            "The figures lag behind: what has come in since 8 May 2026, 11:49:00 UTC is not in all of them yet."
        ]
    );
    let mut elsewhere = Clock::new(crate::clock::zone_named("Europe/Berlin").unwrap(), clock().now());
    elsewhere = elsewhere.without_zone();
    let told = &counted("2026-05-08T11:59:00Z", &elsewhere).troubles;
    assert_eq!(
        told.as_slice(),
        ["The database knows no time zone Europe/Berlin, so that days and times here are those of UTC."]
    );
}
