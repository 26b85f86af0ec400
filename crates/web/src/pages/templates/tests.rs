use aftersend_store::{BounceReason, Freshness};

use super::{
    super::figures::tests::{at, clock, overview, week},
    *,
};

fn template(name: &str) -> TemplateFigures {
    TemplateFigures {
        name: Some(name.to_owned()),
        figures: overview().figures,
        median_to_open_s: Some(2_400.0),
        last_opened_at: None,
        last_clicked_at: None,
    }
}

fn domain() -> DomainFigures {
    DomainFigures { domain: "example.com".to_owned(), sent: 10, delivered: 8, bounced: 2, complained: 1 }
}

fn lists(links: &[LinkFigures], domains: &[DomainFigures]) -> TemplateLists {
    TemplateLists { links: links.to_vec(), domains: domains.to_vec(), bounces: BouncesLook::NotAsked }
}

#[test]
fn the_lists_behind_a_templates_domains_are_of_that_template() {
    let page = OneTemplatePage::new(
        &template("order"),
        "order",
        &overview(),
        &lists(&[], &[domain()]),
        &week(),
        &clock(),
    );
    let html = page.render().unwrap();
    for expected in [
        "href=\"/mails?q=template%3Aorder%20domain%3Aexample.com%20after",
        "href=\"/mails?q=template%3Aorder%20domain%3Aexample.com%20event%3Abounce%20after",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
}

#[test]
fn rates_that_ses_would_review_are_marked_by_a_word() {
    let rendered = |hard_bounced, complained| {
        let mut template = template("order");
        (template.figures.hard_bounced, template.figures.complained) = (hard_bounced, complained);
        let freshness = overview().freshness;
        let page = TemplatePage { templates: vec![template], all: 1, truncated: false, freshness };
        let page =
            TemplatesPage::new(&page, &[], TemplateOrder::Sent, 0, &overview().seen, &week(), &clock());
        page.render().unwrap().matches(">high</abbr>").count()
    };
    // Of 1,000 sent and 940 delivered.
    assert_eq!((rendered(49, 0), rendered(50, 0), rendered(50, 1)), (0, 1, 2));
}

#[test]
fn the_table_can_be_sorted_and_paged() {
    let freshness = overview().freshness;
    let page = TemplatePage { templates: vec![template("<b>")], all: 120, truncated: false, freshness };
    let trend = TemplateTrend { name: "<b>".to_owned(), series: overview().series };
    let page =
        TemplatesPage::new(&page, &[trend], TemplateOrder::Bounced, 50, &overview().seen, &week(), &clock());
    let html = page.render().unwrap().replace('\u{a0}', " ");
    for expected in [
        "<bdi>&#60;b&#62;</bdi>",
        "href=\"/template?name=%3Cb%3E&#38;period=7d\"",
        "aria-sort=\"descending\"><a href=\"/templates?period=7d&#38;sort=bounced\">Bounced</a>",
        "href=\"/templates?period=7d&#38;sort=time\"",
        "rel=\"prev\" href=\"/templates?period=7d&#38;sort=bounced\"",
        "rel=\"next\" href=\"/templates?period=7d&#38;sort=bounced&#38;skip=51\"",
        "51 to 51 of 120",
        // Another period keeps the order.
        "href=\"/templates?sort=bounced&#38;period=24h\"",
        "<form class=\"find\" action=\"/templates\" method=\"get\">\n<input type=\"hidden\" name=\"sort\" value=\"bounced\">",
        "As of <time datetime=\"2026-05-08T12:00:00Z\" title=\"8 May 2026, 12:00:00.000 UTC\">just now</time>",
        "40 min",
        "<td class=\"number\">unknown</td>",
        "+ 10.0 %</abbr>",
        "<svg class=\"spark",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert_eq!(html.matches("aria-sort").count(), 1);
}

#[test]
fn orders_are_read_as_they_are_written() {
    for (name, by, _) in ORDERS {
        assert_eq!(order(name), Some(by));
        assert_eq!(order_name(by), name);
    }
    assert_eq!(order("size"), None);
}

#[test]
fn a_templates_links_lead_only_where_they_may() {
    let link = |link: Option<&str>| LinkFigures {
        link: link.map(str::to_owned),
        mails: 3,
        clicks: 1_500,
        machine_clicks: 2,
    };
    let links = [link(Some("https://example.com/a?b")), link(Some("javascript:alert(1)")), link(None)];
    let name = "a/b \u{202E}c";
    let page =
        OneTemplatePage::new(&template(name), name, &overview(), &lists(&links, &[]), &week(), &clock());
    let html = page.render().unwrap();
    assert!(
        html.contains("<a href=\"https://example.com/a?b\" rel=\"noopener noreferrer nofollow\">"),
        "{html}"
    );
    assert!(!html.contains("href=\"javascript"), "{html}");
    assert!(html.contains("a/b ⟨U+202E⟩c") && html.contains("1,500"), "{html}");
    assert!(html.contains("href=\"/template?name=a%2Fb%20%E2%80%AEc&#38;period=24h\""), "{html}");
    assert!(html.contains("<input type=\"hidden\" name=\"name\" value=\"a/b \u{202E}c\">"), "{html}");
}

#[test]
fn a_page_behind_the_last_template_is_not_an_empty_period() {
    let rendered = |skip: usize, all: usize, is_counting: bool| {
        let freshness = Freshness { counted_at: at("2026-05-08T11:40:00Z"), is_counting };
        let page = TemplatePage { templates: Vec::new(), all, truncated: false, freshness };
        let seen = overview().seen;
        TemplatesPage::new(&page, &[], TemplateOrder::Bounced, skip, &seen, &week(), &clock())
            .render()
            .unwrap()
    };
    let html = rendered(50, 30, false);
    assert!(html.contains("No more templates") && !html.contains("No mail was sent"), "{html}");
    assert!(html.contains("href=\"/templates?period=7d&#38;sort=bounced\">To the beginning"), "{html}");
    assert!(!html.contains("still being counted"), "{html}");
    let html = rendered(50, 0, true);
    assert!(html.contains("No mail was sent") && html.contains("still being counted"), "{html}");
    assert!(
        html.contains("lag behind: what has come in since 8 May 2026, 11:40:00 UTC is not in all"),
        "{html}"
    );
}

#[test]
fn a_name_that_no_search_can_hold_leads_to_no_list() {
    for name in ["n".repeat(301), " ".to_owned()] {
        let page = OneTemplatePage::new(
            &template(&name),
            &name,
            &overview(),
            &lists(&[], &[domain()]),
            &week(),
            &clock(),
        );
        let html = page.render().unwrap();
        assert!(!html.contains("href=\"/mails?q="), "{html}");
        assert!(html.contains("No search can hold its name"), "{html}");
    }
    for name in [".", "..", "a/../b"] {
        let path = template_path(name);
        assert_eq!(path.parse::<axum::http::Uri>().unwrap().path(), "/template", "{path}");
    }
}

#[test]
fn a_template_says_why_its_mail_came_back_and_where_it_can_not() {
    let page = |bounces| {
        let lists = TemplateLists { bounces, ..TemplateLists::default() };
        let page = OneTemplatePage::new(&template("order"), "order", &overview(), &lists, &week(), &clock());
        page.render().unwrap()
    };
    let reason = BounceReason {
        kind: Some("hard".to_owned()),
        subtype: Some("NoEmail".to_owned()),
        code: Some("5.1.1".to_owned()),
        bounces: 1_234,
    };
    let told = page(BouncesLook::Told(TemplateBounces { reasons: vec![reason.clone()], is_cut: false }));
    assert!(told.contains("The mailbox does not exist") && told.contains("1,234"), "{told}");
    assert!(told.contains("template%3Aorder"), "the list is of its mails alone: {told}");
    assert!(!told.contains("bounces of all templates were looked at"), "{told}");
    let cut = page(BouncesLook::Told(TemplateBounces { reasons: vec![reason], is_cut: true }));
    assert!(cut.contains("Only the newest 10,000 bounces of all templates were looked at"), "{cut}");
    let cut = page(BouncesLook::Told(TemplateBounces { reasons: Vec::new(), is_cut: true }));
    assert!(cut.contains("Nothing came back among the newest 10,000 bounces"), "{cut}");
    assert!(page(BouncesLook::TooLong).contains("It takes too long to find out"));
    let unasked = page(BouncesLook::NotAsked);
    assert!(unasked.contains("name=order&#38;why=yes\">Look through the bounces"), "{unasked}");
}
