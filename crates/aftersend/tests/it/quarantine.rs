//! `quarantine list|show|replay|drop`, with what `ingest file` put there.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::program::{Setup, ended};

fn send(id: &str) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"{id}","source":"a@example.com","destination":["jane@example.com"]}},"send":{{}}}}"#
    )
}

/// Takes lines in, as a file.
fn ingest(setup: &Setup, lines: &[u8]) {
    let mut child = setup
        .program()
        .args(["ingest", "file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Makes PostgreSQL refuse events with the word, or takes them again.
async fn refuse(setup: &Setup, refusing: bool) {
    let prefix = setup.schema.prefix();
    let change =
        if refusing { "ADD CONSTRAINT no CHECK (NOT event_data ? 'poison')" } else { "DROP CONSTRAINT no" };
    let sql = format!("ALTER TABLE {prefix}.phoenix_kit_email_events {change}");
    setup.client().await.batch_execute(&sql).await.unwrap();
}

fn listed(setup: &Setup, arguments: &[&str]) -> Vec<Value> {
    let all = [&["quarantine", "list", "--json"], arguments].concat();
    setup.run(&all).ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn uuid(message: &Value) -> &str {
    message["uuid"].as_str().unwrap()
}

fn raw(setup: &Setup, id: &str) -> Output {
    setup.program().args(["quarantine", "show", id, "--raw"]).output().unwrap()
}

const BINARY: &[u8] = b"caf\xe9 \x1b[2J\x00 end";

/// A database with two events in the quarantine that PostgreSQL refused, one broken one, and one that is binary.
async fn filled() -> Setup {
    let setup = Setup::migrated().await;
    refuse(&setup, true).await;
    let poison = |id: &str| send(id).replacen('{', r#"{"poison":true,"#, 1);
    ingest(&setup, format!("{}\n{}\n{}\n", poison("one"), send("fine"), poison("two")).as_bytes());
    ingest(&setup, b"{\"eventType\":\"Bounce\",\n");
    ingest(&setup, &[BINARY, b"\n"].concat());
    setup
}

#[tokio::test]
async fn messages_are_listed_without_bodies_and_shown_with_them() {
    let setup = Setup::migrated().await;
    assert_eq!(setup.run(&["quarantine", "list"]).ok(), "The quarantine is empty\n");
    assert_eq!(setup.run(&["quarantine", "list", "--json"]).ok(), "");
    let setup = filled().await;
    let messages = listed(&setup, &[]);
    assert_eq!(messages.len(), 4);
    assert!(messages[0]["reason"].as_str().unwrap().contains("UTF-8"), "newest first: {messages:?}");
    assert!(messages[1]["reason"].as_str().unwrap().contains("JSON"));
    assert!(messages[2]["reason"].as_str().unwrap().contains("(23514)"));
    assert_eq!((&messages[0]["origin"], &messages[0]["feed"]), (&"line 1".into(), &"file".into()));
    assert_eq!(messages[0]["body_bytes"], BINARY.len());

    // Pages join without a gap.
    let first = listed(&setup, &["--limit", "3"]);
    let second = listed(&setup, &["--limit", "3", "--before", uuid(&first[2])]);
    assert_eq!([first, second].concat(), messages);
    assert_eq!(listed(&setup, &["--reason", "utf-8"]), messages[..1]);
    assert_eq!(listed(&setup, &["--feed", "sqs"]), [] as [Value; 0]);
    let text = setup.run(&["quarantine", "list", "--limit", "2"]).ok();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.ends_with(&format!("--before {}\n", uuid(&messages[1]))), "{text}");
    assert!(!text.contains("caf") && !text.contains("Bounce"), "no bodies: {text}");

    let shown = setup.run(&["quarantine", "show", uuid(&messages[0])]).ok();
    assert!(shown.contains(r"caf\xe9 \u{1b}[2J\0 end"), "{shown}");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    assert!(shown.contains("file, line 1"), "{shown}");
    assert_eq!(raw(&setup, uuid(&messages[0])).stdout, BINARY);
    let json = setup.run(&["quarantine", "show", uuid(&messages[1]), "--json"]).json();
    assert_eq!(json["body"], "{\"eventType\":\"Bounce\",");
    let json = setup.run(&["quarantine", "show", uuid(&messages[0]), "--json"]).json();
    assert_eq!(json["body_hex"].as_str().unwrap().len(), BINARY.len() * 2);
}

#[tokio::test]
async fn ids_may_be_short_and_wrong_ones_are_told() {
    let setup = filled().await;
    let messages = listed(&setup, &[]);
    let id = uuid(&messages[0]);
    let unique = (4..=id.len())
        .filter(|&length| !id[..length].ends_with('-'))
        .find(|&length| {
            messages.iter().filter(|message| uuid(message).starts_with(&id[..length])).count() == 1
        })
        .unwrap();
    assert_eq!(raw(&setup, &id[..unique]).stdout, BINARY);
    assert_eq!(raw(&setup, &id.replace('-', "").to_uppercase()).stdout, BINARY);
    // All were made within a minute.
    let said = setup.run(&["quarantine", "show", &id[..6]]).fails(1);
    assert!(said.contains("several messages") && said.contains("more digits"), "{said}");
    let said = setup.run(&["quarantine", "show", "ffffffff"]).fails(1);
    assert!(said.contains("no message in the quarantine") && said.contains("quarantine list"), "{said}");
    for command in ["show", "replay", "drop"] {
        let said = setup.run(&["quarantine", command, "line 1"]).fails(1);
        assert!(said.contains("`line 1`: an id is a uuid"), "{said}");
    }
    // One wrong id among good ones: nothing is done.
    setup.run(&["quarantine", "drop", "--yes", id, "ffffffff"]).fails(1);
    setup.run(&["quarantine", "replay", id, "ffffffff"]).fails(1);
    assert_eq!(listed(&setup, &[]), messages);
    for usage in [
        &["quarantine", "replay"][..],
        &["quarantine", "drop", "--yes"],
        &["quarantine", "replay", id, "--all"],
    ] {
        setup.run(usage).fails(2);
    }
    setup.run(&["quarantine", "replay", id, "--feed", "file"]).fails(2);
}

#[tokio::test]
async fn a_replay_stores_what_it_can_and_tells_of_the_rest() {
    let setup = filled().await;
    let run = setup.run(&["quarantine", "replay", "--all"]);
    assert_eq!(
        run.stdout,
        "4 replayed: 0 stored, 0 repeated, 0 folded, 0 parked, 0 control, 4 still refused\n"
    );
    let said = run.fails(1);
    assert_eq!(said.lines().count(), 4, "{said}");
    let reasons: Vec<&str> =
        said.lines().filter_map(|line| line.split_once(": ")).map(|(_, said)| said).collect();
    assert!(!reasons.iter().any(|said| said.contains("caf") || said.contains("jane")), "no bodies: {said}");
    assert!(said.contains(&format!("{}: still refused: ", uuid(&listed(&setup, &[])[0]))), "{said}");

    refuse(&setup, false).await;
    let before = listed(&setup, &[]);
    let one = uuid(&before[2]);
    let tally = setup.run(&["quarantine", "replay", one, one, "--json"]).ok();
    assert_eq!(
        tally,
        "{\"replayed\":1,\"stored\":1,\"repeated\":0,\"folded\":0,\"parked\":0,\"late\":0,\"control\":0,\"still_refused\":0}\n"
            .to_owned(),
    );
    let run = setup.run(&["quarantine", "replay", "--all", "--reason", "23514"]);
    assert_eq!(
        run.ok(),
        "1 replayed: 1 stored, 0 repeated, 0 folded, 0 parked, 0 control, 0 still refused\n"
    );
    assert_eq!(listed(&setup, &[]), before[..2]);
    assert_eq!(setup.run(&["search", "jane", "--json"]).ok().lines().count(), 3);

    // The rows are those of a run without trouble.
    let direct = Setup::migrated().await;
    let poison = |id: &str| send(id).replacen('{', r#"{"poison":true,"#, 1);
    ingest(&direct, [poison("one"), send("fine"), poison("two")].join("\n").as_bytes());
    let mail =
        |rows: Vec<String>| rows.into_iter().filter(|row| !row.starts_with("quarantine")).collect::<Vec<_>>();
    assert_eq!(mail(setup.content().await), mail(direct.content().await));
}

#[tokio::test]
async fn what_was_shown_raw_goes_in_again() {
    let setup = filled().await;
    refuse(&setup, false).await;
    let id = uuid(&listed(&setup, &["--reason", "23514"])[0]).to_owned();
    let body = raw(&setup, &id).stdout;
    ingest(&setup, &body);
    let run = setup.run(&["quarantine", "replay", &id]).ok();
    assert!(run.starts_with("1 replayed: 0 stored, 1 repeated"), "{run}");
}

#[tokio::test]
async fn dropping_asks_first() {
    let setup = filled().await;
    let said = setup.run(&["quarantine", "drop", "--all"]).fails(1);
    assert!(said.contains("4 messages would be dropped") && said.contains("--yes"), "{said}");
    let messages = listed(&setup, &[]);
    assert_eq!(messages.len(), 4);
    for (answer, left) in [("n", 4), ("", 4), ("y", 3)] {
        let run = at_a_terminal(&setup, &["quarantine", "drop", uuid(&messages[0])], answer);
        assert!(run.contains("Drop 1 message for good? [y/N]"), "{run}");
        assert_eq!(listed(&setup, &[]).len(), left, "{run}");
    }
    let dropped = setup.run(&["quarantine", "drop", "--all", "--yes", "--reason", "JSON", "--json"]).ok();
    assert_eq!(dropped, "{\"dropped\":1}\n");
    assert_eq!(setup.run(&["quarantine", "drop", "--all", "--yes"]).ok(), "2 dropped\n");
    assert_eq!(setup.run(&["quarantine", "drop", "--all"]).ok(), "0 dropped\n");
    assert_eq!(listed(&setup, &[]).len(), 0);
}

/// Runs the program at a terminal, where somebody answers, and gives what the terminal shows.
fn at_a_terminal(setup: &Setup, arguments: &[&str], answer: &str) -> String {
    let line = [env!("CARGO_BIN_EXE_aftersend")].iter().chain(arguments).map(|word| format!("'{word}'"));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &line.collect::<Vec<_>>().join(" "), "/dev/null"])
        .env("AFTERSEND_DATABASE_URL", setup.schema.url())
        .env("AFTERSEND_PREFIX", setup.schema.prefix())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn many_messages_go_in_batches() {
    let setup = Setup::migrated().await;
    let lines: Vec<String> = (0..1_300).map(|number| format!("nonsense {number}")).collect();
    ingest(&setup, lines.join("\n").as_bytes());
    let mut seen = BTreeSet::new();
    let mut before = None::<String>;
    loop {
        let page = match &before {
            Some(id) => listed(&setup, &["--limit", "500", "--before", id]),
            None => listed(&setup, &["--limit", "500"]),
        };
        let Some(last) = page.last() else { break };
        before = Some(uuid(last).to_owned());
        let new = page.iter().filter(|message| seen.insert(uuid(message).to_owned())).count();
        assert_eq!(new, page.len());
    }
    assert_eq!(seen.len(), 1_300);
    let run = setup.run(&["quarantine", "replay", "--all", "--json"]);
    assert!(run.stdout.contains("\"replayed\":1300") && run.stdout.contains("\"still_refused\":1300"));
    assert_eq!(run.fails(1).lines().count(), 1_300);
    assert!(listed(&setup, &[]).iter().all(|message| message["times_received"] == 1));
    assert_eq!(setup.run(&["quarantine", "drop", "--all", "--yes"]).ok(), "1300 dropped\n");
}

#[test]
fn help_names_what_there_is() {
    let help = ended(crate::program::program().args(["quarantine", "--help"]).output().unwrap()).ok();
    for word in ["list", "show", "replay", "drop"] {
        assert!(help.contains(word), "{help}");
    }
}
