//! `doctor`: what it finds, what it says to do, and that it changes nothing.

use aftersend_testkit::{
    QueueProxy, QueueServer,
    queue::proxy::{Call, Fate, Faults},
};
use serde_json::{Value, json};

use crate::program::{Run, Setup, ended, program};

/// What was found, and the exit code that it came with.
struct Found {
    code: i32,
    json: Value,
}

impl Found {
    fn of(run: &Run) -> Self {
        let json = serde_json::from_str(run.stdout.lines().last().unwrap_or_default());
        let json = json.unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr));
        Self { code: run.code, json }
    }

    /// The findings of a check, each as its grade, sentence and fix.
    fn all(&self, check: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings =
            self.json["findings"].as_array().unwrap().iter().filter(|found| found["check"] == check);
        findings
            .map(|found| {
                (text(&found["grade"]), format!("{} -> {}", text(&found["what"]), text(&found["fix"])))
            })
            .collect()
    }

    #[track_caller]
    fn has(&self, check: &str, grade: &str, words: &[&str]) {
        let all = self.all(check);
        let fits =
            |(found, said): &(String, String)| found == grade && words.iter().all(|word| said.contains(word));
        assert!(all.iter().any(fits), "{check} is not {grade} with {words:?}: {all:?}\n{:#}", self.json);
    }

    /// Checks with this grade.
    fn graded(&self, grade: &str) -> Vec<&str> {
        let findings =
            self.json["findings"].as_array().unwrap().iter().filter(|found| found["grade"] == grade);
        findings.map(|found| found["check"].as_str().unwrap()).collect()
    }
}

fn doctor(setup: &Setup, arguments: &[&str]) -> Found {
    Found::of(&setup.run(&[&["doctor", "--json"], arguments].concat()))
}

/// A queue as it should be, with its dead-letter queue.
async fn good_queue(server: &QueueServer, name: &str) -> String {
    let dead = format!("{name}-dead");
    server.create_queue_with(&dead, &json!({"MessageRetentionPeriod": "1209600"})).await;
    let policy = json!({"deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{dead}"), "maxReceiveCount": 10});
    let attributes = json!({"VisibilityTimeout": "60", "RedrivePolicy": policy.to_string()});
    server.create_queue_with(name, &attributes).await
}

#[tokio::test]
async fn with_a_queue_and_a_schema_as_they_should_be_nothing_is_wrong() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let url = good_queue(&server, "orders").await;
    server.send_all(&url, &["kept"]).await;
    let found = doctor(&setup, &["--queue-url", &url]);
    assert_eq!((found.code, found.json["wrong"].as_u64()), (0, Some(0)), "{:#}", found.json);
    found.has("reachable", "well", &["PostgreSQL"]);
    found.has("read_only", "well", &[]);
    found.has("rights", "well", &["39 tables"]);
    found.has("schema", "well", &["step a10", "the newest"]);
    found.has("catalog", "well", &[]);
    found.has("quarantine", "well", &[]);
    found.has("parked", "well", &[]);
    found.has("redrive", "well", &["orders-dead after 10 receives"]);
    found.has("visibility_timeout", "well", &["60 s"]);
    found.has("permission_delete", "well", &["sqs:DeleteMessage"]);
    found.has("depth", "well", &["about 1 to be received"]);
    assert_eq!(found.graded("unknown"), ["permission_receive"]);
    let proven = doctor(&setup, &["--receive", "--queue-url", &url]);
    proven.has("permission_receive", "well", &["sqs:ReceiveMessage"]);
    // The first asked for no message, the second for one.
    assert_eq!(server.receive(&url, 0).await[0].receive_count, 2);

    // For people it is a list with a summary.
    let said = setup.run(&["doctor", "--queue-url", &url]).ok();
    assert!(said.starts_with("configuration\n  well        "), "{said}");
    assert!(said.contains(&format!("\nqueue orders ({url})\n")), "{said}");
    assert!(said.lines().last().unwrap().ends_with("0 wrong, 1 can't be told"), "{said}");
}

