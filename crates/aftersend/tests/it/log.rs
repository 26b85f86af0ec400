//! `log`.

use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use aftersend_testkit::database::Client;
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

const LOGS: &str = "phoenix_kit_email_logs";

/// So many lines of mails that have no id.
fn nameless(count: usize) -> String {
    "{\"to\": \"a@example.com\", \"from\": \"b@example.com\"}\n".repeat(count)
}

async fn rows(setup: &Setup, client: &Client) -> i64 {
    let count = format!("SELECT count(*) FROM \"{}\".{LOGS}", setup.schema.prefix());
    client.query_one(&count, &[]).await.unwrap().get(0)
}

/// Whoever holds a row, or ends a session, makes the command try again: what it has done by then is not done twice.
#[tokio::test]
async fn what_is_logged_is_answered_once_and_not_logged_again() {
    let setup = Setup::migrated().await;
    let known = "{\"message_id\": \"known\", \"to\": \"a@example.com\", \"from\": \"b@example.com\"}\n";
    log(&setup, &[], known).ok();
    let (holder, observer) = (setup.client().await, setup.client().await);
    let lock = format!("BEGIN; SELECT FROM \"{}\".{LOGS} FOR UPDATE", setup.schema.prefix());
    holder.batch_execute(&lock).await.unwrap();
    let pid: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mails.ndjson");
    let update = "{\"message_id\": \"known\", \"subject\": \"Known\"}\n";
    std::fs::write(&path, format!("{}{update}", nameless(400))).unwrap();
    let child = setup
        .program()
        .args(["log", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let waiting = "SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
    let mut first_pid = None;
    loop {
        assert!(Instant::now() < deadline, "the command does not come to the row that is held");
        let pids: Vec<i32> =
            observer.query(waiting, &[&pid]).await.unwrap().iter().map(|row| row.get(0)).collect();
        match (first_pid, pids.first()) {
            (None, Some(waiting)) => {
                observer.execute("SELECT pg_terminate_backend($1)", &[waiting]).await.unwrap();
                first_pid = Some(*waiting);
            }
            // Another session of it waits, and so it has begun again.
            (Some(first), Some(waiting)) if first != *waiting => break,
            _ => {}
        }
    }
    holder.batch_execute("COMMIT").await.unwrap();
    let run = ended(child.wait_with_output().unwrap());
    assert_eq!(rows(&setup, &observer).await, 401);
    assert!(run.stderr.contains("401 mails: 400 created, 0 joined"), "{}", run.stderr);
    let told: Vec<u64> = lines(run).iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(told, (1..=401).collect::<Vec<u64>>());
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_with_the_line_to_go_on_from() {
    let setup = Setup::migrated().await;
    let client = setup.client().await;
    let prefix = setup.schema.prefix();
    // Its transaction can't be ended, since nothing may be written from there on.
    let trigger = format!(
        "CREATE FUNCTION \"{prefix}\".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.subject = 'odd' THEN PERFORM set_config('transaction_read_only', 'on', true); END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON \"{prefix}\".{LOGS} FOR EACH ROW EXECUTE FUNCTION \"{prefix}\".refuse()"
    );
    client.batch_execute(&trigger).await.unwrap();
    let odd = "{\"to\": \"a@example.com\", \"from\": \"b@example.com\", \"subject\": \"odd\"}\n";
    let run = log(&setup, &[], &format!("{}\n{odd}{}", nameless(200), nameless(10)));
    let told: Vec<&str> = run.stdout.lines().collect();
    assert_eq!((told.len(), rows(&setup, &client).await), (200, 200), "{}", run.stderr);
    assert!(told.iter().all(|line| line.contains("created")), "{told:?}");
    let said = run.fails(1);
    for part in [
        "200 mails: 200 created, 0 joined",
        "standard input: the database is read-only",
        "what stands before line 202 is done: go on from there. To log a mail again does no harm where it has a \
         `message_id`",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[tokio::test]
async fn answers_that_can_not_be_written_end_it_and_the_count_tells_what_is_logged() {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mails.ndjson");
    std::fs::write(&path, nameless(3)).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = setup.program();
    let output = command.args(["log", path.to_str().unwrap()]).stdout(full).stderr(Stdio::piped()).output();
    let said = ended(output.unwrap()).fails(1);
    for part in ["3 mails: 3 created", "No space left", "up to line 3 is done: go on with the next mail"] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert_eq!(rows(&setup, &setup.client().await).await, 3);
}
