use aftersend_store::{Parked, Rate};

use super::{
    super::figures::tests::{at, clock, overview, week},
    *,
};

fn template(name: Option<&str>) -> TemplateFigures {
    TemplateFigures {
        name: name.map(str::to_owned),
        figures: overview().figures,
        median_to_open_s: None,
        last_opened_at: None,
        last_clicked_at: None,
    }
}

fn rendered(alarms: &[Alarm], templates: &[TemplateFigures]) -> String {
    let domains = [DomainFigures {
        domain: "example.com".to_owned(),
        sent: 10,
        delivered: 8,
        bounced: 2,
        complained: 1,
    }];
    let reasons = [BounceReason {
        kind: Some("hard".to_owned()),
        subtype: Some("NoEmail".to_owned()),
        code: Some("5.1.1".to_owned()),
        bounces: 3,
    }];
    let overview = overview();
    let glance = Glance { overview: &overview, alarms, templates, domains: &domains, reasons: &reasons };
    OverviewPage::new(&glance, &week(), &clock()).render().unwrap().replace('\u{a0}', " ")
}

#[test]
fn the_worst_are_named_with_the_mails_behind_them() {
    let html = rendered(&[], &[template(Some("<order> & more")), template(None)]);
    for expected in [
        "href=\"/template?name=%3Corder%3E%20%26%20more&#38;period=7d\"",
        "<bdi>&#60;order&#62; &#38; more</bdi>",
        "58 (5.8 %)",
        "domain%3Aexample.com",
        "2 (20.0 %)",
        "1 (12.5 %)",
        "The mailbox does not exist",
        "<code>5.1.1</code>",
        "bounce%3Ahard%20bounce%3ANoEmail",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert_eq!(html.matches("<p class=\"sentence tone-").count(), 1, "{html}");
    // Mails of no template can't be searched for by one, so they have no row.
    assert_eq!(html.matches("/template?").count(), 1);
}

#[test]
fn warnings_say_what_ses_does_and_lead_to_the_cause() {
    let parked =
        Parked { events: 1, oldest_received_at: Some(at("2026-05-08T09:00:00Z")), oldest_age_s: 9e9 };
    let quarantine = Alarm::Quarantine { messages: 1_200, oldest_received_at: at("2026-05-01T09:00:00Z") };
    let html =
        rendered(&[Alarm::Bounces(Rate::Of { count: 6, of: 100 }), Alarm::Parked(parked), quarantine], &[]);
    for expected in [
        "6.0 % of the mail of this period bounced for good. From 5 % on",
        "1 event waits for its mail for longer than it should; the oldest came 3 h ago.",
        "<a href=\"/parked\">",
        "1,200 messages in quarantine",
        "No template’s mail bounced",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
}

#[test]
fn the_choice_of_a_period_shows_what_is_chosen() {
    let html = rendered(&[], &[]);
    assert!(html.contains("<a href=\"/?period=7d\" aria-current=\"page\">7 days</a>"), "{html}");
    assert!(html.contains("name=\"to\" type=\"date\" value=\"2026-05-08\""), "{html}");
}

#[test]
fn complaints_of_too_few_for_an_alarm_are_still_told() {
    let html = rendered(&[], &[]);
    let told =
        "<p class=\"sentence tone-waiting\">2 of 940 who got mail in this period called it spam (0.21 %).";
    assert!(html.contains(told), "{html}");
    let html = rendered(&[Alarm::Complaints(Rate::Of { count: 2, of: 940 })], &[]);
    assert!(!html.contains("2 of 940 who") && html.contains("tone-bounced"), "{html}");
}
