//! `log`.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use crate::program::{Run, Setup, ended};

fn log(setup: &Setup, arguments: &[&str], input: &str) -> Run {
    let mut child = setup
        .program()
        .args([&["log"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

fn lines(run: Run) -> Vec<Value> {
    run.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_mail_is_logged_and_joins_its_events() {
    let setup = Setup::migrated().await;
    let pretty = "{\n  \"message_id\": \"order-1\",\n  \"to\": \"jane@example.com\",\n  \"from\": \"shop@example.com\",\n  \
                  \"subject\": \"Your order\",\n  \"body\": {\"html\": \"<p>Hello</p>\"}\n}\n";
    let said = lines(log(&setup, &[], pretty));
    assert_eq!((said.len(), &said[0]["line"], &said[0]["outcome"]), (1, &json!(1), &json!("created")));
    let uuid = said[0]["uuid"].as_str().unwrap();
    let run = log(&setup, &["-"], pretty);
    assert!(
        run.stderr
            .contains("1 mails: 0 created, 0 joined with their events, 0 updated, 1 unchanged, 0 refused")
    );
    assert_eq!(lines(run)[0]["outcome"], "unchanged");

    let id = "{\"message_id\": \"order-1\", \"aws_message_id\": \"ses-1\"}\n";
    assert_eq!(
        lines(log(&setup, &[], id))[0],
        json!({ "line": 1, "uuid": uuid, "message_id": "order-1", "outcome": "updated" })
    );
    let folder = tempfile::tempdir().unwrap();
    let event = r#"{"eventType":"Delivery","mail":{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"ses-1","source":"a@example.com","destination":["jane@example.com"]},"delivery":{"timestamp":"2026-11-20T10:00:05.000Z","recipients":["jane@example.com"]}}"#;
    let path = folder.path().join("events.json");
    std::fs::write(&path, event).unwrap();
    setup.run(&["ingest", "file", path.to_str().unwrap()]).ok();
    let shown = setup.run(&["show", "order-1", "--json"]).json();
    assert_eq!((&shown["status"], &shown["subject"]), (&json!("delivered"), &json!("Your order")), "{shown}");

    let quiet = log(&setup, &["--quiet"], id);
    assert!(quiet.stderr.contains("1 unchanged"), "{}", quiet.stderr);
    assert_eq!(quiet.ok(), "");
    let file = folder.path().join("mails.ndjson");
    std::fs::write(&file, "[{\"message_id\": \"order-1\"}]").unwrap();
    assert_eq!(lines(setup.run(&["log", file.to_str().unwrap()]))[0]["outcome"], "unchanged");
    assert!(setup.run(&["log", "/nowhere/at/all"]).fails(1).contains("/nowhere/at/all"));
}

#[tokio::test]
async fn a_bad_line_harms_no_other_and_is_not_quoted() {
    let setup = Setup::migrated().await;
    let input = "{\"to\": \"one@example.com\", \"from\": \"shop@example.com\"}\n\
                 {\"to\": \"secret@example.com\", \"form\": \"shop@example.com\"}\n\
                 {\"to\": \"secret@example.com\",\n\
                 {\"message_id\": \"nobody\", \"subject\": \"secret\"}\n\
                 secret\n\
                 {\"to\": \"two@example.com\", \"from\": \"shop@example.com\"}\n";
    let run = log(&setup, &[], input);
    let told: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut outcomes: Vec<(u64, &str)> =
        told.iter().map(|line| (line["line"].as_u64().unwrap(), line["outcome"].as_str().unwrap())).collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [(1, "created"), (2, "refused"), (3, "refused"), (4, "refused"), (5, "refused"), (6, "created")]
    );
    assert!(
        !run.stdout.contains("secret") && !run.stderr.contains("secret"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    let said = run.fails(1);
    for part in [
        "standard input: line 2: refused: a mail has no `form`, but a `from`",
        "standard input: line 3: refused: this is no JSON",
        "standard input: line 4: refused: nothing is known of this mail yet, so it needs `to` and `from`",
        "6 mails: 2 created, 0 joined with their events, 0 updated, 0 unchanged, 4 refused",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}
