//! The overview and the templates.

use axum::{
    extract::{Query, State},
    response::IntoResponse as _,
};
use jiff::tz::TimeZone;

use super::{
    super::{overview, templates},
    *,
};
use crate::{clock::Clock, period::PeriodParams};

#[tokio::test]
async fn an_empty_site_explains_how_to_begin() {
    let site = TestSite::new().await;
    let page = site.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in
        ["Nothing has come in yet", "aftersend demo", "aws sns subscribe", "--queue-url https://sqs."]
    {
        assert!(page.body.contains(expected), "{expected} is not in {}", page.body);
    }
    for path in ["/templates", "/template?name=order", "/blocklist", "/recipients/jane%40example.com"] {
        assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
    }
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    // Sent before the period: an overview without figures, and no first start.
    let page = site.get("/?period=24h").await.body;
    assert!(page.contains("No mail was sent in this period"), "{page}");
}

#[tokio::test]
async fn figures_lead_to_the_mails_behind_them() {
    let site = TestSite::new().await;
    site.ingest(&[
        sent("m1", "jane@example.com", "Hello", 0),
        delivered("m1", "jane@example.com", "Hello", 0),
        sent("m2", "joe@example.com", "Hello", 1),
    ])
    .await;
    let page = site.get("/?from=2026-03-10&to=2026-03-10").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let of_delivered =
        page.body.split("href=\"").find(|rest| rest.starts_with("/mails?q=event%3Adelivery")).unwrap();
    let path = of_delivered.split('"').next().unwrap().replace("&#38;", "&");
    let list = site.get(&path).await.body;
    assert_eq!(rows(&list).len(), 1, "{path}: {list}");
    assert!(page.body.contains("<span class=\"tile-count\">2</span>"), "{}", page.body);
    for (path, status) in [
        ("/?period=8d", StatusCode::BAD_REQUEST),
        ("/?from=x", StatusCode::BAD_REQUEST),
        ("/?from=2026-03-10&to=2020-01-01", StatusCode::BAD_REQUEST),
        ("/templates?sort=size", StatusCode::BAD_REQUEST),
        ("/templates?skip=-1", StatusCode::BAD_REQUEST),
        ("/templates?from=2026-03-10&to=2026-03-10&sort=time", StatusCode::OK),
        ("/template?name=no%2Fsuch&from=2026-03-10&to=2026-03-10", StatusCode::OK),
        ("/template?name=..&from=2026-03-10&to=2026-03-10", StatusCode::OK),
        ("/template?name=", StatusCode::OK),
        ("/template", StatusCode::NOT_FOUND),
        ("/template?name=a%00b", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}

/// A zone that this program knows and no database does, as far from UTC as none is.
fn zone_of_mars() -> TimeZone {
    let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
    let offset = (11_i32 * 3_600).to_be_bytes();
    let data = [b"TZif".as_slice(), &[0; 16], &counts, &offset, &[0, 0], b"MTC\0"].concat();
    TimeZone::tzif("Mars/Olympus", &data).unwrap()
}

#[tokio::test]
async fn a_zone_that_the_database_does_not_know_gives_figures_in_utc() {
    let site = TestSite::new().await;
    site.ingest(&[sent("m1", "jane@example.com", "Hello", 0)]).await;
    let clock = || Clock::new(zone_of_mars(), "2026-03-10T15:00:00Z".parse().unwrap());
    let store = || State(site.store.clone());
    let pages = [
        overview::overview(store(), clock(), Ok(Query(PeriodParams::default()))).await,
        templates::template(store(), clock(), Query::try_from_uri(&"/template?name=a".parse().unwrap()))
            .await,
    ];
    // Their lines are by days of UTC, so that nobody asks the database for the zone.
    let page = templates::templates(store(), clock(), Ok(Query(templates::Params::default()))).await;
    assert_eq!(page.into_response().status(), StatusCode::OK);
    for page in pages {
        let page = answer(page.into_response()).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(page.body.contains("The database knows no time zone Mars/Olympus"), "{}", page.body);
        assert!(page.body.contains("Times are those of UTC."), "{}", page.body);
    }
}

#[tokio::test]
async fn a_templates_former_address_leads_to_its_page() {
    let site = TestSite::without_tables().await;
    let path = site.redirected("/templates/a%2Fb?period=7d").await;
    assert_eq!(path, "/template?name=a%2Fb&period=7d");
}
