use jiff::{Timestamp, civil, tz};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::*;

/// Words that have something to quote or to escape about them, and words that are like the language's own.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9.@_%*-]{1,8}",
        2 => "[ a-z\"\\\\:=<>,'\u{e9}\u{65e5}\u{202e}\t\n-]{1,12}",
        1 => select(vec!["-", "--", "\"", "\\", "to:", "status:sent", "a=\"b", "Bob <bob@example.com>", "..", "<a@b>"])
            .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    word().prop_filter_map("a value", |text| Value::new(&text).ok())
}

pub(in crate::search) fn moment() -> impl Strategy<Value = Moment> {
    let unit = select(vec![AgoUnit::Minutes, AgoUnit::Hours, AgoUnit::Days, AgoUnit::Weeks]);
    let day = (1..=9999_i16, 1..=12_i8, 1..=28_i8).prop_map(|(y, m, d)| civil::date(y, m, d));
    let instant = (-60_000_000_000_000_000..250_000_000_000_000_000_i64)
        .prop_map(|micros| Moment::Instant(Timestamp::from_microsecond(micros).unwrap()));
    prop_oneof![
        day.clone().prop_map(Moment::Day),
        (day, 0..24_i8, 0..60_i8).prop_map(|(day, h, m)| Moment::Local(day.at(h, m, 0, 0))),
        instant,
        (1..5_000_u32, unit).prop_map(|(count, unit)| Moment::Ago(count, unit)),
        select(vec![Moment::Today, Moment::Yesterday]),
    ]
}

pub(in crate::search) fn statuses() -> impl Strategy<Value = Statuses> {
    subsequence(Status::ALL.to_vec(), 1..=6).prop_filter_map("a status", Statuses::new)
}

