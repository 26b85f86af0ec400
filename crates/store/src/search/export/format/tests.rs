use super::*;
use crate::search::MailSummary;

fn mail(to: &str, subject: Option<&str>) -> ExportedMail {
    let at: Timestamp = "2026-05-03T10:00:00.5Z".parse().unwrap();
    ExportedMail {
        summary: MailSummary {
            uuid: uuid::Uuid::nil(),
            message_id: "m1".into(),
            aws_message_id: None,
            to: to.into(),
            from: "Shop <shop@example.com>".into(),
            subject: subject.map(Into::into),
            template_name: None,
            campaign_id: Some("May, again".into()),
            status: "delivered".into(),
            sent_at: at,
        },
        delivered_at: Some(at),
        opened_at: None,
        clicked_at: None,
        bounced_at: None,
        complained_at: None,
        configuration_set: None,
        recipients: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        bounced: vec!["b@example.com".to_owned()],
        bounce_type: Some("hard".to_owned()),
        bounce_reason: Some("NoEmail".to_owned()),
        tags: [("list".to_owned(), vec!["a".to_owned()])].into(),
    }
}

fn written(format: ExportFormat, mail: &ExportedMail) -> String {
    let mut line = String::new();
    format.write(mail, &mut line);
    line
}

#[test]
fn a_line_of_csv_has_a_field_for_each_name() {
    let line = written(ExportFormat::Csv, &mail("a@example.com", Some("Say \"hi\"\nnow")));
    assert_eq!(
        line,
        "2026-05-03T10:00:00.5Z,delivered,a@example.com,Shop <shop@example.com>,\"Say \"\"hi\"\"\nnow\",,\"May, again\",\
         2026-05-03T10:00:00.5Z,,,,,,\"{\"\"list\"\":[\"\"a\"\"]}\",m1,,00000000-0000-0000-0000-000000000000,\
         a@example.com b@example.com,b@example.com,hard,NoEmail\r\n"
    );
    let plain = written(ExportFormat::Csv, &ExportedMail { tags: [].into(), ..mail("a", Some("b")) });
    // But for the campaign's own comma.
    assert_eq!(plain.matches(',').count() - 1, CSV_HEADER.matches(',').count());
}

#[test]
fn no_value_is_taken_for_a_formula() {
    for start in ["=", "+", "-", "@", "\t", "\r", "\n"] {
        let hostile = format!("{start}HYPERLINK(\"https://example.com\")");
        let line = written(ExportFormat::Csv, &mail("a", Some(&hostile)));
        let expected = format!(",\"'{start}HYPERLINK(\"\"https://example.com\"\")\",");
        assert!(line.contains(&expected), "{line:?}");
    }
    // Where lists are separated by semicolons, a cell begins within the value.
    let line = written(ExportFormat::Csv, &mail("a", Some("a;=1+1")));
    assert!(line.contains(",\"a;'=1+1\","), "{line}");
    let line = written(ExportFormat::Csv, &mail("a", Some("a=b")));
    assert!(line.contains(",a=b,"), "{line}");
}

#[test]
fn a_line_of_ndjson_is_one_document() {
    let line = written(ExportFormat::Ndjson, &mail("a@example.com", Some("a\nb=")));
    let document: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(document["subject"], "a\nb=");
    assert_eq!(document["opened_at"], serde_json::Value::Null);
    assert_eq!(document["tags"]["list"][0], "a");
    assert_eq!(document["recipients"][1], "b@example.com");
    assert_eq!(
        (&document["bounced"][0], &document["bounce_reason"]),
        (&"b@example.com".into(), &"NoEmail".into())
    );
    assert_eq!(document.as_object().unwrap().len(), CSV_HEADER.split(',').count());
}
