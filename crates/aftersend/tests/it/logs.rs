//! What the program tells of records: ids, and nothing that people wrote.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::TcpStream,
    process::{Command, Stdio},
};

use aftersend_simulator::{Plan, simulate};
use aftersend_testkit::QueueServer;
use serde_json::{Value, json};

use crate::program::{Run, Setup, ended};

/// Stands in every text of a hostile record that a person or a server somewhere may have written.
const MARK: &str = "Zimtstern";

/// An event with the mark in all of its texts.
fn marked(id: &str, kind: &str, details: &Value) -> Value {
    json!({
        "eventType": kind,
        "mail": {
            "timestamp": "2026-11-20T10:00:00.000Z",
            "messageId": id,
            "source": format!("{MARK} <{MARK}@source.example.com>"),
            "destination": [format!("{MARK}@destination.example.com")],
            "headers": [{"name": "Subject", "value": format!("{MARK} in a header")}],
            "commonHeaders": {"subject": format!("{MARK} in the subject"), "to": [format!("{MARK}@to.example.com")]},
            "tags": {"campaign": [format!("{MARK}-campaign")]},
        },
        kind.to_lowercase(): details,
    })
}

/// Records that can't be read, can't be stored, or are stored only after others were tried.
fn hostile() -> Vec<Vec<u8>> {
    let bounce = |id: &str, text: &str| {
        let recipient =
            json!({"emailAddress": format!("{MARK}@bounced.example.com"), "diagnosticCode": text});
        let details = json!({
            "bounceType": "Permanent", "bounceSubType": "General", "feedbackId": id, "timestamp": "2026-11-20T10:00:01.000Z",
            "bouncedRecipients": [recipient],
        });
        marked(id, "Bounce", &details)
    };
    let click = json!({
        "timestamp": "2026-11-20T10:00:02.000Z", "ipAddress": "192.0.2.7", "userAgent": format!("{MARK}/1.0"),
        "link": format!("https://example.com/{MARK}?refused-by-a-trigger"),
    });
    let mut wrong_time = bounce("wrong-time", MARK);
    wrong_time["bounce"]["timestamp"] = json!(format!("{MARK} o'clock"));
    let mut wrong_type = bounce("wrong-type", MARK);
    wrong_type["eventType"] = json!(format!("{MARK}{MARK}"));
    let mut wrong_address = bounce("wrong-address", MARK);
    wrong_address["mail"]["destination"] = json!({MARK: MARK});
    let texts = [
        bounce("long", &format!("{MARK} ").repeat(4_000)).to_string(),
        bounce("nul", &format!("{MARK}\u{0}{MARK}")).to_string(),
        bounce("escape", &format!("\u{1b}[2J{MARK}")).to_string(),
        marked("refused", "Click", &click).to_string(),
        wrong_time.to_string(),
        wrong_type.to_string(),
        wrong_address.to_string(),
        format!("{MARK}@no-json.example.com wrote {MARK}"),
        format!("{{\"Type\":\"Notification\",\"Message\":\"{MARK}\"}}"),
        bounce("cut", MARK).to_string()[..300].to_owned(),
    ];
    let mut records: Vec<Vec<u8>> = texts.map(String::into_bytes).into();
    let mut broken = bounce("broken", MARK).to_string().into_bytes();
    let place = broken.windows(MARK.len()).position(|window| window == MARK.as_bytes()).unwrap();
    broken[place + MARK.len()] = 0xff;
    records.push(broken);
    records
}

/// Every address and every subject that stands in records.
fn told_in(records: &[Vec<u8>]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for record in records {
        let text = String::from_utf8_lossy(record);
        let is_of_address = |c: char| c.is_alphanumeric() || "@.-_+".contains(c);
        found.extend(text.split(|c| !is_of_address(c)).filter(|word| word.contains('@')).map(str::to_owned));
        for part in text.replace("\\\"", "\"").split("\"subject\":\"").skip(1) {
            let subject = part.split('"').next().unwrap_or_default();
            found.extend(Some(subject.to_owned()).filter(|subject| subject.len() > 5));
        }
    }
    found
}

#[track_caller]
fn assert_silent(what: &str, said: &str, told: &BTreeSet<String>) {
    for secret in told {
        assert!(!said.contains(secret.as_str()), "{what} tells {secret}:\n{said}");
    }
}

fn traced(setup: &Setup, arguments: &[&str]) -> Command {
    let mut command = setup.program();
    command.env("AFTERSEND_LOG", "aftersend=trace").args(arguments);
    command
}

