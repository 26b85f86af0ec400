//! `ingest file`, and what the other commands say of it.

use std::{fs, io::Write, path::Path, process::Stdio};

use aftersend_simulator::{Plan, simulate};

use crate::program::{Setup, ended};

/// Lines in the order of `places`, from messages that are lines.
fn write_lines(path: &Path, messages: &[Vec<u8>]) {
    let mut file = fs::File::create(path).unwrap();
    for message in messages {
        file.write_all(message).unwrap();
        file.write_all(b"\n").unwrap();
    }
}

#[tokio::test]
async fn the_same_events_in_any_order_and_number_make_the_same_rows() {
    let traffic = simulate(&Plan { seed: 11, mails: 80, ..Plan::default() });
    // Malformed messages may hold line ends, and the splitter's opinion of those is tested elsewhere.
    let mut messages: Vec<Vec<u8>> =
        traffic.messages.into_iter().filter(|message| aftersend_event::read(message).is_ok()).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");

    let (first, second) = (Setup::migrated().await, Setup::migrated().await);
    write_lines(&path, &messages);
    let file = path.to_str().unwrap();
    let tally = first.run(&["ingest", "file", file, "--json"]).json();
    let sum: u64 = ["stored", "repeated", "folded", "parked", "control", "quarantined"]
        .iter()
        .map(|part| tally[*part].as_u64().unwrap())
        .sum();
    assert_eq!(tally["received"].as_u64().unwrap(), sum);
    assert!(tally["folded"].as_u64().unwrap() > 0);
    let content = first.content().await;
    let again = first.run(&["ingest", "file", file, "--json"]).json();
    assert_eq!((again["stored"].as_u64(), again["folded"].as_u64()), (Some(0), Some(0)));
    assert_eq!(first.content().await, content);

    messages.reverse();
    messages.extend_from_within(..messages.len() / 2);
    write_lines(&path, &messages);
    second.run(&["ingest", "file", file]).ok();
    assert_eq!(second.content().await, content);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_named_and_kept_and_harms_no_other() {
    let setup = Setup::migrated().await;
    let send = |id: &str| {
        format!(
            r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"{id}","source":"a@example.com","destination":["jane@example.com"],"commonHeaders":{{"subject":"Hello {id}"}}}},"send":{{}}}}"#
        )
    };
    let lines = format!("{}\n{{\"eventType\":\"Bounce\",\n{}\nnonsense\n", send("one"), send("two"));
    let mut child = setup
        .program()
        .args(["ingest", "file", "-", "--json", "--strict"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let run = ended(child.wait_with_output().unwrap());
    assert_eq!(
        run.stdout,
        "{\"received\":4,\"stored\":2,\"repeated\":0,\"folded\":0,\"parked\":0,\"late\":0,\"control\":0,\"quarantined\":2}\n"
    );
    let said = run.fails(1);
    assert!(said.contains("standard input: line 2: quarantined"), "{said}");
    assert!(said.contains("standard input: line 4: quarantined"), "{said}");
    assert!(!said.contains("nonsense"), "the body is not repeated: {said}");

    let listed = setup.run(&["search", "HELLO", "--json"]).ok();
    assert_eq!(listed.lines().count(), 2);
    let mail: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let uuid = mail["uuid"].as_str().unwrap();
    let story = setup.run(&["show", uuid, "--json"]).json();
    assert_eq!(story["to"], "jane@example.com");
    assert_eq!(story["occurrences"][0]["event_type"], "send");
    assert_eq!(story["occurrences"][0]["recipients"][0], "jane@example.com");
    assert!(setup.run(&["show", "two"]).ok().contains("Hello two"));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["ingest", "file", "/nowhere/events.json"]).fails(1);
    assert!(said.contains("/nowhere/events.json"), "{said}");
    assert!(setup.run(&["ingest", "file", "/tmp"]).fails(1).contains("folder"));
}