#[tokio::test]
async fn a_schema_that_is_old_missing_or_drifted_is_told_with_the_command() {
    let setup = Setup::empty().await;
    let nothing = doctor(&setup, &[]);
    assert_eq!(nothing.code, 1);
    let plan = format!("aftersend migrate plan --prefix {}", setup.schema.prefix());
    nothing.has("schema", "wrong", &["step none", "needs a10", &plan]);
    nothing.has("feeds", "warning", &["[[queue]]"]);
    let there = "SELECT FROM pg_namespace WHERE nspname = $1";
    assert!(setup.client().await.query_opt(there, &[&setup.schema.prefix()]).await.unwrap().is_none());

    setup.run(&["migrate", "up", "--to", "136"]).ok();
    let old = doctor(&setup, &[]);
    assert_eq!(old.code, 1);
    old.has("schema", "wrong", &["step 136 (PhoenixKit version 136)", "needs a10", "aftersend migrate up"]);
    old.has("catalog", "well", &[]);
    old.has("rights", "well", &["4 tables"]);

    setup.run(&["migrate", "up"]).ok();
    let prefix = setup.schema.prefix();
    let drop = format!("DROP INDEX \"{prefix}\".phoenix_kit_email_events_log_uuid_event_type_index");
    setup.client().await.batch_execute(&drop).await.unwrap();
    let drifted = doctor(&setup, &[]);
    assert_eq!(drifted.code, 1);
    drifted.has("schema", "wrong", &["step 136 (PhoenixKit version 137)"]);
    drifted.has("catalog", "wrong", &["phoenix_kit_email_events_log_uuid_event_type_index", "migrate up"]);

    let marker = format!("COMMENT ON TABLE \"{prefix}\".phoenix_kit IS 'lost'");
    setup.client().await.batch_execute(&marker).await.unwrap();
    doctor(&setup, &[]).has("schema", "wrong", &["`lost`", "COMMENT ON TABLE"]);
}