fn run(setup: &Setup, arguments: &[&str]) -> Run {
    ended(traced(setup, arguments).output().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_record_leaves_an_address_a_subject_or_a_body_in_what_is_told() {
    let setup = Setup::migrated().await;
    let traffic = simulate(&Plan { seed: 21, mails: 40, malformed: 20, ..Plan::default() });
    let mut records = traffic.messages;
    records.extend(hostile());
    let mut told = told_in(&records);
    assert!(told.len() > 60, "{told:?}");
    told.insert(MARK.to_owned());
    // An application that refuses a row, and quotes it.
    let prefix = setup.schema.prefix();
    let trigger = format!(
        "CREATE FUNCTION \"{prefix}\".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           RAISE EXCEPTION 'this one is refused: %', NEW USING DETAIL = NEW.link_url, HINT = NEW.event_data::text; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON \"{prefix}\".phoenix_kit_email_events FOR EACH ROW \
           WHEN (NEW.link_url LIKE '%refused-by-a-trigger') EXECUTE FUNCTION \"{prefix}\".refuse(); \
         ALTER TABLE \"{prefix}\".phoenix_kit_email_blocklist ADD CHECK (email NOT LIKE '%@bounced.example.com')"
    );
    setup.client().await.batch_execute(&trigger).await.unwrap();

    // One document a line, but for those that are cut off: a file of each.
    let folder = tempfile::tempdir().unwrap();
    let mut quarantined = 0;
    let (lines, alone): (Vec<_>, Vec<_>) =
        records.iter().cloned().partition(|record| serde_json::from_slice::<Value>(record).is_ok());
    // A file that begins with nothing of the kind is refused whole.
    let alone = alone.into_iter().map(|record| [&lines[0][..], b"\n", &record].concat());
    for (number, content) in std::iter::once(lines.join(&b"\n"[..])).chain(alone).enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, content).unwrap();
        let run = run(&setup, &["ingest", "file", "--json", path.to_str().unwrap()]);
        assert_silent("ingest file", &format!("{}{}", run.stdout, run.stderr), &told);
        quarantined += run.json()["quarantined"].as_u64().unwrap();
    }
    assert!(quarantined > 15, "{quarantined}");

    // The same by a queue, beside a site at which somebody looks for an address.
    let server = QueueServer::start().await;
    let url = server.create_queue("orders").await;
    let texts: Vec<&str> = records.iter().filter_map(|record| std::str::from_utf8(record).ok()).collect();
    // What SQS refuses itself no queue holds.
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.contains(['\u{0}', '\u{1b}'])).collect();
    server.send_all(&url, &texts).await;
    let drained = run(&setup, &["ingest", "sqs", "--drain", "--json", "--queue-url", &url]);
    assert!(drained.stderr.contains("quarantined: "), "{}", drained.stderr);
    assert_silent("ingest sqs", &format!("{}{}", drained.stdout, drained.stderr), &told);
    assert_eq!(drained.json()["received"].as_u64().unwrap(), texts.len() as u64);

    let replayed = run(&setup, &["quarantine", "replay", "--all", "--json"]);
    assert_silent("quarantine replay", &format!("{}{}", replayed.stdout, replayed.stderr), &told);
    assert_eq!(replayed.code, 1, "most stay: {}", replayed.stdout);
    let looked = run(&setup, &["doctor", "--json", "--queue-url", &url]);
    assert_silent("doctor", &format!("{}{}", looked.stdout, looked.stderr), &told);
    serve(&setup, &url, &server, &texts, &told).await;
}

/// `serve` with the same queue, a webhook that forgeries are posted to, and a search for an address.
async fn serve(setup: &Setup, url: &str, server: &QueueServer, texts: &[&str], told: &BTreeSet<String>) {
    let topic = "arn:aws:sns:eu-central-1:123456789012:orders";
    let mut command = traced(setup, &["serve", "--json", "--listen", "127.0.0.1:0", "--queue-url", url]);
    command.args([
        "--hooks-listen",
        "127.0.0.1:0",
        "--hooks-topic",
        topic,
        "--hooks-secret",
        "a-secret-of-twenty-letters",
    ]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = crate::serve::listening(&mut process).1;
    let host = |url: &Value| url.as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    let (site, hooks) = (host(&said["listening"]), host(&said["hooks"]));
    for text in texts.iter().take(20) {
        let mut stream = TcpStream::connect(&hooks).unwrap();
        let head = format!(
            "POST /hooks/sns HTTP/1.1\r\nHost: {hooks}\r\nAuthorization: Basic {MARK}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            text.len()
        );
        stream.write_all(&[head.as_bytes(), text.as_bytes()].concat()).unwrap();
        // Whatever it answers: what is told of it counts.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
    server.send_all(url, &texts[..20]).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while server.counts(url).await.visible + server.counts(url).await.in_flight > 0 {
        assert!(std::time::Instant::now() < deadline, "the queue is not emptied");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for path in [
        format!("/mails?q={MARK}"),
        format!("/mails?q={MARK}@destination.example.com"),
        format!("/mails/by-id/{MARK}"),
    ] {
        crate::serve::get(&site, &path);
    }
    let metrics = crate::serve::get(&site, "/metrics");
    rustix::process::kill_process(rustix::process::Pid::from_child(&process), rustix::process::Signal::TERM)
        .unwrap();
    let ended = process.wait_with_output().unwrap();
    assert!(ended.status.success());
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(log.contains("a request to the webhook is refused"), "{log}");
    assert_silent("serve", &log, told);
    assert_silent("metrics", &metrics, told);
}