#[tokio::test]
async fn a_mail_is_shown_with_what_became_of_it_for_each_recipient() {
    let setup = Setup::migrated().await;
    let mail = r#""mail":{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"m1","source":"a@example.com","destination":["jane@example.com","joe@example.com"]}"#;
    let lines = format!(
        "{{\"eventType\":\"Send\",{mail},\"send\":{{}}}}\n\
         {{\"eventType\":\"Delivery\",{mail},\"delivery\":{{\"timestamp\":\"2026-11-20T10:00:07.250Z\",\"recipients\":[\"joe@example.com\"]}}}}\n\
         {{\"eventType\":\"Bounce\",{mail},\"bounce\":{{\"timestamp\":\"2026-11-20T10:00:09.000Z\",\"bounceType\":\"Permanent\",\"bouncedRecipients\":[{{\"emailAddress\":\"moved@example.net\"}}]}}}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(&path, lines).unwrap();
    setup.run(&["ingest", "file", path.to_str().unwrap()]).ok();
    let shown = setup.run(&["show", "m1"]).ok();
    for line in [
        "  1 of 2 delivered, 1 without news\n",
        "  2026-11-20 10:00:07.250Z  delivered           joe@example.com\n",
        "                            sent                jane@example.com\n",
        "  2026-11-20 10:00:09.000Z  hard_bounced        moved@example.net  (not among those it was sent to: a forward)\n",
    ] {
        assert!(shown.contains(line), "`{line}` is not in: {shown}");
    }
    let shown = setup.run(&["show", "m1", "--json"]).json();
    let joe = serde_json::json!({
        "address": "joe@example.com", "listed": true, "state": "delivered",
        "first_times": { "delivered": "2026-11-20T10:00:07.25Z" },
    });
    assert_eq!(shown["recipients"][1], joe);
    assert_eq!(shown["recipient_counts"], serde_json::json!({ "delivered": 1, "sent": 1 }));
}

/// What the application has not logged yet waits for it, from one run to the next.
#[tokio::test]
async fn events_of_unknown_mails_wait_where_they_are_to_be_parked() {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let (events, nothing) = (folder.path().join("events.json"), folder.path().join("empty.json"));
    let send = r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"one","destination":["jane@example.com"]},"send":{}}"#;
    fs::write(&events, send).unwrap();
    fs::write(&nothing, "").unwrap();
    let (events, nothing) = (events.to_str().unwrap(), nothing.to_str().unwrap());

    let park = ["--unknown-mails", "park", "--json"];
    let tally = setup.run(&[&["ingest", "file", events], &park[..]].concat()).json();
    assert_eq!((&tally["parked"], &tally["stored"]), (&1.into(), &0.into()));
    let tally = setup.run(&[&["ingest", "file", events], &park[..]].concat()).json();
    assert_eq!((&tally["parked"], &tally["repeated"]), (&0.into(), &1.into()));
    assert_eq!(setup.run(&["search", "--json"]).ok(), "");

    let prefix = setup.schema.prefix();
    let log = format!(
        r#"INSERT INTO "{prefix}".phoenix_kit_email_logs
               (message_id, aws_message_id, "to", "from", subject, inserted_at, updated_at)
           VALUES ('pk_1', 'one', 'jane@example.com', 'app@example.com', 'Hello', now(), now())"#
    );
    setup.client().await.batch_execute(&log).await.unwrap();
    setup.run(&[&["ingest", "file", nothing], &park[..]].concat()).json();
    let story = setup.run(&["show", "pk_1", "--json"]).json();
    assert_eq!(story["occurrences"][0]["event_type"], "send");

    // Without patience the mail is made at once.
    fs::write(events, send.replace("one", "two")).unwrap();
    let made = ["ingest", "file", events, "--unknown-mails", "park", "--park-for", "0s", "--json"];
    assert_eq!(setup.run(&made).json()["parked"], 1);
    assert_eq!(setup.run(&["show", "two", "--json"]).json()["aws_message_id"], "two");
    assert!(setup.run(&["ingest", "file", events, "--park-for", "soon"]).fails(2).contains("30s, 5m"));
}
