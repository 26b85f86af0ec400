//! The search as a person on the command line has it.

use crate::program::{Setup, ended, program, run};

fn event(number: u32, to: &str, subject: &str) -> String {
    let id = format!("0100-{number:04}");
    let subject = serde_json::to_string(subject).unwrap();
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T10:{:02}:00.000Z","messageId":"{id}","source":"a@example.com","destination":["{to}"],"commonHeaders":{{"to":["{to}"],"subject":{subject}}}}},"send":{{}}}}"#,
        number % 60
    )
}

async fn filled() -> Setup {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    let mut events: Vec<String> =
        (0..7).map(|n| event(n, &format!("jane{n}@example.com"), &format!("Order {n}"))).collect();
    events.push(event(7, "ann@example.org", "=1+1, \"summer sale\""));
    std::fs::write(&file, events.join("\n")).unwrap();
    setup.run(&["ingest", "file", file.to_str().unwrap()]).ok();
    setup
}

#[tokio::test]
async fn words_find_mails_and_places_lead_through_them() {
    let setup = filled().await;
    let lines = |arguments: &[&str]| setup.run(arguments).ok().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&["search", "jane", "status:sent"]).len(), 7);
    assert_eq!(lines(&["search", "subject:\"order 3\""]).len(), 1);
    assert_eq!(lines(&["search", "--", "-jane"]).len(), 1);
    assert_eq!(lines(&["search", "jane3@example.com", "--json"]).len(), 1);
    assert_eq!(lines(&["search", "0100-0003", "--json"]).len(), 1);
    assert_eq!(lines(&["search", "before:2026-11-20T10:02Z", "--count"]), ["2"]);
    let counted = setup.run(&["search", "jane", "--count", "--json"]).json();
    assert_eq!(counted, serde_json::json!({ "mails": 7, "exact": true }));
    assert!(setup.run(&["search", "zebra", "status:sent"]).ok().contains("No mail fits: zebra status:sent"));

    for order in [&[][..], &["--oldest-first"]] {
        let mut seen = Vec::new();
        let mut place = Vec::new();
        loop {
            let arguments = [&["search", "jane", "--limit", "3"], order].concat();
            let arguments = [arguments, place.iter().map(String::as_str).collect()].concat();
            let mut page = lines(&arguments);
            let further = page.pop_if(|line| line.starts_with('…'));
            seen.extend(page);
            let Some(further) = further else { break };
            place = further.split_whitespace().rev().take(2).map(str::to_owned).collect();
            place.reverse();
        }
        let all = lines(&[&["search", "jane"], order].concat());
        assert_eq!((seen.len(), seen), (7, all));
    }
}

#[tokio::test]
async fn what_can_t_be_read_is_said_with_its_place() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["search", "jane", "statis:sent"]).fails(2);
    assert!(said.contains("character 6") && said.contains("`status:`"), "{said}");
    assert!(run(&["search", "--format", "xml"]).fails(2).contains("csv or ndjson"));
    assert!(run(&["search", "--from", "here"]).fails(2).contains("no place in the list"));
}

#[tokio::test]
async fn all_that_fits_is_exported() {
    let setup = filled().await;
    let csv = setup.run(&["search", "--format", "csv"]).ok();
    assert!(csv.starts_with("sent_at,status,to,from,subject,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 9);
    assert!(csv.contains(",\"'=1+1, \"\"summer sale\"\"\","), "{csv}");
    let ndjson = setup.run(&["search", "jane", "--format", "ndjson", "--oldest-first"]).ok();
    let mails: Vec<serde_json::Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(mails.len(), 7);
    assert_eq!(
        (&mails[0]["to"], &mails[6]["to"]),
        (&"jane0@example.com".into(), &"jane6@example.com".into())
    );
}

#[tokio::test]
async fn events_that_wait_for_their_mail_are_not_passed_over() {
    let setup = Setup::migrated().await;
    assert!(setup.run(&["search"]).ok().contains("No mail yet; `aftersend ingest`"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    std::fs::write(&file, event(1, "jane@example.com", "Order")).unwrap();
    setup.run(&["ingest", "file", file.to_str().unwrap(), "--unknown-mails", "park"]).ok();
    let said = setup.run(&["search"]).ok();
    assert!(said.contains("No mail yet; 1 event waits for a mail"), "{said}");
    assert!(setup.run(&["search", "jane"]).ok().contains("No mail fits: jane"));
}

#[test]
fn looking_makes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("mail");
    for words in [&["search", "jane"][..], &["show", "m1"], &["quarantine", "list"]] {
        let mut command = program();
        command.env("AFTERSEND_CONFIG", "/dev/null").args(words).arg("--data-dir").arg(&data_dir);
        let said = ended(command.output().unwrap()).fails(1);
        assert!(said.contains("nothing to look at") && said.contains("aftersend ingest"), "{said}");
        assert!(!data_dir.exists(), "{words:?}");
    }
}
