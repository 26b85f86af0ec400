//! How PostgreSQL goes about these statements: see the plans of ingest.

use crate::{
    ingest::tests::{check_planned, filled},
    sql::Statement,
};

const CUSTOM: &[&str] = &["force_custom_plan"];

fn arguments(terms: &[&str]) -> Vec<String> {
    terms.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_figure_goes_by_index() {
    let fixture = filled().await;
    let by_time = "phoenix_kit_email_logs_sent_at_idx";
    let by_mail = "phoenix_kit_email_events_";
    let recipients = "aftersend_recipients_";
    // Some seconds of the hundred minutes that the tables hold, and those before them.
    let seconds = "ARRAY[now() - interval '110 s', now() - interval '107 s', now() - interval '104 s']";
    for (templates, apart) in [("NULL", "false"), ("NULL", "true"), ("ARRAY['order']", "true")] {
        let terms = arguments(&[seconds, templates, apart, "1000"]);
        let index = if templates == "NULL" { by_time } else { "phoenix_kit_email_logs_" };
        check_planned(&fixture, CUSTOM, Statement::Recount, &terms, &[index, by_mail, recipients]).await;
    }
    let few = arguments(&["ARRAY[now() - interval '110 s', now() - interval '104 s']", "NULL"]);
    check_planned(&fixture, CUSTOM, Statement::CountDomains, &few, &[by_time, recipients]).await;
    check_planned(&fixture, CUSTOM, Statement::CountBounces, &few, &[by_time, by_mail]).await;
    // No mail has a click yet, so that V137's index of clicks is as good as that of times.
    check_planned(&fixture, CUSTOM, Statement::CountLinks, &few, &["phoenix_kit_email_logs_", by_mail]).await;
    let by_type = ["phoenix_kit_email_events_type_occurred_at_idx"];
    let types = "ARRAY['delivery', 'bounce']";
    check_planned(&fixture, CUSTOM, Statement::SeenTypes, &arguments(&[types]), &by_type).await;
    let silence = arguments(&[types, "1000"]);
    check_planned(&fixture, CUSTOM, Statement::Silence, &silence, &[by_type[0], by_time]).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs
               SET opened_at = sent_at, clicked_at = sent_at, template_name = 'template' || (right(message_id, 2)),
                   campaign_id = 'campaign' || (right(message_id, 2));
               ANALYZE "prefix".phoenix_kit_email_logs"#,
        )
        .await;
    let by_template =
        ["phoenix_kit_email_logs_template_opened_index", "phoenix_kit_email_logs_template_clicked_index"];
    let templates = arguments(&["ARRAY['template11', 'template12']"]);
    check_planned(&fixture, CUSTOM, Statement::LastVisits, &templates, &by_template).await;

    let (from, to) = ("now() - interval '30 days'", "now()");
    let (first, last) = ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'");
    let day_ago = "now() - interval '1 day'";
    let related = arguments(&["md5('mail7')::uuid", from, to, "5", "200", day_ago, first, last]);
    let indexes = ["aftersend_recipients_pkey", "aftersend_recipients_address_idx"];
    check_planned(&fixture, CUSTOM, Statement::RelatedByRecipient, &related, &indexes).await;
    for (statement, value) in
        [(Statement::RelatedByTemplate, "'template11'"), (Statement::RelatedByCampaign, "'campaign11'")]
    {
        let related = arguments(&["md5('mail7')::uuid", from, to, "5", value, day_ago, "1500", "250"]);
        check_planned(&fixture, CUSTOM, statement, &related, &["phoenix_kit_email_logs_"]).await;
    }
    let bounces = arguments(&["now() - interval '110 s'", "now()", "'template11'", "now()", "100", "25"]);
    let indexes = [by_type[0], "aftersend_folded_events_", "phoenix_kit_email_logs_"];
    check_planned(&fixture, CUSTOM, Statement::ListTemplateBounces, &bounces, &indexes).await;
    let alike = ["'01990000-0000-0000-0000-000000000000'", "'01990000-ffff-ffff-ffff-ffffffffffff'", "11"];
    let by_key = ["phoenix_kit_email_logs_"];
    check_planned(&fixture, CUSTOM, Statement::FindMailsBeginning, &arguments(&alike), &by_key).await;
}

#[tokio::test]
async fn an_address_and_its_block_are_found_by_index() {
    let fixture = filled().await;
    let by_address = "aftersend_recipients_address_idx";
    let totals = arguments(&["'to7@example.com'", "10001"]);
    check_planned(&fixture, CUSTOM, Statement::AddressTotals, &totals, &[by_address]).await;
    let page = arguments(&[
        "'to7@example.com'",
        "ARRAY['to7@example.com', 'To7@example.com']",
        "'infinity'",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "10000",
        "51",
    ]);
    let indexes = [by_address, "phoenix_kit_email_logs_to_sent_at_idx"];
    check_planned(&fixture, CUSTOM, Statement::MailsToAddress, &page, &indexes).await;
    let cause = arguments(&["'to7@example.com'", "'bounce'", "now()", "10000"]);
    check_planned(
        &fixture,
        CUSTOM,
        Statement::BlockCause,
        &cause,
        &[by_address, "phoenix_kit_email_events_"],
    )
    .await;

    let by_email = ["phoenix_kit_email_blocklist_"];
    let spellings = arguments(&["ARRAY['to7@example.com']"]);
    check_planned(&fixture, CUSTOM, Statement::FindBlocks, &spellings, &by_email).await;
    check_planned(&fixture, CUSTOM, Statement::Unblock, &spellings, &by_email).await;
    // With a pattern it reads all of the list, or until the page is full.
    for after in ["NULL", "'to3'"] {
        let page = arguments(&[after, "NULL", "NULL", "false", "101"]);
        check_planned(&fixture, CUSTOM, Statement::ListBlocklist, &page, &by_email).await;
    }
}
