use super::{super::report::Grade, *};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn events_have_stopped_when_mails_go_on_without_them() {
    let now = at("2026-03-10T12:00:00Z");
    let cases = [
        (None, None, Grade::Warning, "no event and no mail"),
        (
            None,
            Some("2026-03-10T11:00:00Z"),
            Grade::Warning,
            "mail went out until 2026-03-10 11:00:00 UTC (60 min 0 s ago)",
        ),
        (Some("2026-03-10T09:00:00Z"), Some("2026-03-10T11:00:00Z"), Grade::Warning, "events have stopped"),
        (
            Some("2026-03-10T10:30:00Z"),
            Some("2026-03-10T11:00:00Z"),
            Grade::Well,
            "10:30:00 UTC (90 min 0 s ago)",
        ),
        (Some("2026-03-10T11:00:00Z"), Some("2026-03-09T11:00:00Z"), Grade::Well, "the newest event"),
        (Some("2026-03-10T09:00:00Z"), None, Grade::Well, "the newest event"),
    ];
    for (event_at, mail_at, grade, words) in cases {
        let mut report = Report::default();
        about_newest(event_at.map(at), mail_at.map(at), now, &mut report);
        let finding = &report.findings[0];
        assert_eq!(finding.grade, grade, "{finding:?}");
        assert!(finding.what.contains(words), "{finding:?}");
    }
}

#[test]
fn settings_that_harm_are_told_with_what_unsets_them() {
    let mut server = ServerFindings {
        version: "15.14".to_owned(),
        version_major: 15,
        user: "app".to_owned(),
        is_standby: false,
        is_read_only: false,
        clock_ahead_s: 0.0,
        connections_free: 80,
        has_trigrams: true,
        offers_trigrams: true,
        settings: Vec::new(),
    };
    let said = |server: &ServerFindings| {
        let mut report = Report::default();
        about_settings(server, &mut report);
        let said = report.findings.iter();
        said.map(|found| format!("{:?} {} {:?}", found.grade, found.what, found.fix))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let harmless = [
        ("fsync", "on"),
        ("synchronous_commit", "local"),
        ("transaction_timeout", "0ms"),
        ("idle_session_timeout", "0ms"),
    ];
    server.settings = harmless.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert!(said(&server).starts_with("Well no setting there harms"), "{}", said(&server));
    for (name, value, words) in [
        ("fsync", "off", "fsync = on in postgresql.conf"),
        ("synchronous_commit", "off", "SET synchronous_commit = on"),
        ("transaction_timeout", "30000ms", "SET transaction_timeout = 0"),
        ("idle_session_timeout", "60000ms", "SET idle_session_timeout = 0"),
    ] {
        server.settings = vec![(name.to_owned(), value.to_owned())];
        let said = said(&server);
        assert!(said.starts_with("Warning") && said.contains(words), "{said}");
    }
    server.settings = vec![("transaction_timeout".to_owned(), "90000ms".to_owned())];
    assert!(said(&server).starts_with("Well"), "longer than any batch: {}", said(&server));
}