#[tokio::test]
async fn a_user_who_may_not_write_is_told_which_rights_are_missing() {
    let setup = Setup::migrated().await;
    let prefix = setup.schema.prefix().to_owned();
    let (role, client) = (format!("{prefix}_ro"), setup.client().await);
    let make = format!(
        "CREATE ROLE \"{role}\" LOGIN PASSWORD 's3cr3t-of-a-role'; GRANT USAGE ON SCHEMA \"{prefix}\" TO \"{role}\"; \
         GRANT SELECT ON ALL TABLES IN SCHEMA \"{prefix}\" TO \"{role}\"; \
         ALTER ROLE \"{role}\" SET default_transaction_read_only = on"
    );
    client.batch_execute(&make).await.unwrap();
    let url = format!("{}&user={role}&password=s3cr3t-of-a-role", setup.schema.url());
    let run = setup.run(&["doctor", "--json", "--database-url", &url]);
    assert!(
        !run.stdout.contains("s3cr3t-of-a-role") && !run.stderr.contains("s3cr3t-of-a-role"),
        "{}",
        run.stdout
    );
    let found = Found::of(&run);
    assert_eq!(found.code, 1);
    found.has("read_only", "wrong", &["RESET default_transaction_read_only"]);
    found.has("schema", "well", &["the newest"]);
    found.has(
        "rights",
        "wrong",
        &[
            "may not INSERT, UPDATE, DELETE on aftersend_ids",
            &format!("GRANT INSERT, UPDATE, DELETE ON \"{prefix}\".aftersend_ids TO \"{role}\";"),
        ],
    );
    assert_eq!(
        found.all("rights").len(),
        38,
        "a table each, but for the one that is only read: {:#}",
        found.json
    );
    client.batch_execute(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_leaves_the_queues_to_be_looked_at() {
    let server = QueueServer::start().await;
    let attributes = json!({"VisibilityTimeout": "5", "MessageRetentionPeriod": "3600"});
    let url = server.create_queue_with("short", &attributes).await;
    let missing = url.replace("short", "missing");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    let text = format!(
        "database_url = 'postgres://somebody:s3cret@127.0.0.1:1/mail'\n[[queue]]\nurl = '{url}'\n[[queue]]\nurl = '{missing}'\n\
         [hooks]\nlisten = '0.0.0.0:4101'\nsecret = 'a-secret-of-twenty-letters'\n"
    );
    std::fs::write(&file, text).unwrap();
    let run = ended(program().args(["doctor", "--json", "--config"]).arg(&file).output().unwrap());
    for secret in ["s3cret", "a-secret-of-twenty-letters"] {
        assert!(!run.stdout.contains(secret), "{}", run.stdout);
    }
    let found = Found::of(&run);
    assert_eq!(found.code, 1);
    found.has("reachable", "wrong", &["no PostgreSQL server answers at 127.0.0.1, port 1"]);
    found.has("reachable", "wrong", &["there is no such queue", &missing]);
    found.has("visibility_timeout", "warning", &["5.0 s", "VisibilityTimeout=30"]);
    found.has("redrive", "warning", &["no dead-letter queue"]);
    found.has("retention", "warning", &["60 min 0 s", "MessageRetentionPeriod=1209600"]);
    found.has("topics", "wrong", &["every message is refused", "--hooks-topic"]);
    found.has("listen", "warning", &["0.0.0.0:4101", "plain HTTP"]);
    found.has("secret", "well", &["raw delivery is taken"]);
    // The file holds two secrets, and everybody may read it.
    found.has("configuration", "warning", &["chmod"]);
}

/// Refuses a call as AWS does whose policy forbids it.
struct Forbidding(&'static str);

impl Faults for Forbidding {
    fn before(&self, call: &mut Call) -> Fate {
        if call.action == self.0 { Fate::Refuse(403, "AccessDeniedException") } else { Fate::Pass }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_that_is_missing_is_named() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let url = good_queue(&server, "orders").await;
    for (action, check, grade, permission) in [
        ("ReceiveMessage", "permission_receive", "wrong", "grant sqs:ReceiveMessage"),
        ("DeleteMessageBatch", "permission_delete", "wrong", "grant sqs:DeleteMessage"),
        (
            "ChangeMessageVisibilityBatch",
            "permission_change_visibility",
            "warning",
            "grant sqs:ChangeMessageVisibility",
        ),
        ("GetQueueAttributes", "permission_get_attributes", "warning", "grant sqs:GetQueueAttributes"),
    ] {
        let proxy = QueueProxy::start(&server, Forbidding(action)).await;
        let proxied = proxy.url(&url);
        let run = tokio::task::block_in_place(|| setup.run(&["doctor", "--json", "--queue-url", &proxied]));
        let found = Found::of(&run);
        found.has(check, grade, &[permission]);
        assert_eq!(found.code, i32::from(grade == "wrong"), "{action}");
    }
}

#[tokio::test]
async fn a_configuration_that_cant_be_used_is_a_finding_and_a_wrong_flag_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    std::fs::write(&file, "[[queue]]\nulr = 'https://q/1/orders'\nlisten = 7\n").unwrap();
    let run = ended(program().args(["doctor", "--json", "--config"]).arg(&file).output().unwrap());
    let found = Found::of(&run);
    assert_eq!(found.code, 1);
    found.has("configuration", "wrong", &["line 2", "did you mean `url`?", "config check"]);
    let setup = Setup::empty().await;
    assert!(setup.run(&["doctor", "--queue-url", "orders"]).fails(2).contains("is no queue URL"));
    assert!(setup.run(&["doctor", "--queue", "orders"]).fails(2).contains("names no queue"));
}

#[test]
fn an_embedded_database_is_not_made_for_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let run = ended(program().args(["doctor", "--json", "--data-dir"]).arg(&data_dir).output().unwrap());
    let found = Found::of(&run);
    found.has("reachable", "warning", &["was never made", data_dir.to_str().unwrap()]);
    assert_eq!((found.code, data_dir.exists()), (0, false));
}

#[tokio::test]
async fn mails_that_are_left_out_of_the_archive_are_told_with_what_to_do() {
    let setup = Setup::migrated().await;
    assert!(doctor(&setup, &[]).all("archive_bodies").is_empty(), "there is no archive");
    let prefix = setup.schema.prefix();
    let run = |mails: u32, is_whole: bool| {
        format!(
            r#"INSERT INTO "{prefix}".aftersend_archive_runs
                   (store, ended_at, walked_below, is_whole, unreadable_mails, first_unreadable)
               VALUES ('file:///x', now(), now(), {is_whole}, {mails},
                       nullif('0198f3a2-5c1e-7000-8000-00000000000{mails}', '0198f3a2-5c1e-7000-8000-000000000000')::uuid)"#
        )
    };
    let client = setup.client().await;
    client.batch_execute(&run(2, true)).await.unwrap();
    let words = ["2 mails are left out of the archive", "000000000002", "archive run --whole"];
    doctor(&setup, &[]).has("archive_bodies", "warning", &words);
    // A run that was not through all mails has mended none.
    client.batch_execute(&run(0, false)).await.unwrap();
    doctor(&setup, &[]).has("archive_bodies", "warning", &words);
    let said = setup.run(&["archive", "status"]).ok();
    assert!(
        said.contains("2 mails are left out of the archive, since their stored bodies are damaged"),
        "{said}"
    );
    assert!(said.contains("aftersend_bodies") && said.contains(", 2 left out: done at"), "{said}");
    assert_eq!(setup.run(&["archive", "status", "--json"]).json()["left_out"]["mails"], 2);
    client.batch_execute(&run(0, true)).await.unwrap();
    assert!(doctor(&setup, &[]).all("archive_bodies").is_empty());
    assert_eq!(setup.run(&["archive", "status", "--json"]).json()["left_out"], Value::Null);
}