fn condition() -> impl Strategy<Value = Condition> {
    let period =
        (option::of(moment()), option::of(moment())).prop_map(|(from, until)| Period::new(from, until));
    let domain = value().prop_filter("no @ in front", |value| !value.as_str().starts_with('@'));
    let tag = (value(), option::of(value())).prop_filter_map("a tag", |(name, value)| {
        Condition::tag(name.as_str(), value.as_ref().map(Value::as_str)).ok()
    });
    prop_oneof![
        value().prop_map(Condition::Text),
        value().prop_map(Condition::To),
        value().prop_map(Condition::From),
        value().prop_map(Condition::Subject),
        value().prop_map(Condition::Campaign),
        value().prop_map(Condition::Template),
        domain.prop_map(Condition::Domain),
        value().prop_map(Condition::Id),
        statuses().prop_map(Condition::Status),
        tag,
        moment().prop_map(Condition::Before),
        moment().prop_map(Condition::After),
        (select(EventKind::ALL.to_vec()), period).prop_map(|(kind, period)| Condition::Event(kind, period)),
        value().prop_map(Condition::Bounce),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let term = (any::<bool>(), condition()).prop_map(|(negated, condition)| Term { negated, condition });
    vec(term, 0..8).prop_map(|terms| Query::of(terms).unwrap())
}

proptest! {
    #[test]
    fn the_canonical_text_is_read_back(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(text.parse::<Query>(), Ok(query), "{}", text);
    }

    /// Whatever somebody types is read or refused in words, and what is read has a text that says the same.
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof!["\\PC{0,60}", "[a-z:\"\\\\ =<>@,.-]{0,60}", any::<String>()]) {
        match text.parse::<Query>() {
            Ok(query) => prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query)),
            Err(error) => {
                prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_chip_is_one_term(query in query()) {
        for (place, term) in query.terms().iter().enumerate() {
            let without = query.without(place);
            prop_assert_eq!(without.terms().len(), query.terms().len() - 1);
            prop_assert!(!without.terms().contains(term));
            prop_assert_eq!(without.with(term.clone()).unwrap().terms().len(), query.terms().len());
            prop_assert_eq!(query.replacing(place, term), Ok(query.clone()));
            let alone = term.to_string().parse::<Query>().unwrap();
            prop_assert_eq!(alone.terms(), std::slice::from_ref(term));
        }
    }
}

fn canonical(text: &str) -> String {
    text.parse::<Query>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

fn refused(text: &str) -> (usize, String) {
    let error = text.parse::<Query>().unwrap_err();
    (error.at, error.fault.to_string())
}

#[test]
fn what_people_write_is_read() {
    for (text, expected) in [
        ("", ""),
        ("  jane  order ", "jane order"),
        ("jane jane", "jane"),
        ("TO:jane@example.com", "to:jane@example.com"),
        ("-from:shop", "-from:shop"),
        (r#"subject:"summer sale""#, r#"subject:"summer sale""#),
        (r#"-"summer sale""#, r#"-"summer sale""#),
        (r#""a \"b\" \\ c\d""#, r#""a \"b\" \\ c\\d""#),
        ("\"one\"", "one"),
        ("status:delivered,sent,sent", "status:sent,delivered"),
        ("status:Hard-Bounced", "status:hard_bounced"),
        ("tag:ses:operation=SendEmail", "tag:ses:operation=SendEmail"),
        (r#"tag:list="summer sale""#, r#"tag:"list=summer sale""#),
        ("tag:list=", "tag:list"),
        ("tag:a=b=c", "tag:a=b=c"),
        ("domain:@Example.com", "domain:Example.com"),
        ("after:2026-05-03 before:2026-05-03T10:00+02:00", "after:2026-05-03 before:2026-05-03T08:00:00Z"),
        ("after:2026-05-03T10:00", "after:2026-05-03T10:00:00"),
        ("after:7D", "after:7d"),
        ("after:Yesterday", "after:yesterday"),
        ("event:Opened@7d", "event:open@7d.."),
        ("event:bounce@2026-05-01..2026-05-07", "event:bounce@2026-05-01..2026-05-07"),
        ("event:click@2026-05-01..2026-05-01", "event:click@2026-05-01"),
        ("bounce:MailboxFull", "bounce:MailboxFull"),
        // No words of the language.
        ("Re: your order", "\"Re:\" your order"),
        ("https://example.com/a:b", "\"https://example.com/a:b\""),
        ("12:30", "\"12:30\""),
        ("- --x", "\"-\" -\"-x\""),
        ("a\0b", "ab"),
        (r#""status:sent""#, r#""status:sent""#),
        // An address as it is copied.
        ("Jane Doe <jane@example.com>", "\"Jane Doe <jane@example.com>\""),
        ("<jane@example.com>", "\"<jane@example.com>\""),
        ("a <b> c", "a \"<b>\" c"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
    for (text, at, parts) in [
        ("ü form:jane", 3, &["`form:`", "`from:`", "quotes"][..]),
        ("subjet:x", 1, &["`subject:`"]),
        ("has:opened", 1, &["`event:`"]),
        ("is:delivered", 1, &["`status:`"]),
        ("a status:deliverd", 3, &["`deliverd`", "`delivered`", "hard_bounced"]),
        ("status:,", 1, &["nothing to search for"]),
        ("event:openned", 1, &["`open`", "rendering_failure"]),
        ("to:", 1, &["behind the colon"]),
        ("a \"b", 3, &["no counterpart"]),
        ("\"\"", 1, &["nothing to search for"]),
        ("after:soon", 1, &["`soon`", "7d"]),
        ("after:2026-13-01", 1, &["`2026-13-01`"]),
        ("after:99999999d", 1, &["`99999999d`"]),
        ("after:0d", 1, &["`0d`"]),
        ("event:open@2026-05-01T10:00", 1, &["no period", "2026-05-01.."]),
        ("event:open@..", 1, &["no period"]),
        ("tag:=x", 1, &["nothing to search for"]),
    ] {
        let (place, said) = refused(text);
        assert_eq!(place, at, "{text}: {said}");
        for part in parts {
            assert!(said.contains(part), "{text}: {said}");
        }
    }
    assert!(refused(&"x".repeat(VALUE_CHARS_MAX + 1)).1.contains("300 characters"));
    assert_eq!(refused(&"x ".repeat(QUERY_CHARS_MAX)).0, QUERY_CHARS_MAX + 1);
    let many: Vec<String> = (0..=QUERY_TERMS_MAX).map(|n| format!("w{n}")).collect();
    assert!(refused(&many.join(" ")).1.contains("may have 20"));
    // Quotation marks that the canonical text needs count, too.
    let marks = "\"".repeat(VALUE_CHARS_MAX - 2);
    let quoted = format!("a:{marks} b:{marks}");
    assert!(quoted.chars().count() <= QUERY_CHARS_MAX && quoted.parse::<Query>().is_err());
}

#[test]
fn times_mean_what_the_asker_s_zone_says() {
    let clock =
        Clock { now: "2026-05-03T22:30:00Z".parse().unwrap(), zone: tz::TimeZone::fixed(tz::offset(2)) };
    for (text, start, end) in [
        ("2026-05-03", "2026-05-02T22:00:00Z", "2026-05-03T22:00:00Z"),
        ("today", "2026-05-03T22:00:00Z", "2026-05-04T22:00:00Z"),
        ("yesterday", "2026-05-02T22:00:00Z", "2026-05-03T22:00:00Z"),
        ("2026-05-03T10:00", "2026-05-03T08:00:00Z", "2026-05-03T08:00:00Z"),
        ("2026-05-03T10:00:00.1234567Z", "2026-05-03T10:00:00.123456Z", "2026-05-03T10:00:00.123456Z"),
        ("90m", "2026-05-03T21:00:00Z", "2026-05-03T21:00:00Z"),
        ("7d", "2026-04-26T22:30:00Z", "2026-04-26T22:30:00Z"),
        ("2w", "2026-04-19T22:30:00Z", "2026-04-19T22:30:00Z"),
    ] {
        let moment: Moment = text.parse().unwrap();
        assert_eq!(
            (moment.start(&clock), moment.end(&clock)),
            (start.parse().unwrap(), end.parse().unwrap()),
            "{text}"
        );
    }
    let bounds = |text: &str| text.parse::<Period>().unwrap().bounds(&clock);
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    assert_eq!(
        bounds("2026-05-01..2026-05-02"),
        (at("2026-04-30T22:00:00Z"), at("2026-05-02T22:00:00Z")),
        "both days belong to it"
    );
    assert_eq!(bounds("..2026-05-01T00:00Z"), (None, at("2026-05-01T00:00:00Z")));
    assert_eq!(bounds("24h"), (at("2026-05-02T22:30:00Z"), None));
    // The last day that there is has no day after it.
    assert_eq!("9999-12-31".parse::<Moment>().unwrap().end(&clock), Timestamp::MAX);
}

#[test]
fn a_space_behind_the_colon_is_none() {
    for (text, canonical) in [
        ("subject: order", "subject:order"),
        ("to:  jane@example.com status: sent", "to:jane@example.com status:sent"),
        ("subject: \"two words\" x", "subject:\"two words\" x"),
        ("-subject: order", "-subject:order"),
        ("tag: list=news", "tag:list=news"),
    ] {
        assert_eq!(text.parse::<Query>().unwrap().to_string(), canonical, "{text}");
    }
    for text in ["subject: ", "subject: status:sent", "subject: -jane", "subject: form:x"] {
        assert_eq!(text.parse::<Query>().unwrap_err().fault, Fault::NoValue, "{text}");
    }
}

#[test]
fn a_day_written_in_another_way_is_told_as_it_is_read_here() {
    let fault = "after:16.11.2026".parse::<Query>().unwrap_err().fault;
    assert_eq!(fault, Fault::Day { written: "16.11.2026".to_owned(), meant: "2026-11-16".to_owned() });
    for text in ["after:31.2.2026", "after:1.2.3.2026", "after:1.2.26", "after:+1.2.2026", "after:16.11"] {
        assert!(matches!(text.parse::<Query>().unwrap_err().fault, Fault::Time(_)), "{text}");
    }
}

#[test]
fn the_one_address_that_a_query_asks_for_is_known() {
    for (text, address) in [
        ("to:Jane@Example.com status:sent", Some("jane@example.com")),
        ("Jane <jane@example.com>", Some("jane@example.com")),
        ("jane@", None),
        ("-jane@example.com", None),
        ("from:jane@example.com", None),
        ("to:jane@example.com to:joe@example.com", None),
    ] {
        assert_eq!(text.parse::<Query>().unwrap().address().as_deref(), address, "{text}");
    }
}
