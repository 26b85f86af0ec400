use super::*;

/// A span of 10 s, and writes and samples in and beside it.
fn span() -> (Instant, Instant) {
    let began = Instant::now() + Duration::from_secs(100);
    (began, began + Duration::from_secs(10))
}

fn write(kind: Kind, due: Instant, waits_ms: u64, takes_ms: u64, outcome: Outcome) -> Write {
    let sent = due + Duration::from_millis(waits_ms);
    Write { kind, due, sent, ended: sent + Duration::from_millis(takes_ms), outcome }
}

fn sample(at: Instant, waited_ms: Option<f64>) -> Sample {
    let longest = waited_ms.map(|waited_ms| Wait {
        waited_ms,
        locktype: "relation".to_owned(),
        mode: "RowExclusiveLock".to_owned(),
        relation: "phoenix_kit_email_events".to_owned(),
    });
    Sample { at, longest }
}

#[test]
fn what_reaches_into_the_span_counts_and_nothing_else() {
    let (began, ended) = span();
    let second = Duration::from_secs(1);
    let writes = [
        write(Kind::LogMail, began - 20 * second, 0, 9_000, Outcome::Done),
        write(Kind::LogMail, began - second, 0, 3_000, Outcome::Done),
        write(Kind::StoreEvent, began + second, 500, 2, Outcome::Done),
        write(Kind::StoreDuplicate, began + 2 * second, 0, 1, Outcome::Refused),
        write(Kind::StoreOpen, began + 3 * second, 0, 4, Outcome::Failed("40P01".to_owned())),
        write(Kind::MarkOpened, ended + second, 0, 8_000, Outcome::Done),
    ];
    let samples = [
        sample(began - second, Some(5_000.0)),
        sample(began, None),
        sample(began + second, Some(40.0)),
        sample(began + 3 * second, Some(20.0)),
        sample(ended + second, Some(6_000.0)),
    ];
    let figures = writer_figures(&writes, &samples, began, ended).unwrap();
    assert_eq!((figures.writes_done, figures.writes_refused), (2, 1));
    assert_eq!(figures.writes_failed, BTreeMap::from([("40P01".to_owned(), 1)]));
    assert_eq!((figures.samples, figures.samples_with_waits), (3, 2));
    assert_eq!(figures.write_max_kind, Some(Kind::LogMail.name()));
    let milliseconds = [
        figures.write_max_ms,
        figures.write_p50_ms,
        figures.from_schedule_p99_ms,
        figures.lock_wait_max_ms,
        figures.sample_gap_max_ms,
    ];
    assert_eq!(milliseconds.map(|figure| format!("{figure:.0}")), ["3000", "2", "3000", "40", "2000"]);
}

#[test]
fn a_stall_shows_as_lateness_of_what_follows() {
    let (began, ended) = span();
    let writes = [
        write(Kind::LogMail, began, 0, 900, Outcome::Done),
        write(Kind::StoreEvent, began + Duration::from_millis(20), 880, 5, Outcome::Done),
    ];
    let figures = writer_figures(&writes, &[], began, ended).unwrap();
    assert_eq!(format!("{:.0} {:.0}", figures.write_p50_ms, figures.from_schedule_max_ms), "5 900");
}

#[test]
fn an_application_that_wrote_nothing_gives_no_figures() {
    let (began, ended) = span();
    assert!(writer_figures(&[], &[], began, ended).is_err());
}
